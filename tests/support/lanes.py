"""Ways of a message through the proxy, for tables of odd messages: who speaks what on either side, whether TLS is
between, and witnesses behind it that say what they believe to have received."""
import http.client
import io
import pathlib
import tempfile

from tests.support import cases, certificates, clients, h2_web, inspection, wait, web_servers

HOST = "lane.smuggle.test"


class Lane(cases.StackCase):
    """A stack with witnesses behind it. A subclass says what this lane is; ORIGIN is what the witnesses speak."""

    SECURE = True
    ORIGIN = "http/1.1"

    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-lane-")
        cls.addClassCleanup(temporary.cleanup)
        directory = pathlib.Path(temporary.name)
        proxy = {"workers": 1, "timeouts": {"idle_ms": 5000, "head_ms": 5000},
                 "origin": {"resolve": {"smuggle.test": "127.0.0.1"}}}
        kind = web_servers.Kind()
        if cls.SECURE:
            root = certificates.Authority(directory / "origin")
            kind = web_servers.Kind(cls.ORIGIN, tuple(map(str, root.issue("*.smuggle.test"))))
            proxy["interception"] = inspection.interception(directory)
            proxy["origin"]["trust"] = str(root.certificate)
            cls.root = proxy["interception"]["chain"]
        cls.witnesses = cls.make_witnesses(kind)
        return {"ports": [witness.port for witness in cls.witnesses], "proxy": proxy}

    @classmethod
    def make_witnesses(cls, kind):
        return [cls.keep(make(kind)) for make in (web_servers.Recorder, web_servers.Node, web_servers.Nginx)]

    def open(self, port, alpn="http/1.1"):
        """A connection to say messages on, to be closed."""
        if self.SECURE:
            return h2_web.open_tls(self.proxy.address, HOST, port, self.root, (alpn,))
        return clients.open_socket(self.proxy.address)

    def say(self, data, port):
        """Everything that comes back on a connection of its own, until the proxy closes it."""
        received = b""
        with self.open(port) as sock:
            try:
                sock.sendall(data)
                while part := sock.recv(65536):
                    received += part
            except ConnectionResetError:
                pass  # what came before counts
        return received

    def filled(self, text, port, path):
        """Bytes of a text of the tables."""
        scheme = "https" if self.SECURE else "http"
        host = f"{HOST}:{port}"
        prefix = "" if self.SECURE else f"http://{host}"
        for mark, value in {"{h}": host, "{p}": str(port), "{u}": prefix, "{s}": scheme, "{t}": path}.items():
            text = text.replace(mark, value)
        return text.encode("latin-1")

    def wait_for_last(self, witness, path):
        wait.until(lambda: any(request["target"] == path for request in witness.requests()),
                   f"the last request at {witness.name}")


class _Stream(io.BytesIO):
    """What several responses are read from, one after the other."""

    def makefile(self, _mode):
        return self

    def close(self):
        pass


def read_responses(data, methods):
    """[(status, body)] as Python's own client reads them: one for each method, fewer where they end before. Interim
    ones are left out. A body that is not whole is None."""
    stream, responses = _Stream(data), []
    for method in methods:
        if stream.tell() == len(data):
            break
        response = http.client.HTTPResponse(stream, method=method)
        response.begin()
        while 101 < response.status < 200:
            response = http.client.HTTPResponse(stream, method=method)
            response.begin()
        try:
            responses.append((response.status, response.read().decode("latin-1")))
        except (http.client.HTTPException, ValueError):
            responses.append((response.status, None))
    if stream.tell() != len(data):
        raise AssertionError(f"more than was asked for: {data[stream.tell():]!r}")
    return responses
