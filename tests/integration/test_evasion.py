"""Tricks to get past a check on names: late, partial and odd hellos, other names, addresses, origins that speak first.
One table: what the client does, and what must come of it."""
import concurrent.futures
import dataclasses
import pathlib
import socket
import tempfile
import unittest

from tests.support import cases, clients, hello, origins

POLICY = """
tenant: default
unknown_protocol: splice
realtime_policies:
- {name: Block bad, match: {domains: [bad.evasion.test]}, action: block}
"""
HELLO_MS = 1500
IDLE_MS = 3000
BANNER = b"220 mail.evasion.test ESMTP\r\n"
DENIED = b"\x02\x31"  # fatal, access_denied


@dataclasses.dataclass
class Row:
    """`says` are the segments that the client sends behind its CONNECT; `through`: what of them the origin must get."""
    name: str
    says: list
    host: str = "good.evasion.test"
    origin: str = "echo"
    early: bool = False       # the first segment travels with the CONNECT
    end: bool = False         # the client sends FIN behind its words
    through: bool = False     # all of it reaches the origin, and what the origin says comes back
    answer: bytes = b""       # the last bytes the client hears, when it does not go through
    status: int = 200         # of the CONNECT
    event: dict = dataclasses.field(default_factory=dict)


def refused(reason, **more):
    return {"action": "block", "close_reason": reason, **more}


def blocked():
    return refused("policy_block", policy="Block bad")


def table():
    good = hello.captured("good.evasion.test")
    bad = hello.captured("bad.evasion.test")
    half = len(good) // 2
    timeout = {"close_reason": "client_hello_timeout"}
    malformed = {"close_reason": "client_hello_malformed"}
    return [
        # Names that are not the name that was dialled.
        Row("another name", [bad], answer=DENIED, event=refused("sni_mismatch", sni="bad.evasion.test")),
        Row("another name, late", [bad[:1], bad[1:half], bad[half:]], answer=DENIED, event=refused("sni_mismatch")),
        Row("another name in tiny records", [hello.in_records(bad, 3)], answer=DENIED, event=refused("sni_mismatch")),
        Row("a parent domain", [hello.captured("evasion.test")], answer=DENIED, event=refused("sni_mismatch")),
        Row("capitals and a final dot", [hello.with_name(b"GOOD.Evasion.Test.")], through=True,
            event={"sni": "good.evasion.test"}),
        Row("no name", [hello.without_name()], through=True, event={"sni": None}),
        Row("two names", [hello.with_two_names("good.evasion.test", "bad.evasion.test")], event=malformed),
        Row("a name with a zero byte", [hello.with_name(b"good.evasion.test\0.bad.evasion.test")], event=malformed),
        Row("a name that is a number", [hello.with_name(b"2130706433")], event=malformed),
        Row("an address as the name", [hello.with_name(b"127.0.0.1")], answer=DENIED, event=refused("sni_mismatch")),
        # Addresses instead of names.
        Row("an address, a good name", [good], host="127.0.0.2", through=True,
            event={"host": "good.evasion.test", "host_source": "sni", "dstip": "127.0.0.1"}),
        Row("an address, a blocked name", [bad], host="127.0.0.2", answer=DENIED, event=blocked()),
        Row("an address, a blocked name in pieces", [bad[:9], bad[9:]], host="127.0.0.1", answer=DENIED,
            event=blocked()),
        Row("an address, a name inside our network", [hello.captured("inside.evasion.test")], host="127.0.0.1",
            answer=DENIED, event=refused("destination_prohibited", dstip="10.9.8.7")),
        Row("an address, no name", [hello.without_name()], host="127.0.0.1", through=True, event={"sni": None}),
        Row("an address in other digits", [], host="0x7f000001", status=400, event=refused("bad_authority")),
        Row("an address without dots", [], host="2130706433", status=400, event=refused("bad_authority")),
        Row("an address in octal", [], host="0177.0.0.1", status=400, event=refused("bad_authority")),
        # A name that policy blocks is not dialled, whatever is said to it.
        Row("a blocked name", [bad], host="bad.evasion.test", answer=DENIED, event=blocked()),
        Row("a blocked name, good hello", [good], host="BAD.evasion.test.", answer=DENIED, event=blocked()),
        Row("a blocked name, silence", [], host="bad.evasion.test", event=blocked()),
        Row("a blocked name, its origin speaks first", [], host="bad.evasion.test", origin="first", event=blocked()),
        # Hellos that do not become whole.
        Row("half a hello", [good[:half]], event=timeout),
        Row("one byte", [good[:1]], event=timeout),
        Row("half a hello and FIN", [good[:half]], end=True, event=malformed),
        Row("a hello without end", [hello.endless(70_000)], event={"close_reason": "client_hello_too_large"}),
        Row("another handshake message", [b"\x16\x03\x01\x00\x04\x02\x00\x00\x00"], event=malformed),
        Row("a hello of many records", [hello.in_records(good, 1)], through=True, event={"sni": "good.evasion.test"}),
        Row("a hello in three segments", [good[:5], good[5:half], good[half:]], through=True,
            event={"sni": "good.evasion.test"}),
        # Silence is not classified; origins that speak first, and what is not TLS.
        Row("silence", [], event={"close_reason": "idle_timeout", "client_bytes": 0, "server_bytes": 0}),
        Row("the origin speaks first", [b"EHLO x\r\n"], origin="first", through=True, event={"sni": None}),
        Row("the origin speaks into half a hello that names another", [bad[:half], bad[half:]], origin="first",
            early=True, answer=DENIED, event=refused("sni_mismatch", server_bytes=7)),
        Row("the origin speaks into half a hello", [good[:half], good[half:]], origin="first", early=True, through=True,
            event={"sni": "good.evasion.test"}),
        Row("the origin speaks first, then a hello", [b"EHLO x\r\n", bad], origin="first", through=True,
            event={"sni": None, "tls_version": None}),
        Row("not TLS", [b"SSH-2.0-x\r\n"], through=True, event={"sni": None, "tls_version": None}),
        Row("nearly TLS", [b"\x16\x02\x00\x00\x05hello"], through=True, event={"sni": None}),
    ]


