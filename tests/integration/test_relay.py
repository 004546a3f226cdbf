"""Plain HTTP through the proxy, request by request: curl as a proxy client, Python's http.client kept alive, raw
sockets; each request is one event, and no byte is lost from the books."""
import hashlib
import http.client
import json
import pathlib
import socket
import tempfile
import threading

from tests.support import cases, clients, origins, programs, wait

POLICY = """
tenant: default
unknown_protocol: splice
url_lists:
- {name: secret, type: exact, urls: [blocked.relay.test/secret]}
custom_categories:
- {name: Secrets, include_url_lists: [secret]}
realtime_policies:
- {name: No secrets, match: {categories: [Secrets]}, action: block, notification: default}
notifications: {default: {title: "Stop", body: "Ask IT.", support: it@acme.test}}
"""


class Web(origins.Origin):
    """A small HTTP/1.1 origin over raw sockets: /bytes/N, /chunked/N, /echo (hash of the body), /close/N, /slow-chunks,
    /ws."""

    def __init__(self):
        self.heads = []
        self.gate = threading.Event()
        super().__init__()

    def serve(self, connection):
        stream = connection.sock.makefile("rb")
        while head := self.read_head(stream):
            lines = head.decode("latin-1").split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if ":" in line)}
            self.heads.append(head.decode("latin-1"))
            if not self.answer(connection, stream, lines[0].split(" "), fields):
                return

    @staticmethod
    def read_head(stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return b""
            head += line
        return head

    def answer(self, connection, stream, request, fields):
        method, path = request[0], request[1].partition("?")[0]
        kind, _, argument = path.strip("/").partition("/")
        if kind == "ws":
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                               b"\r\nhi")
            while data := stream.read1(65536):
                connection.sendall(data)
            return False
        if kind == "echo":
            if fields.get("expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            digest = hashlib.sha256()
            if "chunked" in fields.get("transfer-encoding", ""):
                while size := int(stream.readline().split(b";")[0], 16):
                    digest.update(stream.read(size))
                    stream.readline()
                stream.readline()
            else:
                left = int(fields.get("content-length", 0))
                while left > 0:
                    part = stream.read(min(left, 65536))
                    digest.update(part)
                    left -= len(part)
            return self.plain(connection, digest.hexdigest().encode())
        if kind == "chunked":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(int(argument)):
                connection.sendall(b"400\r\n" + b"c" * 1024 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            return True
        if kind == "slow-chunks":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            self.gate.wait(wait.DEADLINE_SECONDS)
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
            return True
        if kind == "close":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * int(argument))
            return False
        body = b"s" * int(argument or 0) if kind == "bytes" else b"hello"
        return self.plain(connection, body, method == "HEAD")

    @staticmethod
    def plain(connection, body, head_only=False):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head if head_only else head + body)
        return True


