"""ClientHellos for tests: one from the machine's OpenSSL, and one enlarged with a hybrid post-quantum key share."""
import random
import ssl
import struct

X25519_MLKEM768 = 0x11EC
MLKEM768_SHARE_BYTES = 1184 + 32
_KEY_SHARE = 51
_SUPPORTED_GROUPS = 10


def captured(name, alpn=("h2", "http/1.1")):
    """The first flight that OpenSSL sends for a connection to `name`: one TLS record with the ClientHello."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def _extensions(record):
    """(bytes before the extensions' length field, list of (type, body))."""
    position = 5 + 4 + 2 + 32                                    # record, handshake header, version, random
    position += 1 + record[position]                             # session id
    position += 2 + struct.unpack_from(">H", record, position)[0]  # cipher suites
    position += 1 + record[position]                             # compression
    before = record[:position]
    position += 2
    found = []
    while position < len(record):
        kind, size = struct.unpack_from(">HH", record, position)
        found.append((kind, record[position + 4:position + 4 + size]))
        position += 4 + size
    return before, found


def _assembled(before, extensions):
    body = b"".join(struct.pack(">HH", kind, len(data)) + data for kind, data in extensions)
    handshake = before[5 + 4:] + struct.pack(">H", len(body)) + body
    length = struct.pack(">I", len(handshake))[1:]
    return before[:3] + struct.pack(">H", len(handshake) + 4) + before[5:6] + length + handshake


def hybrid(name, seed):
    """The captured hello with an X25519MLKEM768 share in front of the others, as browsers send it: about 1.8 KB."""
    before, extensions = _extensions(captured(name))
    share = random.Random(seed).randbytes(MLKEM768_SHARE_BYTES)
    changed = []
    for kind, data in extensions:
        if kind == _KEY_SHARE:
            shares = struct.pack(">HH", X25519_MLKEM768, len(share)) + share + data[2:]
            data = struct.pack(">H", len(shares)) + shares
        elif kind == _SUPPORTED_GROUPS:
            groups = struct.pack(">H", X25519_MLKEM768) + data[2:]
            data = struct.pack(">H", len(groups)) + groups
        changed.append((kind, data))
    return _assembled(before, changed)


def with_name(name):
    """A hello whose server name is exactly these bytes, also where OpenSSL would refuse to send them."""
    before, extensions = _extensions(captured("placeholder.test"))
    entry = b"\x00" + struct.pack(">H", len(name)) + name
    body = struct.pack(">H", len(entry)) + entry
    return _assembled(before, [(kind, body if kind == 0 else data) for kind, data in extensions])


def without_name():
    before, extensions = _extensions(captured("placeholder.test"))
    return _assembled(before, [(kind, data) for kind, data in extensions if kind != 0])


def with_two_names(first, second):
    """Two server_name extensions: which one counts would depend on who reads."""
    before, extensions = _extensions(captured(first))
    other = _extensions(captured(second))[1]
    return _assembled(before, extensions + [(kind, data) for kind, data in other if kind == 0])


def in_records(record, size):
    """The same handshake message in TLS records of at most `size` bytes."""
    message = record[5:]
    parts = [message[at:at + size] for at in range(0, len(message), size)]
    return b"".join(record[:3] + struct.pack(">H", len(part)) + part for part in parts)


def endless(size):
    """The beginning of a ClientHello that says it is 16 MiB long, `size` bytes of it."""
    message = b"\x01\xff\xff\xff" + b"\x03\x03" + bytes(size)
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(message[at:at + 16000])) + message[at:at + 16000]
                    for at in range(0, len(message), 16000))
