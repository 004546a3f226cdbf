"""Transparent capture: unmodified programs in the client's namespace; what the kernel holds after each kind of end."""
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from tests.support import capture, certificates, namespaces, programs, stack, wait

CLIENT, ORIGIN = "198.51.100.2", "198.51.100.10"
WEB = """
import http.server, ssl, sys
port, certificate, key = int(sys.argv[1]), *sys.argv[2:4]
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("", port), Handler)
if port == 443:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("web listening on 0.0.0.0:%d" % port, file=sys.stderr, flush=True)
server.serve_forever()
"""


# Sends the first packet of a QUIC connection: a long header, version 1, 1,200 bytes. Says its port and how it ended,
# and keeps its socket until its standard input ends.
QUIC = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(10)
    udp.connect((sys.argv[1], 443))
    print(udp.getsockname()[1])
    try:
        udp.send(bytes.fromhex("c3000000010869616d636c69656e74") + bytes(1185))
        print("answered" if udp.recv(1500) else "empty", flush=True)
    except TimeoutError:
        print("silent")
    except OSError:
        print("refused", flush=True)
    sys.stdin.read()
"""
LOOK_UP = """
import socket, struct, sys
address, name = sys.argv[1:]
question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\\0\\0\\1\\0\\1"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(20)
    udp.connect((address, 53))
    udp.send(b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question)
    udp.recv(512)
with socket.create_connection((address, 80)) as tcp:
    tcp.sendall(b"EHLO here, which is neither TLS nor HTTP\\r\\n\\r\\n")
    tcp.recv(100)
