"""A TCP detour that stands between two programs and delays what passes: a longer way."""
import socket
import threading
import time

_PIECE_BYTES = 65536


class Detour:
    """Listens on `host` and connects to `target` for each connection; `delay` seconds pass in each direction. With
    `inside` (a namespaces.Host) it lives there. A context manager."""

    def __init__(self, target, host="127.0.0.1", delay=0.0, inside=None):
        self.target, self._delay, self._inside = target, delay, inside
        self._listener = self._make(lambda: socket.create_server((host, 0)))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Accepts nothing more; what is open ends with its programs."""
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _make(self, build):
        if self._inside is None:
            return build()
        with self._inside.inside():
            return build()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def connect(self):
        """The other side of a new connection."""
        return self._make(lambda: socket.create_connection(self.target))

    def _serve(self, sock):
        try:
            other = self.connect()
        except OSError:
            sock.close()
            return
        for end in (sock, other):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one, another in ((sock, other), (other, sock)):
            threading.Thread(target=self._copy, args=(one, another), daemon=True).start()

    def _copy(self, source, target):
        """In order, each piece `delay` after it came."""
        try:
            while piece := source.recv(_PIECE_BYTES):
                time.sleep(self._delay)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # one end has gone
            source.close()
            target.close()
