"""The ClientHello is recognised however it is cut, and reaches the origin unchanged."""
import concurrent.futures
import unittest

from tests.support import cases, clients, hello, origins


class Hello(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.origin = cls.keep(origins.Echo())
        names = {"hello.test": "127.0.0.1", "forbidden.test": "10.1.2.3"}
        return {"ports": [cls.origin.port],
                "proxy": {"origin": {"resolve": names, "allow_destinations": ["127.0.0.0/8"]}}}

    def send(self, host, record, cuts):
        """Sends `record` cut at these offsets; the echo must return it unchanged."""
        sock, reply = clients.connect(self.proxy.address, host, self.origin.port)
        with sock:
            self.assertEqual(reply.status, 200)
            for start, end in zip([0, *cuts], [*cuts, len(record)]):
                sock.sendall(record[start:end])
            self.assertEqual(clients.receive_exactly(sock, len(record)), record)

    def test_cut_at_every_offset(self):
        record = hello.captured("cut.hello.test")
        offsets = range(1, len(record), 16 if cases.FAST else 1)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda offset: self.send("cut.hello.test", record, [offset]), offsets))
        events = self.store.wait_for_events("host eq cut.hello.test", count=len(offsets))
        seen = {(event["sni"], event["client_bytes"], event["server_bytes"], event["alpn"]) for event in events}
        self.assertEqual(seen, {("cut.hello.test", len(record), len(record), "h2,http/1.1")})
        self.assertEqual(len({event["ja4"] for event in events}), 1)

    def test_one_byte_at_a_time(self):
        record = hello.captured("bytes.hello.test")
        self.send("bytes.hello.test", record, range(1, len(record)))
        self.one_event("host eq bytes.hello.test", sni="bytes.hello.test", client_bytes=len(record))

    def test_hybrid_hello_of_several_segments(self):
        record = hello.hybrid("hybrid.hello.test", seed=7)
        self.assertGreater(len(record), 1700)
        self.send("hybrid.hello.test", record, [1400])
        self.one_event("host eq hybrid.hello.test", sni="hybrid.hello.test", client_bytes=len(record))

    def test_name_in_the_hello_differs_from_the_authority(self):
        record = hello.captured("other.example")
        sock, reply = clients.connect(self.proxy.address, "mismatch.hello.test", self.origin.port)
        received = self.origin.received_bytes
        with sock:
            self.assertEqual(reply.status, 200)
            sock.sendall(record)
            answer = clients.receive_all(sock)
        self.assertEqual(answer[:3] + answer[5:], b"\x15\x03\x03" + b"\x02\x31", "a fatal access_denied alert")
        self.assertEqual(self.origin.received_bytes, received, "no byte may reach the origin")
        self.one_event("host eq mismatch.hello.test", close_reason="sni_mismatch", action="block",
                       server_bytes=len(answer))

    def test_name_in_the_hello_of_a_client_that_asked_for_an_address(self):
        """The name is what is checked, and our resolution of it is what is spoken to."""
        with origins.Echo("127.0.0.2", self.origin.port) as pretended:
            record = hello.captured("named.hello.test")
            sock, reply = clients.connect(self.proxy.address, pretended.host, self.origin.port)
            with sock:
                self.assertEqual(reply.status, 200)
                sock.sendall(record)
                self.assertEqual(clients.receive_exactly(sock, len(record)), record)
            self.assertEqual(pretended.received_bytes, 0, "no byte may reach the address the client named")
        self.one_event("host eq named.hello.test", host_source="sni", sni="named.hello.test", dstip="127.0.0.1",
                       client_bytes=len(record), server_bytes=len(record))

    def test_name_that_leads_nowhere_behind_an_address(self):
        sock, reply = clients.connect(self.proxy.address, "127.0.0.1", self.origin.port)
        with sock:
            self.assertEqual(reply.status, 200)
            sock.sendall(hello.captured("forbidden.test"))
            answer = clients.receive_all(sock)
        self.assertEqual(answer[-2:], b"\x02\x31", "a fatal access_denied alert")
        self.one_event("host eq forbidden.test", close_reason="destination_prohibited", action="block",
                       dstip="10.1.2.3", error_stage="dialing")

    def test_random_cuts(self):
        generator = cases.seeded("hello cuts")
        record = hello.hybrid("random.hello.test", seed=8)
        for _ in range(20):
            cuts = sorted(generator.sample(range(1, len(record)), generator.randint(1, 12)))
            self.send("random.hello.test", record, cuts)
        events = self.store.wait_for_events("host eq random.hello.test", count=20)
        self.assertEqual({event["sni"] for event in events}, {"random.hello.test"})


if __name__ == "__main__":
    unittest.main()
