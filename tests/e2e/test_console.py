"""The console in a real Chromium, against real programs. The scripts in console/ walk; this feeds them and judges."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.support import company, events_feed, programs, web

WALKS = pathlib.Path(__file__).with_name("console")
MODULES = programs.ROOT / "events" / "console" / "node_modules" / "playwright-core"
SECONDS_MAX = 600
EVENTS = 700  # and one with markup, one open, a client's view of every seventh
PICTURES = programs.BIN.parent / "console-pictures"


@unittest.skipUnless(shutil.which("chromium") and MODULES.exists(), "needs chromium and the console's npm tree")
class Console(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-console-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def walk(self, script, store, scopes, needs):
        """Runs a walk; `needs` are the functions that it may ask for."""
        with subprocess.Popen(["timeout", str(SECONDS_MAX), "node", WALKS / script, store.url, store.token(*scopes),
                               shutil.which("chromium"), PICTURES],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as walk:
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

    def test_analyst(self):
        store = web.WebStore(self.directory)
        store.start()
        self.addCleanup(store.program.stop)
        events_feed.feed(store, EVENTS, "--open", "--script", minutes=600)
        fed = iter(range(901, 1000))

        def events():
            return events_feed.feed(store, 5, producer=next(fed), minutes=1)

        self.walk("walk.mjs", store, ["read", "export"], {"events": events})

    def test_administrator_blocks_an_application(self):
        acme = company.Company(self.directory)
        self.addCleanup(acme.close)

        def fetch():
            return acme.fetch("api.dropbox.com")

        def settle():
            return acme.wait_for_policy()

        self.assertEqual(fetch(), 0)
        acme.store.wait_for_events("host eq api.dropbox.com and action eq bypass", view="all")
        self.walk("policy.mjs", acme.store, ["read", "admin"],
                  {"fetch": fetch, "settle": settle, "port": lambda: acme.origin.port})
        blocked = acme.store.wait_for_events('host eq api.dropbox.com and policy eq "Block Dropbox"')
        self.assertEqual({event["action"] for event in blocked}, {"block"})
        audits = acme.store.search("record_type eq audit and observed_by eq pop-1", view="all")
        self.assertIn("token test", {audit.get("actor") for audit in audits})


if __name__ == "__main__":
    unittest.main()
