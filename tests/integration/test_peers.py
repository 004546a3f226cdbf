"""Peers that misbehave: slow, silent, deaf, gone without a word, or too many. Memory stays bounded, descriptors come
back, every flow ends with a typed reason."""
import concurrent.futures
import os
import pathlib
import socket
import struct
import threading
import time
import unittest

from tests.support import cases, clients, hello, origins, process, wait

# Freed memory must not look like a leak: AddressSanitizer keeps it for a while.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"

IDLE_MS = 3000
HALF_OPEN_MS = 2000
HEAD_MS = 2500
HELLO_MS = 2000
FLOWS_MAX = 600
MIB = 1 << 20
PIPE_ENDS_MAX = 2 * 64 + 8  # those the worker keeps for the next bulk flows, and the program's own
GROWTH_BYTES_MAX = 48 * MIB  # of a process with sanitizers, at hundreds of flows; a leak of one buffer each is more


def socket_buffers_max():
    """What the kernel may hold of a flow that nobody reads: both sockets of both connections, and the flow's pipe."""
    most = [int(pathlib.Path(f"/proc/sys/net/ipv4/tcp_{name}").read_text().split()[2]) for name in ("rmem", "wmem")]
    return 2 * sum(most) + 2 * MIB


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def until_gone(sock):
    """Reads to the end, by FIN or RST; how many bytes came."""
    received = 0
    try:
        while part := sock.recv(65536):
            received += len(part)
    except ConnectionResetError:
        pass
    return received


class PeerCase(cases.StackCase):
    """Checks after each test that nothing is kept of its flows."""

    settings = {"workers": 1, "limits": {"flows": FLOWS_MAX},
                "timeouts": {"head_ms": HEAD_MS, "client_hello_ms": HELLO_MS, "idle_ms": IDLE_MS,
                             "half_open_ms": HALF_OPEN_MS},
                "origin": {"resolve": {"peer.test": "127.0.0.1"}, "connect_timeout_ms": 1500}}

    @classmethod
    def prepare(cls):
        cls.echo = cls.keep(origins.Echo(backlog=1024))
        cls.silent = cls.keep(origins.Silent(backlog=1024))
        cls.released = threading.Event()
        cls.addClassCleanup(cls.released.set)
        cls.deaf = cls.keep(origins.Script(lambda connection: cls.released.wait(120)))
        cls.scripted = cls.keep(origins.Script(lambda connection: cls.script(connection)))
        cls.hole = cls.keep(origins.BlackHole())
        return {"ports": [cls.echo.port, cls.silent.port, cls.deaf.port, cls.scripted.port, cls.hole.port],
                "proxy": cls.settings}

    def set_script(self, script):
        """What the scripted origin does with each connection from now on."""
        type(self).script = staticmethod(script)

    def setUp(self):
        self.pid = self.proxy.program.process.pid
        self.one_flow("warm.peer.test")
        self.wait_for_no_flows()
        wait.until(lambda: self.proxy.metric("sluice_store_connected") == 1, "the stream to the store")
        self.before = process.descriptors(self.pid)
        self.memory = process.resident_bytes(self.pid)

    def tearDown(self):
        self.wait_for_no_flows()
        wait.until(lambda: process.descriptors(self.pid) <= self.before, "the descriptors of ended flows")
        self.assertLessEqual(process.pipes(self.pid), PIPE_ENDS_MAX)
        self.assertLess(process.resident_bytes(self.pid) - self.memory, GROWTH_BYTES_MAX)
        self.one_flow("after.peer.test")

    def wait_for_no_flows(self):
        wait.until(lambda: self.proxy.metric("sluice_flows_open") == 0, "no open flow")

    def one_flow(self, host):
        sock, reply = clients.connect(self.proxy.address, host, self.echo.port)
        with sock:
            self.assertEqual(reply.status, 200)
            sock.sendall(b"ping")
            self.assertEqual(clients.receive_exactly(sock, 4), b"ping")

    def opened(self, host, port):
        sock, reply = clients.connect(self.proxy.address, host, port)
        self.assertEqual(reply.status, 200)
        return sock

    def event_of(self, host, **expected):
        return self.one_event(f"host eq {host}", **expected)


