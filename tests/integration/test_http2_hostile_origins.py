"""Origins that break HTTP/2 by hand-written frames: their client gets one clear answer for that stream, nothing of
what they said, and the next request is served."""
import re
import socket
import ssl
import threading

import hpack

from tests.integration.test_http2 import Http2Case
from tests.support import certificates, process
from tests.support.h2_frames import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE,
                                     PUSH, REFUSED, RST, SETTINGS, WINDOW, Raw, bomb, field, fields, frame, headers,
                                     number, setting)

OK = field(":status", "200")
RESPONSES = {
    "no status": lambda s: headers(s, field("x", "y")),
    "two statuses": lambda s: headers(s, OK + OK),
    "a status of letters": lambda s: headers(s, field(":status", "2x0")),
    "101": lambda s: headers(s, field(":status", "101"), 0),
    "an interim end": lambda s: headers(s, field(":status", "103")),
    "a pseudo-header of requests": lambda s: headers(s, OK + field(":path", "/")),
    "upper case": lambda s: headers(s, OK + field("Set-Cookie", "a=b")),
    "CR LF": lambda s: headers(s, OK + field("x", "y\r\nset-cookie: a=b")),
    "NUL": lambda s: headers(s, OK + field("x", "y\0z")),
    "connection": lambda s: headers(s, OK + field("connection", "close")),
    "transfer-encoding": lambda s: headers(s, OK + field("transfer-encoding", "chunked"), 0),
    "two lengths": lambda s: headers(s, OK + field("content-length", "1") + field("content-length", "2"), 0),
    "a length that is none": lambda s: headers(s, OK + field("content-length", "-1"), 0),
    "content before the head": lambda s: frame(DATA, END_STREAM, s, b"x"),
    "a head that is a bomb": lambda s: headers(s, bomb(OK, 10_000)),
    "a push": lambda s: frame(PUSH, END_HEADERS, s, number(s + 1) + fields((":method", "GET"), (":path", "/"))),
    "a stream of its own": lambda s: headers(2, OK),
    "bad compression": lambda s: headers(s, OK + b"\xff\x7f"),
    "a frame too large": lambda s: frame(HEADERS, END_HEADERS, s, OK + b"\0" * 20_000),
    "endless CONTINUATION": lambda s: frame(HEADERS, 0, s, OK) + frame(CONTINUATION, 0, s, field("x", "y")) * 50,
    "endless interim responses": lambda s: headers(s, field(":status", "103"), 0) * 20_000,
    "a flood of PING": lambda s: frame(PING, payload=b"12345678") * 20_000,
    "a flood of SETTINGS": lambda s: frame(SETTINGS) * 20_000,
    "windows beyond all bounds": lambda s: frame(WINDOW, 0, 0, number(0x7fffffff)),
}
BEGUN = {  # the client may have the head already: it hears a reset
    "less than its length": lambda s: headers(s, OK + field("content-length", "5"), 0) + frame(DATA, 1, s, b"x"),
    "more than its length": lambda s: headers(s, OK + field("content-length", "1"), 0) + frame(DATA, 1, s, b"xyz"),
    "a pseudo-header in trailers": lambda s: headers(s, OK, 0) + headers(s, OK),
    "a reset": lambda s: headers(s, OK, 0) + frame(DATA, 0, s, b"x") + frame(RST, 0, s, number(CANCEL)),
}


class RawOrigin:
    """TLS with ALPN h2; each connection answers `/kind/name` with the frames of that row, `/ok` with 200. To be
    closed."""

    def __init__(self, certificate, key):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        tls = None
        try:
            tls = self._context.wrap_socket(sock, server_side=True)
            preface = b""
            while len(preface) < len(PREFACE):
                part = tls.recv(len(PREFACE) - len(preface))
                if not part:
                    return
                preface += part
            raw, decoder = Raw(tls, frame(SETTINGS, 0, 0, setting(3, 100))), hpack.Decoder()
            while one := raw.read():
                raw.frames.clear()
                if one[0] == SETTINGS and not one[1] & 1:
                    raw.send(frame(SETTINGS, 1))
                if one[0] != HEADERS:
                    continue
                path = dict(decoder.decode(one[3]))[":path"].replace("%20", " ")
                kind, _, name = path.strip("/").partition("/")
                rows = {"response": RESPONSES, "begun": BEGUN}
                raw.send(rows[kind][name](one[2]) if kind in rows else headers(one[2], OK))
        except (OSError, AssertionError):
            pass
        finally:
            (tls or sock).close()

    def close(self):
        self._listener.close()


class HostileOrigins(Http2Case):
    @classmethod
    def make_origin(cls, directory):
        root = certificates.Authority(directory / "origin")
        cls.web = cls.keep(RawOrigin(*root.issue("*.h2.test")))
        return root, cls.web.port

    def check(self, kind, rows, verify):
        for name in rows:
            with self.subTest(name):
                client = self.client(re.sub("[^a-z0-9]", "-", f"{kind}-{name}".lower()))
                stream = client.fetch(f"/{kind}/{name}".replace(" ", "%20"))
                verify(stream)
                self.assertNotIn("set-cookie", stream.headers)
                if client.goaway is not None:  # the origin goes away, so are we
                    client = self.client("after")
                self.assertEqual(client.fetch("/ok").status, 200)

    def test_responses(self):
        self.check("response", RESPONSES, lambda stream: self.assertIn((stream.status, stream.reset),
                                                                       ((502, None), (None, REFUSED))))

    def test_bodies(self):
        def verify(stream):
            self.assertIn(stream.status, (200, None))
            self.assertIsNotNone(stream.reset)
            self.assertNotEqual(stream.reset, 0)
        self.check("begun", BEGUN, verify)

    def test_memory(self):
        """A hundred bombs: no growth that stays."""
        before = process.resident_bytes(self.proxy.program.process.pid)
        client = self.client("bombs")
        for _ in range(100):
            self.assertEqual(client.fetch("/response/a%20head%20that%20is%20a%20bomb").status, 502)
        self.assertLess(process.resident_bytes(self.proxy.program.process.pid) - before, 64 << 20)