"""


def answer_dns(server, name, address):
    """Answers one question with one address."""
    question, peer = server.recvfrom(512)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    server.sendto(question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question[12:] + record, peer)


def echo_datagrams(server, count):
    for _ in range(count):
        server.sendto(*server.recvfrom(2048))


@unittest.skipUnless(namespaces.available(), "needs root to make network namespaces")
class Capture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-capture-")))
        cls.client_host = namespaces.Host("client")
        cls.addClassCleanup(cls.client_host.close)
        cls.origin_host = namespaces.Host("origin")
        cls.addClassCleanup(cls.origin_host.close)
        cls.cable, _ = namespaces.cable(cls.client_host, f"{CLIENT}/24", cls.origin_host, f"{ORIGIN}/24")
        authority = certificates.Authority(cls.directory)
        cls.authority = authority.certificate
        files = authority.issue("site.test", "client.dropbox.com", "www.zoom.us")
        site = cls.directory / "site"
        site.mkdir()
        cls.make_repository(site)
        for name in ("hello", "hello.html"):  # a browser shows what its name says is HTML
            (site / name).write_text("hello from the origin\n")
        for port in (80, 443):
            web = programs.Program(f"web{port}", ["python3", "-c", WEB, port, *files], site, host=cls.origin_host)
            cls.addClassCleanup(web.kill)
            web.listener("web")
        cls.apps = {name: cls.copy(name, "curl") for name in ("dropbox", "zoom")}
        cls.apps["surf"] = cls.copy("surf", "/usr/bin/python3")
        cls.clients = 0

    @classmethod
    def copy(cls, name, program):
        path = cls.directory / name
        path.write_bytes(pathlib.Path(subprocess.check_output(["which", program], text=True).strip()).read_bytes())
        path.chmod(0o755)
        return path

    @classmethod
    def make_repository(cls, site):
        work = cls.directory / "work"
        for command in (["init", "-q", work], ["-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q",
                        "--allow-empty", "-m", "first"], ["clone", "-q", "--bare", work, site / "repository.git"],
                        ["-C", site / "repository.git", "update-server-info"]):
            subprocess.run(["git", *map(str, command)], check=True, stdin=subprocess.DEVNULL)

    def start_client(self, fail, exceptions=(), **changes):
        type(self).clients += 1
        folder = self.directory / f"client{self.clients}"
        folder.mkdir()
        stack.write_configuration(folder / "policy.yaml", {
            "tenant": "default",
            "steering_configurations": [{"name": "default", "fail": fail, "exceptions": [
                {"name": "Dropbox", "certificate_pinned_app": {"app": "Dropbox"}},
                {"name": "Zoom", "certificate_pinned_app": {"app": "Zoom", "action": "block"}}, *exceptions]}]})
        client = stack.Client(folder, host=self.client_host, policy="policy.yaml", capture={"mode": "redirect"},
                              **changes)
        client.start()
        self.addCleanup(lambda: client.program.running() and client.program.kill())
        client.program.wait_for_line("ready")
        return client

    def inside(self, *argv, **options):
        return programs.run(argv, self.directory, host=self.client_host, **options)

    def curl(self, host, path="/hello", app="curl", scheme="https"):
        port = 443 if scheme == "https" else 80
        return self.inside(app, "-sS", "--max-time", "10", "--cacert", self.authority, "--resolve",
                           f"{host}:{port}:{ORIGIN}", f"{scheme}://{host}{path}")

    def table(self):
        return self.inside("nft", "list", "ruleset").stdout

    def test_unmodified_programs_are_attributed_and_go_where_policy_wants(self):
        client = self.start_client("open")
        self.assertIn("redirect to", self.table())
        done = self.curl("client.dropbox.com", app=self.apps["dropbox"])
        self.assertEqual(done.stdout, "hello from the origin\n", done.stderr)
        client.wait_for_log("Bypassing connection from process: dropbox, host: client.dropbox.com")
        self.assertNotEqual(self.curl("www.zoom.us", app=self.apps["zoom"]).returncode, 0)
        client.wait_for_log("Dropping connection from process: zoom, host: www.zoom.us")
        for scheme in ("https", "http"):
            self.assertEqual(self.curl("site.test", scheme=scheme).stdout, "hello from the origin\n")
        environment = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.curloptResolve",
                       "GIT_CONFIG_VALUE_0": f"site.test:80:{ORIGIN}"}
        done = self.inside("git", "ls-remote", "http://site.test/repository.git", environment=environment)
        self.assertIn("HEAD", done.stdout, done.stderr)
        processes = {line.split('"process_name":"')[1].split('"')[0]
                     for line in client.jsonl.read_text().splitlines() if '"process_name"' in line}
        self.assertEqual(processes, {"dropbox", "zoom", "curl", "git-remote-http"})
        client.program.stop()
        self.assertNotIn("sluice", self.table())
        self.assertEqual(self.curl("site.test").stdout, "hello from the origin\n")

    def test_quic_is_refused_at_once(self):
        client = self.start_client("open")
        with capture.Capture(self.client_host, self.cable) as seen:
            app = subprocess.Popen([*self.client_host.prefix, self.apps["surf"], "-c", QUIC, ORIGIN], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PYTHONHOME": "/usr"})
            port, outcome = app.stdout.readline().strip(), app.stdout.readline().strip()
            line = client.wait_for_log("Blocking UDP connection")
            app.communicate()
        self.assertEqual(outcome, "refused")
        self.assertTrue(line.endswith(f"BypassAppMgr Blocking UDP connection from process: surf, dest IP:{ORIGIN}:443, "
                                      f"src IP {CLIENT}:{port}"), line)
        records = [json.loads(text) for text in client.jsonl.read_text().splitlines()]
        self.assertEqual({(record["process_name"], record["action"], record["dstport"]) for record in records},
                         {("surf", "drop", 443)})
        self.assertEqual([packet for packet in seen.packets() if packet.destination == (ORIGIN, 443)], [])
        client.program.stop()

    def test_quic_of_an_exception_passes_and_is_recorded(self):
        folder = self.directory / "quic-store"
        folder.mkdir()
        store = stack.Store(folder, host=self.client_host)
        store.start()
        self.addCleanup(lambda: store.program.running() and store.program.stop())
        client = self.start_client("open", [{"name": "Lab", "destinations": {"cidrs": [f"{ORIGIN}/32"]}}],
                                   events={"address": store.ingest})
        for timeout in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):  # the kernel forgets soon
            self.inside("sh", "-c", f"echo 2 > /proc/sys/net/netfilter/{timeout}")
        with self.origin_host.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server:
            server.bind((ORIGIN, 443))
            threading.Thread(target=echo_datagrams, args=(server, 2), daemon=True).start()
            app = subprocess.Popen([*self.client_host.prefix, self.apps["surf"], "-c", QUIC, ORIGIN], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PYTHONHOME": "/usr"})
            port, outcome = int(app.stdout.readline()), app.stdout.readline().strip()
            client.wait_for_log(f"BypassAppMgr bypassing flow to exception host: {ORIGIN}, process: surf, "
                                f"Dest IP: {ORIGIN}, Dest Port: 443")
            app.communicate()
        self.assertEqual(outcome, "answered")
        event = store.wait_for_events(f"srcport eq {port} and state eq closed")[0]
        self.assertEqual({name: event.get(name) for name in (
            "action", "policy", "bypass_traffic", "bypass_mode", "bypass_layer", "bypass_reason_code", "process_name",
            "dstip", "dstport", "primary", "close_reason", "client_bytes", "server_bytes")},
            {"action": "bypass", "policy": "Lab", "bypass_traffic": "yes", "bypass_mode": "direct",
             "bypass_layer": "client", "bypass_reason_code": "destination", "process_name": "surf", "dstip": ORIGIN,
             "dstport": 443, "primary": "yes", "close_reason": "idle_timeout", "client_bytes": 1200,
             "server_bytes": 1200})
        client.program.stop()

    def test_addresses_have_the_names_that_programs_looked_up(self):
        client = self.start_client("open")
        with self.origin_host.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server:
            server.bind((ORIGIN, 53))
            threading.Thread(target=answer_dns, args=(server, "mail.learned.test", ORIGIN), daemon=True).start()
            done = self.inside("python3", "-c", LOOK_UP, ORIGIN, "mail.learned.test")
            self.assertEqual(done.returncode, 0, done.stderr)
        wait.until(lambda: '"host":"mail.learned.test"' in client.jsonl.read_text(), "the learned name")
        record = next(record for record in map(json.loads, client.jsonl.read_text().splitlines())
                      if record["host"] == "mail.learned.test")
        self.assertEqual((record["host_source"], record["bypass_reason_code"]), ("dns", "fail_open"))
        client.program.stop()

    @unittest.skipUnless(shutil.which("chromium"), "needs Chromium")
    def test_chromium_unmodified(self):
        client = self.start_client("open")
        page = self.chromium("https://site.test/hello.html")
        self.assertIn("hello from the origin", page.stdout, page.stderr)
        wait.until(lambda: '"process_name":"chromium"' in client.jsonl.read_text(), "Chromium's connection")
        # One that insists on QUIC hears at once that there is none. It closes its socket then, so that nobody may be
        # found behind it where the packet filter has no queue.
        self.chromium("https://site.test/hello.html", "--origin-to-force-quic-on=site.test:443")
        self.assertRegex(client.wait_for_log("Blocking UDP connection"),
                         rf"process: (chromium)?, dest IP:{ORIGIN}:443, src IP {CLIENT}:\d+$")
        client.program.stop()

    def chromium(self, url, *options):
        return self.inside("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                           f"--user-data-dir={self.directory / 'chromium'}",
                           f"--host-resolver-rules=MAP site.test {ORIGIN}", *options, "--dump-dom", url,
                           environment={"HOME": str(self.directory)})

    def test_killed_client_of_an_open_policy_leaves_a_working_machine(self):
        client = self.start_client("open")
        client.program.kill()
        wait.until(lambda: "sluice" not in self.table(), "the kernel to drop the table")
        self.assertEqual(self.curl("site.test").stdout, "hello from the origin\n")

    def test_killed_client_of_a_closed_policy_passes_nothing_until_it_is_cleaned(self):
        for cleaner in ("start", "cleanup"):
            with self.subTest(cleaner):
                client = self.start_client("closed")
                self.assertNotEqual(self.curl("site.test").returncode, 0)  # no tunnel
                client.program.kill()
                self.assertIn("sluice_client", self.table())
                self.assertNotEqual(self.curl("site.test").returncode, 0)
                if cleaner == "cleanup":
                    done = self.inside(programs.BIN / "sluice-client", "--cleanup")
                    self.assertEqual(done.returncode, 0, done.stderr)
                else:
                    self.start_client("open").program.stop()
                self.assertNotIn("sluice", self.table())
                self.assertEqual(self.curl("site.test").stdout, "hello from the origin\n")


if __name__ == "__main__":
    unittest.main()
