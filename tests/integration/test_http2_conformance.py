"""RFC 9113 section by section, by raw frames over TLS to the tunnel listener: rows are one connection each."""
import pathlib
import socket
import tempfile

from tests.support import cases, h2_tunnel, origins, wait
from tests.support.h2_frames import (ACK, CALM, CANCEL, COMPRESSION, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                                     FLOW_CONTROL, FRAME_SIZE, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITIZED,
                                     PRIORITY, PROTOCOL, PUSH, RST, SETTINGS, STREAM_CLOSED, WINDOW, Raw, bomb, field,
                                     fields, frame, headers, number, setting)

CONNECTION, STREAM, EITHER, GOES_ON, ANSWER = "connection error", "stream error", "either error", "goes on", "answer"


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
        ("4.3", "an index of nothing", headers(1, block + b"\x80"), CONNECTION, COMPRESSION),
        ("4.3", "an index beyond the table", headers(1, block + b"\xff\x7f"), CONNECTION, COMPRESSION),
        ("4.3", "a block that is cut", headers(1, block + b"\x00\x05ab"), CONNECTION, COMPRESSION),
        ("4.3", "another frame inside a block", cut + ping, CONNECTION, PROTOCOL),
        ("4.3", "another stream inside a block", cut + headers(3, block), CONNECTION, PROTOCOL),
        ("5.1", "DATA on an idle stream", frame(DATA, 0, 1, b"x"), CONNECTION, PROTOCOL),
        ("5.1", "RST_STREAM on an idle stream", reset, CONNECTION, PROTOCOL),
        ("5.1", "WINDOW_UPDATE on an idle stream", frame(WINDOW, 0, 1, number(9)), CONNECTION, PROTOCOL),
        ("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, 4, 1, block), CONNECTION, PROTOCOL),
        ("5.1", "DATA after the end", whole + frame(DATA, 0, 1, b"x"), EITHER, STREAM_CLOSED),
        ("5.1", "HEADERS after the end", whole + whole, EITHER, STREAM_CLOSED),
        ("5.1", "HEADERS after a reset", opened + reset + whole, EITHER, STREAM_CLOSED),
        ("5.1", "RST_STREAM after a reset", opened + reset + reset, GOES_ON, None),
        ("5.1.1", "an even number", headers(2, block), CONNECTION, PROTOCOL),
        ("5.1.1", "a number below the last", headers(5, block) + headers(3, block), CONNECTION, PROTOCOL),
        ("5.3", "PRIORITY of an idle stream", frame(PRIORITY, 0, 9, number(0) + b"x"), GOES_ON, None),
        ("5.3", "priority in HEADERS", headers(1, number(0) + b"x" + block, PRIORITIZED), GOES_ON, None),
        ("5.5", "an unknown frame inside a block", cut + frame(0xfa), CONNECTION, PROTOCOL),
        ("6.1", "DATA of stream 0", frame(DATA, 0, 0, b"x"), CONNECTION, PROTOCOL),
        ("6.1", "padding longer than the frame", opened + frame(DATA, PADDED, 1, b"\x09xyz"), CONNECTION, PROTOCOL),
        ("6.2", "HEADERS of stream 0", headers(0, block), CONNECTION, PROTOCOL),
        ("6.2", "padding longer than the frame", headers(1, b"\xff" + block, PADDED), CONNECTION, PROTOCOL),
        ("6.2", "cut into CONTINUATIONs", frame(HEADERS, 0, 1, block[:7]) + frame(CONTINUATION, 0, 1, block[7:12]) +
         frame(CONTINUATION, END_HEADERS, 1, block[12:]), GOES_ON, None),
        ("6.3", "PRIORITY of stream 0", frame(PRIORITY, 0, 0, number(0) + b"x"), CONNECTION, PROTOCOL),
        ("6.3", "PRIORITY of another length", opened + frame(PRIORITY, 0, 1, number(0)), EITHER, FRAME_SIZE),
        ("6.4", "RST_STREAM of stream 0", frame(RST, 0, 0, number(CANCEL)), CONNECTION, PROTOCOL),
        ("6.4", "RST_STREAM of another length", opened + frame(RST, 0, 1, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.5", "an acknowledgement with content", frame(SETTINGS, ACK, 0, setting(1, 1)), CONNECTION, FRAME_SIZE),
        ("6.5", "SETTINGS of a stream", frame(SETTINGS, 0, 1), CONNECTION, PROTOCOL),
        ("6.5", "a length that is no multiple of six", frame(SETTINGS, 0, 0, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.5.2", "ENABLE_PUSH 2", frame(SETTINGS, 0, 0, setting(2, 2)), CONNECTION, PROTOCOL),
        ("6.5.2", "a window too large", frame(SETTINGS, 0, 0, setting(4, 1 << 31)), CONNECTION, FLOW_CONTROL),
        ("6.5.2", "MAX_FRAME_SIZE too small", frame(SETTINGS, 0, 0, setting(5, 16383)), CONNECTION, PROTOCOL),
        ("6.5.2", "MAX_FRAME_SIZE too large", frame(SETTINGS, 0, 0, setting(5, 1 << 24)), CONNECTION, PROTOCOL),
        ("6.5.2", "a setting that nobody knows", frame(SETTINGS, 0, 0, setting(0xfade, 7)), GOES_ON, None),
        ("6.6", "PUSH_PROMISE by a client", opened + frame(PUSH, 4, 1, number(2) + block), CONNECTION, PROTOCOL),
        ("6.7", "PING of a stream", frame(PING, 0, 1, b"12345678"), CONNECTION, PROTOCOL),
        ("6.7", "PING of another length", frame(PING, 0, 0, b"1234567"), CONNECTION, FRAME_SIZE),
        ("6.8", "GOAWAY of a stream", frame(GOAWAY, 0, 1, number(0) + number(0)), CONNECTION, PROTOCOL),
        ("6.9", "an increment of nothing", frame(WINDOW, 0, 0, number(0)), CONNECTION, PROTOCOL),
        ("6.9", "the same on a stream", opened + frame(WINDOW, 0, 1, number(0)), EITHER, PROTOCOL),
        ("6.9", "another length", frame(WINDOW, 0, 0, b"abc"), CONNECTION, FRAME_SIZE),
        ("6.9.1", "the connection's window overflows", frame(WINDOW, 0, 0, number(0x7fffffff)), CONNECTION,
         FLOW_CONTROL),
        ("6.9.1", "a stream's window overflows", opened + frame(WINDOW, 0, 1, number(0x7fffffff)), STREAM,
         FLOW_CONTROL),
        ("6.10", "CONTINUATION of nothing", whole + frame(CONTINUATION, 4, 1), CONNECTION, PROTOCOL),
        ("6.10", "CONTINUATION of another stream", cut + frame(CONTINUATION, 4, 3), CONNECTION, PROTOCOL),
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
                self.assertEqual(list(raw.resets.values()), [code] if what == STREAM else [], raw.frames)
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
            ("8.2.1", "CR LF in a value", headers(1, self.block + field("x", "v\r\nw")), ANSWER, None),
            ("8.2.1", "a blank before a value", headers(1, self.block + field("x", " v")), ANSWER, None),
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
