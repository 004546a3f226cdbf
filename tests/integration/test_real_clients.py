"""Programs that people use, through a proxy that decrypts: each fetches from a local origin, knows only our root, and
is named in the event."""
import base64
import functools
import hashlib
import http.server
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest

from tests.support import cases, certificates, clients, inspection, origins, programs, wait

PARTS = 60  # of the page that a browser loads

NODE = """
const https = require('https'), {once} = require('events');
(async () => {
  const base = process.argv[2];
  const page = await fetch(base + '/file.txt');
  const text = await page.text();
  const posted = await (await fetch(base + '/upload', {method: 'POST', body: 'x'.repeat(300000)})).text();
  const streamed = await fetch(base + '/upload', {method: 'POST', duplex: 'half', body: new ReadableStream({
    start(c) { c.enqueue(new TextEncoder().encode('part')); c.close(); }})});
  const request = https.get(base + '/socket', {headers: {Connection: 'Upgrade', Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': Buffer.from('0123456789abcdef').toString('base64')}});
  const [response, socket] = await once(request, 'upgrade');
  socket.write(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x69, 0x6b]));
  const [frame] = await once(socket, 'data');
  socket.destroy();
  console.log(JSON.stringify([page.status, text, posted, await streamed.text(), response.statusCode, [...frame]]));
})().catch(problem => { console.error(problem); process.exit(1); });
"""

JAVA = """
import java.net.URI; import java.net.InetSocketAddress; import java.net.ProxySelector; import java.net.http.*;
class Fetch { public static void main(String[] a) throws Exception {
  var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
    .proxy(ProxySelector.of(new InetSocketAddress(a[0], Integer.parseInt(a[1])))).build();
  var answer = client.send(HttpRequest.newBuilder(URI.create(a[2])).build(), HttpResponse.BodyHandlers.ofString());
  System.out.print(answer.statusCode() + " " + answer.body());
} }
"""


