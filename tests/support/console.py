"""Walks through the console in a real Chromium: a store that holds events, a script of e2e/console, its answers."""
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.support import events_feed, programs, web

WALKS = programs.ROOT / "tests" / "e2e" / "console"
MODULES = programs.ROOT / "events" / "console" / "node_modules" / "playwright-core"
SECONDS_MAX = 600
EVENTS = 700  # and one with markup, one open, a client's view of every seventh
PICTURES = programs.BIN.parent / "console-pictures"
README_PICTURES = os.environ.get("SLUICE_PICTURES")


@unittest.skipUnless(shutil.which("chromium") and MODULES.exists(), "needs chromium and the console's npm tree")
class ConsoleCase(unittest.TestCase):
    """Stores of its own, which end with the test."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-console-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.producers = itertools.count(901)

    def start_store(self, name="store", **settings):
        directory = self.directory / name
        directory.mkdir()
        store = web.WebStore(directory, **settings)
        store.start()
        self.addCleanup(lambda: store.program.stop())
        return store

    def fed_store(self):
        store = self.start_store()
        events_feed.feed(store, EVENTS, "--open", "--script", minutes=600)
        return store

    def feed_few(self, store):
        """Five events of a new producer, as an answer to a walk."""
        def feed():
            number = next(self.producers)
            events_feed.feed(store, 5, producer=number, seed=number, minutes=1)

        return feed

    def walk(self, script, store, scopes, needs=None):
        """Runs a walk; `needs` are the functions that it may ask for."""
        arguments = ["timeout", str(SECONDS_MAX), "node", WALKS / script, store.url, store.token(*scopes),
                     shutil.which("chromium"), PICTURES]
        if README_PICTURES:
            arguments.append(programs.ROOT / README_PICTURES)
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as walk:
            passed, count = [], 0
            for line in walk.stdout:
                told = json.loads(line)
                if "need" in told:
                    print(json.dumps(needs[told["need"]]()), file=walk.stdin, flush=True)
                elif "count" in told:
                    count = told["count"]
                else:
                    self.assertTrue(told["ok"], f"{told['name']}: {told.get('detail')}; see {PICTURES}/failed.png")
                    passed.append(told["name"])
            self.assertEqual(walk.wait(), 0)
        self.assertEqual(len(passed), count)