class SlowPeers(PeerCase):
    def test_heads_that_trickle(self):
        """Slowloris: every connection says a byte now and then; each is refused when its time is up."""
        socks = [clients.open_socket(self.proxy.address) for _ in range(300)]
        request = b"CONNECT slow.peer.test:443 HTTP/1.1\r\nX-Filler: " + b"a" * 200
        answered = set()
        position = 0
        while len(answered) < len(socks):
            self.assertLess(position, len(request), "nobody was refused in time")
            for number, sock in enumerate(socks):
                if number in answered:
                    continue
                try:
                    sock.send(request[position:position + 1])
                    sock.settimeout(0.0001)
                    if sock.recv(12) == b"HTTP/1.1 408":
                        answered.add(number)
                except TimeoutError:
                    pass
            position += 1
            time.sleep(0.05)  # the pace of the attack, not a wait for the proxy
        for sock in socks:
            sock.close()

    def test_heads_that_stop(self):
        socks = [clients.open_socket(self.proxy.address) for _ in range(200)]
        for number, sock in enumerate(socks):
            sock.sendall(b"CONNECT stop.peer.test:443"[:number % 26 + 1])
        for sock in socks:
            self.assertEqual(clients.read_head(sock).status, 408)
            sock.close()

    def test_one_byte_at_a_time(self):
        """Head, hello and payload in segments of a byte, many flows at once: served, and counted exactly."""
        payload = hello.captured("bytes.peer.test") + os.urandom(300)

        def flow(_):
            sock = clients.open_socket(self.proxy.address)
            with sock:
                for byte in clients.connect_request("bytes.peer.test", self.echo.port):
                    sock.send(bytes([byte]))
                self.assertEqual(clients.read_head(sock).status, 200)
                for byte in payload:
                    sock.send(bytes([byte]))
                self.assertEqual(clients.receive_exactly(sock, len(payload)), payload)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(flow, range(40)))
        events = self.store.wait_for_events("host eq bytes.peer.test", count=40)
        self.assertEqual({(event["client_bytes"], event["server_bytes"]) for event in events},
                         {(len(payload), len(payload))})

    def test_hello_that_trickles(self):
        record = hello.captured("hello.peer.test")
        sock = self.opened("hello.peer.test", self.echo.port)
        sock.settimeout(0.1)
        sent = 0
        begun = time.monotonic()
        try:
            while sent < len(record) - 1:
                sock.send(record[sent:sent + 1])
                sent += 1
                try:
                    if sock.recv(1) == b"":
                        break
                except TimeoutError:
                    pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.assertGreater(time.monotonic() - begun, HELLO_MS / 1000 * 0.9)
        sock.close()
        event = self.event_of("hello.peer.test", close_reason="client_hello_timeout", server_bytes=0)
        self.assertLess(event["client_bytes"], len(record))


