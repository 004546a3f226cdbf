"""The console in a real Chromium, against real programs. The scripts in console/ walk; this feeds them and judges.

The pictures of README.md come from here: SLUICE_PICTURES=events/console/pictures takes them anew (tests/README.md).
"""
import unittest

from tests.support import company, console, events_feed

MANY = 12_000  # more than an export hands out at once
OFFICE = 2_500


class Console(console.ConsoleCase):
    def test_search(self):
        self.walk("search.mjs", self.fed_store(), ["read"])

    def test_pages(self):
        self.walk("pages.mjs", self.fed_store(), ["read"])

    def test_live(self):
        store = self.fed_store()
        self.walk("live.mjs", store, ["read"], {
            "events": self.feed_few(store), "kill": lambda: store.program.kill(), "start": lambda: bool(store.start())})

    def test_export(self):
        store = self.start_store()
        events_feed.feed(store, MANY, minutes=600)
        self.walk("export.mjs", store, ["read", "export"], {"reader": lambda: store.token("read")})

    def test_first_run(self):
        store, other = self.start_store(), self.start_store("other", tenant="other")

        def revoke():
            for line in store.ctl("token", "list").stdout.splitlines():
                if "visitor" in line:
                    self.assertEqual(store.ctl("token", "revoke", line.split()[0]).returncode, 0)

        self.walk("first_run.mjs", store, ["read"], {
            "foreign": lambda: other.token("admin"), "exporter": lambda: store.token("export"),
            "reader": lambda: store.token("read", name="visitor"), "revoke": revoke,
            "short": lambda: store.token("read", expires="1s"), "events": self.feed_few(store)})

    def test_pictures(self):
        store = self.start_store()
        events_feed.feed_offices(store, OFFICE)
        self.walk("pictures.mjs", store, ["read", "export"])

    def test_administrator_blocks_an_application(self):
        acme = company.Company(self.directory)
        self.addCleanup(acme.close)

        def fetch():
            return acme.fetch("api.dropbox.com")

        self.assertEqual(fetch(), 0)
        acme.store.wait_for_events("host eq api.dropbox.com and action eq bypass", view="all")
        events_feed.feed_offices(acme.store, OFFICE // 10)
        self.walk("policy.mjs", acme.store, ["read", "admin"],
                  {"fetch": fetch, "settle": acme.wait_for_policy, "port": lambda: acme.origin.port,
                   "reader": lambda: acme.store.token("read")})
        blocked = acme.store.wait_for_events('host eq api.dropbox.com and policy eq "Block Dropbox"')
        self.assertEqual({event["action"] for event in blocked}, {"block"})
        audits = acme.store.search("record_type eq audit and observed_by eq pop-1", view="all")
        self.assertIn("token test", {audit.get("actor") for audit in audits})


if __name__ == "__main__":
    unittest.main()
