"""Every configuration that the repository ships is accepted; the certificates of the container really work."""
import crypt
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from tests.support import cases, certificates, clients, origins, programs, stack, wait

DEPLOY = programs.ROOT / "deploy"


class Examples(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-examples-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    def check(self, *files):
        checked = programs.run([programs.BIN / "sluicectl", "config", "check", *files], self.directory)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def make_certificates(self):
        """Runs the container's script; its chown to the image's user needs root."""
        path = f"{programs.BIN}:{os.environ['PATH']}"
        subprocess.run([DEPLOY / "container" / "make-certificates", self.directory], check=True, capture_output=True,
                       env=dict(os.environ, PATH=path), stdin=subprocess.DEVNULL)

    def test_examples(self):
        names = ("proxy.yaml", "events.yaml", "policy.yaml", "client.yaml")
        self.check(*(DEPLOY / "examples" / name for name in names))

    def test_commented_lines_of_the_examples_are_valid_too(self):
        hashed = crypt.crypt("secret", crypt.mksalt(crypt.METHOD_SHA512))
        (self.directory / "users.htpasswd").write_text(f"alice:{hashed}\n")
        for name in ("pop.crt", "pop.key", "servers.crt", "store.crt", "store.key", "devices.crt", "revoked.txt"):
            (self.directory / name).write_text("")
        (self.directory / "policy.yaml").write_text("tenant: default\n")
        for name in ("proxy.yaml", "events.yaml"):
            text = (DEPLOY / "examples" / name).read_text()
            for start in ("# tls:", "# resolve:", "# dns_servers:"):
                text = text.replace(f"\n{start}", f"\n {start[1:]}")
            for start in ("- {name: ", "   tls: {", "control:", "  address:", "  tls: {", "policy:", "pops:"):
                text = text.replace(f"\n# {start}", f"\n{start}")
            (self.directory / name).write_text(text)
            self.check(self.directory / name)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to hand the keys to the image's user")
    def test_container_configuration_with_its_certificates(self):
        self.make_certificates()
        for name in ("proxy.yaml", "events.yaml"):
            text = (DEPLOY / "container" / name).read_text()
            (self.directory / name).write_text(text.replace("/certificates/", f"{self.directory}/"))
            self.check(self.directory / name)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to hand the keys to the image's user")
    def test_container_certificates_carry_events(self):
        """Store and PoP with the certificates that the script makes; only the address is another."""
        self.make_certificates()
        programs.run([programs.BIN / "sluicectl", "ca", "issue-server", "--dir", self.directory / "ca",
                      "--name", "store", "--san", "IP:127.0.0.1", "--out", self.directory / "local-store"])

        def tls(name):
            return {"certificate": str(self.directory / f"{name}.crt"), "key": str(self.directory / f"{name}.key"),
                    "ca": str(self.directory / "servers.crt")}

        with origins.Echo() as echo, stack.Stack(
                ports=[echo.port], store={"ingest": {"tls": tls("local-store")}},
                proxy={"events": {"tls": tls("pop")},
                       "origin": {"resolve": {"container.test": "127.0.0.1"}}}) as running:
            sock, reply = clients.connect(running.proxy.address, "container.test", echo.port)
            sock.close()
            self.assertEqual(reply.status, 200)
            running.store.wait_for_events("host eq container.test")


class Certificates(unittest.TestCase):
    """The PoP's certificate towards the event store is replaced by SIGHUP."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-certificates-")))

    def issue(self, authority, name):
        """Puts a certificate and key of this authority where the proxy finds its own."""
        for made, wanted in zip(authority.issue(name), ("pop.crt", "pop.key")):
            shutil.copy(made, self.directory / wanted)

    def test_reload(self):
        ours = certificates.Authority(self.directory / "ours")
        strange = certificates.Authority(self.directory / "strange", "Somebody else")
        server = ours.issue("127.0.0.1")
        self.issue(ours, "pop.test")
        store = {"ingest": {"tls": {"certificate": str(server[0]), "key": str(server[1]), "ca": str(ours.certificate)}}}
        tls = {"certificate": str(self.directory / "pop.crt"), "key": str(self.directory / "pop.key"),
               "ca": str(ours.certificate)}
        running = self.enterContext(stack.Stack(store=store, proxy={"events": {"tls": tls}}))

        def flow(name):
            clients.send_raw(running.proxy.address, clients.connect_request(name, 443))
            return f"host eq {name}"

        def connected(count):
            wait.until(lambda: running.proxy.metric("sluice_store_connected") == count, f"{count} streams to the store")

        running.store.wait_for_events(flow("first.invalid"))
        (self.directory / "pop.crt").write_text("no certificate")
        running.proxy.reload()
        wait.until(lambda: running.proxy.metric("sluice_reloads_failed_total") == 1, "a refused reload")
        running.store.wait_for_events(flow("still.invalid"))

        self.issue(strange, "pop.test")
        running.proxy.reload()
        connected(0)
        late = flow("late.invalid")
        self.issue(ours, "pop.test")
        running.proxy.reload()
        running.store.wait_for_events(late)
        running.store.wait_for_events(flow("last.invalid"))


class Permissions(cases.StackCase):
    def test_query_socket_is_for_its_owner_only(self):
        self.assertEqual(self.store.socket.stat().st_mode & 0o007, 0)

    def test_records_on_disk_are_for_their_owner_only(self):
        sock, _ = clients.connect(self.proxy.address, "nowhere.invalid", 443)
        sock.close()
        self.store.wait_for_events("host eq nowhere.invalid")
        for folder in ("spool", "store"):
            files = [path for path in (self.stack.directory / folder).rglob("*") if path.is_file()]
            self.assertTrue(files, folder)
            readable = [str(path) for path in files if path.stat().st_mode & 0o007]
            closed = (self.stack.directory / folder).stat().st_mode & 0o007 == 0
            self.assertTrue(closed or not readable, f"others can read {readable}")


if __name__ == "__main__":
    unittest.main()