class DeafPeers(PeerCase):
    def fill(self, sock, most):
        """Writes until nobody takes more for a second; the bytes that were taken."""
        sock.settimeout(1)
        sent = 0
        block = b"x" * 65536
        try:
            while sent < most:
                sent += sock.send(block)
        except OSError:
            pass  # nobody takes more, or the proxy has lost its patience
        return sent

    def test_client_that_never_reads(self):
        """What it does not take stays with the origin: the proxy holds no more than socket buffers."""
        results = []
        done = threading.Event()

        def flood(connection):
            results.append(self.fill(connection.sock, 256 * MIB))
            done.wait(30)

        self.set_script(flood)
        socks = [self.opened("deaf.peer.test", self.scripted.port) for _ in range(10)]
        for sock in socks:
            sock.sendall(b"go")
        wait.until(lambda: len(results) == 10, "origins that cannot send any more")
        self.assertLess(max(results), socket_buffers_max())
        self.assertLess(process.resident_bytes(self.pid) - self.memory, GROWTH_BYTES_MAX)
        events = self.store.wait_for_events("host eq deaf.peer.test", count=10)
        self.assertEqual({event["close_reason"] for event in events}, {"idle_timeout"})
        done.set()
        for sock in socks:
            sock.close()

    def test_origin_that_never_reads(self):
        socks = [self.opened("stuffed.peer.test", self.deaf.port) for _ in range(10)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            sent = list(pool.map(lambda sock: self.fill(sock, 256 * MIB), socks))
        self.assertLess(max(sent), socket_buffers_max())
        self.assertLess(process.resident_bytes(self.pid) - self.memory, GROWTH_BYTES_MAX)
        events = self.store.wait_for_events("host eq stuffed.peer.test", count=10)
        self.assertEqual({event["close_reason"] for event in events}, {"idle_timeout"})
        for sock in socks:
            sock.close()


class SilentPeers(PeerCase):
    def test_origin_that_says_nothing(self):
        for host, words in (("mute.peer.test", b""), ("talk.peer.test", b"talk to me\r\n\r\n"),
                            ("tls.peer.test", hello.captured("tls.peer.test"))):
            with self.subTest(host=host):
                sock = self.opened(host, self.silent.port)
                with sock:
                    sock.sendall(words)
                    self.assertEqual(until_gone(sock), 0)
                self.event_of(host, close_reason="idle_timeout", client_bytes=len(words), server_bytes=0)

    def test_half_open_for_ever(self):
        """One side has finished and the other goes on for ever without a word."""
        sock = self.opened("half.peer.test", self.deaf.port)
        sock.sendall(b"the end")
        sock.shutdown(socket.SHUT_WR)
        event = self.event_of("half.peer.test", close_reason="half_open_timeout", client_bytes=7)
        self.assertLess(event["duration_ms"], IDLE_MS + HALF_OPEN_MS)
        sock.close()


class Resets(PeerCase):
    """RST at every stage of a flow and at byte offsets within it."""

    def test_client_in_the_head(self):
        request = clients.connect_request("head.peer.test", self.echo.port)
        before = self.proxy.metric("sluice_flows_total")
        for length in range(len(request)):
            sock = clients.open_socket(self.proxy.address)
            sock.sendall(request[:length])
            reset(sock)
        # A connection without a byte is no flow.
        wait.until(lambda: self.proxy.metric("sluice_flows_total") >= before + len(request) - 1, "the flows' ends")

    def test_client_while_dialling(self):
        sock = clients.open_socket(self.proxy.address)
        sock.sendall(clients.connect_request("dial.peer.test", self.hole.port))
        wait.until(lambda: self.proxy.metric("sluice_flows_open") == 1, "a flow that dials")
        reset(sock)
        self.event_of("dial.peer.test", close_reason="client_reset", error_stage="dialing")

    def test_client_at_every_stage_of_the_hello(self):
        offsets = range(0, len(hello.captured("offset10.peer.test")), 64 if cases.FAST else 16)
        for number, offset in enumerate(offsets):
            host = f"offset{number}.peer.test"
            record = hello.captured(host)
            sock = self.opened(host, self.echo.port)
            sock.sendall(record[:offset])
            reset(sock)
        events = self.store.wait_for_events("host like offset", count=len(offsets))
        self.assertEqual({event["close_reason"] for event in events}, {"client_reset"})
        read = {event["host"]: event["client_bytes"] for event in events}
        for number, offset in enumerate(offsets):
            self.assertLessEqual(read[f"offset{number}.peer.test"], offset)

    def test_origin_at_byte_offsets(self):
        """The client hears a reset too, after everything that the origin had sent before."""
        for offset in (0, 1, 2, 1000, 65535, 65536, 65537, 300_000):
            with self.subTest(offset=offset):
                def serve(connection, count=offset):
                    connection.recv(1)
                    connection.sendall(b"y" * count)
                    connection.reset()

                self.set_script(serve)
                host = f"down{offset}.peer.test"
                with self.opened(host, self.scripted.port) as sock:
                    sock.sendall(b"x")
                    received = 0
                    with self.assertRaises(ConnectionResetError):
                        while part := sock.recv(65536):
                            received += len(part)
                event = self.event_of(host, close_reason="origin_reset", client_bytes=1)
                self.assertLessEqual(received, event["server_bytes"])
                self.assertLessEqual(event["server_bytes"], offset)


class Floods(PeerCase):
    settings = {**PeerCase.settings, "timeouts": {"head_ms": 120_000, "idle_ms": 120_000}}

    def test_connections_beyond_the_limit(self):
        """What is too much is shed at once; what was there before is not disturbed, and service comes back."""
        kept = self.opened("kept.peer.test", self.echo.port)
        flood = [clients.open_socket(self.proxy.address) for _ in range(FLOWS_MAX + 400)]
        wait.until(lambda: self.proxy.metric("sluice_flows_open") <= FLOWS_MAX, "no more flows than the limit")
        refused = 0
        for sock in flood[FLOWS_MAX:]:
            try:
                refused += clients.read_head(sock).status in (0, 503)
            except ConnectionResetError:
                refused += 1
        self.assertEqual(refused, 400)
        self.assertLess(process.descriptors(self.pid), self.before + FLOWS_MAX + 100)
        kept.sendall(b"still here")
        self.assertEqual(clients.receive_exactly(kept, 10), b"still here")
        for sock in [kept, *flood]:
            sock.close()

    def test_waves_leave_nothing_behind(self):
        """Open and close, again and again: descriptors flat, memory flat."""
        def wave():
            socks = [clients.open_socket(self.proxy.address) for _ in range(200)]
            for number, sock in enumerate(socks):
                if number % 3 == 0:
                    sock.sendall(clients.connect_request("wave.peer.test", self.echo.port))
                if number % 2 == 0:
                    reset(sock)
                else:
                    sock.close()
            self.wait_for_no_flows()

        for _ in range(3):  # until the allocator has what it keeps
            wave()
        memory = process.resident_bytes(self.pid)
        for _ in range(3 if cases.FAST else 10):
            wave()
        self.assertLess(process.resident_bytes(self.pid) - memory, 16 * MIB)


del PeerCase  # only its children are run


if __name__ == "__main__":
    unittest.main()
