"""How streams and connections of HTTP/2 end through interception: resets, GOAWAY, readers that stand still, the PoP's
own end; and the books that are kept of all of it."""
import signal
import socket
import threading
import unittest

from tests.integration.test_http2 import Http2Case
from tests.support import detour, h2_web, wait


class Ends(Http2Case):
    def test_a_slow_reader_beside_fast_ones(self):
        client = self.client("slow")
        slow = client.request("/bytes/30000000")
        slow.acknowledge = False
        client.until(lambda: len(slow.received) > 60_000, "a first window")
        for number in range(20):
            fast = client.fetch(f"/bytes/{number * 10_000}")
            self.assertEqual(len(fast.received), number * 10_000)
        self.assertLess(len(slow.received), 1_000_000)
        slow.acknowledge = True
        client.h2.increment_flow_control_window(len(slow.received), slow.number)
        client.flush()
        client.until(lambda: slow.ended, "the rest of the slow one", 60)
        self.assertEqual(len(slow.received), 30_000_000)
        event = self.one_event("host eq slow.h2.test and server_bytes > 20000000", close_reason="completed")
        self.assertLess(event["server_bytes"], 30_000_500)

    def test_resets(self):
        client = self.client("resets")
        waiting = client.request("/wait")
        asker = self.client("asker")
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"1", "the request to arrive")
        client.reset(waiting)
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"0", "the reset to arrive")
        self.one_event("host eq resets.h2.test and close_reason eq client_reset", type="page", action="allow")
        self.assertEqual(client.fetch("/reset/2").reset, 2)
        self.one_event("host eq resets.h2.test and close_reason eq origin_reset", type="page")
        self.assertEqual(client.fetch("/").status, 200)

    def test_the_origin_says_goaway(self):
        client = self.client("goaway")
        self.assertEqual(bytes(client.fetch("/goaway").received), b"gone")
        self.assertEqual(client.goaway, 0)
        self.store.wait_for_events("host eq goaway.h2.test and status = 200", count=1)

    def test_the_origin_closes_and_is_dialled_again(self):
        client = self.client("again")
        self.assertEqual(client.fetch("/").status, 200)
        self.assertEqual(client.fetch("/close").status, 502)
        self.assertEqual(client.fetch("/").status, 200)
        self.store.wait_for_events("host eq again.h2.test and status = 200", count=2)
        self.one_event("host eq again.h2.test and status = 502", close_reason="origin_closed")

    def test_a_websocket(self):
        client = self.client("socket")
        client.until(lambda: client.h2.remote_settings.enable_connect_protocol == 1, "the offer of WebSockets")
        socket_stream = client.request("/socket", method="CONNECT", protocol="websocket", end=False,
                                       fields=[("sec-websocket-version", "13")])
        self.assertEqual(client.answer(socket_stream), 200)
        for number in range(10):
            client.send(socket_stream, b"frame %d" % number)
            client.until(lambda: bytes(socket_stream.received).endswith(b"frame %d" % number), "the echo")
        client.send(socket_stream, b"", end=True)
        client.wait_end(socket_stream)
        event = self.one_event("host eq socket.h2.test", method="GET", status=101, close_reason="completed")
        self.assertGreater(event["client_bytes"], 70)

    def test_clients_that_leave_at_once(self):
        for i in range(10):
            self.client(f"brief{i}").sock.close()
        wait.until(lambda: self.proxy.metric("sluice_flows_open") == 0, "the flows' ends")

    def test_what_is_no_http2_inside(self):
        client = self.client("odd")
        client.sock.close()
        odd = h2_web.open_tls(self.proxy.address, "odder.h2.test", self.web.port, self.root)
        odd.sendall(b"EHLO mail.test\r\n")
        self.assertEqual(odd.recv(1), b"")
        odd.close()
        self.one_event("host eq odder.h2.test", type="connection", close_reason="unknown_protocol", action="block")


class Counter(detour.Detour):
    """Counts what passes both ways."""

    total = 0

    def _copy(self, source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
                with self.LOCK:
                    self.total += len(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    LOCK = threading.Lock()


class Books(Http2Case):
    def test_events_and_overhead_are_the_payload(self):
        counter = self.keep(Counter(self.proxy.address))
        client = h2_web.Client(counter.address, "books.h2.test", self.web.port, self.root)
        for number in range(5):
            client.fetch(f"/bytes/{number * 1000}")
        client.fetch("/secret/plan")
        up = client.request("/echo", method="POST", end=False)
        client.send(up, b"u" * 100_000, end=True)
        client.wait_end(up)
        client.close()
        events = self.store.wait_for_events("host eq books.h2.test", count=7)
        in_events = sum(event["client_bytes"] + event["server_bytes"] for event in events)
        self.assertGreater(in_events, 110_000)
        wait.until(lambda: self.proxy.metric("sluice_overhead_bytes_total") + in_events == counter.total,
                   "the books to balance")


class Drain(Http2Case):
    def test_goaway_and_what_runs_ends(self):
        client = self.client("drain")
        slow = client.request("/slow/300")
        client.until(lambda: slow.received, "the first bytes")
        self.proxy.program.signal(signal.SIGTERM)
        client.until(lambda: client.goaway is not None, "GOAWAY")
        client.until(lambda: slow.ended, "the rest")
        self.assertEqual(len(slow.received), 300 * 1024)
        self.one_event("host eq drain.h2.test", close_reason="completed", status=200)


if __name__ == "__main__":
    unittest.main()
