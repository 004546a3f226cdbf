"""Raw clients: HTTP CONNECT and SOCKS5 over plain sockets, so that every byte is under the test's control."""
import base64
import dataclasses
import socket
import struct

from tests.support import wait

HEAD_BYTES_MAX = 65536


@dataclasses.dataclass
class Reply:
    """Head of an HTTP answer."""
    status: int
    headers: dict
    raw: bytes


def open_socket(address):
    sock = socket.create_connection(address, timeout=wait.DEADLINE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_head(sock):
    """Reads byte by byte so that not one byte after the head is taken."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(head) > HEAD_BYTES_MAX:
            return Reply(0, {}, head)
        head += byte
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    return Reply(int(lines[0].split(" ")[1]), headers, head)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def connect_request(host, port, user=None, password=""):
    shown = f"[{host}]" if ":" in host else host
    request = f"CONNECT {shown}:{port} HTTP/1.1\r\nHost: {shown}:{port}\r\n"
    if user is not None:
        request += f"Proxy-Authorization: {basic(user, password)}\r\n"
    return (request + "\r\n").encode("latin-1")


def connect(proxy, host, port, user=None, password=""):
    """(socket, Reply) of a CONNECT; the socket stands right behind the reply."""
    sock = open_socket(proxy)
    sock.sendall(connect_request(host, port, user, password))
    return sock, read_head(sock)


def send_raw(proxy, data, end=False):
    """Sends bytes instead of a request and reads the head of whatever answer comes."""
    sock = open_socket(proxy)
    try:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
        return read_head(sock)
    except (ConnectionResetError, BrokenPipeError):
        return Reply(0, {}, b"")
    finally:
        sock.close()


def receive_exactly(sock, count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise AssertionError(f"connection ended after {len(data)} of {count} bytes: {data!r}")
        data += part
    return data


def receive_all(sock):
    parts = []
    while True:
        part = sock.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _socks_address(host, port):
    try:
        return b"\x01" + socket.inet_pton(socket.AF_INET, host) + struct.pack(">H", port)
    except OSError:
        pass
    try:
        return b"\x04" + socket.inet_pton(socket.AF_INET6, host) + struct.pack(">H", port)
    except OSError:
        name = host.encode()
        return b"\x03" + bytes([len(name)]) + name + struct.pack(">H", port)


def socks5(proxy, host, port, user=None, password=""):
    """(socket, reply code, stage). Stage names the step that the code belongs to: method, auth or connect."""
    sock = open_socket(proxy)
    method = 0 if user is None else 2
    sock.sendall(bytes([5, 1, method]))
    version, chosen = receive_exactly(sock, 2)
    assert version == 5, version
    if chosen == 0xFF:
        return sock, chosen, "method"
    assert chosen == method, chosen
    if method == 2:
        sock.sendall(b"\x01" + bytes([len(user)]) + user.encode() + bytes([len(password)]) + password.encode())
        version, status = receive_exactly(sock, 2)
        assert version == 1, version
        if status != 0:
            return sock, status, "auth"
    sock.sendall(b"\x05\x01\x00" + _socks_address(host, port))
    version, code, _, kind = receive_exactly(sock, 4)
    assert version == 5, version
    receive_exactly(sock, {1: 4, 4: 16}[kind] + 2)
    return sock, code, "connect"
