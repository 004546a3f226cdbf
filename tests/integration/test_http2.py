"""HTTP/2 through interception: curl, Node, python3-h2 and h2load in front, Node behind; each stream is judged and
recorded alone, and no byte is lost from the books."""
import hashlib
import json
import pathlib
import tempfile
import unittest

from tests.support import cases, certificates, h2_web, inspection, programs, wait

POLICY = """
tenant: default
url_lists:
- {name: secret, type: exact, urls: [app.h2.test/secret]}
custom_categories:
- {name: Secrets, include_url_lists: [secret]}
realtime_policies:
- {name: No secrets, match: {categories: [Secrets]}, action: block, notification: default}
- {name: No uploads of text, match: {domains: [app.h2.test], methods: [POST], content_types: [text/plain]},
   action: block, notification: default}
notifications: {default: {title: "Stop", body: "Ask IT.", support: it@acme.test}}
"""

NODE_CLIENT = r"""
const http2 = require("http2"), net = require("net"), tls = require("tls"), fs = require("fs");
const crypto = require("crypto");
const [proxyHost, proxyPort, host, port, root] = process.argv.slice(2);
const raw = net.connect(proxyPort, proxyHost, () => raw.write(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`));
raw.once("data", () => {
  const socket = tls.connect({socket: raw, servername: host, ca: fs.readFileSync(root), ALPNProtocols: ["h2"]}, () => {
    const session = http2.connect(`https://${host}:${port}`, {createConnection: () => socket});
    const ask = (path, body) => new Promise((done, failed) => {
      const stream = session.request({":path": path, ":method": body ? "POST" : "GET"});
      const digest = crypto.createHash("sha256");
      let bytes = 0, trailers = {}, hints = 0;
      stream.on("headers", () => { hints += 1; });
      stream.on("trailers", fields => { trailers = fields; });
      stream.on("data", part => { bytes += part.length; digest.update(part); });
      stream.on("end", () => done([bytes, digest.digest("hex"), trailers["x-sum"] || "", hints]));
      stream.on("error", failed);
      stream.end(body);
    });
    const body = Buffer.alloc(5000000, "u");
    Promise.all([ask("/bytes/3000000"), ask("/echo", body), ask("/trailers"), ask("/hints")])
      .then(all => { console.log(JSON.stringify(all)); session.close(); });
  });
});
"""


class Http2Case(cases.StackCase):
    VERSIONS = "h2,http/1.1"

    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-http2-")
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = pathlib.Path(temporary.name)
        (cls.directory / "policy.yaml").write_text(POLICY)
        origin_root, port = cls.make_origin(cls.directory)
        settings = inspection.interception(cls.directory)
        cls.root = settings["chain"]
        return {"ports": [port],
                "proxy": {"policy": str(cls.directory / "policy.yaml"), "interception": settings,
                          "origin": {"resolve": {"h2.test": "127.0.0.1"}, "trust": str(origin_root.certificate)}}}

    @classmethod
    def make_origin(cls, directory):
        """(authority, port) of what stands behind *.h2.test."""
        root = certificates.Authority(directory / "origin")
        cls.web = cls.keep(h2_web.Origin(*root.issue("*.h2.test"), cls.VERSIONS))
        return root, cls.web.port

    def url(self, host, path):
        return f"https://{host}.h2.test:{self.web.port}{path}"

    def client(self, host):
        client = h2_web.Client(self.proxy.address, f"{host}.h2.test", self.web.port, self.root)
        self.addCleanup(client.close)
        return client

    def curl(self, *arguments, code=0):
        done = programs.run(["curl", "-sS", "--http2", "--cacert", self.root, "--proxy",
                             "http://%s:%d" % self.proxy.address, *arguments])
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout


