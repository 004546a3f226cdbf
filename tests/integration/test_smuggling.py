"""Requests that two parsers could read differently: each is refused, or written anew so that only one reading is left.
Three origins stand behind the proxy in turn: one that keeps the raw bytes, Node, and nginx; what they believe to have
received must be what the proxy has told in its events, no request more."""
import re
import socket

from tests.support import cases, clients, origins, wait, web_servers

# In the texts: {h} host with port, {u} the URL up to the path, {t} the path of the honest request. "/evil" is what an
# attacker would like to be taken for a request of its own.
EVIL = "GET /evil HTTP/1.1\r\nHost: {h}\r\n\r\n"


def get(*fields, target="{u}{t}", version="HTTP/1.1", method="GET", host="Host: {h}\r\n"):
    return f"{method} {target} {version}\r\n{host}" + "".join(f"{field}\r\n" for field in fields) + "\r\n"


def post(*fields, body=""):
    return get(*fields, method="POST") + body


CHUNKED = "Transfer-Encoding: chunked"
SIX = "0\r\n\r\nX"  # six bytes; as chunks: an end, and one byte of a next request

REFUSED = {
    # Content-Length against Transfer-Encoding
    "cl.te": post("Content-Length: 6", CHUNKED, body=SIX),
    "te.cl": post(CHUNKED, "Content-Length: 4", body="5c\r\n" + EVIL + "\r\n0\r\n\r\n"),
    "cl twice, different": post("Content-Length: 6", "Content-Length: 5", body=SIX),
    "cl twice, equal": post("Content-Length: 6", "Content-Length: 6", body=SIX),
    "cl list": post("Content-Length: 6, 6", body=SIX),
    "cl list, different": post("Content-Length: 6, 0", body=SIX),
    "cl plus": post("Content-Length: +6", body=SIX),
    "cl minus": post("Content-Length: -6", body=SIX),
    "cl hex": post("Content-Length: 0x6", body=SIX),
    "cl float": post("Content-Length: 6.0", body=SIX),
    "cl inner blank": post("Content-Length: 6 6", body=SIX),
    "cl empty": post("Content-Length:", body=SIX),
    "cl word": post("Content-Length: six", body=SIX),
    "cl overflow": post("Content-Length: 18446744073709551622", body=SIX),
    "cl underscore": post("Content_Length: 6", "Content-Length: 1_0", body=SIX),
    # variants of Transfer-Encoding
    "te identity": post("Transfer-Encoding: identity", body=SIX),
    "te gzip, chunked": post("Transfer-Encoding: gzip, chunked", body=SIX),
    "te chunked, identity": post("Transfer-Encoding: chunked, identity", body=SIX),
    "te chunked twice": post("Transfer-Encoding: chunked, chunked", body=SIX),
    "te two fields": post(CHUNKED, CHUNKED, body=SIX),
    "te two fields, x": post(CHUNKED, "Transfer-Encoding: x", body=SIX),
    "te xchunked": post("Transfer-Encoding: xchunked", body=SIX),
    "te quoted": post('Transfer-Encoding: "chunked"', body=SIX),
    "te vertical tab": post("Transfer-Encoding: \x0bchunked", body=SIX),
    "te parameter": post("Transfer-Encoding: chunked; a=b", body=SIX),
    "te empty": post("Transfer-Encoding:", body=SIX),
    "te comma": post("Transfer-Encoding: , chunked", body=SIX),
    "te of http/1.0": get(CHUNKED, method="POST", version="HTTP/1.0") + SIX,
    # field names and lines
    "blank before colon": post("Content-Length : 6", body=SIX),
    "blank before te colon": post("Transfer-Encoding : chunked", body=SIX),
    "leading blank": post(" Content-Length: 6", body=SIX),
    "tab before name": post("A: b", "\tTransfer-Encoding: chunked", body=SIX),
    "obs-fold": post("A: b", " c", body=""),
    "obs-fold te": post("Transfer-Encoding:", " chunked", body=SIX),
    "no colon": post("Nonsense", body=""),
    "empty name": post(": x", body=""),
    "name with bracket": post("A(b): c", body=""),
    "name of high bytes": post("\u00e4: c", body=""),
    "nul in value": post("A: b\x00c", body=""),
    "bare cr in value": post("A: b\rContent-Length: 6", body=SIX),
    "bare lf in value": post("A: b\nContent-Length: 6", body=SIX),
    "bare lf line ends": "POST {u}{t} HTTP/1.1\nHost: {h}\nContent-Length: 6\n\n" + SIX,
    "bare lf head end": "GET {u}{t} HTTP/1.1\r\nHost: {h}\r\n\n" + EVIL,
    "delete in value": post("A: b\x7fc", body=""),
    # request line
    "two blanks": "GET  {u}{t} HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "tab in request line": "GET\t{u}{t}\tHTTP/1.1\r\nHost: {h}\r\n\r\n",
    "blank at the end": "GET {u}{t} HTTP/1.1 \r\nHost: {h}\r\n\r\n",
    "blank in target": "GET {u}{t} /evil HTTP/1.1\r\nHost: {h}\r\n\r\n",
    "http/1.2": get(version="HTTP/1.2"),
    "http/2.0": get(version="HTTP/2.0"),
    "http/0.9": "GET {u}{t}\r\n",
    "lower-case version": get(version="http/1.1"),
    "method with brackets": get(method="GE(T"),
    "nul in target": get(target="{u}{t}\x00"),
    "high byte in target": get(target="{u}{t}\u00e4"),
    "userinfo": get(target="http://user@{h}{t}"),
    # who is meant
    "no host": get(host=""),
    "two hosts": get("Host: {h}"),
    "another host": get(host="Host: evil.test\r\n"),
    "host with userinfo": get(host="Host: user@{h}\r\n"),
    "host with path": get(host="Host: {h}/evil\r\n"),
    "host list": get(host="Host: {h}, {h}\r\n"),
    "no authority": get(target="http:///evil"),
    "another scheme": get(target="ftp://{h}{t}"),
    "connection takes host": get("Connection: Host"),
    "connection takes length": post("Connection: Content-Length", "Content-Length: 4", body="abcd"),
    # chunks
    "chunk size of nothing": post(CHUNKED, body="\r\nabc\r\n0\r\n\r\n"),
    "chunk size with sign": post(CHUNKED, body="+3\r\nabc\r\n0\r\n\r\n"),
    "chunk size 0x": post(CHUNKED, body="0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk size overflow": post(CHUNKED, body="10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "chunk size bare lf": post(CHUNKED, body="3\nabc\r\n0\r\n\r\n"),
    "chunk end bare lf": post(CHUNKED, body="3\r\nabc\n0\r\n\r\n"),
    "chunk too long": post(CHUNKED, body="3\r\nabcd\r\n0\r\n\r\n"),
    "chunk too short": post(CHUNKED, body="3\r\nab\r\n0\r\n\r\n"),
    "chunk extension with bare cr": post(CHUNKED, body="3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "chunk extension with bare lf": post(CHUNKED, body="3;a\nabc\r\n0\r\n\r\n"),
    "trailer with fold": post(CHUNKED, body="3\r\nabc\r\n0\r\nA: b\r\n c\r\n\r\n"),
    "trailer with bare lf": post(CHUNKED, body="3\r\nabc\r\n0\r\nA: b\n\r\n"),
}

# What passes: the text, how many requests the origin sees, and what its bytes must (not) hold.
PASSES = {
    "plain": (get(), 1, []),
    "body": (post("Content-Length: 5", body="hello"), 1, [b"\r\nContent-Length: 5\r\n"]),
    "body that looks like a request": (post("Content-Length: 5", body="GET /") + get(target="{u}{t}"), 2, []),
    "chunk extension goes": (post(CHUNKED, body="3;name=value\r\nabc\r\n0\r\n\r\n"), 1, [b"!;name"]),
    "chunk sizes are written anew": (post(CHUNKED, body="0003\r\nabc\r\n0\r\n\r\n"), 1, [b"!0003"]),
    "blanks behind a chunk size go": (post(CHUNKED, body="3 \r\nabc\r\n0\r\n\r\n"), 1, [b"!3 "]),
    "upper-case chunked": (post("Transfer-Encoding: Chunked", body="3\r\nabc\r\n0\r\n\r\n"), 1, []),
    "smuggled trailers go": (post(CHUNKED, body="3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n"), 1,
                             [b"!Content-Length", b"!evil"]),
    "fields of one hop go": (get("Connection: close, X-Secret", "X-Secret: 1", "Keep-Alive: 5", "TE: gzip",
                                 "Proxy-Connection: keep-alive", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
                             1, [b"!X-Secret", b"!Keep-Alive", b"!gzip", b"!Proxy-Connection", b"!Upgrade",
                                 b"!HTTP2-Settings"]),
    "blanks around a value": (get("A: \t b \t "), 1, [b"A: b\r\n"]),
    "host in capitals": (get(host="HOST: {h}\r\n"), 1, []),
    "pipelined": (get() + get() + get(), 3, []),
    "body of GET": (get("Content-Length: 39") + "GET /evil HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nx"[:39].ljust(39), 1, []),
    "expect": (post("Expect: 100-continue", "Content-Length: 3", body="abc"), 1, []),
    "head": (get(method="HEAD"), 1, []),
    "rare method": (get(method="PROPFIND"), 1, []),
}


class Recorder(origins.Origin):
    """Keeps what it receives, byte by byte, and answers every head with an empty body."""

    def __init__(self):
        self.received = b""
        super().__init__()

    def serve(self, connection):
        waiting = b""
        while data := connection.recv():
            self.received += data
            waiting += data
            while (end := waiting.find(b"\r\n\r\n")) >= 0:
                if not re.match(rb"0\r\n|[0-9a-fA-F]+\r\n", waiting):  # the end of chunks is no head
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                waiting = waiting[end + 4:]


class Smuggling(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.recorder = cls.keep(Recorder())
        cls.servers = [cls.keep(web_servers.Node()), cls.keep(web_servers.Nginx())]
        ports = [cls.recorder.port, *(server.port for server in cls.servers)]
        return {"ports": ports, "proxy": {"workers": 1, "timeouts": {"idle_ms": 3000, "head_ms": 3000},
                                          "origin": {"resolve": {"smuggle.test": "127.0.0.1"}}}}

    def send(self, text, port, path):
        """Sends it and no more; everything that comes back until the proxy closes or says nothing for long."""
        host = f"smuggle.test:{port}"
        data = text.replace("{h}", host).replace("{u}", f"http://{host}").replace("{t}", path).encode("latin-1")
        with clients.open_socket(self.proxy.address) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            try:
                return clients.receive_all(sock)
            except ConnectionResetError:
                return b""

    def test_refused(self):
        for number, (name, text) in enumerate(REFUSED.items()):
            with self.subTest(name):
                self.recorder.received = b""
                answer = self.send(text, self.recorder.port, f"/refused-{number}")
                self.assertRegex(answer, rb"^HTTP/1\.1 (400|403|405|411|413|414|421|431|501|505) ", name)
                self.assertEqual(len(re.findall(rb"^HTTP/1\.1 ", answer, re.M)), 1, "nothing may follow a refusal")
                # A body may be found wrong after its head has left; the origin must not get it whole.
                self.assertNotRegex(self.recorder.received, rb"evil")
                self.assertFalse(self.recorder.received.endswith(b"0\r\n\r\n"), self.recorder.received)

    def test_refused_before_others(self):
        """What a real server believes: none of them has seen a whole request."""
        for server in self.servers:
            for number, (name, text) in enumerate(REFUSED.items()):
                self.send(text, server.port, f"/refused-{number}")
            self.send(get(), server.port, "/last")
            wait.until(lambda: any(r["target"] == "/last" for r in server.requests()), "the last request")
            whole = [r for r in server.requests() if "refused" in r["target"] and "chunk" not in self.name_of(r)]
            self.assertEqual(whole, [], server.name)
            self.assertFalse([r for r in server.requests() if "evil" in r["target"]], server.name)

    @staticmethod
    def name_of(request):
        """nginx logs a request whose body breaks off; Node does not."""
        number = re.search(r"/refused-(\d+)", request["target"])
        name = list(REFUSED)[int(number.group(1))] if number else ""
        return "chunk" if name.startswith("trailer") else name

    def test_passes_written_anew(self):
        for number, (name, (text, count, marks)) in enumerate(PASSES.items()):
            with self.subTest(name):
                self.recorder.received = b""
                answer = self.send(text, self.recorder.port, f"/passes-{number}")
                self.assertEqual(len(re.findall(rb"HTTP/1\.1 200 ", answer)), count, answer)
                received = self.recorder.received
                self.assertNotRegex(received, rb"[^\r]\n|\r[^\n]", "bare CR or LF")
                for mark in marks:
                    if mark.startswith(b"!"):
                        self.assertNotIn(mark[1:].lower(), received.lower())
                    else:
                        self.assertIn(mark.lower(), received.lower())

    def test_everybody_counts_the_same(self):
        for server in self.servers:
            for number, (text, count, _) in enumerate(PASSES.values()):
                self.send(text, server.port, f"/passes-{number}")
            total = sum(count for _, count, _ in PASSES.values())
            wait.until(lambda: len(server.requests()) >= total, f"{total} requests at {server.name}")
            seen = sorted((r["method"], r["target"], r["host"]) for r in server.requests() if "passes" in r["target"])
            told = self.store.wait_for_events(f'dstport eq {server.port} and url like "passes"', count=total)
            host = f"smuggle.test:{server.port}"
            self.assertEqual(seen, sorted((e["method"], e["url"].removeprefix(f"http://{host}"), host) for e in told))


if __name__ == "__main__":
    import unittest
    unittest.main()
