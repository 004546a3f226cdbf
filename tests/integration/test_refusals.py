"""Everything that is refused gets a status, a Proxy-Status with the reason, and one event with a typed outcome."""
import crypt
import pathlib
import tempfile
import time
import unittest

from tests.support import cases, clients, origins

PASSWORD = "secret"


class Refusals(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-refusals-")
        cls.addClassCleanup(temporary.cleanup)
        users = pathlib.Path(temporary.name) / "users.htpasswd"
        users.write_text(f"alice:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_SHA256))}\n")
        cls.echo = cls.keep(origins.Echo())
        cls.hole = cls.keep(origins.BlackHole())
        cls.nobody = origins.closed_port()
        listeners = [
            {"name": "explicit", "address": "127.0.0.1:0", "kind": "explicit"},
            {"name": "members", "address": "127.0.0.1:0", "kind": "explicit", "auth": {"basic": str(users)}},
            {"name": "elsewhere", "address": "127.0.0.1:0", "kind": "explicit", "allow_sources": ["192.0.2.0/24"]},
        ]
        return {"ports": [cls.echo.port, cls.hole.port, cls.nobody],
                "proxy": {"listeners": listeners, "timeouts": {"head_ms": 2000, "client_hello_ms": 2000},
                          "origin": {"resolve": {"refused.test": "127.0.0.1", "private.test": "10.1.2.3"},
                                     "connect_timeout_ms": 300}}}

    def refused(self, data, status, error, reason, end=False, listener="explicit", **fields):
        """Sends `data`, expects this answer and an event that says the same."""
        begun = int(time.time() * 1000) - 1
        sock = clients.open_socket(self.proxy.program.listener(listener))
        with sock:
            port = sock.getsockname()[1]
            sock.sendall(data)
            if end:
                sock.shutdown(origins.socket.SHUT_WR)
            reply = clients.read_head(sock)
            body = clients.receive_all(sock).decode()
        self.assertEqual(reply.status, status, reply.raw)
        self.assertRegex(reply.headers.get("proxy-status", ""), rf'^pop-test; error={error}(;|$)')
        self.assertEqual(reply.headers.get("connection"), "close")
        self.assertTrue(body.strip().endswith("."), f"a sentence for the person: {body!r}")
        # The kernel gives a source port again to a later connection: the time tells them apart.
        event = self.one_event(f"srcport eq {port} and timestamp >= {begun}", state="closed", close_reason=reason,
                               bypass_traffic="no", client_bytes=0, server_bytes=0, **fields)
        return reply, event

    def connect(self, target, port, *expected, **fields):
        return self.refused(clients.connect_request(target, port), *expected, **fields)

    def test_garbage(self):
        for data in (b"NOT HTTP AT ALL\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n",
                     b"CONNECT a.test:443 HTTP/1.1\r\nHost : a.test:443\r\n\r\n"):
            with self.subTest(data=data):
                self.refused(data, 400, "http_request_error", "bad_request", action="block", error_stage="greeting")

    def test_half_a_request(self):
        self.refused(b"CONNECT a.test:443 HTT", 400, "http_request_error", "head_incomplete", end=True)

    def test_request_that_never_ends(self):
        self.refused(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.t", 408, "http_request_error", "head_timeout")

    def test_oversized_head(self):
        data = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nX: " + b"x" * 17000
        self.refused(data, 431, "http_request_error", "head_too_large")

    def test_method(self):
        self.refused(b"GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 405, "http_request_denied",
                     "method_not_allowed")

    def test_authority(self):
        for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "a..test", "a b.test"):
            with self.subTest(host=host):
                request = f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode()
                sock = clients.open_socket(self.proxy.address)
                with sock:
                    port = sock.getsockname()[1]
                    sock.sendall(request)
                    self.assertEqual(clients.read_head(sock).status, 400)
                event = self.one_event(f"srcport eq {port}", action="block")
                self.assertIn(event["close_reason"], ("bad_authority", "bad_request"))

    def test_port(self):
        self.connect("refused.test", 25, 403, "http_request_denied", "port_not_allowed", host="refused.test",
                     dstport=25, action="block", policy="allow_ports", error_stage="greeting")

    def test_nobody_listens(self):
        self.connect("refused.test", self.nobody, 502, "connection_refused", "connect_refused", dstip="127.0.0.1",
                     action="allow", error_stage="dialing")

    def test_no_answer_to_the_dial(self):
        self.connect("refused.test", self.hole.port, 504, "connection_timeout", "connect_timeout")

    def test_prohibited_addresses(self):
        for host in ("10.0.0.1", "127.0.0.2", "169.254.169.254", "192.168.1.1", "172.31.255.255", "100.64.0.1",
                     "0.0.0.0", "198.19.255.255", "224.0.0.1", "255.255.255.255", "168.63.129.16", "192.0.0.8",
                     "::1", "::", "::ffff:10.0.0.1", "::ffff:127.0.0.2", "::10.0.0.1", "fc00::1", "fe80::1", "ff02::1",
                     "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "100::1"):
            with self.subTest(host=host):
                self.connect(host, 443, 403, "destination_ip_prohibited", "destination_prohibited", action="block",
                             policy="address rules")

    def test_name_of_a_prohibited_address(self):
        self.connect("private.test", 443, 403, "destination_ip_prohibited", "destination_prohibited",
                     host="private.test")

    def test_password(self):
        request = clients.connect_request
        reply, _ = self.refused(request("a.test", 443), 407, "http_request_denied", "authentication_required",
                                listener="members", action="block")
        self.assertRegex(reply.headers["proxy-authenticate"], "^Basic ")
        self.refused(request("a.test", 443, "alice", "wrong"), 407, "http_request_denied", "authentication_failed",
                     listener="members", user="alice", action="block")
        self.refused(request("a.test", 443, "mallory", PASSWORD), 407, "http_request_denied", "authentication_failed",
                     listener="members", user="mallory")

    def test_socks_password(self):
        members = self.proxy.program.listener("members")
        sock, code, step = clients.socks5(members, "a.test", 443, "alice", "wrong")
        with sock:
            self.assertNotEqual(code, 0)
            self.assertEqual(step, "auth")
            self.one_event(f"srcport eq {sock.getsockname()[1]}", close_reason="authentication_failed", user="alice")
        sock, code, step = clients.socks5(members, "a.test", 443)
        with sock:
            self.assertEqual((code, step), (0xFF, "method"))
            self.one_event(f"srcport eq {sock.getsockname()[1]}", close_reason="authentication_required")

    def test_socks_refusals(self):
        for host, port, code, reason in (("10.0.0.1", 443, 2, "destination_prohibited"),
                                         ("::ffff:10.0.0.1", 443, 2, "destination_prohibited"),
                                         ("refused.test", 25, 2, "port_not_allowed"),
                                         ("refused.test", self.nobody, 5, "connect_refused"),
                                         ("refused.test", self.hole.port, 6, "connect_timeout")):
            with self.subTest(host=host, port=port):
                sock, answer, step = clients.socks5(self.proxy.address, host, port)
                with sock:
                    self.assertEqual((answer, step), (code, "connect"))
                    self.one_event(f"srcport eq {sock.getsockname()[1]}", close_reason=reason, host=host)

    def test_source(self):
        self.refused(clients.connect_request("refused.test", 443), 403, "http_request_denied", "source_not_allowed",
                     listener="elsewhere", action="block", policy="allow_sources")

    def test_hello_that_never_ends(self):
        sock, reply = clients.connect(self.proxy.address, "refused.test", self.echo.port)
        received = self.echo.received_bytes
        with sock:
            self.assertEqual(reply.status, 200)
            port = sock.getsockname()[1]
            sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            try:
                clients.receive_all(sock)
            except ConnectionResetError:
                pass
        self.one_event(f"srcport eq {port}", close_reason="client_hello_timeout", error_stage="peeking")
        self.assertEqual(self.echo.received_bytes, received)

    def test_hello_that_is_none(self):
        sock, reply = clients.connect(self.proxy.address, "refused.test", self.echo.port)
        with sock:
            self.assertEqual(reply.status, 200)
            port = sock.getsockname()[1]
            sock.sendall(b"\x16\x03\x01\x00\x08\x01\x00\x00\x04ABCD")
            try:
                clients.receive_all(sock)
            except ConnectionResetError:
                pass
        self.one_event(f"srcport eq {port}", close_reason="client_hello_malformed")

    def test_a_connection_without_a_byte_is_no_flow(self):
        before = len(self.store.search())
        with clients.open_socket(self.proxy.address) as sock:
            port = sock.getsockname()[1]
        self.connect("refused.test", 25, 403, "http_request_denied", "port_not_allowed")
        self.assertEqual(self.store.search(f"srcport eq {port}"), [])
        self.assertEqual(len(self.store.search()), before + 1)


if __name__ == "__main__":
    unittest.main()
