"""How long the console's questions take, and what viewers of the live tail cost the ingest.

  python3 -m tests.bench.console_questions questions --directory DIR [--range 24h]
  python3 -m tests.bench.console_questions questions --url http://127.0.0.1:8447 --token T [--range 24h] [--pid PID]
  python3 -m tests.bench.console_questions viewers --bin build/release/bin --viewers 50 --rate 5000

`questions` asks a store that ingest_bench filled, or a running one; with its process id it also says the CPU that an
answer takes, which a busy machine disturbs less. `viewers` starts a store of its own and feeds it,
in turns with and without viewers.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
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

    def values(fields, query="", limit=8):
        return "values", within({"query": query, "fields": fields, "limit": limit})

    def page(query, title=None):
        yield f"newest 200: {title or query}", "search", within({"query": query, "page_size": 200})
        yield f"histogram: {title or query}", "histogram", within({"query": query, "stack_by": "action"})
        yield f"facets: {title or query}", *values(FACETS, query, 6)

    yield from page("", "no filter")
    yield "histogram by bypass reason", "histogram", within({"stack_by": "bypass_reason_code"})
    yield "top 20 applications", "aggregate", within({"group_by": ["app"], "metrics": COUNT_BYTES, "limit": 20})
    yield "top 20 users", "aggregate", within({"group_by": ["user"], "metrics": COUNT_BYTES, "limit": 20})
    yield "top 20 hosts", "aggregate", within({"group_by": ["host"], "metrics": COUNT_BYTES, "limit": 20})
    yield from page("action in (block, alert)", "Alerts")
    yield "Summaries: all traffic", *values(["app", "domain", "user", "category", "close_reason"])
    yield "Summaries: bypassed, by reason and application", *values(["bypass_reason_code", "app"],
                                                                    "bypass_traffic eq yes")
    yield "Summaries: blocked, by rule and site", *values(["policy", "domain"], "action eq block")
    yield "Policy: rules with hits", "aggregate", within({"group_by": ["policy", "policy_kind", "action"], "limit": 200,
                                                          "metrics": AND_LAST})
    yield "Policy: applications to block", *values(["app"], "app exists", 200)
    yield "Policy: sites and rules of one application", *values(["domain", "policy"], 'app eq "App 1"', 20)
    yield "Fleet: devices", "aggregate", within({"query": "device_id exists", "limit": 500, "metrics": AND_LAST,
                                                 "group_by": ["device_id", "user", "hostname"]})
    yield "Fleet: versions", *values(["client_version", "policy_version", "device_os"], "device_id exists", 10)
    yield "Completion of a host", "values", within({"fields": ["host"], "prefix": "www1", "limit": 8})
    for query in ("user eq user77@corp.example", "host eq www1.site-1.example", "action eq drop",
                  "app eq \"App 1\" and bypass_traffic eq yes", "host like site-1999", "domain like site-1",
                  "process_name eq nobody.exe"):
        yield from page(query)


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


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(options):
    """At a running store, or at one that is started on a directory of its files."""
    if options.url:
        return ask_all(Link(options.url, options.token), options.pid, options.range)
    os.environ["SLUICE_BIN"] = str(pathlib.Path(options.bin).resolve())
    from tests.support import web
    with tempfile.TemporaryDirectory(prefix="sluice-questions-") as directory:
        store = web.WebStore(pathlib.Path(directory), store={"sqlite": {"directory": str(options.directory.resolve())}})
        began = time.monotonic()
        store.start()
        print(f"opened in {time.monotonic() - began:.1f} s")
        try:
            ask_all(Link(store.url, store.token("read")), store.program.process.pid, options.range)
        finally:
            store.program.stop()


def ask_all(link, pid, span):
    start = int(time.time() * 1000) - SPANS[span]
    start -= start % 3_600_000  # as the console does for long spans
    print(f"{'question':70} {'first':>9} {'median':>9}")
    screen = 0.0
    for name, path, body in questions(start):
        times = []
        before = cpu_seconds(pid) if pid else 0
        for _ in range(REPEATS):
            seconds, status, answer = link.post(path, body)
            if status != 200:
                raise SystemExit(f"{name}: {answer}")
            times.append(seconds * 1e3)
        if name.endswith(": no filter"):
            screen += times[0]
        partial = ", partial" if answer.get("partial") else ""
        if pid:
            partial = f"  {(cpu_seconds(pid) - before) / REPEATS * 1e3:7.1f}ms CPU" + partial
        print(f"{name:70} {times[0]:7.1f}ms {statistics.median(times):7.1f}ms{partial}", flush=True)
    print(f"{'first screen: histogram, facets and table one after the other':70} {screen:7.1f}ms")


def writer_cpu(pid):
    """CPU seconds of the thread that commits."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "store-writer":
            return float((task / "schedstat").read_text().split()[0]) / 1e9
    raise SystemExit("the store has no thread store-writer")


