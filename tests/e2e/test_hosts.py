"""Client, PoP, store and origin as hosts of their own, with the default address rules and mutual TLS to the store."""
import unittest

from tests.support import certificates, clients, hosts, namespaces, origins, programs, stack, wait

CLIENT, POP_INSIDE = "198.51.100.2", "198.51.100.1"
POP_OUTSIDE, ORIGIN = "203.0.113.1", "203.0.113.10"
POP_BACK, STORE = "192.0.2.1", "192.0.2.2"


class Hosts(hosts.HostsCase):
    HOSTS = ("client", "pop", "store", "origin")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client, pop, store, origin = cls.hosts.values()
        namespaces.cable(client, f"{CLIENT}/24", pop, f"{POP_INSIDE}/24")
        _, cls.to_origin = namespaces.cable(origin, f"{ORIGIN}/24", pop, f"{POP_OUTSIDE}/24")
        _, cls.to_store = namespaces.cable(store, f"{STORE}/24", pop, f"{POP_BACK}/24")

        with origin.inside():
            certificate = cls.authority.issue("www.e2e.example", "*.e2e.example")
            cls.origin = origins.TlsOrigin(*certificate, host=ORIGIN, port=443)
        cls.addClassCleanup(cls.origin.close)
        cls.start_programs(pop, store)

    @classmethod
    def start_programs(cls, pop, store):
        services = certificates.Authority(cls.directory / "services", "Sluice e2e services")
        store_certificate, store_key = services.issue(STORE)
        pop_certificate, pop_key = services.issue("pop.e2e.example")
        cls.store = stack.Store(cls.directory, host=store, ingest={"address": f"{STORE}:0", "tls": {
            "certificate": str(store_certificate), "key": str(store_key), "ca": str(services.certificate)}})
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.proxy = stack.Proxy(
            cls.directory, cls.store, host=pop, name="pop-e2e",
            listeners=[{"name": "explicit", "kind": "explicit", "address": f"{POP_INSIDE}:0",
                        "allow_sources": ["198.51.100.0/24"]}],
            origin={"resolve": {"e2e.example": ORIGIN}, "allow_destinations": None, "allow_ports": None,
                    "connect_timeout_ms": 2000},
            events={"tls": {"certificate": str(pop_certificate), "key": str(pop_key), "ca": str(services.certificate)}})
        cls.proxy.start()
        cls.addClassCleanup(cls.proxy.program.stop)

    def curl(self, host, size=1000):
        received, sent, finished = self.origin.received_bytes, self.origin.sent_bytes, self.origin.finished
        done = programs.run(["curl", "-sS", "--cacert", self.authority.certificate, "-o", "/dev/null", "--proxy",
                             "http://%s:%d" % self.proxy.address, "-w", "%{http_code} %{size_download}",
                             f"https://{host}/bytes/{size}"], host=self.hosts["client"])
        self.assertEqual((done.returncode, done.stdout), (0, f"200 {size}"), done.stderr)
        wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
        return self.origin.received_bytes - received, self.origin.sent_bytes - sent

    def connect(self, host, port):
        with self.hosts["client"].inside():
            sock, reply = clients.connect(self.proxy.address, host, port)
        sock.close()
        return reply

    def test_flow_between_hosts(self):
        up, down = self.curl("www.e2e.example", 5000)
        event = self.store.wait_for_events("host eq www.e2e.example")[0]
        expected = {"srcip": CLIENT, "dstip": ORIGIN, "dstport": 443, "client_bytes": up, "server_bytes": down,
                    "observed_by": "pop-e2e", "state": "closed"}
        self.assertEqual({name: event.get(name) for name in expected}, expected)

    def test_addresses_of_the_pop_are_prohibited(self):
        for address in (POP_OUTSIDE, POP_INSIDE, POP_BACK):
            with self.subTest(address=address):
                self.assertEqual(self.connect(address, 443).status, 403)
                self.store.wait_for_events(f"host eq {address} and close_reason eq destination_prohibited")

    def test_origin_network_is_cut(self):
        self.hosts["pop"].link(self.to_origin, "down")
        try:
            reply = self.connect("cut.e2e.example", 443)
        finally:
            self.hosts["pop"].link(self.to_origin, "up")
        self.assertIn(reply.status, (502, 504), reply.raw)
        event = self.store.wait_for_events("host eq cut.e2e.example")[0]
        self.assertIn(event["close_reason"], ("connect_unreachable", "connect_timeout"))
        self.curl("healed.e2e.example")

    def test_nothing_is_lost_while_the_store_cannot_be_reached(self):
        self.curl("before.e2e.example")
        self.store.wait_for_events("host eq before.e2e.example")
        self.hosts["pop"].link(self.to_store, "down")
        try:
            for number in range(10):
                self.curl(f"outage-{number}.e2e.example", number)
        finally:
            self.hosts["pop"].link(self.to_store, "up")
        self.store.wait_for_events("host like outage-", count=10, seconds=90)


if __name__ == "__main__":
    unittest.main()
