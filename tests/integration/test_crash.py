"""kill -9 of the proxy and of the store amid traffic: every flow that got its 200 has exactly one final event."""
import collections
import threading
import unittest

from tests.support import cases, clients, origins, stack, wait


class Traffic:
    """Threads that open flows, each to a host name of its own, until stopped. Keeps the names that got a 200."""

    def __init__(self, address, port, threads, seed_generator):
        self.established = {}   # host -> (bytes up, bytes down) if the flow ended in order, else None
        self.attempts = 0
        self._address, self._port = address, port
        self._stop = threading.Event()
        self._lock = threading.Lock()
        seeds = [seed_generator.randrange(1 << 30) for _ in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(number, seed)) for number, seed in enumerate(seeds)]
        for thread in self._threads:
            thread.start()

    def _run(self, number, seed):
        count = 0
        while not self._stop.is_set():
            count += 1
            try:
                self._flow(f"f{number}-{count}.crash.test", (seed + count) % 5000)
            except (OSError, AssertionError):
                self._stop.wait(0.005)  # the proxy is down: do not spin

    def _flow(self, host, size):
        with self._lock:
            self.attempts += 1
        sock, reply = clients.connect(self._address, host, self._port)
        with sock:
            if reply.status != 200:
                return
            with self._lock:
                self.established[host] = None
            sock.sendall(b"x" * size)
            clients.receive_exactly(sock, size)
            sock.shutdown(origins.socket.SHUT_WR)
            if clients.receive_all(sock) == b"":
                with self._lock:
                    self.established[host] = size

    def wait_for_more(self, count):
        with self._lock:
            goal = len(self.established) + count
        wait.until(lambda: len(self.established) >= goal, f"{count} more flows")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Crash(unittest.TestCase):
    maxDiff = None

    def run_with(self, disturb, rounds):
        generator = cases.seeded(self.id())
        settings = {"origin": {"resolve": {"crash.test": "127.0.0.1"}}}
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=settings) as running:
            traffic = Traffic(running.proxy.address, echo.port, 6, generator)
            try:
                for _ in range(rounds):
                    traffic.wait_for_more(generator.randint(5, 60))
                    disturb(running, generator, traffic)
                traffic.wait_for_more(20)
            finally:
                traffic.stop()
            self.check(running, traffic)

    def check(self, running, traffic):
        wanted = set(traffic.established)

        def complete():
            events = running.store.search("", limit=100_000)
            final = {event["host"] for event in events if event["state"] != "open"}
            return events if wanted <= final and not any(event["state"] == "open" for event in events) else None

        events = wait.until(complete, f"{len(wanted)} final events")
        hosts = collections.Counter(event["host"] for event in events)
        self.assertEqual({host: count for host, count in hosts.items() if count != 1}, {}, "two events for one flow")
        identifiers = [event["event_id"] for event in events]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        for event in events:
            size = traffic.established.get(event["host"])
            if event["state"] == "closed" and size is not None:
                self.assertEqual((event["client_bytes"], event["server_bytes"]), (size, size), event)
            elif event["state"] == "truncated":
                self.assertEqual(event["close_reason"], "producer_crash", event)
        print(f"{len(wanted)} flows, {sum(event['state'] == 'truncated' for event in events)} truncated")

    def test_proxy_is_killed(self):
        def disturb(running, generator, traffic):
            running.proxy.program.kill()
            running.proxy.restart()

        self.run_with(disturb, 3 if cases.FAST else 8)

    def test_store_is_killed(self):
        def disturb(running, generator, traffic):
            running.store.program.kill()
            traffic.wait_for_more(generator.randint(0, 30))
            running.store.start()

        self.run_with(disturb, 3 if cases.FAST else 8)

    def test_both_are_killed(self):
        def disturb(running, generator, traffic):
            running.store.program.kill()
            traffic.wait_for_more(generator.randint(0, 30))
            running.proxy.program.kill()
            running.proxy.restart()
            running.store.start()

        self.run_with(disturb, 2 if cases.FAST else 5)


if __name__ == "__main__":
    unittest.main()
