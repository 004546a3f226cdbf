"""How long the console's questions take, and what viewers of the live tail cost the ingest.

  python3 -m tests.bench.console_questions questions --url http://127.0.0.1:8447 --token T [--range 24h]
  python3 -m tests.bench.console_questions viewers --bin build/release/bin --viewers 50 --rate 5000

`questions` asks a running store, filled with ingest_bench for example. `viewers` starts a store of its own and feeds it
the same events twice, with and without viewers.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import threading
import time
import urllib.parse

FACETS = ["action", "bypass_reason_code", "app", "user", "host", "category", "process_name", "policy", "dst_country",
          "observed_by"]  # as in the console's facets.tsx
COUNT_BYTES = [{"kind": "KIND_COUNT"}, {"kind": "KIND_SUM", "field": "numbytes"}]
AND_LAST = [*COUNT_BYTES, {"kind": "KIND_MAX", "field": "timestamp"}]
SPANS = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000}
REPEATS = 5


def questions(start):
    """(name, path, body) as the pages of the console ask."""
    def within(body):
        return {"start_time": start, **body}
    yield "histogram, no filter", "histogram", within({"stack_by": "action"})
    yield "facets, no filter", "values", within({"fields": FACETS, "limit": 6})
    yield "newest 200, no filter", "search", within({"page_size": 200})
    yield "top 20 applications", "aggregate", within({"group_by": ["app"], "metrics": COUNT_BYTES, "limit": 20})
    yield "top 20 users", "aggregate", within({"group_by": ["user"], "metrics": COUNT_BYTES, "limit": 20})
    yield "bypassed by reason", "values", within({"query": "bypass_traffic eq yes", "fields": ["bypass_reason_code"]})
    yield "rules with hits", "aggregate", within({"group_by": ["policy", "policy_kind", "action"], "limit": 200,
                                                  "metrics": AND_LAST})
    for query in ("user eq user77@corp.example", "host eq www1.site-1.example", "action eq block",
                  "app eq \"App 1\" and bypass_traffic eq yes", "host like site-1999"):
        yield f"newest 200: {query}", "search", within({"query": query, "page_size": 200})
        yield f"histogram: {query}", "histogram", within({"query": query, "stack_by": "action"})
        yield f"facets: {query}", "values", within({"query": query, "fields": FACETS, "limit": 6})


class Link:
    """One connection that stays."""

    def __init__(self, url, token):
        self.http = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path, body):
        started = time.monotonic()
        self.http.request("POST", f"/api/sluice/v1/events/{path}", json.dumps(body), self.headers)
        answer = self.http.getresponse()
        text = answer.read()
        return time.monotonic() - started, answer.status, json.loads(text)


def ask(options):
    link = Link(options.url, options.token)
    start = int(time.time() * 1000) - SPANS[options.range]
    start -= start % 3_600_000  # as the console does for long spans
    print(f"{'question':70} {'first':>9} {'median':>9}")
    screen = 0.0
    for name, path, body in questions(start):
        times = []
        for _ in range(REPEATS):
            seconds, status, answer = link.post(path, body)
            if status != 200:
                raise SystemExit(f"{name}: {answer}")
            times.append(seconds * 1e3)
        if name.endswith("no filter"):
            screen += times[0]
        partial = ", partial" if answer.get("partial") else ""
        print(f"{name:70} {times[0]:7.1f}ms {statistics.median(times):7.1f}ms{partial}", flush=True)
    print(f"{'first screen: histogram, facets and table one after the other':70} {screen:7.1f}ms")


def feed(store, rate, seconds, producer):
    """Feeds `rate` events a second; CPU seconds of the store for it, and the events."""
    from tests.support import events_feed
    ticks = os.sysconf("SC_CLK_TCK")

    def cpu():
        fields = pathlib.Path(f"/proc/{store.program.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks
    before, started = cpu(), time.monotonic()
    for second in range(seconds):
        events_feed.feed(store, rate, producer=producer + second, minutes=1)
        time.sleep(max(0.0, started + second + 1 - time.monotonic()))
    return cpu() - before, time.monotonic() - started


def view(url, token, counts, number):
    link = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=600)
    link.request("GET", "/api/sluice/v1/events/tail?query=", headers={"Authorization": f"Bearer {token}"})
    answer = link.getresponse()
    try:
        while True:
            line = answer.fp.readline()
            if not line:
                return
            counts[number] += line.startswith(b"data: {")
    except (OSError, ValueError):
        return


def viewers(options):
    os.environ["SLUICE_BIN"] = options.bin
    from tests.support import web
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-viewers-"))
    store = web.WebStore(directory)
    store.start()
    try:
        token = store.token("read")
        alone, alone_wall = feed(store, options.rate, options.seconds, 10_000)
        counts = [0] * options.viewers
        for number in range(options.viewers):
            threading.Thread(target=view, args=(store.url, token, counts, number), daemon=True).start()
        time.sleep(2)
        watched, watched_wall = feed(store, options.rate, options.seconds, 20_000)
        events = options.rate * options.seconds
        runs = (("no viewers", alone_wall, alone), (f"{options.viewers} viewers", watched_wall, watched))
        for name, wall, cpu in runs:
            print(f"{name:12} {events / wall:7.0f} events/s, {cpu / events * 1e6:6.1f} us CPU of the store for each")
        print(f"viewers saw {min(counts)} to {max(counts)} of {events} events")
    finally:
        store.program.kill()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("questions")
    asking.add_argument("--url", required=True)
    asking.add_argument("--token", required=True)
    asking.add_argument("--range", choices=SPANS, default="24h")
    watching = commands.add_parser("viewers")
    watching.add_argument("--bin", required=True)
    watching.add_argument("--viewers", type=int, default=50)
    watching.add_argument("--rate", type=int, default=5000)
    watching.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    ask(options) if options.command == "questions" else viewers(options)


if __name__ == "__main__":
    main()
