"""RFC 9113 section by section, by raw frames over TLS: to the tunnel listener, and inside interception. Rows are one
connection each."""
import pathlib
import socket
import tempfile

from tests.integration.test_http2 import Http2Case
from tests.support import cases, h2_tunnel, h2_web, origins
from tests.support.h2_frames import (ACK, CALM, CANCEL, COMPRESSION, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                                     FLOW_CONTROL, FRAME_SIZE, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PREFACE,
                                     PRIORITIZED, PRIORITY, PROTOCOL, PUSH, RST, SETTINGS, STREAM_CLOSED, WINDOW, Raw,
                                     field, fields, frame, headers, number, setting)

CONNECTION, STREAM, EITHER, GOES_ON, ANSWER = "connection error", "stream error", "either error", "goes on", "answer"


def huffman(coded):
    """A field whose value is said to be Huffman coded."""
    return b"\0\1x" + bytes([0x80 | len(coded)]) + coded


def compression_rows(block):
    """RFC 7541, as far as RFC 9113 section 4.3 makes its faults the connection's."""
    faulty = [("an index of nothing", block + b"\x80"), ("an index beyond the table", block + b"\xff\x7f"),
              ("an index beyond all numbers", block + b"\xff" + b"\x80" * 9 + b"\1"),
              ("a block that is cut", block + b"\0\5ab"), ("a length beyond the block", block + b"\0\1x\x7f\xff\x7f"),
              ("a new table size behind a field", block + b"\x20"),
              ("a new table size above the limit", b"\x3f\xe2\x1f" + block),
              ("the end of Huffman coding inside", block + huffman(b"\x3f\xff\xff\xff")),
              ("padding of Huffman coding by zeros", block + huffman(b"\x18")),
              ("padding of Huffman coding by a byte", block + huffman(b"\x1f\xff"))]
    return [*[("4.3", name, headers(1, coded), CONNECTION, COMPRESSION) for name, coded in faulty],
            ("4.3", "a new table size", headers(1, b"\x20" + block), GOES_ON, None),
            ("4.3", "two new table sizes", headers(1, b"\x20\x3f\x11" + block), GOES_ON, None),
            ("4.3", "Huffman coding", headers(1, block + huffman(b"\x1f")), GOES_ON, None),
            ("4.3", "a field that is never indexed", headers(1, block + b"\x10\1x\1y"), GOES_ON, None),
            ("4.3", "one of the table", headers(1, block + b"\x40\1x\1y" + b"\xbe"), GOES_ON, None)]