def feed(store, rate, seconds, producer):
    """Feeds `rate` events a second; CPU seconds of the writer, seconds until they were acknowledged, seconds in all."""
    from tests.support import events_feed
    pid = store.program.process.pid
    before, started, busy = writer_cpu(pid), time.monotonic(), 0.0
    for second in range(seconds):
        began = time.monotonic()
        events_feed.feed(store, rate, producer=producer + second, minutes=1)
        busy += time.monotonic() - began
        time.sleep(max(0.0, started + second + 1 - time.monotonic()))
    return writer_cpu(pid) - before, busy, time.monotonic() - started


VIEWER = r"""
import selectors, socket, sys
host, port, token, query, count, expected = sys.argv[1:7]
poll, seen, silence_seconds = selectors.DefaultSelector(), [0] * int(count), 5
for number in range(int(count)):
    link = socket.create_connection((host, int(port)))
    link.sendall(f"GET /api/sluice/v1/events/tail?query={query} HTTP/1.1\r\nHost: {host}\r\n"
                 f"Authorization: Bearer {token}\r\n\r\n".encode())
    head = b""
    while b"event: position" not in head:  # it follows live from now on
        head += link.recv(1 << 20)
    poll.register(link, selectors.EVENT_READ, number)
print("ready", flush=True)
while min(seen) < int(expected):
    ready = poll.select(silence_seconds)
    if not ready:
        break
    for key, _ in ready:
        seen[key.data] += key.fileobj.recv(1 << 20).count(b"data: {")
print(min(seen), max(seen))
"""


def viewers(options):
    """Seconds without viewers and seconds with them take turns (A B B A): the store grows meanwhile, and a grown one
    costs its writer more."""
    os.environ["SLUICE_BIN"] = str(pathlib.Path(options.bin).resolve())
    from tests.support import web
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-viewers-"))
    store = web.WebStore(directory)
    store.start()
    try:
        token = store.token("read")
        events = options.rate * options.seconds
        host, port = urllib.parse.urlsplit(store.url).netloc.split(":")
        feed(store, options.rate, 2, 1_000)  # warm
        seen, sums = [], {False: [], True: []}
        for turn, watched in enumerate([False, True, True, False] * options.rounds):
            if watched:
                watching = subprocess.Popen([sys.executable, "-c", VIEWER, host, port, token,
                                             urllib.parse.quote(options.query), str(options.viewers), str(events)],
                                            stdout=subprocess.PIPE, text=True)
                watching.stdout.readline()
            sums[watched].append(feed(store, options.rate, options.seconds, 10_000 * (turn + 1)))
            if watched:
                seen.append(watching.communicate()[0].split())
        for watched, name in ((False, "no viewers"), (True, f"{options.viewers} viewers")):
            cpu, busy, wall = (sum(part) / len(sums[watched]) for part in zip(*sums[watched]))
            print(f"{name:12} {events / wall:7.0f} events/s, acknowledged in {busy / options.seconds * 1e3:6.0f} ms, "
                  f"{cpu / events * 1e6:6.1f} us CPU of the writer for each")
        least, most = min(int(low) for low, _ in seen), max(int(high) for _, high in seen)
        print(f"viewers saw {least} to {most} of {events} events")
    finally:
        store.program.kill()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    asking = commands.add_parser("questions")
    asking.add_argument("--directory", type=pathlib.Path, help="of a store that is started for it")
    asking.add_argument("--bin", default="build/release/bin")
    asking.add_argument("--url", help="of a running store")
    asking.add_argument("--token")
    asking.add_argument("--pid", type=int, help="of the store, to tell its CPU")
    asking.add_argument("--range", choices=SPANS, default="24h")
    watching = commands.add_parser("viewers")
    watching.add_argument("--bin", required=True)
    watching.add_argument("--viewers", type=int, default=50)
    watching.add_argument("--rate", type=int, default=5000)
    watching.add_argument("--seconds", type=int, default=5, help="of each turn")
    watching.add_argument("--rounds", type=int, default=3, help="of four turns")
    watching.add_argument("--query", default="", help="what the viewers ask for; empty: everything")
    options = parser.parse_args()
    ask(options) if options.command == "questions" else viewers(options)


if __name__ == "__main__":
    main()
