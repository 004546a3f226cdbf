"""The programs are linked as hardened binaries."""
import subprocess
import unittest

from tests.support import programs


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, path], check=True, capture_output=True, text=True).stdout


class Binaries(unittest.TestCase):
    def test_hardening(self):
        for name in ("sluice-proxy", "sluice-client", "sluice-events", "sluicectl"):
            with self.subTest(program=name):
                path = programs.BIN / name
                self.assertRegex(readelf("-h", path), r"Type:\s+DYN", "position independent")
                segments = readelf("-l", path)
                self.assertIn("GNU_RELRO", segments)
                self.assertRegex(segments, r"GNU_STACK.* RW\s", "no executable stack")
                self.assertNotRegex(segments, r"LOAD.* RWE ", "no segment both writable and executable")
                dynamic = readelf("-d", path)
                self.assertRegex(dynamic, r"FLAGS_1.*NOW")
                self.assertNotIn("RUNPATH", dynamic)
                self.assertNotIn("RPATH", dynamic)


if __name__ == "__main__":
    unittest.main()