def rows(block, also=()):
    """What must follow frames, whoever listens. `block` is the head of a request that is served; stream 1."""
    whole, opened = headers(1, block), headers(1, block, 0)
    ping, cut = frame(PING, payload=b"12345678"), frame(HEADERS, END_STREAM, 1, block)
    reset = frame(RST, 0, 1, number(CANCEL))
    return [
        ("4.1", "a type that nobody knows", opened + frame(0xfa, 0, 1, b"what"), GOES_ON, None),
        ("4.1", "flags that mean nothing", frame(PING, 0xfe, 0, b"12345678"), GOES_ON, None),
        ("4.1", "the reserved bit", frame(PING, 0, 0x80000000, b"12345678"), GOES_ON, None),
        ("4.2", "DATA over the largest size", opened + frame(DATA, 0, 1, b"x" * 16385), EITHER, FRAME_SIZE),
        ("4.2", "HEADERS over the largest size", headers(1, block + field("x", "x" * 16385)), CONNECTION, FRAME_SIZE),
        ("4.2", "DATA of the largest size", opened + frame(DATA, 0, 1, b"x" * 16384), GOES_ON, None),
        ("4.2", "an unknown frame over the largest size", frame(0xfa, 0, 0, b"x" * 16385), CONNECTION, FRAME_SIZE),
        ("4.2", "SETTINGS over the largest size", frame(SETTINGS, 0, 0, setting(1, 1) * 2731), CONNECTION, FRAME_SIZE),
        *compression_rows(block),
        ("4.3", "another frame inside a block", cut + ping, CONNECTION, PROTOCOL),
        ("4.3", "another stream inside a block", cut + headers(3, block), CONNECTION, PROTOCOL),
        ("5.1", "DATA on an idle stream", frame(DATA, 0, 1, b"x"), CONNECTION, PROTOCOL),
        ("5.1", "RST_STREAM on an idle stream", reset, CONNECTION, PROTOCOL),
        ("5.1", "WINDOW_UPDATE on an idle stream", frame(WINDOW, 0, 1, number(9)), CONNECTION, PROTOCOL),
        ("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, 4, 1, block), CONNECTION, PROTOCOL),
        ("5.1", "DATA after the end", whole + frame(DATA, 0, 1, b"x"), EITHER, STREAM_CLOSED),
        ("5.1", "HEADERS after the end", whole + whole, EITHER, STREAM_CLOSED),
        ("5.1", "HEADERS after a reset", opened + reset + whole, EITHER, STREAM_CLOSED),
        # It may be a connection error, too; nghttp2 shows nobody content of streams that are gone.
        ("5.1", "DATA after a reset", opened + reset + frame(DATA, 0, 1, b"x"), GOES_ON, None),
        ("5.1", "CONTINUATION after a reset", opened + reset + frame(CONTINUATION, 4, 1, block), CONNECTION, PROTOCOL),
        *[("5.1", f"{name} after {after}", before + late, GOES_ON, None)
          for after, before in (("the end", whole), ("a reset", opened + reset))
          for name, late in (("RST_STREAM", reset), ("WINDOW_UPDATE", frame(WINDOW, 0, 1, number(9))),
                             ("PRIORITY", frame(PRIORITY, 0, 1, number(0) + b"x")),
                             ("an unknown frame", frame(0xfa, 0, 1)))],
        ("5.1.1", "an even number", headers(2, block), CONNECTION, PROTOCOL),
        ("5.1.1", "a number below the last", headers(5, block) + headers(3, block), CONNECTION, PROTOCOL),
        ("5.3", "PRIORITY of an idle stream", frame(PRIORITY, 0, 9, number(0) + b"x"), GOES_ON, None),
        ("5.3", "priority in HEADERS", headers(1, number(0) + b"x" + block, PRIORITIZED), GOES_ON, None),
        ("5.5", "an unknown frame inside a block", cut + frame(0xfa), CONNECTION, PROTOCOL),
        ("5.5", "an unknown frame of the largest size", frame(0xfa, 0xff, 0, b"x" * 16384), GOES_ON, None),
        ("6.1", "DATA of stream 0", frame(DATA, 0, 0, b"x"), CONNECTION, PROTOCOL),
        ("6.1", "padding longer than the frame", opened + frame(DATA, PADDED, 1, b"\x09xyz"), CONNECTION, PROTOCOL),
        ("6.1", "padding", opened + frame(DATA, PADDED, 1, b"\2x\0\0"), GOES_ON, None),
        ("6.1", "nothing but padding", opened + frame(DATA, PADDED, 1, b"\3\0\0\0"), GOES_ON, None),
        ("6.1", "padding without its length", opened + frame(DATA, PADDED, 1), CONNECTION, PROTOCOL),
        ("6.1", "one byte more of padding than there is", opened + frame(DATA, PADDED, 1, b"\1"), CONNECTION, PROTOCOL),
        ("6.2", "padding", headers(1, b"\2" + block + b"\0\0", PADDED), GOES_ON, None),
        ("6.2", "padding and priority", headers(1, b"\1" + number(0) + b"x" + block + b"\0", PADDED | PRIORITIZED),
         GOES_ON, None),
        ("6.2", "padding without its length", headers(1, b"", PADDED), CONNECTION, PROTOCOL),
        ("6.2", "priority that is cut", headers(1, b"\0\0\0", PRIORITIZED), CONNECTION, FRAME_SIZE),
        ("6.2", "HEADERS of stream 0", headers(0, block), CONNECTION, PROTOCOL),
        ("6.2", "padding longer than the frame", headers(1, b"\xff" + block, PADDED), CONNECTION, PROTOCOL),
        ("6.2", "cut into CONTINUATIONs", frame(HEADERS, 0, 1, block[:7]) + frame(CONTINUATION, 0, 1, block[7:12]) +
         frame(CONTINUATION, END_HEADERS, 1, block[12:]), GOES_ON, None),
        ("6.3", "PRIORITY of stream 0", frame(PRIORITY, 0, 0, number(0) + b"x"), CONNECTION, PROTOCOL),
        ("6.3", "PRIORITY of another length", opened + frame(PRIORITY, 0, 1, number(0)), EITHER, FRAME_SIZE),
        ("6.4", "RST_STREAM of stream 0", frame(RST, 0, 0, number(CANCEL)), CONNECTION, PROTOCOL),
        ("6.4", "RST_STREAM of another length", opened + frame(RST, 0, 1, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.4", "RST_STREAM of an unknown code", opened + frame(RST, 0, 1, number(0xfade)), GOES_ON, None),
        # Of two SETTINGS at most: an inspected connection says a second when its origin takes WebSockets.
        ("6.5", "an acknowledgement of nothing", frame(SETTINGS, ACK) * 3, CONNECTION, PROTOCOL),
        ("6.5", "an acknowledgement with content", frame(SETTINGS, ACK, 0, setting(1, 1)), CONNECTION, FRAME_SIZE),
        ("6.5", "SETTINGS of a stream", frame(SETTINGS, 0, 1), CONNECTION, PROTOCOL),
        ("6.5", "a length that is no multiple of six", frame(SETTINGS, 0, 0, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.5.2", "ENABLE_PUSH 2", frame(SETTINGS, 0, 0, setting(2, 2)), CONNECTION, PROTOCOL),
        ("6.5.2", "a window too large", frame(SETTINGS, 0, 0, setting(4, 1 << 31)), CONNECTION, FLOW_CONTROL),
        ("6.5.2", "MAX_FRAME_SIZE too small", frame(SETTINGS, 0, 0, setting(5, 16383)), CONNECTION, PROTOCOL),
        ("6.5.2", "MAX_FRAME_SIZE too large", frame(SETTINGS, 0, 0, setting(5, 1 << 24)), CONNECTION, PROTOCOL),
        ("6.5.2", "NO_RFC7540_PRIORITIES 2", frame(SETTINGS, 0, 0, setting(9, 2)), CONNECTION, PROTOCOL),
        ("6.5.2", "the largest that is allowed", frame(SETTINGS, 0, 0, setting(4, 0x7fffffff) + setting(5, 0xffffff)),
         GOES_ON, None),
        ("6.5.2", "no table, no push, no streams of ours",
         frame(SETTINGS, 0, 0, setting(1, 0) + setting(2, 0) + setting(3, 0)), GOES_ON, None),
        ("6.5.3", "the last of several counts", frame(SETTINGS, 0, 0, setting(5, 20000) + setting(5, 16384)), GOES_ON,
         None),
        ("6.5.2", "a setting that nobody knows", frame(SETTINGS, 0, 0, setting(0xfade, 7)), GOES_ON, None),
        ("6.6", "PUSH_PROMISE by a client", opened + frame(PUSH, 4, 1, number(2) + block), CONNECTION, PROTOCOL),
        ("6.7", "an answer that nobody asked for", frame(PING, ACK, 0, b"12345678"), GOES_ON, None),
        ("6.7", "PING of a stream", frame(PING, 0, 1, b"12345678"), CONNECTION, PROTOCOL),
        ("6.7", "PING of another length", frame(PING, 0, 0, b"1234567"), CONNECTION, FRAME_SIZE),
        ("6.8", "GOAWAY of a stream", frame(GOAWAY, 0, 1, number(0) + number(0)), CONNECTION, PROTOCOL),
        ("6.8", "GOAWAY that is cut", frame(GOAWAY, 0, 0, number(0)), CONNECTION, FRAME_SIZE),
        ("6.9", "the reserved bit of an increment", frame(WINDOW, 0, 0, number(0x80000001)), GOES_ON, None),
        ("6.9", "nothing but the reserved bit", frame(WINDOW, 0, 0, number(0x80000000)), CONNECTION, PROTOCOL),
        ("6.9", "an increment of nothing", frame(WINDOW, 0, 0, number(0)), CONNECTION, PROTOCOL),
        ("6.9", "the same on a stream", opened + frame(WINDOW, 0, 1, number(0)), EITHER, PROTOCOL),
        ("6.9", "another length", frame(WINDOW, 0, 0, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.9.1", "the connection's window overflows", frame(WINDOW, 0, 0, number(0x7fffffff)), CONNECTION,
         FLOW_CONTROL),
        ("6.9.1", "a stream's window overflows", opened + frame(WINDOW, 0, 1, number(0x7fffffff)), STREAM,
         FLOW_CONTROL),
        ("6.9.2", "SETTINGS make a stream's window overflow",
         opened + frame(WINDOW, 0, 1, number(0x7fffffff - 65535)) + frame(SETTINGS, 0, 0, setting(4, 65536)), EITHER,
         FLOW_CONTROL),
        ("6.10", "CONTINUATION of stream 0", cut + frame(CONTINUATION, 4, 0), CONNECTION, PROTOCOL),
        ("6.10", "CONTINUATION without end", cut + frame(CONTINUATION, 0, 1) * 50, CONNECTION, CALM),
        ("6.10", "CONTINUATION of nothing", whole + frame(CONTINUATION, 4, 1), CONNECTION, PROTOCOL),
        ("6.10", "CONTINUATION of another stream", cut + frame(CONTINUATION, 4, 3), CONNECTION, PROTOCOL),
        ("8.1", "fields in the middle", opened + headers(1, field("x", "y"), 0), STREAM, PROTOCOL),
        ("8.2.1", "upper case", headers(1, block + field("Upper", "v")), STREAM, PROTOCOL),
        ("8.2.2", "connection", headers(1, block + field("connection", "close")), STREAM, PROTOCOL),
        ("8.2.2", "transfer-encoding", headers(1, block + field("transfer-encoding", "chunked")), STREAM, PROTOCOL),
        ("8.3", "an unknown pseudo-header", headers(1, block + field(":x", "v")), STREAM, PROTOCOL),
        ("8.3", "a pseudo-header behind fields", headers(1, field("x", "v") + block), STREAM, PROTOCOL),
        ("8.3", "the same pseudo-header twice", headers(1, block + field(":method", "GET")), STREAM, PROTOCOL),
        *also,
    ]


class Conformance(cases.StackCase):
    """Checks a table against whatever connect() reaches."""

    def check(self, table, block):
        for section, name, frames, what, code in table:
            with self.subTest(f"RFC 9113 section {section}: {name}"):
                raw = self.connect()
                raw.send(frames)
                if what == CONNECTION:
                    raw.until(lambda: False)  # GOAWAY, and then the end
                    self.assertEqual((raw.goaway, raw.closed), (code, True))
                    continue
                raw.settle()
                if what == EITHER:
                    self.assertTrue(raw.goaway == code or code in raw.resets.values(), (raw.goaway, raw.resets))
                    continue
                self.assertIsNone(raw.goaway)
                errors = [reset for reset in raw.resets.values() if reset != NO_ERROR]  # that is an early answer's
                self.assertEqual(errors, [code] if what == STREAM else [], raw.frames)
                if what == ANSWER:
                    raw.until(lambda: raw.answered(1))
                raw.send(headers(1001, block, 0))
                raw.until(lambda: raw.answered(1001))
                self.assertTrue(raw.answered(1001), (raw.goaway, raw.resets))

    def check_first_bytes(self):
        for begin in (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", PREFACE[:-1] + b"!" + frame(SETTINGS),
                      PREFACE + frame(PING, payload=b"12345678")):
            with self.subTest(begin):
                self.assertTrue(self.connect(begin).until(lambda: False).closed)


class TunnelListener(Conformance):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-h2-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        tls = h2_tunnel.make_authorities(cls.folder)
        cls.identity = h2_tunnel.issue(cls.folder)
        (cls.folder / "policy.yaml").write_text("tenant: default\nunknown_protocol: splice\n")
        cls.echo = cls.keep(origins.Echo())
        cls.block = fields((":method", "CONNECT"), (":authority", f"echo.tunnel.test:{cls.echo.port}"))
        return {"ports": [cls.echo.port],
                "proxy": {"listeners": [{"name": "tunnel", "address": "127.0.0.1:0", "kind": "tunnel", "tls": tls}],
                          "workers": 1, "policy": str(cls.folder / "policy.yaml"),
                          "origin": {"resolve": {"tunnel.test": "127.0.0.1"},
                                     "allow_destinations": ["127.0.0.0/8"]}}}

    def connect(self, begin=PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK)):
        context = h2_tunnel.context(self.folder, self.identity)
        raw = Raw(context.wrap_socket(socket.create_connection(self.proxy.address), server_hostname="pop.test"), begin)
        self.addCleanup(raw.close)
        return raw

    def test_first_bytes(self):
        self.check_first_bytes()

    def test_sections(self):
        authority = field(":authority", f"echo.tunnel.test:{self.echo.port}")
        get = fields((":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.example"))
        self.check(rows(self.block, [
            ("8.2.1", "CR LF in a value", headers(1, self.block + field("x", "v\r\nw")), STREAM, PROTOCOL),
            ("8.2.1", "a blank before a value", headers(1, self.block + field("x", " v")), STREAM, PROTOCOL),
            ("8.5", "CONNECT with a path", headers(1, self.block + field(":path", "/")), STREAM, PROTOCOL),
            ("8.5", "CONNECT without an authority", headers(1, field(":method", "CONNECT")), STREAM, PROTOCOL),
            ("8.5", "no method", headers(1, authority), STREAM, PROTOCOL),
            ("8.5", "another method", headers(1, get), ANSWER, None),
        ]), self.block)

    def test_a_sender_keeps_the_windows(self):
        raw = self.connect()
        raw.send(frame(SETTINGS, 0, 0, setting(4, 1)) + headers(1, self.block, 0) + frame(DATA, 0, 1, b"hello"))
        sizes = lambda: [len(one[3]) for one in raw.frames if one[0] == DATA and one[3]]
        raw.until(sizes).settle()
        self.assertEqual(sizes(), [1])
        raw.send(frame(WINDOW, 0, 1, number(2)))
        raw.until(lambda: len(sizes()) == 2).settle()
        self.assertEqual(sizes(), [1, 2])
        raw.send(frame(SETTINGS, 0, 0, setting(4, 0)) + frame(WINDOW, 0, 1, number(1)))  # the window was -1
        raw.settle()
        self.assertEqual(sizes(), [1, 2])
        raw.send(frame(WINDOW, 0, 1, number(100)))
        raw.until(lambda: sum(sizes()) == 5)
        self.assertEqual(sizes(), [1, 2, 2])


class Intercepted(Conformance, Http2Case):
    @classmethod
    def prepare(cls):
        arguments = super().prepare()
        cls.block = cls.request()
        return arguments

    @classmethod
    def request(cls, *more, method="GET", scheme="https", path="/status/200", authority=None):
        own = f"rows.h2.test:{cls.web.port}"
        return fields((":method", method), (":scheme", scheme), (":path", path), (":authority", authority or own),
                      *more)

    def connect(self, begin=PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK)):
        raw = Raw(h2_web.open_tls(self.proxy.address, "rows.h2.test", self.web.port, self.root), begin)
        self.addCleanup(raw.close)
        return raw

    def test_first_bytes(self):
        self.check_first_bytes()

    def test_sections(self):
        self.check(rows(self.block), self.block)

    def test_messages(self):
        """Section 8: what is malformed is reset, what can be answered is, and none of it reaches the origin."""
        method, scheme = field(":method", "GET"), field(":scheme", "https")
        path, authority = field(":path", "/never"), field(":authority", f"rows.h2.test:{self.web.port}")
        post, begun = self.request(method="POST", path="/never"), self.request(method="POST", path="/begun")
        odd = lambda *more: self.request(*more, path="/never")
        malformed = [
            ("8.1", "a pseudo-header in trailers", headers(1, begun, 0) + headers(1, field(":path", "/"))),
            ("8.1.1", "less content than announced",
             headers(1, begun + field("content-length", "2"), 0) + frame(DATA, END_STREAM, 1, b"x")),
            ("8.1.1", "more content than announced",
             headers(1, begun + field("content-length", "1"), 0) + frame(DATA, END_STREAM, 1, b"xy")),
            ("8.1.1", "two lengths", headers(1, post + field("content-length", "1") * 2, 0)),
            ("8.1.1", "a length with a sign", headers(1, post + field("content-length", "+1"), 0)),
            *[("8.2.1", f"the field {pair}", headers(1, odd(pair))) for pair in (
                ("x y", "v"), ("x:y", "v"), ("x\r\nhost", "v"), ("x\xe9", "v"), ("", "v"), ("x", "v\r\nhost: b.test"),
                ("x", "v\nw"), ("x", "v\rw"), ("x", "v\0w"), ("x", " v"), ("x", "v\t"))],
            *[("8.2.2", f"the field {pair}", headers(1, odd(pair))) for pair in (
                ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"), ("upgrade", "websocket"),
                ("te", "gzip"), ("te", "trailers, deflate"))],
            ("8.3.1", "no method", headers(1, scheme + path + authority)),
            ("8.3.1", "no scheme", headers(1, method + path + authority)),
            ("8.3.1", "no path", headers(1, method + scheme + authority)),
            ("8.3.1", "no authority", headers(1, method + scheme + path)),
            *[("8.3.1", f"the path {text!r}", headers(1, self.request(path=text))) for text in (
                "", "never", "http://b.test/", "/never HTTP/1.1", "/never\r\nx: y", "/never#x", "*")],
            ("8.3.1", "a method that is no token", headers(1, self.request(method="G T", path="/never"))),
            ("8.5", "CONNECT with a path", headers(1, field(":method", "CONNECT") + path + authority, 0)),
        ]
        answered = [
            ("8.3.1", "Host beside another authority", headers(1, odd(("host", "b.test")))),
            ("8.3.1", "user info", headers(1, self.request(path="/never", authority="u@rows.h2.test"))),
            ("8.3.1", "a number that is no address", headers(1, self.request(path="/never", authority="127.1"))),
            ("8.3.1", "another scheme", headers(1, self.request(scheme="http", path="/never"))),
            ("8.5", "CONNECT", headers(1, field(":method", "CONNECT") + authority, 0)),
            ("10.5.1", "a head that is too large",
             frame(HEADERS, END_STREAM, 1, odd()) + frame(CONTINUATION, 0, 1, field("x", "v" * 15000)) +
             frame(CONTINUATION, END_HEADERS, 1, field("y", "v" * 15000))),
        ]
        served = [
            ("8.2.1", "bytes above 0x7f in a value", headers(1, self.request(("x", "caf\xe9")))),
            ("8.2.2", "TE of trailers", headers(1, self.request(("te", "trailers")))),
            ("8.2.3", "crumbs", headers(1, self.request(("cookie", "a=1"), ("cookie", "b=2"), path="/status/201"))),
            ("8.3.1", "Host beside the same authority",
             headers(1, self.request(("host", f"ROWS.h2.test:{self.web.port}")))),
        ]
        self.check([(*row, STREAM, PROTOCOL) for row in malformed] +
                   [(*row, ANSWER, None) for row in answered + served], self.block)
        seen = self.web.requests()
        self.assertNotIn("/never", {request["target"] for request in seen})
        self.assertLessEqual({request["target"] for request in seen}, {"/status/200", "/status/201", "/begun"})
        crumbs = [request for request in seen if request["target"] == "/status/201"]
        self.assertEqual([request["headers"].get("cookie") for request in crumbs], ["a=1; b=2"])
