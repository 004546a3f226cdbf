"""What people run over HTTP/2, through interception: gRPC in every direction of streaming, a page in Chromium."""
import concurrent.futures
import pathlib
import queue
import unittest

import grpc

from tests.integration.test_http2 import Http2Case
from tests.support import cases, certificates, programs


def _echo_each(requests, _context):
    yield from requests


def _count(requests, context):
    context.set_trailing_metadata([("x-sum", "up")])
    return str(sum(len(request) for request in requests)).encode()


def _down(request, _context):
    for number in range(int(request)):
        yield b"%d" % number


def _fail(_request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")


class Service(grpc.GenericRpcHandler):
    HANDLERS = {
        "/t.T/Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request[::-1]),
        "/t.T/Down": grpc.unary_stream_rpc_method_handler(_down),
        "/t.T/Up": grpc.stream_unary_rpc_method_handler(_count),
        "/t.T/Both": grpc.stream_stream_rpc_method_handler(_echo_each),
        "/t.T/Fail": grpc.unary_unary_rpc_method_handler(_fail),
    }

    def service(self, details):
        return self.HANDLERS.get(details.method)


class Grpc(Http2Case):
    VERSIONS = "h2"

    @classmethod
    def make_origin(cls, directory):
        root = certificates.Authority(directory / "origin")
        certificate, key = root.issue("*.h2.test")
        cls.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[Service()])
        cls.addClassCleanup(lambda: cls.server.stop(None))
        credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
        cls.port = cls.server.add_secure_port("127.0.0.1:0", credentials)
        cls.server.start()
        return root, cls.port

    def channel(self, host):
        credentials = grpc.ssl_channel_credentials(pathlib.Path(self.root).read_bytes())
        channel = grpc.secure_channel(f"{host}.h2.test:{self.port}", credentials,
                                      options=[("grpc.http_proxy", "http://%s:%d" % self.proxy.address)])
        self.addCleanup(channel.close)
        return channel

    def test_unary_and_its_event(self):
        channel = self.channel("unary")
        self.assertEqual(channel.unary_unary("/t.T/Unary")(b"abc", timeout=20), b"cba")
        big = bytes(range(256)) * 12_000
        self.assertEqual(channel.unary_unary("/t.T/Unary")(big, timeout=20), big[::-1])
        events = self.store.wait_for_events("host eq unary.h2.test", count=2)
        self.assertEqual({(event["method"], event["status"], event["content_type"], event["http_version"])
                          for event in events}, {("POST", 200, "application/grpc", "HTTP/2")})

    def test_streaming(self):
        channel = self.channel("stream")
        self.assertEqual(list(channel.unary_stream("/t.T/Down")(b"500", timeout=20)), [b"%d" % n for n in range(500)])
        up, call = channel.stream_unary("/t.T/Up").with_call(iter([b"x" * 10_000] * 300), timeout=20)
        self.assertEqual(up, b"3000000")
        self.assertIn(("x-sum", "up"), [tuple(pair) for pair in call.trailing_metadata()])

        both = channel.stream_stream("/t.T/Both")
        sent = [b"%d" % number for number in range(1000)]
        self.assertEqual(list(both(iter(sent), timeout=20)), sent)

    def test_a_conversation(self):
        """Each message only when the last one has come back."""
        turns = queue.Queue()
        answers = self.channel("talk").stream_stream("/t.T/Both")(iter(turns.get, None), timeout=20)
        for number in range(100):
            turns.put(b"%d" % number)
            self.assertEqual(next(answers), b"%d" % number)
        turns.put(None)
        self.assertEqual(list(answers), [])

    def test_errors_in_trailers(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel("fail").unary_unary("/t.T/Fail")(b"", timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(caught.exception.details(), "not today")

    def test_many_calls_at_once(self):
        call = self.channel("calls").unary_unary("/t.T/Unary")
        futures = [call.future(b"%d" % number, timeout=30) for number in range(300)]
        self.assertEqual([future.result() for future in futures], [(b"%d" % number)[::-1] for number in range(300)])

    def test_a_cancelled_call(self):
        call = self.channel("cancel").stream_stream("/t.T/Both")(iter([b"one"]), timeout=20)
        self.assertEqual(next(call), b"one")
        call.cancel()


class Browser(Http2Case):
    SEEN, TOLD = "2.0", "HTTP/2"

    @cases.slow
    def test_chromium_loads_a_page_of_many_parts(self):
        issuing = self.directory / "ca" / "ca.crt"
        command = f"openssl x509 -in {issuing} -noout -pubkey | openssl pkey -pubin -outform der"
        key = programs.run(["sh", "-c", command + " | openssl dgst -sha256 -binary | openssl base64"]).stdout.strip()
        done = programs.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                             "--disable-background-networking", f"--user-data-dir={self.directory}/profile",
                             "--proxy-server=http://%s:%d" % self.proxy.address,
                             f"--ignore-certificate-errors-spki-list={key}", "--dump-dom",
                             self.url("browser", "/page.html")], seconds=180)
        self.assertIn('<p id="sum">60</p>', done.stdout, done.stderr)
        parts = [request for request in self.web.requests() if request["target"].startswith("/part/")]
        self.assertEqual({request["version"] for request in parts}, {self.SEEN})
        self.assertEqual(len(parts), 60)
        events = self.store.wait_for_events("host eq browser.h2.test and content_type eq text/javascript", count=60)
        self.assertEqual({event["http_version"] for event in events}, {self.TOLD})


class BrowserBeforeHttp1(Browser):
    VERSIONS = "http/1.1"
    SEEN, TOLD = "1.1", "HTTP/1.1"


if __name__ == "__main__":
    unittest.main()
