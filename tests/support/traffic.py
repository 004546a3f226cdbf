"""Threads that open flows until told to stop, and the check that each has exactly one final event."""
import collections
import socket
import threading

from tests.support import clients, wait


class Traffic:
    """Threads that open flows, each to a host name of its own, until stopped. Keeps the names that got a 200."""

    def __init__(self, address, port, threads, seed_generator, name="f"):
        self.established = {}   # host -> (bytes up, bytes down) if the flow ended in order, else None
        self.attempts = 0
        self._address, self._port, self._name = address, port, name
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
                self._flow(f"{self._name}{number}-{count}.crash.test", (seed + count) % 5000)
            except (OSError, AssertionError):
                self._stop.wait(0.005)  # the proxy is down: do not spin

    def _flow(self, host, size):
        with self._lock:
            self.attempts += 1
        with clients.open_socket(self._address) as sock:
            sock.sendall(clients.connect_request(host, self._port))
            if clients.read_head(sock).status != 200:
                return
            with self._lock:
                self.established[host] = None
            sock.sendall(b"x" * size)
            clients.receive_exactly(sock, size)
            sock.shutdown(socket.SHUT_WR)
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

    def check(self, case, store, seconds=None):
        """Every flow that got its 200 has exactly one final event, with its bytes if it ended in order."""
        wanted = set(self.established)

        def complete():
            events = store.search("", limit=100_000)
            final = {event["host"] for event in events if event["state"] != "open"}
            return events if wanted <= final and not any(event["state"] == "open" for event in events) else None

        events = wait.until(complete, f"{len(wanted)} final events", seconds)
        hosts = collections.Counter(event["host"] for event in events)
        case.assertEqual({host: count for host, count in hosts.items() if count != 1}, {}, "two events for one flow")
        identifiers = [event["event_id"] for event in events]
        case.assertEqual(len(identifiers), len(set(identifiers)))
        for event in events:
            size = self.established.get(event["host"])
            if event["state"] == "closed" and size is not None:
                case.assertEqual((event["client_bytes"], event["server_bytes"]), (size, size), event)
            elif event["state"] == "truncated":
                case.assertEqual(event["close_reason"], "producer_crash", event)
        print(f"{len(wanted)} flows, {sum(event['state'] == 'truncated' for event in events)} truncated")
