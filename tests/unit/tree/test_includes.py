"""Who may include whom (allowed.py), and third-party libraries only behind their doors."""
import unittest

from tests.unit.tree import source_tree
from tests.unit.tree.allowed import DOORS, FOLDERS, PACKAGES, TOPS


def closure(folder, seen=None):
    """What a folder may include: its row of the table and the rows of what stands in it."""
    seen = set() if seen is None else seen
    for target in FOLDERS[folder]:
        if target in seen:
            continue
        seen.add(target)
        if target in FOLDERS:
            closure(target, seen)
    return seen


def is_proto(name):
    return name.startswith("sluice/") and name.endswith(".pb.h") or name.startswith("google/protobuf/")


def permitted(folder, name):
    if is_proto(name):
        return "proto" in closure(folder)
    target = source_tree.folder_of(name)
    if target == folder:
        return True
    if target in TOPS:
        return False
    allowed = closure(folder)
    return target in allowed or name in allowed or target.split("/")[0] + "/*" in allowed


class Includes(source_tree.TreeTest):
    def test_every_folder_stands_in_the_table(self):
        present = {source_tree.folder_of(path) for path in source_tree.cpp_files("proxy", "events")}
        self.assertEqual(sorted(present - set(FOLDERS)), [])

    def test_no_forbidden_edge(self):
        wrong = []
        for path in source_tree.cpp_files("proxy", "events"):
            folder = source_tree.folder_of(path)
            for line, _, name in source_tree.includes(path):
                ours = name.split("/")[0] in ("proxy", "events", "tests") or is_proto(name)
                if ours and not permitted(folder, name):
                    wrong.append(f"{path}:{line}: {folder} may not include {name}")
        self.expect_none(wrong)

    def test_our_headers_are_named_from_the_root(self):
        wrong = []
        for path in source_tree.cpp_files("proxy", "events", "tests"):
            for line, quoted, name in source_tree.includes(path):
                if quoted and not is_proto(name) and not (source_tree.ROOT / name).is_file():
                    wrong.append(f"{path}:{line}: {name}")
        self.expect_none(wrong)

    def test_the_table_has_no_cycle(self):
        for folder in FOLDERS:
            self.assertNotIn(folder, closure(folder), f"{folder} reaches itself")

    def test_the_check_finds_a_forbidden_edge(self):
        self.assertFalse(permitted("proxy/flow", "proxy/net/loop.h"))
        self.assertFalse(permitted("proxy/report", "proxy/flow/machine.h"))
        self.assertTrue(permitted("proxy/report", "proxy/flow/record.h"))
        self.assertFalse(permitted("proxy/net", "sluice/config/v1/proxy.pb.h"))
        self.assertFalse(permitted("proxy/ctl", "proxy/pop/main.h"))
        self.assertTrue(permitted("proxy/pop", "proxy/drive/dialer.h"))


class Doors(source_tree.TreeTest):
    def test_third_party_headers_stay_behind_their_doors(self):
        wrong = []
        for path in source_tree.cpp_files("proxy", "events"):
            folder = source_tree.folder_of(path)
            for line, _, name in source_tree.includes(path):
                for prefix, doors in DOORS.items():
                    if name.startswith(prefix) and folder not in doors:
                        wrong.append(f"{path}:{line}: {name} belongs to {', '.join(doors)}")
        self.expect_none(wrong)

    def test_no_header_hands_a_third_party_type_to_another_folder(self):
        """Follows includes from every file: none may reach a library's header through a header of another folder."""
        wrong = []
        reach = {}

        def libraries(path):
            if path not in reach:
                reach[path] = set()
                found = set()
                for _, quoted, name in source_tree.includes(path):
                    found |= {prefix for prefix in DOORS if name.startswith(prefix)}
                    if quoted and (source_tree.ROOT / name).is_file():
                        found |= libraries(name)
                reach[path] = found
            return reach[path]

        for path in source_tree.cpp_files("proxy", "events"):
            folder = source_tree.folder_of(path)
            for line, quoted, name in source_tree.includes(path):
                if not quoted or not (source_tree.ROOT / name).is_file() or source_tree.folder_of(name) == folder:
                    continue
                for prefix in libraries(name):
                    if folder not in DOORS[prefix]:
                        wrong.append(f"{path}:{line}: {name} brings {prefix} along")
        self.expect_none(wrong)

    def test_every_library_in_use_is_installed_by_our_own_files(self):
        installed = source_tree.text("deploy/dependencies").split()
        used = {prefix for path in source_tree.cpp_files("proxy", "events")
                for _, _, name in source_tree.includes(path) for prefix in PACKAGES if name.startswith(prefix)}
        self.expect_none([f"{prefix}: {PACKAGES[prefix]}" for prefix in sorted(used)
                          if PACKAGES[prefix] not in installed])
        self.assertEqual(sorted(prefix for prefix in DOORS if prefix not in PACKAGES), ["ares_"])


if __name__ == "__main__":
    unittest.main()
