"""A tunnel to a PoP, spoken by someone else's HTTP/2 (python3-h2) over someone else's TLS (Python's ssl)."""
import select
import socket
import ssl

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from tests.support import programs, wait


def issue(directory, user="anna@acme.test", device="laptop-7", tenant="default", out=None, *options):
    """(certificate, key) of a device, made by `sluicectl ca issue-client` in a folder of `ca init`."""
    out = directory / (out or device)
    done = programs.run([programs.BIN / "sluicectl", "ca", "issue-client", "--dir", directory, "--user", user,
                         "--device", device, "--tenant", tenant, "--out", out, *options])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return f"{out}.crt", f"{out}.key"


def make_authorities(directory):
    """`sluicectl ca init` and the certificate of a PoP; the listener's `tls`."""
    for arguments in (["init", directory],
                      ["issue-server", "--dir", directory, "--name", "pop.test", "--san", "DNS:pop.test,IP:127.0.0.1",
                       "--out", directory / "pop"]):
        done = programs.run([programs.BIN / "sluicectl", "ca", *arguments])
        if done.returncode != 0:
            raise AssertionError(done.stderr)
    return {"certificate": str(directory / "pop.crt"), "key": str(directory / "pop.key"),
            "client_ca": str(directory / "devices.crt")}


def context(directory, identity, alpn=("h2",)):
    made = ssl.create_default_context(cafile=str(directory / "service-root.crt"))
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.set_alpn_protocols(list(alpn))
    if identity:
        made.load_cert_chain(*identity)
    return made


class Stream:
    def __init__(self, number):
        self.number = number
        self.status = None
        self.headers = {}
        self.received = bytearray()
        self.ended = False
        self.reset = None
        self.acknowledge = True  # gives the bytes' room back at once
        self.withheld = 0


class Tunnel:
    """One connection; not for several threads."""

    def __init__(self, address, tls_context, session=None):
        raw = socket.create_connection(address, timeout=wait.DEADLINE_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.speak(tls_context.wrap_socket(raw, server_hostname="pop.test", session=session))

    def speak(self, sock):
        """Begins HTTP/2 on a connection."""
        self.sock = sock
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.streams = {}
        self.goaway = None
        self.closed = False
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def open(self, authority, headers=(), early=b"", end=False):
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = stream = Stream(number)
        self.h2.send_headers(number, [(":method", "CONNECT"), (":authority", authority), *headers])
        if early or end:
            self.h2.send_data(number, early, end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Sends everything, reading meanwhile what the other side says about room."""
        view = memoryview(data)
        while view:
            room = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size, len(view))
            if room == 0:
                self.read()
                continue
            self.h2.send_data(stream.number, bytes(view[:room]))
            view = view[room:]
            self.flush()
            self.read(0)
        if end:
            self.h2.end_stream(stream.number)
            self.flush()

    def room(self, stream):
        return self.h2.local_flow_control_window(stream.number)

    def read(self, seconds=wait.DEADLINE_SECONDS):
        """Reads once; False when nothing came in time."""
        if not self.sock.pending() and not select.select([self.sock], [], [], seconds)[0]:
            return False
        try:
            data = self.sock.recv(1 << 16)
        except (ssl.SSLError, OSError):
            data = b""
        if not data:
            self.closed = True
            return False
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as problem:
            raise AssertionError(f"the PoP broke the protocol: {problem}") from problem
        for event in events:
            self.note(event)
        self.flush()
        return True

    def note(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.received += event.data
            if stream.acknowledge:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            else:
                self.h2.increment_flow_control_window(event.flow_controlled_length or 1)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if stream:
                stream.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
            if event.error_code == 0:  # python3-h2 holds a drained connection for dead
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def until(self, condition, what, seconds=wait.DEADLINE_SECONDS):
        end = wait.time.monotonic() + seconds
        while not condition():
            left = end - wait.time.monotonic()
            if self.closed or left <= 0:
                raise AssertionError(f"no {what} in time (closed: {self.closed}, goaway: {self.goaway})")
            self.read(left)

    def answer(self, stream):
        self.until(lambda: stream.status is not None or stream.reset is not None, "answer")
        return stream.status

    def wait_end(self, stream):
        self.until(lambda: stream.ended or stream.reset is not None, "end of the stream")
        return bytes(stream.received)

    def reset(self, stream, code=8):
        self.h2.reset_stream(stream.number, code)
        self.flush()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
