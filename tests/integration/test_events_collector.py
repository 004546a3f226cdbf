"""The interface that collectors of commercial gateways speak: pages, places, limits."""
import http.client
import threading
import time
import unittest

from tests.integration.test_events_api import WebCase
from tests.support import events_feed, wait
from tests.support.cases import slow

EXPORT = "/api/v2/events/dataexport/events/"
COUNT = 12000


class Iterator(WebCase):
    count = COUNT
    settings = {"http": {"requests_per_second": 1000}}

    def page(self, operation, index, kind="page", status=200, token=None):
        return self.ask(EXPORT + kind, status, token=token, operation=operation, index=index).json()

    def test_every_final_event_once(self):
        pages = [self.page("head", "siem")]
        while pages[-1]["wait_time"] == 0:  # a page has 10,000 events, or what its time allowed
            pages.append(self.page("next", "siem"))
        self.assertEqual({page["ok"] for page in pages}, {1})
        self.assertLessEqual(max(len(page["result"]) for page in pages), 10000)
        events = [event for page in pages for event in page["result"]]
        self.assertEqual((len(events), len({event["_id"] for event in events})), (COUNT, COUNT))
        self.assertNotIn("open", {event["state"] for event in events})
        self.assertEqual(self.page("next", "siem")["result"], [])

        # Crashed with the page in hand: it comes again, and the place stays.
        again = self.page("resend", "siem")
        self.assertEqual(again["result"], [])
        events_feed.feed(self.store, 30, producer=501)
        fresh = self.page("next", "siem")["result"]
        self.assertEqual(len(fresh), 30)
        self.assertEqual(self.page("resend", "siem")["result"], fresh)
        self.assertEqual(self.page("next", "siem")["result"], [])

    def test_what_is_too_much_to_download_is_made_as_a_file(self):
        v1 = "/api/sluice/v1"
        refused = self.ask(v1 + "/events/export", 413, format="csv").json()["error"]
        self.assertEqual(refused["code"], "too_many_records")
        few = self.ask(v1 + "/events/export", format="ndjson", query="action eq alert").body
        self.assertGreaterEqual(len(few.splitlines()), COUNT // 13)
        job = self.ask(v1 + "/exports", 202, method="POST", body={"format": "ndjson", "query": "host exists"}).json()
        wait.until(lambda: self.ask(f"{v1}/exports/{job['id']}").json()["state"] == "done", "the file")
        lines = self.ask(f"{v1}/export-files/{job['id']}").body.splitlines()
        self.assertGreaterEqual(len(lines), COUNT)
        self.assertEqual(len(set(lines)), len(lines))

    def test_begin_at_a_time_and_at_the_end(self):
        since = int(time.time()) - 600
        events = self.page(str(since), "by-time")["result"]
        self.assertTrue(events)
        self.assertTrue(all(event["timestamp"] >= since for event in events))
        self.assertLessEqual(len(self.page("tail", "newest")["result"]), 10000)

    def test_alerts(self):
        actions = {event["action"] for event in self.page("head", "alerts", "alert")["result"]}
        self.assertEqual(actions, {"block", "alert"})

    def test_two_readers_of_one_place(self):
        self.page("next", "shared")
        other = self.store.token("export", name="other")
        refused = self.page("next", "shared", status=409, token=other)
        self.assertEqual(refused["ok"], 0)
        self.page("next", "shared")  # the first one goes on
        self.page("next", "its-own", token=other)

    def test_wrong_requests(self):
        for operation, index in (("sideways", "a"), ("next", ""), ("next", "a/b"), ("next", "x" * 200), ("-5", "a")):
            with self.subTest(operation=operation, index=index):
                self.assertEqual(self.page(operation, index, status=400)["ok"], 0)

    def test_the_place_outlives_the_program(self):
        before = self.page("next", "lasting")["result"]
        self.store.program.stop()
        self.store.settings["http"]["address"] = self.store.url.removeprefix("http://")
        self.store.start()
        type(self).addClassCleanup(self.store.program.stop)
        after = self.page("next", "lasting")["result"]
        self.assertFalse({event["_id"] for event in before} & {event["_id"] for event in after})


class Outage(WebCase):
    count = 0

    @slow
    def test_every_event_reaches_a_collector_once_though_the_store_is_killed(self):
        """100,000 events come in while a collector reads; the store is killed under both, three times."""
        rounds, each, kills = 10, 10_000, 3
        self.store.settings["http"] |= {"address": self.store.url.removeprefix("http://"), "requests_per_second": 1000}
        self.store.program.stop()
        self.store.start()
        type(self).addClassCleanup(lambda: self.store.program.stop())
        fed = threading.Event()

        def feed():
            for number in range(rounds):
                while True:  # a producer never gives up; the store skips what it has
                    try:
                        events_feed.feed(self.store, each, producer=3000 + number)
                        break
                    except AssertionError:
                        if not self.store.program.running():
                            wait.until(self.store.program.running, "the store to be back")
            fed.set()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        seen, last, killed = [], [], 0
        operation = "head"
        while True:
            try:
                answer = self.store.ask(EXPORT + "page", self.token, operation=operation, index="siem")
            except (OSError, http.client.HTTPException):
                wait.until(self.store.program.running, "the store to be back")
                operation = "resend" if seen else operation  # was the page handed out, or not?
                continue
            page = answer.json()
            self.assertEqual(answer.status, 200, page)
            ids = [event["_id"] for event in page["result"]]
            if operation != "resend" or ids != last:
                seen += ids
                last = ids
            operation = "next"
            if killed < kills and len(seen) > (killed + 1) * rounds * each // (kills + 2):
                killed += 1
                self.store.program.kill()
                self.store.start()
            if fed.is_set() and not ids and page["wait_time"] > 0:
                break
        feeder.join(wait.DEADLINE_SECONDS)
        self.assertEqual((len(seen), len(set(seen)), killed), (rounds * each, rounds * each, kills))


class Data(WebCase):
    count = 300

    def test_pages_by_offset(self):
        path = "/api/v2/events/data/page"
        everything = self.ask(path, limit=1000).json()["result"]
        self.assertEqual(len(everything), 300)
        self.assertEqual(self.ask(path, limit=10, offset=20).json()["result"], everything[20:30])
        self.assertEqual(self.ask(path, query="app eq Dropbox", limit=1000).json()["result"],
                         [event for event in everything if event["app"] == "Dropbox"])
        now = int(time.time())
        self.assertEqual(self.ask(path, starttime=now + 100, endtime=now + 200).json()["result"], [])
        self.assertEqual({event["action"] for event in self.ask("/api/v2/events/data/alert").json()["result"]},
                         {"block", "alert"})
        for wrong in ({"limit": 10001}, {"starttime": "x"}, {"offset": 10**9}, {"query": "hots eq 1"}):
            self.assertEqual(self.ask(path, 400, **wrong).json()["ok"], 0)

    def test_rate_limit(self):
        answers = [self.store.ask(EXPORT + "page", self.token, operation="next", index="fast") for _ in range(40)]
        refused = [answer for answer in answers if answer.status == 429]
        self.assertTrue(refused)
        self.assertEqual(answers[0].headers["RateLimit-Limit"], "4")
        self.assertEqual(refused[0].headers["Retry-After"], "1")
        self.assertEqual(refused[0].headers["RateLimit-Remaining"], "0")
        wait.until(lambda: self.store.ask(EXPORT + "page", self.token, operation="next", index="fast").status == 200,
                   "the next second")


if __name__ == "__main__":
    unittest.main()
