"""The console in a real Chromium, against a real store. console/walk.mjs walks; this feeds the store and judges."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.support import events_feed, programs, web

WALK = pathlib.Path(__file__).with_name("console") / "walk.mjs"
MODULES = programs.ROOT / "events" / "console" / "node_modules" / "playwright-core"
SECONDS_MAX = 600
EVENTS = 700  # and one with markup, one open, a client's view of every seventh


class Console(unittest.TestCase):
    def setUp(self):
        self.chromium = shutil.which("chromium")
        if not self.chromium or not MODULES.exists():
            self.skipTest("needs chromium and the console's npm tree")
        directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-console-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.store = web.WebStore(directory)
        self.store.start()
        self.addCleanup(self.store.program.stop)
        events_feed.feed(self.store, EVENTS, "--open", "--script", minutes=600)
        self.pictures = programs.BIN.parent / "console-pictures"

    def test_walk(self):
        fed = 0
        walk = subprocess.Popen(["timeout", str(SECONDS_MAX), "node", WALK, self.store.url,
                                 self.store.token("read", "export"), self.chromium, self.pictures],
                                stdout=subprocess.PIPE, text=True)
        passed, count = [], 0
        for line in walk.stdout:
            told = json.loads(line)
            if "need" in told:
                fed += 1
                events_feed.feed(self.store, 5, producer=900 + fed, minutes=1)
            elif "count" in told:
                count = told["count"]
            else:
                self.assertTrue(told["ok"], f"{told['name']}: {told.get('detail')}; see {self.pictures}/failed.png")
                passed.append(told["name"])
        walk.stdout.close()
        self.assertEqual(walk.wait(), 0)
        self.assertEqual(len(passed), count)


if __name__ == "__main__":
    unittest.main()
