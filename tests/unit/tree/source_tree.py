"""Reads our sources for the tests of this folder."""
import functools
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
_INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


@functools.cache
def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def cpp_files(*folders, suffixes=(".h", ".cc")):
    found = []
    for folder in folders:
        found += [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*")
                  if path.suffix in suffixes and "node_modules" not in path.parts]
    return sorted(found)


def includes(path):
    """(line number, quoted?, name) of every include of a file."""
    content = text(path)
    for match in _INCLUDE.finditer(content):
        yield content.count("\n", 0, match.start()) + 1, match.group(1) == '"', match.group(2)


def folder_of(path):
    """`proxy/net` for `proxy/net/loop.h`, also for files deeper down."""
    return "/".join(path.split("/")[:2])


def repository_files():
    """Every file that git tracks or would add, as paths relative to the root."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    return sorted(path for path in set(listed) if (ROOT / path).is_file())


class TreeTest(unittest.TestCase):
    """A test whose failure is a list of places."""

    def expect_none(self, places):
        if places:
            self.fail("\n" + "\n".join(places))
