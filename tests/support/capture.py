"""A packet capture of one device of a namespace: which TCP connections passed, and what they carried."""
import collections
import select
import socket
import struct
import threading

_ETH_P_ALL = 3
_ETHERTYPE_IPV4 = 0x0800
_IPPROTO_TCP, _IPPROTO_UDP = 6, 17
_FRAMES_MAX = 200_000
_SYN, _ACK = 0x02, 0x10

Packet = collections.namedtuple("Packet", "protocol source destination flags sequence payload")


def parse(frame):
    """The IPv4 packet with TCP or UDP in an Ethernet frame, else None."""
    if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != _ETHERTYPE_IPV4:
        return None
    ip = frame[14:]
    head, total, protocol = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2)[0], ip[9]
    if protocol not in (_IPPROTO_TCP, _IPPROTO_UDP) or len(ip) < head + 8:
        return None
    ports = struct.unpack_from("!HH", ip, head)
    source, destination = (socket.inet_ntoa(ip[12:16]), ports[0]), (socket.inet_ntoa(ip[16:20]), ports[1])
    if protocol == _IPPROTO_UDP:
        return Packet("udp", source, destination, 0, 0, ip[head + 8:total])
    if len(ip) < head + 20:
        return None
    sequence, offset, flags = struct.unpack_from("!I", ip, head + 4)[0], ip[head + 12] >> 4, ip[head + 13]
    return Packet("tcp", source, destination, flags, sequence, ip[head + offset * 4:total])


class Capture:
    """Records what passes a device (all devices without one) of `host` until close(). A context manager."""

    def __init__(self, host, device=None):
        with host.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        if device is not None:
            self._socket.bind((device, _ETH_P_ALL))
        self._frames = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            readable, _, _ = select.select([self._socket], [], [], 0.05)
            if readable:
                frame = self._socket.recv(65536)
                if len(self._frames) < _FRAMES_MAX:
                    self._frames.append(frame)
            elif self._stop.is_set():
                return

    def close(self):
        if self._thread.is_alive():
            self._stop.set()
            self._thread.join()
            self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def packets(self):
        return [packet for packet in map(parse, list(self._frames)) if packet is not None]

    def connections(self, destination=None, port=None):
        """(source, destination) of every TCP connection that was tried, in order."""
        tried = []
        for packet in self.packets():
            fits = destination in (None, packet.destination[0]) and port in (None, packet.destination[1])
            if packet.protocol == "tcp" and packet.flags & (_SYN | _ACK) == _SYN and fits:
                pair = (packet.source, packet.destination)
                if pair not in tried:
                    tried.append(pair)
        return tried

    def sent(self, source, destination):
        """The bytes that a TCP connection carried from `source` to `destination` ((address, port) each)."""
        segments, start = {}, None
        for packet in self.packets():
            if packet.protocol == "tcp" and (packet.source, packet.destination) == (source, destination):
                if packet.flags & _SYN:
                    start = (packet.sequence + 1) & 0xFFFFFFFF
                elif packet.payload:
                    segments.setdefault(packet.sequence, packet.payload)
        stream = bytearray()
        for sequence, payload in sorted(segments.items(), key=lambda item: (item[0] - start) & 0xFFFFFFFF):
            offset = (sequence - start) & 0xFFFFFFFF
            if offset > len(stream):
                raise AssertionError(f"a hole of {offset - len(stream)} bytes in the capture at {len(stream)}")
            stream[offset:offset + len(payload)] = payload
        return bytes(stream)

    def client_hello(self, source, destination):
        """The first TLS record that a connection carried from `source` to `destination`, behind a CONNECT if any."""
        stream = self.sent(source, destination)
        if stream.startswith(b"CONNECT "):
            stream = stream.partition(b"\r\n\r\n")[2]
        if len(stream) < 5 or stream[0] != 22:
            raise AssertionError(f"no TLS record first, but {stream[:16].hex()}")
        return stream[:5 + struct.unpack_from("!H", stream, 3)[0]]
