"""No byte is lost from the books: bytes of all events + overhead = payload that clients counted on their sockets."""
import concurrent.futures
import unittest

from tests.support import cases, clients, hello, origins, wait


class Counted:
    """A client socket that counts what it sends and receives."""

    def __init__(self, address):
        self.sock = clients.open_socket(address)
        self.sent = self.received = 0

    def sendall(self, data):
        self.sock.sendall(data)
        self.sent += len(data)

    def recv(self, size):
        data = self.sock.recv(size)
        self.received += len(data)
        return data

    def end(self):
        """Ends our side and reads the other to its end."""
        self.sock.shutdown(origins.socket.SHUT_WR)
        while self.recv(65536):
            pass
        self.sock.close()
        return self.sent + self.received


class Accounting(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.echo = cls.keep(origins.Echo())
        cls.nobody = origins.closed_port()
        return {"ports": [cls.echo.port, cls.nobody],
                "proxy": {"origin": {"resolve": {"books.test": "127.0.0.1"}}}}

    def connect_flow(self, generator, number):
        flow = Counted(self.proxy.address)
        host = f"h{number}.books.test"
        flow.sendall(clients.connect_request(host, self.echo.port))
        clients.read_head(flow)
        body = b"-" + generator.randbytes(generator.randint(0, 90000))
        if generator.random() < 0.3:
            body = hello.captured(host)
        for start in range(0, len(body), 7000):
            flow.sendall(body[start:start + 7000])
            clients.receive_exactly(flow, len(body[start:start + 7000]))
        return flow.end()

    def socks_flow(self, generator, number):
        flow = Counted(self.proxy.address)
        flow.sendall(b"\x05\x01\x00")
        clients.receive_exactly(flow, 2)
        name = f"s{number}.books.test".encode()
        flow.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + self.echo.port.to_bytes(2, "big"))
        clients.receive_exactly(flow, 10)
        body = b"-" + generator.randbytes(generator.randint(0, 3000))
        flow.sendall(body)
        clients.receive_exactly(flow, len(body))
        return flow.end()

    def refused_flow(self, generator, number):
        flow = Counted(self.proxy.address)
        request = generator.choice([clients.connect_request("books.test", 25), b"NONSENSE\r\n\r\n",
                                    clients.connect_request("10.0.0.1", 443),
                                    clients.connect_request("books.test", self.nobody)])
        flow.sendall(request)
        return flow.end()

    def mismatched_flow(self, generator, number):
        flow = Counted(self.proxy.address)
        flow.sendall(clients.connect_request(f"m{number}.books.test", self.echo.port))
        clients.read_head(flow)
        flow.sendall(hello.captured("elsewhere.example"))
        return flow.end()

    def test_sum(self):
        generator = cases.seeded("accounting")
        kinds = [self.connect_flow, self.socks_flow, self.refused_flow, self.mismatched_flow]
        plan = [(generator.choice(kinds), cases.random.Random(generator.random()), number)
                for number in range(30 if cases.FAST else 120)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            counted = sum(pool.map(lambda step: step[0](*step[1:]), plan))
        events = self.store.wait_for_events("", count=len(plan))
        in_events = sum(event["client_bytes"] + event["server_bytes"] for event in events)
        self.assertEqual(sum(event["numbytes"] for event in events), in_events)
        expected = counted - in_events

        def overhead():
            return self.proxy.metric("sluice_overhead_bytes_total")

        try:
            wait.until(lambda: overhead() == expected, "the overhead to add up", 10)
        except wait.DeadlinePassed:
            self.assertEqual(overhead() + in_events, counted, f"{len(plan)} flows, {in_events} bytes in events")


if __name__ == "__main__":
    unittest.main()
