"""Clients that speak only HTTP/2 before an origin that speaks only HTTP/1.1 (python3-h2, Node, h2load and gRPC in front,
Node behind), and the other way round (curl, Python): every exchange comes back whole."""
import base64
import concurrent.futures
import hashlib
import http.server
import json
import pathlib
import ssl
import struct
import threading
import unittest

import grpc

from tests.integration.test_http2 import NODE_CLIENT, Http2Case
from tests.support import cases, certificates, h2_web, programs, wait


class Translation(Http2Case):
    VERSIONS = "http/1.1"

    def test_a_request_and_its_event(self):
        client = self.client("one")
        fields = [("user-agent", "probe/2"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-odd", "Kept As It Is")]
        answer = client.fetch("/bytes/5000?secret=1", fields=fields)
        self.assertEqual((answer.status, len(answer.received)), (200, 5000))
        seen = [request for request in self.web.requests() if request["target"] == "/bytes/5000?secret=1"]
        self.assertEqual([request["version"] for request in seen], ["1.1"])
        self.assertEqual(seen[0]["authority"], client.authority)
        self.assertEqual({name: seen[0]["headers"].get(name) for name in ("cookie", "x-odd", "connection")},
                         {"cookie": "a=1; b=2", "x-odd": "Kept As It Is", "connection": None})
        event = self.one_event(
            "host eq one.h2.test", type="page", url=self.url("one", "/bytes/5000"), method="GET", status=200,
            http_version="HTTP/2", content_type="text/plain", useragent="probe/2", action="allow", alpn="h2",
            close_reason="completed", dstport=self.web.port)
        self.assertGreater(event["server_bytes"], 5000)
        self.assertLess(event["server_bytes"], 5300)

    def test_a_client_of_both_versions_is_not_translated_for(self):
        shown = self.curl("-o", "/dev/null", "-w", "%{http_version}", self.url("both", "/bytes/10"))
        self.assertEqual(shown, "1.1")

    def test_methods_and_statuses(self):
        client = self.client("methods")
        for status in (204, 304, 404, 500):
            self.assertEqual(client.fetch(f"/status/{status}").status, status)
        head = client.fetch("/bytes/100", method="HEAD")
        self.assertEqual((head.status, bytes(head.received)), (200, b""))
        post = client.request("/echo", method="POST", end=False, fields=[("content-length", "5")])
        client.send(post, b"12345", end=True)
        self.assertEqual(client.wait_end(post).decode(), hashlib.sha256(b"12345").hexdigest())
        lied = client.request("/echo", method="POST", end=False, fields=[("content-length", "5")])
        client.h2.send_data(lied.number, b"1234567", end_stream=True)
        client.flush()
        client.until(lambda: lied.reset is not None, "the reset of a body longer than it said")
        self.assertEqual(client.fetch("/bytes/3").status, 200)

    def test_node(self):
        """Downloads, uploads, trailers, early hints, side by side."""
        (self.directory / "client.js").write_text(NODE_CLIENT)
        done = programs.run(["node", self.directory / "client.js", *map(str, self.proxy.address), "node.h2.test",
                             str(self.web.port), self.root])
        self.assertEqual(done.returncode, 0, done.stderr)
        download, echo, trailers, hints = json.loads(done.stdout)
        self.assertEqual(download[:2], [3_000_000, hashlib.sha256(b"s" * 3_000_000).hexdigest()])
        answer = hashlib.sha256(b"u" * 5_000_000).hexdigest()
        self.assertEqual(echo[:2], [64, hashlib.sha256(answer.encode()).hexdigest()])
        self.assertEqual((trailers[2], hints[3]), ("13", 1))
        self.store.wait_for_events("host eq node.h2.test and status = 200", count=4)

    def test_h2load(self):
        way = self.keep(h2_web.Connector(self.proxy.address, "load.h2.test", self.web.port))
        count = 300 if cases.FAST else 900  # a search answers with 1,000
        done = programs.run(["h2load", "-n", str(count), "-c", "2", "-m", "50", "--npn-list=h2",
                             "--connect-to=127.0.0.1:%d" % way.address[1], self.url("load", "/bytes/1000")])
        self.assertIn(f"{count} succeeded, 0 failed", done.stdout, done.stderr)
        self.assertIn("h2", done.stdout)
        self.store.wait_for_events("host eq load.h2.test and status = 200", count=count)

    def test_a_thousand_streams_over_six_connections(self):
        client = self.client("many")
        streams = [client.request(f"/bytes/{number}") for number in range(1000)]
        for number, stream in enumerate(streams):
            self.assertEqual(len(client.wait_end(stream)), number)
        seen = [request for request in self.web.requests() if request["authority"] == client.authority]
        self.assertEqual(len(seen), 1000)
        self.store.wait_for_events("host eq many.h2.test and status = 200", count=1000)

    def test_six_connections_and_no_more(self):
        client = self.client("app")
        waiting = [client.request("/wait/six") for _ in range(20)]
        asker = self.client("asker")
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"6", "six requests at the origin")
        self.assertEqual(client.fetch("/secret/plan").status, 403)  # nobody waits for what goes nowhere
        self.assertEqual([request["target"] for request in self.web.requests()].count("/wait/six"), 6)
        for done in (6, 12, 18, 20):
            asker.fetch("/go")
            client.until(lambda: sum(stream.ended for stream in waiting) == done, f"{done} answers")
            wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"%d" % min(6, 20 - done), "the next ones")
        self.assertEqual({bytes(stream.received) for stream in waiting}, {b"waited"})

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

    def test_a_websocket(self):
        client = self.client("socket")
        client.until(lambda: client.h2.remote_settings.enable_connect_protocol == 1, "the offer of WebSockets")
        talk = client.request("/socket", method="CONNECT", protocol="websocket", end=False,
                              fields=[("sec-websocket-version", "13")])
        self.assertEqual(client.answer(talk), 200)
        for number in range(10):
            client.send(talk, b"frame %d" % number)
            client.until(lambda: bytes(talk.received).endswith(b"frame %d" % number), "the echo")
        self.assertEqual(client.fetch("/bytes/9").status, 200)
        client.send(talk, b"", end=True)
        client.wait_end(talk)
        event = self.one_event("host eq socket.h2.test and status = 101", method="GET", close_reason="completed")
        self.assertGreater(event["client_bytes"], 70)

    def test_resets_and_ends(self):
        client = self.client("ends")
        waiting = client.request("/wait")
        asker = self.client("asker")
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"1", "the request to arrive")
        client.reset(waiting)
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"0", "the reset to arrive")
        self.one_event("host eq ends.h2.test and close_reason eq client_reset", type="page", action="allow")
        self.assertEqual(client.fetch("/close").status, 502)
        cut = client.fetch("/cut")
        self.assertEqual((cut.status, cut.ended), (200, False))
        self.assertIsNotNone(cut.reset)
        early = client.request("/early", method="POST", end=False)
        self.assertEqual(client.answer(early), 413)
        client.until(lambda: early.ended or early.reset is not None, "the end of an early answer")
        self.assertEqual(client.fetch("/").status, 200)

    def test_a_blocked_stream_among_good_ones(self):
        client = self.client("app")
        blocked = client.request("/secret/plan")
        good = client.fetch("/bytes/7")
        self.assertEqual((client.answer(blocked), good.status), (403, 200))
        self.assertNotIn("/secret/plan", [request["target"] for request in self.web.requests()])


