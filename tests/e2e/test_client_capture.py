"""Transparent capture: unmodified programs in the client's namespace; what the kernel holds after each kind of end."""
import pathlib
import socket
import subprocess
import tempfile
import unittest

from tests.support import certificates, namespaces, programs, stack, wait

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


@unittest.skipUnless(namespaces.available(), "needs root to make network namespaces")
class Capture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-capture-")))
        cls.client_host = namespaces.Host("client")
        cls.addClassCleanup(cls.client_host.close)
        cls.origin_host = namespaces.Host("origin")
        cls.addClassCleanup(cls.origin_host.close)
        namespaces.cable(cls.client_host, f"{CLIENT}/24", cls.origin_host, f"{ORIGIN}/24")
        authority = certificates.Authority(cls.directory)
        cls.authority = authority.certificate
        files = authority.issue("site.test", "client.dropbox.com", "www.zoom.us")
        site = cls.directory / "site"
        site.mkdir()
        cls.make_repository(site)
        (site / "hello").write_text("hello from the origin\n")
        for port in (80, 443):
            web = programs.Program(f"web{port}", ["python3", "-c", WEB, port, *files], site, host=cls.origin_host)
            cls.addClassCleanup(web.kill)
            web.listener("web")
        cls.apps = {name: cls.copy(name, "curl") for name in ("dropbox", "zoom")}
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

    def start_client(self, fail):
        type(self).clients += 1
        folder = self.directory / f"client{self.clients}"
        folder.mkdir()
        stack.write_configuration(folder / "policy.yaml", {
            "tenant": "default",
            "steering_configurations": [{"name": "default", "fail": fail, "exceptions": [
                {"name": "Dropbox", "certificate_pinned_app": {"app": "Dropbox"}},
                {"name": "Zoom", "certificate_pinned_app": {"app": "Zoom", "action": "block"}}]}]})
        client = stack.Client(folder, host=self.client_host, policy="policy.yaml", capture={"mode": "redirect"})
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
        with self.client_host.inside():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(10)
            sock.connect((ORIGIN, 443))
            with self.assertRaises(OSError) as refused:
                sock.send(b"initial")
                sock.recv(10)
        self.assertNotIsInstance(refused.exception, TimeoutError)
        client.program.stop()

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
