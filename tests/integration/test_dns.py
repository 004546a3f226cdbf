"""Names through a real resolver: slow, missing and hostile answers; what is dialled is what was checked."""
import time
import unittest

from tests.support import cases, clients, dns_server, origins, wait
from tests.support.dns_server import AAAA, NXDOMAIN, SERVFAIL, A, Name


class Dns(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.echo = cls.keep(origins.Echo())
        cls.dns = cls.keep(dns_server.DnsServer({
            "plain.example": Name(("127.0.0.1",)),
            "upper.example": Name(("127.0.0.1",)),
            "both.example": Name(("::1", "127.0.0.1")),
            "slow-aaaa.example": Name(("127.0.0.1",), delay={AAAA: 8.0}),
            "silent-aaaa.example": Name(("127.0.0.1",), silent=(AAAA,)),
            "missing.example": Name(rcode=NXDOMAIN),
            "broken.example": Name(rcode=SERVFAIL),
            "empty.example": Name(()),
            "silent.example": Name(silent=(A, AAAA)),
            "private.example": Name(("10.9.8.7",)),
            "metadata.example": Name(("169.254.169.254",)),
            "mapped.example": Name(("::ffff:10.0.0.1",)),
            "mixed.example": Name(("10.9.8.7", "127.0.0.1")),
            "many.example": Name(tuple(f"10.1.{n // 250}.{n % 250 + 1}" for n in range(40))),
        }))
        return {"ports": [cls.echo.port],
                "proxy": {"origin": {"dns_servers": [cls.dns.address], "connect_timeout_ms": 3000}}}

    def works(self, host):
        started = time.monotonic()
        sock, reply = clients.connect(self.proxy.address, host, self.echo.port)
        with sock:
            self.assertEqual(reply.status, 200, reply.raw)
            took = time.monotonic() - started
            sock.sendall(b"echo")
            self.assertEqual(clients.receive_exactly(sock, 4), b"echo")
        return took

    def fails(self, host, status, error, reason):
        sock, reply = clients.connect(self.proxy.address, host, self.echo.port)
        with sock:
            port = sock.getsockname()[1]
            self.assertEqual(reply.status, status, reply.raw)
            self.assertIn(f"error={error}", reply.headers["proxy-status"])
        self.one_event(f"srcport eq {port}", close_reason=reason, host=host)

    def test_plain(self):
        self.works("plain.example")
        self.one_event("host eq plain.example", dstip="127.0.0.1", dstport=self.echo.port)
        self.assertIn(("plain.example", A), self.dns.queries)

    def test_case_and_final_dot_do_not_matter(self):
        self.works("UPPER.Example")
        self.one_event("host eq upper.example", dstip="127.0.0.1")

    def test_slow_or_silent_aaaa_does_not_hold_up_the_dial(self):
        for host in ("slow-aaaa.example", "silent-aaaa.example"):
            with self.subTest(host=host):
                self.assertLess(self.works(host), 2.5)

    def test_first_family_prohibited_second_fine(self):
        self.works("both.example")
        self.one_event("host eq both.example", dstip="127.0.0.1")

    def test_missing_names(self):
        self.fails("missing.example", 502, "dns_error", "dns_not_found")
        self.fails("nowhere.invalid", 502, "dns_error", "dns_not_found")
        self.fails("empty.example", 502, "dns_error", "dns_not_found")

    def test_broken_server(self):
        self.fails("broken.example", 502, "dns_error", "dns_error")

    def test_silent_server(self):
        self.fails("silent.example", 504, "dns_timeout", "dns_timeout")

    def test_private_answers_are_not_dialled(self):
        for host in ("private.example", "metadata.example", "mapped.example", "many.example"):
            with self.subTest(host=host):
                self.fails(host, 403, "destination_ip_prohibited", "destination_prohibited")

    def test_mixed_answer(self):
        """One prohibited address among good ones: only the good one is dialled."""
        self.works("mixed.example")
        self.one_event("host eq mixed.example", dstip="127.0.0.1")

    def test_rebinding(self):
        """The name changes its address: as soon as the short-lived cache forgets the old one, the new one is judged."""
        self.dns.names["rebind.example"] = Name(("127.0.0.1",), ttl=0)
        self.works("rebind.example")
        self.dns.names["rebind.example"] = Name(("10.0.0.1",), ttl=0)

        def status():
            sock, reply = clients.connect(self.proxy.address, "rebind.example", self.echo.port)
            sock.close()
            return reply.status

        seen = wait.until(lambda: (found := status()) != 200 and found, "the new address to be looked at")
        self.assertEqual(seen, 403)


if __name__ == "__main__":
    unittest.main()
