"""Two-way transfers with hashes at both ends."""
import hashlib
import threading

from tests.support import origins

TLS_RECORD = b"\x16"


def chunks(data, generator, largest):
    """Cuts `data` into pieces of random size 1..largest."""
    position = 0
    while position < len(data):
        size = generator.randint(1, largest)
        yield data[position:position + size]
        position += size


def read_to_end(recv):
    digest, size = hashlib.sha256(), 0
    while data := recv(65536):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


class Transfer:
    """One connection that carries `up` to the origin and `down` back.

    `order` says who ends first: "client" (the origin starts to send only after it saw the client's end), "origin" (the
    other way round) or "both" (at the same time).
    """

    def __init__(self, generator, up_size, down_size, order, largest_piece):
        self.up, self.down = generator.randbytes(up_size), generator.randbytes(down_size)
        if self.up[:1] == TLS_RECORD:  # random bytes that begin like TLS are a malformed ClientHello, not a stream
            self.up = b"\x00" + self.up[1:]
        self.up_pieces = list(chunks(self.up, generator, largest_piece))
        self.down_pieces = list(chunks(self.down, generator, largest_piece))
        self.order = order
        self.at_origin = None
        self.at_client = None

    def describe(self):
        return f"up {len(self.up)} down {len(self.down)} order {self.order} pieces {len(self.up_pieces)}"

    def serve(self, connection):
        """The origin's part, run in the origin's thread."""
        def send():
            for piece in self.down_pieces:
                connection.sendall(piece)
            connection.end_write()

        if self.order == "client":
            self.at_origin = read_to_end(connection.recv)
            send()
        elif self.order == "origin":
            send()
            self.at_origin = read_to_end(connection.recv)
        else:
            sender = threading.Thread(target=send)
            sender.start()
            self.at_origin = read_to_end(connection.recv)
            sender.join()

    def run(self, sock):
        """The client's part on a socket that stands behind the CONNECT reply."""
        def send():
            for piece in self.up_pieces:
                sock.sendall(piece)
            sock.shutdown(origins.socket.SHUT_WR)

        if self.order == "origin":
            self.at_client = read_to_end(sock.recv)
            send()
        else:
            sender = threading.Thread(target=send)
            sender.start()
            self.at_client = read_to_end(sock.recv)
            sender.join()
        sock.close()

    def check(self, test):
        """Both ends saw every byte, in order."""
        test.assertEqual(self.at_client, (hashlib.sha256(self.down).hexdigest(), len(self.down)), self.describe())
        test.assertEqual(self.at_origin, (hashlib.sha256(self.up).hexdigest(), len(self.up)), self.describe())
