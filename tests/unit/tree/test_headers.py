"""Every header compiles alone; results are remembered by the hash of all text of ours that the header pulls in, for
all clones on this machine."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import unittest

from tests.unit.tree import source_tree

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sluice-header-check"
GENERATED = source_tree.ROOT / "build" / "header-check" / "generated"
FLAGS = ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++"]
COMPILE = [*FLAGS, "-I", str(source_tree.ROOT), "-isystem", str(GENERATED), "-"]


def generate_protobuf():
    """The generated headers, made here so that this test needs no build; newer than their sources is good enough."""
    protos = sorted((source_tree.ROOT / "proto").rglob("*.proto"))
    stamp = GENERATED / "stamp"
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in protos)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    GENERATED.mkdir(parents=True, exist_ok=True)
    subprocess.run(["protoc", f"--cpp_out={GENERATED}", f"--grpc_out={GENERATED}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin", "-I", str(source_tree.ROOT / "proto"),
                    *map(str, protos)], check=True)
    stamp.write_text(wanted)


def hash_with_includes(path, seen, digest):
    """Adds the text of a header and of all of ours that it includes, in a fixed order; for a generated header, the text
    of the message files of its package."""
    if path in seen:
        return
    seen.add(path)
    digest.update(source_tree.text(path).encode())
    for _, quoted, name in source_tree.includes(path):
        if quoted and (source_tree.ROOT / name).is_file():
            hash_with_includes(name, seen, digest)
        elif name.endswith(".pb.h"):
            for proto in sorted((source_tree.ROOT / "proto" / name).parent.glob("*.proto")):
                hash_with_includes(proto.relative_to(source_tree.ROOT).as_posix(), seen, digest)


def check(path):
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    hash_with_includes(path, set(), digest)
    marker = CACHE / digest.hexdigest()
    if marker.exists():
        return ""
    compiled = subprocess.run(COMPILE, input=f'#include "{path}"\n#include "{path}"\n', text=True, capture_output=True)
    if compiled.returncode == 0:
        marker.touch()
        return ""
    return f"{path} does not compile alone:\n{compiled.stderr[:2000]}"


class Headers(source_tree.TreeTest):
    def test_every_header_compiles_alone(self):
        generate_protobuf()
        CACHE.mkdir(parents=True, exist_ok=True)
        headers = source_tree.cpp_files("proxy", "events", "tests", suffixes=(".h",))
        self.assertTrue(headers)
        with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            wrong = [message for message in pool.map(check, headers) if message]
        self.expect_none(wrong)

    def test_every_header_says_pragma_once(self):
        headers = source_tree.cpp_files("proxy", "events", "tests", suffixes=(".h",))
        self.assertEqual([path for path in headers if "#pragma once" not in source_tree.text(path)], [])


if __name__ == "__main__":
    unittest.main()