class Evasion(cases.StackCase):
    @classmethod
    def prepare(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-evasion-")))
        (directory / "policy.yaml").write_text(POLICY)
        cls.echo = cls.keep(origins.Echo())
        cls.first = cls.keep(origins.Script(cls.speak_first))
        cls.pretended = [cls.keep(origins.Echo("127.0.0.2", port)) for port in (cls.echo.port, cls.first.port)]
        names = {"evasion.test": "127.0.0.1", "inside.evasion.test": "10.9.8.7"}
        return {"ports": [cls.echo.port, cls.first.port],
                "proxy": {"policy": str(directory / "policy.yaml"),
                          "timeouts": {"client_hello_ms": HELLO_MS, "idle_ms": IDLE_MS},
                          "origin": {"resolve": names, "allow_destinations": ["127.0.0.0/8"]}}}

    @staticmethod
    def speak_first(connection):
        connection.sendall(BANNER)
        while data := connection.recv():
            connection.sendall(data)

    def play(self, row):
        """Runs a row; what the client heard behind the reply, and its port."""
        port = (self.first if row.origin == "first" else self.echo).port
        sock = clients.open_socket(self.proxy.address)
        with sock:
            says = list(row.says)
            sock.sendall(clients.connect_request(row.host, port) + (says.pop(0) if row.early else b""))
            self.assertEqual(clients.read_head(sock).status, row.status, row.name)
            words = b"".join(row.says)
            greeting = BANNER if row.origin == "first" and row.through else b""
            if row.status != 200:
                return b"", sock.getsockname()[1]
            for number, segment in enumerate(says):
                if greeting and number == 0 and not words.startswith(b"\x16"):
                    self.assertEqual(clients.receive_exactly(sock, len(greeting)), greeting, row.name)
                    greeting = b""
                sock.sendall(segment)
            if row.end:
                sock.shutdown(socket.SHUT_WR)
            if row.through:
                heard = clients.receive_exactly(sock, len(greeting) + len(words))
                self.assertEqual(heard, greeting + words, row.name)
            else:
                heard = self.to_the_end(sock)
            return heard, sock.getsockname()[1]

    @staticmethod
    def to_the_end(sock):
        heard = b""
        try:
            while part := sock.recv(65536):
                heard += part
        except ConnectionResetError:
            pass
        return heard

    def check(self, row):
        heard, port = self.play(row)
        if not row.through:
            self.assertEqual(heard[-len(row.answer):] if row.answer else heard, row.answer, row.name)
        event = self.store.wait_for_events(f"srcport eq {port}")[0]
        self.assertEqual({name: event.get(name) for name in row.event}, row.event, row.name)
        if row.through:
            self.assertEqual(event["action"], "bypass", row.name)

    def test_every_row(self):
        rows = table()
        for row in rows:
            self.assertTrue(row.through or row.event, row.name)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            played = [(row.name, pool.submit(self.check, row)) for row in rows]
        problems = [f"{name}: {done.exception()}" for name, done in played if done.exception()]
        self.assertEqual(problems, [])
        passed = [row for row in rows if row.through]
        self.assertEqual(self.echo.received_bytes + self.first.received_bytes,
                         sum(len(b"".join(row.says)) for row in passed), "only what passes reaches an origin")
        self.assertEqual([origin.received_bytes for origin in self.pretended], [0, 0])


if __name__ == "__main__":
    unittest.main()
