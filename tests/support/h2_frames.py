"""HTTP/2 frames written by hand (RFC 9113 section 4.1): what tests say that no library would say."""
import socket
import ssl
import struct

from tests.support import wait

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 1, 1, 4, 8, 32
NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION, \
    CONNECT_ERROR, CALM = range(12)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def number(value):
    return struct.pack(">I", value)


def setting(identifier, value):
    return struct.pack(">HI", identifier, value)


def text(value):
    """HPACK: a text without Huffman coding."""
    if len(value) < 127:
        return bytes([len(value)]) + value
    rest, out = len(value) - 127, b"\x7f"
    while rest >= 128:
        out, rest = out + bytes([rest & 0x7f | 0x80]), rest >> 7
    return out + bytes([rest]) + value


def field(name, value):
    """HPACK: a literal without indexing."""
    encode = lambda part: part if isinstance(part, bytes) else part.encode("latin-1")
    return b"\0" + text(encode(name)) + text(encode(value))


def fields(*pairs):
    return b"".join(field(name, value) for name, value in pairs)


def headers(stream, block, flags=END_STREAM):
    return frame(HEADERS, END_HEADERS | flags, stream, block)


def bomb(block, references):
    """One field of 4 KB in the peer's table, then named again and again by one byte each."""
    return block + b"\x40" + text(b"x-bomb") + text(b"b" * 3920) + b"\xbe" * references


class Raw:
    """A connection that has said the preface and SETTINGS. Not for several threads."""

    def __init__(self, sock, begin=PREFACE + frame(SETTINGS)):
        self.sock = sock
        self.buffer = b""
        self.closed = False
        self.goaway = None
        self.resets = {}
        self.frames = []
        self.pings = 0
        sock.settimeout(wait.DEADLINE_SECONDS)
        self.send(begin)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ssl.SSLError, OSError):
            self.closed = True  # what the peer said before it closed is still read

    def read(self):
        """One frame, None at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                part = self.sock.recv(1 << 16)
            except socket.timeout:
                raise AssertionError(f"no more frames in time, after {self.frames[-5:]}") from None
            except (ssl.SSLError, OSError):
                part = b""
            if not part:
                self.closed = True
                return None
            self.buffer += part
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags = self.buffer[3], self.buffer[4]
        stream = int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind == RST:
            self.resets[stream] = int.from_bytes(payload, "big")
        self.frames.append((kind, flags, stream, payload))
        return self.frames[-1]

    def settle(self):
        """Reads until two PINGs, one after the other, are answered or the connection ends: an answer overtakes what was
        said before it."""
        for _ in range(2):
            self.pings += 1
            token = struct.pack(">Q", 0xfeed0000 + self.pings)
            self.send(frame(PING, payload=token))
            answer = (PING, ACK, 0, token)
            self.until(lambda: answer in self.frames)
        return self

    def until(self, condition):
        """Reads until condition() or the end of the connection."""
        while not condition() and self.read() is not None:
            pass
        return self

    def answered(self, stream):
        return any(one[0] == HEADERS and one[2] == stream for one in self.frames)

    def close(self):
        self.sock.close()
