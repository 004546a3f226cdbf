"""curl through the proxy to a TLS origin: CONNECT and SOCKS5, with and without password; the event has every byte."""
import crypt
import pathlib
import tempfile
import unittest

from tests.support import cases, certificates, origins, programs, wait

PASSWORD = "correct horse"


class Curl(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-curl-")
        cls.addClassCleanup(temporary.cleanup)
        directory = pathlib.Path(temporary.name)
        cls.authority = certificates.Authority(directory)
        cls.certificate = cls.authority.issue("curl.test", "*.curl.test")
        cls.origin = cls.keep(origins.TlsOrigin(*cls.certificate))
        users = directory / "users.htpasswd"
        users.write_text("".join(f"{name}:{crypt.crypt(PASSWORD, crypt.mksalt(method))}\n" for name, method in (
            ("bcrypt", crypt.METHOD_BLOWFISH), ("sha256", crypt.METHOD_SHA256), ("sha512", crypt.METHOD_SHA512))))
        listeners = [
            {"name": "explicit", "address": "127.0.0.1:0", "kind": "explicit"},
            {"name": "members", "address": "127.0.0.1:0", "kind": "explicit", "auth": {"basic": str(users)}},
        ]
        return {"ports": [cls.origin.port],
                "proxy": {"listeners": listeners, "origin": {"resolve": {"curl.test": "127.0.0.1"}}}}

    def fetch(self, host, size, *options):
        """Runs curl, checks the answer, returns the bytes that the origin counted for this connection."""
        received, sent, finished = self.origin.received_bytes, self.origin.sent_bytes, self.origin.finished
        done = programs.run(["curl", "-sS", "--cacert", self.authority.certificate, "-o", "/dev/null",
                             "-w", "%{http_code} %{size_download}", *options,
                             f"https://{host}:{self.origin.port}/bytes/{size}"])
        self.assertEqual((done.returncode, done.stdout), (0, f"200 {size}"), done.stderr)
        wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
        return self.origin.received_bytes - received, self.origin.sent_bytes - sent

    def expect(self, host, counted, **fields):
        up, down = counted
        return self.one_event(
            f"host eq {host}", state="closed", client_bytes=up, server_bytes=down, numbytes=up + down, sni=host,
            dstip="127.0.0.1", dstport=self.origin.port, srcip="127.0.0.1", access_method="explicit_proxy",
            action="bypass", bypass_traffic="yes", bypass_reason_code="interception_off", observed_by="pop-test",
            host_source="connect", alpn="h2,http/1.1", **fields)

    def test_connect(self):
        counted = self.fetch("connect.curl.test", 12345, "--proxy", "http://%s:%d" % self.proxy.address)
        event = self.expect("connect.curl.test", counted)
        self.assertGreater(counted[1], 12345)
        self.assertRegex(event["ja4"], r"^t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$")
        self.assertGreaterEqual(event["duration_ms"], 0)

    def test_socks5_with_the_proxy_resolving(self):
        counted = self.fetch("socks.curl.test", 777, "--proxy", "socks5h://%s:%d" % self.proxy.address)
        self.expect("socks.curl.test", counted)

    def test_connect_with_password(self):
        for user in ("bcrypt", "sha256", "sha512"):
            with self.subTest(user=user):
                host = f"{user}.curl.test"
                counted = self.fetch(host, 10, "--proxy", "http://%s:%d" % self.proxy.program.listener("members"),
                                     "--proxy-user", f"{user}:{PASSWORD}")
                self.expect(host, counted, user=user)

    def test_socks5_with_password(self):
        counted = self.fetch("member.curl.test", 10, "--proxy",
                             "socks5h://%s:%d" % self.proxy.program.listener("members"),
                             "--proxy-user", f"sha256:{PASSWORD}")
        self.expect("member.curl.test", counted, user="sha256")

    def test_empty_answer_and_large_answer(self):
        for size in (0, 3_000_000):
            with self.subTest(size=size):
                host = f"size-{size}.curl.test"
                self.expect(host, self.fetch(host, size, "--proxy", "http://%s:%d" % self.proxy.address))

    def test_health_and_metrics(self):
        self.assertEqual(self.proxy.get("/healthz")[0], 200)
        self.assertEqual(self.proxy.get("/readyz")[0], 200)
        self.assertEqual(self.proxy.get("/nothing")[0], 404)
        self.fetch("metric.curl.test", 5, "--proxy", "http://%s:%d" % self.proxy.address)
        wait.until(lambda: self.proxy.metric("sluice_flows_total") >= 1, "the flow to be counted")


if __name__ == "__main__":
    unittest.main()
