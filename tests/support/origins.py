"""Local origins, each on a free port of the loopback interface, one thread per connection, all bytes counted."""
import hashlib
import socket
import ssl
import struct
import threading

from tests.support import wait


class Origin:
    """Accepts connections and hands each to `serve(connection)`. Subclasses say what happens there."""

    def __init__(self, host="127.0.0.1", port=0, backlog=64):
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(backlog)
        self.host, self.port = self.listener.getsockname()[:2]
        self.connections = 0
        self.received_bytes = 0
        self.sent_bytes = 0
        self.finished = 0
        self.errors = []
        self._lock = threading.Lock()
        self._open = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(wait.DEADLINE_SECONDS * 4)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            threading.Thread(target=self._run, args=(Connection(sock, self),), daemon=True).start()

    def _run(self, connection):
        try:
            self.serve(connection)
        except (OSError, ssl.SSLError, AssertionError) as problem:
            self.errors.append(f"{type(problem).__name__}: {problem}")
        finally:
            connection.sock.close()
            with self._lock:
                self._open.discard(connection.sock)
                self.finished += 1

    def serve(self, connection):
        raise NotImplementedError

    def count(self, received=0, sent=0):
        with self._lock:
            self.received_bytes += received
            self.sent_bytes += sent

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(wait.DEADLINE_SECONDS)
        with self._lock:
            left = list(self._open)
        for sock in left:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Connection:
    """A socket whose payload is counted at its origin."""

    def __init__(self, sock, origin):
        self.sock = sock
        self.origin = origin

    def recv(self, size=65536):
        data = self.sock.recv(size)
        self.origin.count(received=len(data))
        return data

    def sendall(self, data):
        self.sock.sendall(data)
        self.origin.count(sent=len(data))

    def end_write(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Echo(Origin):
    """Sends back what it receives, ends after the other side ended."""

    def serve(self, connection):
        while data := connection.recv():
            connection.sendall(data)


class Script(Origin):
    """Runs a function of the test on each connection."""

    def __init__(self, script, **options):
        self._script = script
        super().__init__(**options)

    def serve(self, connection):
        self._script(connection)


class HashSink(Origin):
    """Reads to the end, then answers with the SHA-256 of what it read, in hex."""

    def serve(self, connection):
        digest = hashlib.sha256()
        while data := connection.recv():
            digest.update(data)
        connection.sendall(digest.hexdigest().encode())


class Silent(Origin):
    """Accepts, reads, never answers; ends when the other side ends."""

    def serve(self, connection):
        while connection.recv():
            pass


class BlackHole:
    """An address that never completes a handshake: a listener whose queue is full (Linux then drops the SYN)."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.host, self.port = self.listener.getsockname()
        self._fill = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((self.host, self.port))
            self._fill.append(sock)

    def close(self):
        for sock in [*self._fill, self.listener]:
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def closed_port():
    """A port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TlsOrigin(Origin):
    """HTTPS server: answers `GET /bytes/N` with N bytes. Counts the bytes on the socket, TLS records included."""

    def __init__(self, certificate, key, **options):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.requests = []
        super().__init__(**options)

    def serve(self, connection):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_side=True)

        def step(operation, *arguments):
            while True:
                try:
                    result = operation(*arguments)
                except ssl.SSLWantReadError:
                    flush()
                    data = connection.recv()
                    if data:
                        incoming.write(data)
                    else:
                        incoming.write_eof()
                    continue
                flush()
                return result

        def flush():
            pending = outgoing.read()
            if pending:
                connection.sendall(pending)

        step(tls.do_handshake)
        request = b""
        while b"\r\n\r\n" not in request:
            part = step(tls.read, 4096)
            if not part:
                return
            request += part
        path = request.split(b" ")[1].decode()
        self.requests.append(path)
        size = int(path.rpartition("/")[2] or 0) if path.startswith("/bytes/") else 0
        body = b"s" * size
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        step(tls.write, head.encode() + body)
        try:
            step(tls.unwrap)
        except (ssl.SSLError, OSError):
            flush()
        connection.end_write()
        while connection.recv():
            pass
