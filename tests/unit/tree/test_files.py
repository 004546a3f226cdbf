"""Rules about files as text: length, words, paths, documents that must agree with data."""
import pathlib
import re
import unittest

from tests.unit.tree import source_tree

LINES_MAX = 500
COLUMNS_MAX = 120
CODE_SUFFIXES = (".h", ".cc", ".py", ".cmake", ".proto", ".ts", ".tsx", ".sh")
DATA = ("tests/fuzz/corpus/", "tests/regress/data/")
TOP_LEVEL = {"CMakeLists.txt", "proxy", "events", "proto", "deploy", "tests", "README.md", "LICENSE"}


def text_files():
    for path in source_tree.repository_files():
        if path.startswith(DATA):
            continue
        try:
            yield path, source_tree.text(path)
        except UnicodeDecodeError:
            continue


def code_files():
    for path, content in text_files():
        if path.endswith(CODE_SUFFIXES) or content.startswith("#!"):
            yield path, content


class Files(source_tree.TreeTest):
    def test_files_are_short_enough(self):
        long = [f"{path}: {content.count(chr(10))} lines" for path, content in code_files()
                if content.count("\n") > LINES_MAX]
        self.expect_none(long)

    def test_lines_are_short_enough(self):
        long = [f"{path}:{number}" for path, content in code_files()
                for number, line in enumerate(content.splitlines(), 1) if len(line) > COLUMNS_MAX]
        self.expect_none(long)

    def test_no_path_outside_the_repository(self):
        # Written in pieces so that this file does not contain what it looks for.
        outside = re.compile(r"\.\./sha" r"red\b|(?<![\w.])/wo" r"rk/|/ho" r"me/\w|/ro" r"ot/\w|/tmp/hel" r"pers")
        wrong = [f"{path}: {match.group(0)}" for path, content in text_files() for match in outside.finditer(content)]
        self.expect_none(wrong)

    def test_one_word_per_thing(self):
        words = re.compile(r"\b(up" + r"stream|down" + r"stream)s?\b", re.IGNORECASE)
        wrong = [f"{path}: {match.group(0)}" for path, content in text_files()
                 if not path.startswith("events/console/") for match in words.finditer(content)]
        self.expect_none(wrong)

    def test_nothing_is_left_for_later(self):
        marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
        wrong = [f"{path}: {match.group(0)}" for path, content in code_files() for match in marks.finditer(content)]
        self.expect_none(wrong)

    def test_top_level_stays_small(self):
        top = {path.split("/")[0] for path in source_tree.repository_files()}
        self.assertEqual(sorted(name for name in top - TOP_LEVEL if not name.startswith(".")), [])

    def test_enum_switches_have_no_default_in_the_core(self):
        wrong = []
        for path in source_tree.cpp_files("proxy/flow"):
            for switch in source_tree.text(path).split("switch (")[1:]:
                over_enum = re.search(r"case [A-Za-z_]\w*(::\w+)*:", switch)
                if over_enum and re.search(r"^\s*default:", switch, re.M):
                    wrong.append(path)
        self.expect_none(wrong)


class Documents(source_tree.TreeTest):
    def test_readme_names_every_dependency_with_its_reason(self):
        readme = source_tree.text("README.md")
        for line in source_tree.text("deploy/dependencies").splitlines():
            if line.startswith("#"):
                continue
            group, package, why = line.split(None, 2)
            self.assertIn(f"| {group} | `{package}` | {why} |", readme)

    def test_links_between_documents_lead_somewhere(self):
        wrong = []
        for path, content in text_files():
            if not path.endswith(".md"):
                continue
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", content):
                if "://" in target:
                    continue
                if not (source_tree.ROOT / pathlib.Path(path).parent / target).exists():
                    wrong.append(f"{path}: {target}")
        self.expect_none(wrong)


if __name__ == "__main__":
    unittest.main()
