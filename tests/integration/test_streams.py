"""Every byte arrives, in both directions, however it is cut and whoever ends first; the event counts them."""
import hashlib
import socket
import unittest

from tests.support import cases, clients, origins, streams, wait

LARGE_BYTES = 100_000_000


class Streams(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.transfer = None
        cls.origin = cls.keep(origins.Script(lambda connection: cls.transfer.serve(connection)))
        cls.echo = cls.keep(origins.Echo())
        cls.sink = cls.keep(origins.HashSink())
        cls.silent = cls.keep(origins.Silent())
        cls.resetting = cls.keep(origins.Script(cls.read_some_then_reset))
        cls.listening = cls.keep(origins.Script(cls.end_and_listen))
        everyone = (cls.origin, cls.echo, cls.sink, cls.silent, cls.resetting, cls.listening)
        ports = [origin.port for origin in everyone]
        return {"ports": ports, "proxy": {"origin": {"resolve": {"stream.test": "127.0.0.1"}}}}

    @staticmethod
    def read_some_then_reset(connection):
        connection.recv()
        connection.sendall(b"partial")
        connection.recv()
        connection.reset()

    @classmethod
    def end_and_listen(cls, connection):
        connection.sock.shutdown(socket.SHUT_WR)
        heard = b""
        while part := connection.recv():
            heard += part
        cls.heard = heard

    def open(self, host, origin):
        sock, reply = clients.connect(self.proxy.address, host, origin.port)
        self.assertEqual(reply.status, 200, reply.raw)
        return sock

    def transfer_once(self, host, transfer):
        type(self).transfer = transfer
        transfer.run(self.open(host, self.origin))
        wait.until(lambda: transfer.at_origin, "the origin to see the end")
        transfer.check(self)
        reason = {"client": "client_closed", "origin": "origin_closed"}.get(transfer.order)
        event = self.one_event(f"host eq {host}", state="closed", client_bytes=len(transfer.up),
                               server_bytes=len(transfer.down))
        if reason:
            self.assertEqual(event["close_reason"], reason)

    def test_random_sizes_and_cuts(self):
        generator = cases.seeded("random streams")
        for index in range(6 if cases.FAST else 24):
            largest = generator.choice([1, 100, 1500, 16384, 65536, 300_000])
            limit = min(largest * 200, 2_000_000)
            transfer = streams.Transfer(generator, generator.randint(0, limit), generator.randint(0, limit),
                                        generator.choice(["client", "origin", "both"]), largest)
            with self.subTest(index=index, transfer=transfer.describe()):
                self.transfer_once(f"random-{index}.stream.test", transfer)

    def test_origin_that_ends_before_the_client_begins(self):
        type(self).heard = None
        with self.open("listening.stream.test", self.listening) as sock:
            self.assertEqual(sock.recv(1), b"")
            sock.sendall(b"still here")
            sock.shutdown(socket.SHUT_WR)
            wait.until(lambda: self.heard is not None, "the origin to see the end")
        self.assertEqual(self.heard, b"still here")
        self.one_event("host eq listening.stream.test", close_reason="origin_closed", client_bytes=10, server_bytes=0)

    def test_nothing_at_all(self):
        for order in ("client", "origin", "both"):
            with self.subTest(order=order):
                transfer = streams.Transfer(cases.seeded("empty"), 0, 0, order, 1)
                self.transfer_once(f"empty-{order}.stream.test", transfer)

    def test_one_byte_segments(self):
        transfer = streams.Transfer(cases.seeded("one byte"), 3000, 3000, "both", 1)
        self.transfer_once("one-byte.stream.test", transfer)

    def test_ping_pong(self):
        with self.open("ping.stream.test", self.echo) as sock:
            for number in range(300):
                sock.sendall(b"%08d" % number)
                self.assertEqual(clients.receive_exactly(sock, 8), b"%08d" % number)
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(clients.receive_all(sock), b"")
        self.one_event("host eq ping.stream.test", client_bytes=2400, server_bytes=2400, close_reason="client_closed")

    @cases.slow
    def test_100_mb_up(self):
        block = cases.seeded("100 MB").randbytes(1_000_000)
        digest = hashlib.sha256()
        with self.open("large.stream.test", self.sink) as sock:
            for _ in range(LARGE_BYTES // len(block)):
                sock.sendall(block)
                digest.update(block)
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(clients.receive_all(sock).decode(), digest.hexdigest())
        self.one_event("host eq large.stream.test", client_bytes=LARGE_BYTES, server_bytes=64)

    @cases.slow
    def test_100_mb_down(self):
        transfer = streams.Transfer(cases.seeded("100 MB down"), 10, LARGE_BYTES, "both", 1_000_000)
        self.transfer_once("large-down.stream.test", transfer)

    def test_reset_by_the_origin(self):
        with self.open("origin-reset.stream.test", self.resetting) as sock:
            sock.sendall(b"one")
            self.assertEqual(clients.receive_exactly(sock, 7), b"partial")
            sock.sendall(b"two")
            with self.assertRaises(ConnectionResetError):
                clients.receive_all(sock)
        self.one_event("host eq origin-reset.stream.test", close_reason="origin_reset", client_bytes=6, server_bytes=7)

    def test_reset_by_the_client(self):
        sock = self.open("client-reset.stream.test", self.echo)
        sock.sendall(b"hello")
        self.assertEqual(clients.receive_exactly(sock, 5), b"hello")
        origins.Connection(sock, self.echo).reset()
        self.one_event("host eq client-reset.stream.test", close_reason="client_reset", client_bytes=5, server_bytes=5)

    def test_bytes_sent_together_with_the_connect(self):
        """A client may send its first bytes without waiting for the 200."""
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(clients.connect_request("eager.stream.test", self.echo.port) + b"eager bytes")
            self.assertEqual(clients.read_head(sock).status, 200)
            self.assertEqual(clients.receive_exactly(sock, 11), b"eager bytes")
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(clients.receive_all(sock), b"")
        self.one_event("host eq eager.stream.test", client_bytes=11, server_bytes=11)

    def test_open_flow_is_seen_before_it_ends(self):
        with self.open("open.stream.test", self.silent) as sock:
            sock.sendall(b"still here")
            event = self.store.wait_for_events("host eq open.stream.test", final=False)[0]
            self.assertEqual(event["state"], "open", event)
        self.one_event("host eq open.stream.test", state="closed", client_bytes=10, server_bytes=0)


if __name__ == "__main__":
    unittest.main()