class Http2(Http2Case):
    def test_curl_speaks_the_version_of_the_origin(self):
        shown = self.curl("-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}", "-A", "probe/2",
                          self.url("one", "/bytes/5000?secret=1"))
        self.assertEqual(shown, "2 200 5000")
        seen = [request for request in self.web.requests() if request["target"] == "/bytes/5000?secret=1"]
        self.assertEqual([request["version"] for request in seen], ["2.0"])
        event = self.one_event(
            "host eq one.h2.test", type="page", url=self.url("one", "/bytes/5000"), method="GET", status=200,
            http_version="HTTP/2", content_type="text/plain", useragent="probe/2", action="allow", alpn="h2",
            close_reason="completed", host_source="connect", sni="one.h2.test", dstport=self.web.port)
        self.assertGreater(event["server_bytes"], 5000)
        self.assertLess(event["server_bytes"], 5300)

    def test_a_client_of_http1_gets_http1(self):
        shown = self.curl("--http1.1", "-o", "/dev/null", "-w", "%{http_version}", self.url("old", "/bytes/10"))
        self.assertEqual(shown, "1.1")
        self.one_event("host eq old.h2.test", http_version="HTTP/1.1", alpn="http/1.1")

    def test_bodies_both_ways(self):
        body = self.directory / "body"
        body.write_bytes(b"0123456789abcdef" * 600_000)
        self.assertEqual(self.curl("--data-binary", f"@{body}", self.url("up", "/echo")),
                         hashlib.sha256(body.read_bytes()).hexdigest())
        self.assertEqual(self.one_event("host eq up.h2.test", status=200)["client_bytes"] // 10_000, 960)
        self.curl("-o", self.directory / "down", self.url("down", "/bytes/20000000"))
        self.assertEqual((self.directory / "down").read_bytes(), b"s" * 20_000_000)

    def test_methods_and_statuses(self):
        client = self.client("methods")
        for status in (204, 304, 404, 500):
            self.assertEqual(client.fetch(f"/status/{status}").status, status)
        head = client.fetch("/bytes/100", method="HEAD")
        self.assertEqual((head.status, bytes(head.received)), (200, b""))
        post = client.request("/echo", method="POST", end=False, fields=[("content-length", "5")])
        client.send(post, b"12345", end=True)
        self.assertEqual(client.wait_end(post).decode(), hashlib.sha256(b"12345").hexdigest())

    def test_node(self):
        (self.directory / "client.js").write_text(NODE_CLIENT)
        done = programs.run(["node", self.directory / "client.js", *map(str, self.proxy.address), "node.h2.test",
                             str(self.web.port), self.root])
        self.assertEqual(done.returncode, 0, done.stderr)
        download, echo, trailers, hints = json.loads(done.stdout)
        self.assertEqual(download[:2], [3_000_000, hashlib.sha256(b"s" * 3_000_000).hexdigest()])
        answer = hashlib.sha256(b"u" * 5_000_000).hexdigest()
        self.assertEqual(echo[:2], [64, hashlib.sha256(answer.encode()).hexdigest()])
        self.assertEqual(trailers[2:3], ["13"])
        self.assertEqual(hints[3], 1)
        self.store.wait_for_events("host eq node.h2.test and status = 200", count=4)

    def test_a_blocked_stream_among_good_ones(self):
        client = self.client("app")
        slow = client.request("/wait")
        blocked = client.fetch("/secret/plan", fields=[("accept", "application/json")])
        upload = client.request("/echo", method="POST", end=False, fields=[("content-type", "text/plain")])
        client.answer(upload)
        good = client.fetch("/bytes/7")
        client.fetch("/go")
        self.assertEqual(client.wait_end(slow), b"waited")
        self.assertEqual((blocked.status, upload.status, good.status), (403, 403, 200))
        answer = json.loads(bytes(blocked.received))
        self.assertEqual((answer["policy"], answer["support"]), ("No secrets", "it@acme.test"))
        self.one_event(f"event_id eq {answer['event_id']}", action="block", type="page", status=403,
                       category="Secrets", url=self.url("app", "/secret/plan"), http_version="HTTP/2")
        self.assertNotIn("/secret/plan", [request["target"] for request in self.web.requests()])
        self.one_event("host eq app.h2.test and method eq POST", policy="No uploads of text", status=403)
        self.store.wait_for_events("host eq app.h2.test and status = 200", count=3)

    def test_another_host_inside_is_refused(self):
        client = self.client("bound")
        self.assertEqual(client.fetch("/", authority=f"other.h2.test:{self.web.port}").status, 421)
        self.assertEqual(client.fetch("/").status, 200)
        self.one_event("sni eq bound.h2.test and status = 421", action="block", policy="name binding")

    def test_a_thousand_streams_at_once(self):
        client = self.client("many")
        streams = [client.request("/wait") for _ in range(999)]
        asker = self.client("asker")
        wait.until(lambda: bytes(asker.fetch("/waiting").received) == b"999", "all to wait at the origin")
        client.fetch("/go")
        for stream in streams:
            self.assertEqual(client.wait_end(stream), b"waited")
        self.store.wait_for_events("host eq many.h2.test and status = 200", count=1000)

    def test_h2load(self):
        way = self.keep(h2_web.Connector(self.proxy.address, "load.h2.test", self.web.port))
        count = 300 if cases.FAST else 900  # a search answers with 1,000
        done = programs.run(["h2load", "-n", str(count), "-c", "2", "-m", "50",
                             "--connect-to=127.0.0.1:%d" % way.address[1], self.url("load", "/bytes/1000")])
        self.assertIn(f"{count} succeeded, 0 failed", done.stdout, done.stderr)
        self.store.wait_for_events("host eq load.h2.test and status = 200", count=count)


class OriginOfHttp1(Http2Case):
    VERSIONS = "http/1.1"

    def test_the_client_is_shown_what_the_origin_speaks(self):
        body = self.directory / "body"
        body.write_bytes(b"0123456789abcdef" * 100_000)
        shown = self.curl("-w", " %{http_version}", "--data-binary", f"@{body}", self.url("one", "/echo"))
        self.assertEqual(shown, hashlib.sha256(body.read_bytes()).hexdigest() + " 1.1")
        self.assertEqual([request["version"] for request in self.web.requests()], ["1.1"])
        self.one_event("host eq one.h2.test", http_version="HTTP/1.1", alpn="http/1.1", status=200)


if __name__ == "__main__":
    unittest.main()