class Relay(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-relay-")
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = pathlib.Path(temporary.name)
        (cls.directory / "policy.yaml").write_text(POLICY)
        cls.web, cls.other = cls.keep(Web()), cls.keep(Web())
        return {"ports": [cls.web.port, cls.other.port],
                "proxy": {"policy": str(cls.directory / "policy.yaml"),
                          "origin": {"resolve": {"relay.test": "127.0.0.1"}}}}

    def url(self, host, path, web=None):
        return f"http://{host}.relay.test:{(web or self.web).port}{path}"

    def curl(self, *arguments):
        done = programs.run(["curl", "-sS", "--proxy", "http://%s:%d" % self.proxy.address, *arguments])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def event(self, host, count=1, **expected):
        events = self.store.wait_for_events(f"host eq {host}.relay.test", count=count)
        for event in events:
            self.assertEqual({name: event.get(name) for name in expected}, expected, event)
        return events

    def test_a_request_is_an_event(self):
        self.curl("-o", "/dev/null", "-A", "probe/1", "-e", "http://ref.test/x?q=1",
                  self.url("one", "/bytes/5000?secret=1"))
        event = self.event("one", type="page", url=self.url("one", "/bytes/5000"), method="GET", status=200,
                           content_type="text/plain", useragent="probe/1", referer="http://ref.test/x", req_cnt=1,
                           action="allow", bypass_traffic="no", close_reason="completed", host_source="http_host",
                           http_version="HTTP/1.1", dstport=self.web.port, dstip="127.0.0.1")[0]
        self.assertGreater(event["server_bytes"], 5000)
        head = next(head for head in self.web.heads if "one.relay.test" in head)
        self.assertIn("/bytes/5000?secret=1 HTTP/1.1\r\n", head)
        self.assertNotIn("Proxy-Connection", head)

    def test_kept_alive_over_two_origins(self):
        connections = self.web.connections + self.other.connections
        sock = clients.open_socket(self.proxy.address)
        with sock:
            for number in range(6):
                web = (self.web, self.other)[number // 3]
                host = f"kept.relay.test:{web.port}"
                sock.sendall(f"GET http://{host}/bytes/{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                reply = clients.read_head(sock)
                self.assertEqual((reply.status, reply.headers["content-length"]), (200, str(number)))
                clients.receive_exactly(sock, number)
        self.event("kept", count=6, status=200, action="allow")
        self.assertEqual(self.web.connections + self.other.connections, connections + 2)

    def test_pipelined(self):
        host = f"pipe.relay.test:{self.web.port}"
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(b"".join(f"GET http://{host}/bytes/{n} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                                  for n in range(20)))
            for number in range(20):
                self.assertEqual(clients.read_head(sock).headers["content-length"], str(number))
                clients.receive_exactly(sock, number)
        self.event("pipe", count=20, status=200)

    def test_bodies_both_ways(self):
        body = self.directory / "body"
        body.write_bytes(b"0123456789abcdef" * 200_000)
        digest = hashlib.sha256(body.read_bytes()).hexdigest()
        for options in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
            self.assertEqual(self.curl("--data-binary", f"@{body}", *options, self.url("up", "/echo")), digest)
        self.event("up", count=3, status=200, method="POST")
        self.assertEqual(len(self.curl(self.url("down", "/chunked/3000"))), 3000 * 1024)
        self.assertEqual(len(self.curl(self.url("down", "/close/100000"))), 100_000)
        self.assertEqual(len(self.curl("--http1.0", self.url("down", "/chunked/3"))), 3 * 1024)
        self.event("down", count=3, status=200)

    def test_chunks_are_not_waited_for(self):
        self.web.gate.clear()
        host = f"sse.relay.test:{self.web.port}"
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(f"GET http://{host}/slow-chunks HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self.assertEqual(clients.read_head(sock).status, 200)
            self.assertEqual(clients.receive_exactly(sock, 10), b"5\r\nfirst\r\n")
            self.web.gate.set()
            self.assertEqual(clients.receive_exactly(sock, 16), b"6\r\nsecond\r\n0\r\n\r\n")

    def test_websocket_passes(self):
        host = f"ws.relay.test:{self.web.port}"
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(f"GET http://{host}/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n".encode())
            self.assertEqual(clients.read_head(sock).status, 101)
            self.assertEqual(clients.receive_exactly(sock, 2), b"hi")
            sock.sendall(b"\x00\xffanything")
            self.assertEqual(clients.receive_exactly(sock, 10), b"\x00\xffanything")
        self.event("ws", status=101, action="allow")

    def test_blocked_page_in_a_kept_connection(self):
        connection = http.client.HTTPConnection(*self.proxy.address, timeout=wait.DEADLINE_SECONDS)
        self.addCleanup(connection.close)

        def get(path):
            connection.request("GET", f"http://blocked.relay.test:{self.web.port}{path}",
                               headers={"Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        self.assertEqual(get("/bytes/3"), (200, b"sss"))
        status, text = get("/secret?q=1")
        self.assertEqual(status, 403, text)
        answer = json.loads(text)
        self.assertEqual((answer["policy"], answer["support"], answer["category"]),
                         ("No secrets", "it@acme.test", "Secrets"))
        self.assertEqual(answer["url"], f"http://blocked.relay.test:{self.web.port}/secret")
        self.assertEqual(get("/bytes/4"), (200, b"ssss"))
        event = self.store.wait_for_events(f"event_id eq {answer['event_id']}")[0]
        self.assertEqual((event["action"], event["url"], event["status"]), ("block", answer["url"], 403))
        self.assertFalse([head for head in self.web.heads if "/secret" in head])

    def test_inside_connect(self):
        self.assertEqual(self.curl("--proxytunnel", self.url("inside", "/bytes/5")), "sssss")
        self.event("inside", type="page", status=200, url=self.url("inside", "/bytes/5"), action="allow")
        sock, reply = clients.connect(self.proxy.address, "inside2.relay.test", self.web.port)
        with sock:
            self.assertEqual(reply.status, 200)
            sock.sendall(f"GET / HTTP/1.1\r\nHost: elsewhere.test:{self.web.port}\r\n\r\n".encode())
            self.assertEqual(clients.read_head(sock).status, 421)
        self.assertFalse([head for head in self.web.heads if "elsewhere" in head])

    def test_origin_that_is_not_there(self):
        self.proxy.reload(origin={"allow_ports": [self.web.port, self.other.port, origins.closed_port(), 9]})
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(b"GET http://gone.relay.test:9/ HTTP/1.1\r\nHost: gone.relay.test:9\r\n\r\n")
            reply = clients.read_head(sock)
        self.assertIn(reply.status, (403, 502))
        self.assertIn("pop-test", reply.headers["proxy-status"])

    def test_large_body_to_a_slow_client(self):
        """What the client does not read is not read from the origin: memory stays bounded."""
        size = 64 << 20
        with clients.open_socket(self.proxy.address) as sock:
            host = f"slow.relay.test:{self.web.port}"
            sent = self.web.sent_bytes
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.sendall(f"GET http://{host}/bytes/{size} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            self.assertEqual(clients.read_head(sock).status, 200)
            left = size
            while left:
                left -= len(sock.recv(min(left, 1 << 20)))
        self.assertGreaterEqual(self.web.sent_bytes - sent, size)
        self.event("slow", status=200)

    def test_sums(self):
        """Bytes of all events + overhead = what the client counted."""
        before = sum(e["numbytes"] for e in self.store.search("")) + self.proxy.metric("sluice_overhead_bytes_total")
        host = f"sum.relay.test:{self.web.port}"
        sent = received = 0
        with clients.open_socket(self.proxy.address) as sock:
            def say(data):
                nonlocal sent
                sock.sendall(data)
                sent += len(data)
            for path in ("/bytes/1000", "/chunked/7", "/bytes/0"):
                say(f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                want = b"0\r\n\r\n" if "chunked" in path else b"s" * int(path.rpartition("/")[2])
                data = clients.read_head(sock).raw
                while not data.endswith(want) or (want and len(data) < 1000):
                    data += sock.recv(65536)
                received += len(data)
            say(b"NOT HTTP\r\n\r\n")
            received += len(clients.receive_all(sock))
        self.store.wait_for_events("host eq sum.relay.test", count=4)

        def books():
            return sum(e["numbytes"] for e in self.store.search("")) + self.proxy.metric("sluice_overhead_bytes_total")
        wait.until(lambda: books() - before == sent + received, f"{sent + received} bytes in the books", 10)