class Files(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; /upload answers with the length of what came, /socket echoes one WebSocket frame."""

    protocol_version = "HTTP/1.1"
    rbufsize = 0  # what stands behind an upgrade is not swallowed

    def log_message(self, *_):
        pass

    def do_POST(self):
        length = 0
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                length += self.swallow(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            length = self.swallow(int(self.headers["Content-Length"]))
        self.answer(str(length).encode(), "text/plain")

    def swallow(self, size):
        left = size
        while left > 0 and (part := self.rfile.read(min(left, 65536))):
            left -= len(part)
        return size - left

    def do_GET(self):
        if self.path == "/socket":
            accept = base64.b64encode(hashlib.sha1(
                (self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            self.connection.recv(8)
            self.wfile.write(b"\x81\x02hi")
            self.close_connection = True
        elif self.path == "/page.html":
            parts = "".join(f"<script src='/part/{number}.js'></script>" for number in range(PARTS))
            self.answer(f"<html><body><p id=sum>0</p>{parts}</body></html>".encode().ljust(4000), "text/html")
        elif self.path.startswith("/part/"):
            self.answer(b"document.getElementById('sum').textContent++;", "text/javascript")
        else:
            super().do_GET()

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FileServer(http.server.ThreadingHTTPServer):
    """Files of `folder` over TLS."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder, certificate, key, host="127.0.0.1"):
        super().__init__((host, 0), functools.partial(Files, directory=folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # clients that refuse a certificate

    def close(self):
        self.shutdown()
        self.server_close()


class Redirected(origins.Origin):
    """For clients that know no proxy: what connects here is carried through a CONNECT of the proxy to `target`."""

    def __init__(self, proxy, target, **options):
        self.proxy, self.target = proxy, target
        super().__init__(**options)

    def serve(self, connection):
        sock, reply = clients.connect(self.proxy, *self.target)
        with sock:
            if reply.status != 200:
                return
            back = threading.Thread(target=self.pump, args=(sock, connection.sock))
            back.start()
            self.pump(connection.sock, sock)
            back.join()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(origins.socket.SHUT_WR)
        except OSError:
            pass


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class RealClients(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-clients-")
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = pathlib.Path(temporary.name)
        cls.folder = cls.directory / "files"
        cls.folder.mkdir()
        (cls.folder / "file.txt").write_text("content of a file\n")
        authority = certificates.Authority(cls.directory / "origin")
        certificate = authority.issue("*.clients.test", "localhost")
        cls.web = cls.keep(FileServer(cls.folder, *certificate))
        cls.local = cls.keep(FileServer(cls.folder, *certificate, host="127.0.0.2"))
        settings = inspection.interception(cls.directory)
        cls.root, cls.issuing = settings["chain"], settings["ca_certificate"]
        return {"ports": [cls.web.port, cls.local.port],
                "proxy": {"interception": settings,
                          "origin": {"resolve": {"clients.test": "127.0.0.1", "localhost": "127.0.0.2"},
                                     "allow_destinations": ["127.0.0.0/8"], "trust": str(authority.certificate)}}}

    @property
    def proxy_url(self):
        return "http://%s:%d" % self.proxy.address

    def url(self, host, path="/file.txt"):
        return f"https://{host}.clients.test:{self.web.port}{path}"

    def run_program(self, *argv, environment=None, seconds=None):
        done = programs.run(argv, self.directory, environment=environment, seconds=seconds)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def seen(self, host, **expected):
        def ended():
            events = self.store.search(f"host eq {host} and type eq page")
            return events if all(event["state"] != "open" for event in events) else None

        events = wait.until(ended, f"ended events of {host}")
        for event in events:
            self.assertEqual({name: event.get(name) for name in expected}, expected, event)
        return events

    def test_curl(self):
        text = self.run_program("curl", "-sS", "--cacert", self.root, "--proxy", self.proxy_url, self.url("curl"))
        self.assertEqual(text, "content of a file\n")
        self.seen("curl.clients.test", status=200, action="allow")

    def test_openssl(self):
        for version in ("-tls1_2", "-tls1_3"):
            done = programs.run(["openssl", "s_client", "-proxy", "%s:%d" % self.proxy.address, "-connect",
                                 f"openssl.clients.test:{self.web.port}", "-servername", "openssl.clients.test",
                                 "-verify_return_error", "-verify_hostname", "openssl.clients.test", "-CAfile",
                                 self.root, version, "-ign_eof", "-quiet"], self.directory,
                                data=f"GET /file.txt HTTP/1.1\r\nHost: openssl.clients.test:{self.web.port}\r\n"
                                     "Connection: close\r\n\r\n")
            self.assertIn("content of a file", done.stdout, done.stderr)
        self.seen("openssl.clients.test", status=200)

    @needs("wget")
    def test_wget(self):
        text = self.run_program("wget", "-q", "-O", "-", "--ca-certificate", self.root, self.url("wget"),
                                environment={"https_proxy": self.proxy_url})
        self.assertEqual(text, "content of a file\n")
        self.seen("wget.clients.test", status=200)

    @needs("git")
    def test_git_clone(self):
        work = self.directory / "work"
        settings = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t",
                    "GIT_COMMITTER_EMAIL": "t@t", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.directory)}
        self.run_program("git", "init", "-q", work, environment=settings)
        (work / "data").write_bytes(bytes(range(256)) * 4000)
        self.run_program("git", "-C", work, "add", "data", environment=settings)
        self.run_program("git", "-C", work, "commit", "-qm", "data", environment=settings)
        self.run_program("git", "clone", "-q", "--bare", work, self.folder / "project.git", environment=settings)
        self.run_program("git", "-C", self.folder / "project.git", "update-server-info", environment=settings)
        self.run_program("git", "-c", f"http.proxy={self.proxy_url}", "clone", "-q", self.url("git", "/project.git"),
                         self.directory / "clone", environment={**settings, "GIT_SSL_CAINFO": self.root})
        self.assertEqual((self.directory / "clone" / "data").read_bytes(), (work / "data").read_bytes())
        self.seen("git.clients.test", action="allow")

    def test_python(self):
        script = ("import sys, urllib.request as r\n"
                  "print(r.urlopen(sys.argv[1]).read().decode(), end='')\n"
                  "print(r.urlopen(sys.argv[2], data=b'y' * 100000).read().decode())")
        text = self.run_program("/usr/bin/python3", "-c", script, self.url("python"), self.url("python", "/upload"),
                                environment={"https_proxy": self.proxy_url, "SSL_CERT_FILE": self.root})
        self.assertEqual(text, "content of a file\n100000\n")
        self.seen("python.clients.test", status=200)

    def test_python_requests(self):
        python = next((path for path in (shutil.which("python3"), "/usr/bin/python3") if path and subprocess.run(
            [path, "-c", "import requests"], capture_output=True, check=False).returncode == 0), None)
        if python is None:
            self.skipTest("requests is not installed")
        script = ("import sys, requests\nwith requests.Session() as s:\n"
                  "  print([s.get(sys.argv[1]).text for _ in range(3)],\n"
                  "        s.post(sys.argv[2], data=iter([b'a'] * 9)).text)")
        text = self.run_program(python, "-c", script, self.url("requests"), self.url("requests", "/upload"),
                                environment={"HTTPS_PROXY": self.proxy_url, "REQUESTS_CA_BUNDLE": self.root})
        self.assertEqual(text.strip(), str(["content of a file\n"] * 3) + " 9")
        self.seen("requests.clients.test", status=200)

    @needs("node")
    def test_node(self):
        """Node's fetch knows no proxy: it is redirected, and both ends of the way use the same port."""
        script = self.directory / "client.js"
        script.write_text(NODE)
        with Redirected(self.proxy.address, ("localhost", self.local.port), port=self.local.port):
            text = self.run_program("node", script, f"https://localhost:{self.local.port}",
                                    environment={"NODE_EXTRA_CA_CERTS": self.root})
        self.assertEqual(text.strip(), '[200,"content of a file\\n","300000","4",101,[129,2,104,105]]')
        self.seen("localhost", action="allow")

    @needs("java")
    def test_java(self):
        if "jdk.compiler" not in programs.run(["java", "--list-modules"]).stdout:
            self.skipTest("this Java cannot run a source file")
        store, source = self.directory / "trust.p12", self.directory / "Fetch.java"
        source.write_text(JAVA)
        self.run_program("keytool", "-importcert", "-noprompt", "-alias", "root", "-file", self.root, "-keystore",
                         store, "-storepass", "changeit", "-storetype", "PKCS12", seconds=90)
        text = self.run_program("java", f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword="
                                "changeit", source, *map(str, self.proxy.address), self.url("java"), seconds=120)
        self.assertEqual(text, "200 content of a file\n")
        self.seen("java.clients.test", status=200)

    @cases.slow
    @needs("chromium")
    def test_chromium(self):
        public_key = f"openssl x509 -in {self.issuing} -noout -pubkey | openssl pkey -pubin -outform der"
        key = programs.run(["sh", "-c", public_key + " | openssl dgst -sha256 -binary | openssl base64"]).stdout.strip()
        page = self.run_program("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                                "--disable-background-networking", f"--user-data-dir={self.directory}/profile",
                                f"--proxy-server={self.proxy_url}", f"--ignore-certificate-errors-spki-list={key}",
                                "--dump-dom", self.url("chromium", "/page.html"),
                                seconds=180)
        self.assertIn(f'<p id="sum">{PARTS}</p>', page)
        self.seen("chromium.clients.test", action="allow")
