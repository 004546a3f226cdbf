"""Many readers of every kind at a store that a producer fills over several days: nobody fails or waits for ever, and in
the end every event is there once. SLUICE_READERS_SECONDS sets how long (default 6)."""
import http.client
import json
import os
import shutil
import threading
import time
import unittest
import urllib.parse

from tests.integration.test_events_api import V1, WebCase
from tests.support import events_feed, wait

SECONDS = float(os.environ.get("SLUICE_READERS_SECONDS", "6"))
DAYS = 6
EACH = 400  # events of one feed
WEEK = f"now-{DAYS + 2}d"


class Readers(WebCase):
    count = 100
    settings = {"http": {"requests_per_second": 1000}}

    def setUp(self):
        self.until = time.monotonic() + SECONDS
        self.problems = []
        self.rounds = {}

    def get(self, link, path, **parameters):
        """The body of a 200; None if it got no turn: four searches run at a time, and a second has its limit."""
        target = path + "?" + urllib.parse.urlencode(parameters, doseq=True)
        link.request("GET", target, headers={"Authorization": f"Bearer {self.token}"})
        answer = link.getresponse()
        body = answer.read()
        if answer.status in (429, 503):
            return None
        if answer.status != 200:
            raise AssertionError(f"{path} {parameters}: {answer.status} {body[:200]}")
        return body

    def again_and_again(self, name, once):
        """A thread that calls `once` with an own connection until the time is over."""
        def run():
            link = http.client.HTTPConnection(urllib.parse.urlsplit(self.store.url).netloc, timeout=120)
            try:
                while time.monotonic() < self.until and not self.problems:
                    once(link)
                    self.rounds[name] = self.rounds.get(name, 0) + 1
            except Exception as problem:  # whatever it is: the main thread tells it
                self.problems.append(f"{name}: {problem!r}")
            finally:
                link.close()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def search(self, link):
        token, seen = "", set()
        for _ in range(3):
            body = self.get(link, V1 + "/events/search", page_size=300, start=WEEK, page_token=token)
            if body is None:
                return
            page = json.loads(body)
            ids = [stored["record"]["_id"] for stored in page["records"]]
            self.assertEqual(len(ids), len(set(ids)))
            self.assertFalse(seen & set(ids))
            seen |= set(ids)
            token = page["next_page_token"]
            if not token:
                return

    def by_index(self, link):
        body = self.get(link, V1 + "/events/search", query="app eq Dropbox", start=WEEK, page_size=200)
        if body is not None:
            self.assertEqual({stored["record"]["app"] for stored in json.loads(body)["records"]}, {"Dropbox"})

    def sums(self, link):
        self.get(link, V1 + "/events/aggregate", group_by=["host"], query="app eq Dropbox", start=WEEK)
        self.get(link, V1 + "/events/histogram", start=WEEK, stack_by="action")
        self.get(link, V1 + "/events/values", start=WEEK, fields=["app", "user", "action"], limit=6)

    def export(self, link):
        self.get(link, V1 + "/events/export", format="csv", query="action eq block", start=WEEK)

    def offsets(self, link):
        self.get(link, "/api/v2/events/dataexport/events/page", operation="head",
                 index=f"reader-{threading.get_ident()}")

    def stats(self, link):
        self.get(link, V1 + "/stats")

    def by_grpc(self, _):
        done = self.store.ctl("events", "search", "action eq block", "--format", "ndjson", "--limit", "50")
        if "too many searches run already" not in done.stderr:
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def backup(self, _):
        target = self.directory / "copy"
        done = self.store.ctl("events", "backup", str(target))
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.rmtree(target)

    def feed(self, _):
        self.fed += 1
        events_feed.feed(self.store, EACH, producer=9000 + self.fed, minutes=DAYS * 1440)

    def test_nobody_disturbs_anybody(self):
        self.fed = 0
        kinds = [("feed", 1), ("search", 6), ("by_index", 4), ("sums", 6), ("export", 3), ("offsets", 3), ("stats", 4),
                 ("by_grpc", 2), ("backup", 1)]
        threads = [self.again_and_again(name, getattr(self, name)) for name, count in kinds for _ in range(count)]
        for thread in threads:
            thread.join(SECONDS + 120)
        self.assertEqual(self.problems, [])
        self.assertTrue(self.store.program.running())
        self.assertEqual(set(self.rounds), {name for name, _ in kinds})
        print(f"readers: {self.rounds}, {self.fed * EACH} events fed", flush=True)

        def count():
            answer = self.ask(V1 + "/events/aggregate").json()
            return answer["groups"][0]["values"][0]
        expected = self.fed * EACH + self.count
        self.assertEqual(wait.until(lambda: count() if count() >= expected else None, "every event"), expected)


if __name__ == "__main__":
    unittest.main()
