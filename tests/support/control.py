"""A device as its PoP's control service sees it, spoken by somebody else's gRPC."""
import importlib
import os
import pathlib
import queue
import struct
import subprocess
import sys
import tempfile
import threading

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # programs are started while streams are open
import grpc  # noqa: E402

from tests.support import programs, wait

_MESSAGES = ("config/v1/proxy", "config/v1/policy", "control/v1/control", "control/v1/admin", "events/v1/page_event",
             "events/v1/ingest")
_generated = None


def messages(name):
    """The Python classes of proto/sluice/<name>.proto."""
    global _generated
    if _generated is None:
        _generated = tempfile.TemporaryDirectory(prefix="sluice-proto-")
        proto = programs.ROOT / "proto"
        subprocess.run(["protoc", f"--python_out={_generated.name}", f"-I{proto}",
                        *(str(proto / "sluice" / f"{message}.proto") for message in _MESSAGES)], check=True)
        sys.path.insert(0, _generated.name)
    return importlib.import_module("sluice." + name.replace("/", ".") + "_pb2")


def crc32c(data):
    """Castagnoli, as RFC 3720 B.4."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


class Stream:
    """One bidirectional call: requests are put, responses are taken in order."""

    def __init__(self, call):
        self._requests = queue.Queue()
        self._responses = queue.Queue()
        self.code = None
        self._call = call(iter(self._requests.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            for response in self._call:
                self._responses.put(response)
            self.code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            self.code = error.code()
        self._responses.put(None)

    def send(self, request):
        self._requests.put(request)

    def receive(self, seconds=None):
        """The next response; None when the stream has ended, with `code`."""
        return self._responses.get(timeout=seconds or wait.DEADLINE_SECONDS)

    def close(self):
        self._requests.put(None)
        self._call.cancel()
        self._reader.join(wait.DEADLINE_SECONDS)


class Device:
    """A machine with a certificate, connected to the control service at `address`."""

    def __init__(self, address, certificate, key, ca, name="pop.test"):
        read = lambda file: pathlib.Path(file).read_bytes()
        credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(certificate))
        self.channel = grpc.secure_channel("%s:%d" % address, credentials,
                                           [("grpc.ssl_target_name_override", name), ("grpc.enable_http_proxy", 0),
                                            ("grpc.use_local_subchannel_pool", 1)])

    def _stream(self, method, request, response):
        return Stream(self.channel.stream_stream(method, request.SerializeToString, response.FromString))

    def watch(self, **hello):
        """A WatchConfig stream after its Hello."""
        control = messages("control/v1/control")
        stream = self._stream("/sluice.control.v1.Control/WatchConfig", control.WatchRequest, control.WatchResponse)
        stream.send(control.WatchRequest(hello=control.WatchRequest.Hello(**hello)))
        return stream

    def publish(self, producer_id, next_seq=1):
        """A Publish stream after its Hello."""
        ingest = messages("events/v1/ingest")
        stream = self._stream("/sluice.events.v1.Ingest/Publish", ingest.PublishRequest, ingest.PublishResponse)
        stream.send(ingest.PublishRequest(hello=ingest.PublishRequest.Hello(
            producer_id=producer_id, next_seq=next_seq, codecs=[0, 1], observed_by="me", schema_version=1)))
        return stream

    def close(self):
        self.channel.close()


def batch(first_seq, records):
    """A PublishRequest with (kind, counter, Record) triples; kinds as in the spool's format."""
    payload = b""
    for kind, counter, record in records:
        rest = bytes([kind]) + varint(counter) + record.SerializeToString()
        payload += varint(len(rest)) + rest
    ingest = messages("events/v1/ingest")
    return ingest.PublishRequest(batch=ingest.PublishRequest.Batch(
        first_seq=first_seq, count=len(records), codec=0, crc32c=crc32c(payload), payload=payload))


def event_id(producer_id, counter):
    return struct.pack(">Q", producer_id).hex() + f"-{counter}"
