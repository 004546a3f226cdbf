"""A DNS server on a port of the loopback interface that answers from a table, with delays and faults as asked."""
import dataclasses
import ipaddress
import socket
import struct
import threading

A, AAAA = 1, 28
UDP_BYTES_MAX = 512  # RFC 1035; a longer answer is cut and flagged, and asked for again over TCP
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


@dataclasses.dataclass
class Name:
    """What the server says about a name. `delay`: query type to seconds; `silent`: types that are never answered."""
    addresses: tuple = ()
    ttl: int = 60
    rcode: int = NOERROR
    delay: dict = dataclasses.field(default_factory=dict)
    silent: tuple = ()


def _question(packet):
    position, labels = 12, []
    while packet[position]:
        size = packet[position]
        labels.append(packet[position + 1:position + 1 + size].decode("ascii"))
        position += 1 + size
    kind = struct.unpack_from(">H", packet, position + 1)[0]
    return ".".join(labels).lower(), kind, packet[12:position + 5]


def _answer(packet, question, kind, name):
    records = b""
    count = 0
    for text in name.addresses:
        address = ipaddress.ip_address(text)
        if (kind == A) != (address.version == 4):
            continue
        records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, name.ttl, len(address.packed)) + address.packed
        count += 1
    return packet[:2] + struct.pack(">HHHHH", 0x8180 | name.rcode, 1, count, 0, 0) + question + records


def _truncated(reply, question):
    flags = struct.unpack_from(">H", reply, 2)[0] | 0x0200
    return reply[:2] + struct.pack(">HHHHH", flags, 1, 0, 0, 0) + question


def _same_port():
    """A UDP socket and a TCP listener with the same free port of the loopback interface."""
    for _ in range(100):
        listener = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(listener.getsockname())
            return udp, listener
        except OSError:
            udp.close()
            listener.close()
    raise AssertionError("no port is free for both UDP and TCP")


class DnsServer:
    """Names that are not in the table do not exist. `queries` lists what was asked, as (name, type)."""

    def __init__(self, names):
        self.names = dict(names)
        self.queries = []
        self._socket, self._listener = _same_port()
        self.address = "%s:%d" % self._socket.getsockname()
        self._closing = False
        threading.Thread(target=self._serve, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def _serve(self):
        while not self._closing:
            try:
                packet, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if self._closing:
                return
            name, kind, question = _question(packet)
            self.queries.append((name, kind))
            entry = self.names.get(name, Name(rcode=NXDOMAIN))
            if kind in entry.silent:
                continue
            reply = _answer(packet, question, kind, entry)
            if len(reply) > UDP_BYTES_MAX:
                reply = _truncated(reply, question)
            delay = entry.delay.get(kind, 0)
            if delay:
                timer = threading.Timer(delay, self._send, (reply, peer))
                timer.daemon = True
                timer.start()
            else:
                self._send(reply, peer)

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as stream:
                peer.settimeout(5)
                while header := stream.read(2):
                    packet = stream.read(int.from_bytes(header, "big"))
                    name, kind, question = _question(packet)
                    self.queries.append((name, kind))
                    reply = _answer(packet, question, kind, self.names.get(name, Name(rcode=NXDOMAIN)))
                    peer.sendall(len(reply).to_bytes(2, "big") + reply)

    def _send(self, reply, peer):
        try:
            self._socket.sendto(reply, peer)
        except OSError:
            pass

    def close(self):
        self._closing = True
        self._socket.sendto(b"", self._socket.getsockname())
        self._socket.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