class ToHttp2(Http2Case):
    VERSIONS = "h2"

    def curl1(self, *arguments, code=0):
        return self.curl("--http1.1", *arguments, code=code)

    def open(self, host):
        sock = h2_web.open_tls(self.proxy.address, f"{host}.h2.test", self.web.port, self.root, ["http/1.1"])
        self.addCleanup(sock.close)
        return sock

    def head(self, host, path, *fields, method="GET"):
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}.h2.test:{self.web.port}", *fields, "", ""]).encode()

    @staticmethod
    def read_to(sock, end):
        got = b""
        while not got.endswith(end):
            piece = sock.recv(4096)
            if not piece:
                raise AssertionError(got)
            got += piece
        return got

    def test_requests_of_one_connection(self):
        shown = self.curl1("-w", " %{http_version} %{http_code}|", self.url("one", "/bytes/5?secret=1"),
                           self.url("one", "/bytes/6"), self.url("one", "/secret/plan"), self.url("one", "/bytes/7"))
        self.assertEqual(shown, "sssss 1.1 200|ssssss 1.1 200|node 1.1 200|sssssss 1.1 200|")
        seen = [request for request in self.web.requests() if request["authority"].startswith("one.")]
        self.assertEqual([request["version"] for request in seen], ["2.0"] * 4)
        self.assertEqual(len({request["sessions"] for request in seen}), 1)
        self.one_event("host eq one.h2.test and url like /bytes/5", type="page", url=self.url("one", "/bytes/5"),
                       http_version="HTTP/1.1", alpn="http/1.1", method="GET", status=200, action="allow",
                       close_reason="completed")
        self.store.wait_for_events("host eq one.h2.test and status = 200", count=4)

    def test_bodies_both_ways(self):
        body = self.directory / "body"
        body.write_bytes(b"0123456789abcdef" * 600_000)
        digest = hashlib.sha256(body.read_bytes()).hexdigest()
        self.assertEqual(self.curl1("--data-binary", f"@{body}", self.url("up", "/echo")), digest)
        self.assertEqual(self.curl1("-T", body, "-X", "POST", "-H", "Transfer-Encoding: chunked",
                                    self.url("up", "/echo")), digest)
        self.curl1("-o", self.directory / "down", self.url("down", "/bytes/20000000"))
        self.assertEqual((self.directory / "down").read_bytes(), b"s" * 20_000_000)
        self.assertEqual(self.curl1("-I", "-w", "%{http_code}", self.url("down", "/bytes/100")).split()[-1], "200")
        for status in (204, 304, 404):
            self.assertEqual(self.curl1("-w", "%{http_code}", self.url("down", f"/status/{status}")), str(status))

    def test_requests_sent_ahead(self):
        sock = self.open("ahead")
        sock.sendall(self.head("ahead", "/bytes/3") * 50)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 50 or not got.endswith(b"3\r\nsss\r\n0\r\n\r\n"):
            got += sock.recv(65536)
        self.assertEqual(got.count(b"\r\n\r\n3\r\nsss\r\n0\r\n\r\n"), 50)
        self.store.wait_for_events("host eq ahead.h2.test and status = 200", count=50)

    def test_trailers_and_hints(self):
        sock = self.open("extras")
        sock.sendall(self.head("extras", "/trailers"))
        self.assertIn(b"with trailers\r\n0\r\nx-sum: 13\r\n", self.read_to(sock, b"x-sum: 13\r\n\r\n"))
        sock.sendall(self.head("extras", "/hints"))
        self.assertTrue(self.read_to(sock, b"hinted\r\n0\r\n\r\n").startswith(b"HTTP/1.1 103 "))

    def test_a_blocked_request_and_the_next(self):
        shown = self.curl1("-o", "/dev/null", "-w", "%{http_code} ", self.url("app", "/secret/plan"),
                           "-o", "/dev/null", self.url("app", "/bytes/1"))
        self.assertEqual(shown, "403 200 ")

    def test_a_cut_answer_is_seen_as_cut(self):
        self.curl1("-o", "/dev/null", self.url("cut", "/cut"), code=56)
        self.one_event("host eq cut.h2.test", status=200, error_stage="relaying")

    def test_a_websocket(self):
        sock = self.open("socket")
        key = base64.b64encode(b"0123456789abcdef").decode()
        sock.sendall(self.head("socket", "/socket", "Connection: Upgrade", "Upgrade: websocket",
                               f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"))
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        answer = self.read_to(sock, b"\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        self.assertIn(b"sec-websocket-accept: " + accept.lower(), answer.lower())
        for number in range(10):
            sock.sendall(b"frame %d" % number)
            self.read_to(sock, b"frame %d" % number)
        sock.close()
        self.one_event("host eq socket.h2.test and status = 101", method="GET", http_version="HTTP/1.1")

    def test_an_early_answer_ends_the_connection(self):
        sock = self.open("early")
        sock.sendall(self.head("early", "/early", "Content-Length: 1000000", method="POST") + b"x" * 1000)
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
        self.assertIn(b" 413 ", answer)
        self.assertTrue(answer.endswith(b"enough\r\n0\r\n\r\n"), answer)


class GrpcOverHttp1(http.server.BaseHTTPRequestHandler):
    """Answers calls in chunks with trailers, as HTTP/1.1 would carry them."""
    protocol_version = "HTTP/1.1"

    def _body(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_POST(self):
        body = self._body()
        count = 3 if self.path.endswith("Down") else 1
        self.send_response(200)
        self.send_header("Content-Type", "application/grpc")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(count):
            message = struct.pack(">BI", 0, len(body) - 5) + body[5:][::-1]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(message), message))
        self.wfile.write(b"0\r\ngrpc-status: 0\r\n\r\n")

    def log_message(self, *_):
        pass


class Grpc(Http2Case):
    @classmethod
    def make_origin(cls, directory):
        root = certificates.Authority(directory / "origin")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GrpcOverHttp1)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*root.issue("*.h2.test"))
        context.set_alpn_protocols(["http/1.1"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.port = server.server_address[1]
        return root, cls.port

    def test_calls(self):
        credentials = grpc.ssl_channel_credentials(pathlib.Path(self.root).read_bytes())
        with grpc.secure_channel(f"call.h2.test:{self.port}", credentials,
                                 options=[("grpc.http_proxy", "http://%s:%d" % self.proxy.address)]) as channel:
            big = bytes(range(256)) * 2000
            self.assertEqual(channel.unary_unary("/t.T/Unary")(big, timeout=20), big[::-1])
            self.assertEqual(list(channel.unary_stream("/t.T/Down")(b"abc", timeout=20)), [b"cba"] * 3)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                calls = [pool.submit(channel.unary_unary("/t.T/Unary"), b"%d" % n, timeout=20) for n in range(50)]
                self.assertEqual([call.result() for call in calls], [(b"%d" % n)[::-1] for n in range(50)])


if __name__ == "__main__":
    unittest.main()
