"""Steering client and PoP together: which way a flow goes, what both say about it, and what happens when a PoP dies."""
import json
import os
import pathlib
import shutil
import socket
import tempfile
import unittest

from tests.support import certificates, clients, h2_tunnel, hello, origins, programs, stack, wait


def policy(ports, mode="direct", at="client", fail="open", blocked=()):
    return {
        "tenant": "default",
        "steering_configurations": [{
            "name": "default", "web_ports": ports, "bypass_exceptions_at": at, "fail": fail,
            "exceptions": [{"name": "Dropbox", "certificate_pinned_app": {"app": "Dropbox", "mode": mode}}]}],
        "unknown_protocol": "splice",
        "realtime_policies": [{"name": "Block bad", "match": {"domains": ["no.example", *blocked]}, "action": "block"}]}


class ClientTunnel(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-steer-")))
        cls.tls = h2_tunnel.make_authorities(cls.directory)
        certificate, key = h2_tunnel.issue(cls.directory)
        cls.identity = {"certificate": str(certificate), "key": str(key), "ca": str(cls.directory / "service-root.crt")}
        authority = certificates.Authority(cls.directory / "origin")
        cls.authority = authority.certificate
        cls.origin = origins.TlsOrigin(*authority.issue("*.dropbox.com", "*.steer.test"))
        cls.addClassCleanup(cls.origin.close)
        cls.heard = []
        cls.raw = origins.Script(lambda connection: cls.heard.append(connection.recv()))
        cls.addClassCleanup(cls.raw.close)
        for name in ("dropbox", "surf"):
            shutil.copy(shutil.which("curl"), cls.directory / name)
        cls.store = stack.Store(cls.directory).start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.count = 0

    def write(self, path, **settings):
        stack.write_configuration(path, policy([self.origin.port, self.raw.port], **settings))

    def start_pop(self, name, **settings):
        folder = self.directory / f"{name}{self.count}"
        folder.mkdir()
        self.write(folder / "policy.yaml", **settings)
        proxy = stack.Proxy(folder, self.store, [self.origin.port, self.raw.port], name=name, policy="policy.yaml",
                            listeners=[{"name": "tunnel", "address": "127.0.0.1:0", "kind": "tunnel", "tls": self.tls}],
                            control={"address": "127.0.0.1:0", "tls": self.tls},
                            origin={"resolve": {"dropbox.com": "127.0.0.1", "steer.test": "127.0.0.1"}})
        proxy.start()
        self.addCleanup(lambda: proxy.program.running() and proxy.program.stop())
        return proxy

    def start(self, pops=("pop-a",), hook=None, **settings):
        type(self).count += 1
        folder = self.directory / f"client{self.count}"
        folder.mkdir()
        self.write(folder / "policy.yaml", **settings)
        pops = [self.start_pop(name, **settings) for name in pops]
        changes = {"hooks": {"notify": hook}} if hook else {}
        client = stack.Client(
            folder, name="laptop-7", policy="policy.yaml", events={"address": self.store.ingest},
            direct={"resolve": {"dropbox.com": "127.0.0.1", "steer.test": "127.0.0.1"}},
            pops=[{"name": pop.settings["name"], "address": "%s:%d" % pop.address, "tls": self.identity}
                  for pop in pops], **changes)
        client.start()
        self.addCleanup(lambda: client.program.running() and client.program.stop())
        client.program.wait_for_line("tunnel up")
        return client, pops

    def fetch(self, client, app, host, size=1000):
        return programs.run([self.directory / app, "-sS", "--cacert", self.authority, "--proxy",
                             "http://%s:%d" % client.address, "-o", "/dev/null", "-w", "%{http_code}",
                             f"https://{host}:{self.origin.port}/bytes/{size}"])

    def events(self, host, count):
        return {event["origin"]: event for event in self.store.wait_for_events(f"host eq {host}", count, view="all")}

    def test_mode_and_place_of_exceptions(self):
        direct = "Bypassing connection from process"
        tunnelled = "Bypassing connection by tunneling from process"
        for mode, at, line, by_pop in (("direct", "client", direct, False), ("direct", "cloud", direct, True),
                                       ("tunnel", "client", tunnelled, True), ("tunnel", "cloud", tunnelled, True)):
            with self.subTest(mode=mode, at=at):
                client, _ = self.start(mode=mode, at=at)
                host = f"{mode}-{at}.dropbox.com"
                done = self.fetch(client, "dropbox", host)
                self.assertEqual(done.stdout, "200", done.stderr)
                client.wait_for_log(f"BypassAppMgr {line}: dropbox, host: {host}")
                views = self.events(host, 2 if by_pop else 1)
                mine = views["client"]
                self.assertEqual(mine["bypass_mode"], "tunnel" if by_pop else "direct")
                self.assertEqual((mine["primary"], mine["bypass_traffic"]), ("no" if by_pop else "yes", "yes"))
                if by_pop:
                    pop = views["pop"]
                    self.assertEqual(pop["correlation_id"], mine["correlation_id"])
                    self.assertEqual({name: pop.get(name) for name in (
                        "primary", "action", "policy", "process_name", "device_id", "client_verdict", "bypass_traffic",
                        "client_bytes", "server_bytes")},
                        {"primary": "yes", "action": "bypass", "policy": "Dropbox", "process_name": "dropbox",
                         "device_id": "laptop-7", "client_verdict": "bypass", "bypass_traffic": "yes",
                         "client_bytes": mine["client_bytes"], "server_bytes": mine["server_bytes"]})

    def test_steered_flows_are_the_pops_to_record_and_untouched(self):
        client, _ = self.start()
        self.assertEqual(self.fetch(client, "surf", "www.steer.test", 300_000).stdout, "200")
        client.wait_for_log("nsTunnel TLS [sessId 1] Tunneling flow from addr: 127.0.0.1:")
        self.assertIn("pop", self.events("www.steer.test", 1))
        for line in client.jsonl.read_text().splitlines():
            self.assertEqual(json.loads(line)["action"], "allow")

    def test_pop_blocks_and_the_person_hears_of_it(self):
        shown = self.directory / "shown.txt"
        hook = self.directory / "hook"
        hook.write_text(f"#!/bin/sh\nprintf '%s|%s\\n' \"$1\" \"$2\" >> {shown}\n")
        hook.chmod(0o755)
        client, _ = self.start(blocked=["bad.steer.test"], hook=[str(hook)])
        connections = self.origin.finished
        self.assertNotEqual(self.fetch(client, "surf", "bad.steer.test").returncode, 0)
        wait.until(lambda: shown.exists() and "bad.steer.test is blocked by Block bad" in shown.read_text(),
                   "the hook to be run")
        event = self.events("bad.steer.test", 1)["pop"]
        self.assertEqual((event["action"], event["policy"]), ("block", "Block bad"))
        self.assertEqual(self.origin.finished, connections)

    def test_another_pop_takes_over_and_without_any_the_policy_decides(self):
        for fail in ("open", "closed"):
            with self.subTest(fail):
                client, pops = self.start(pops=("pop-a", "pop-b"), fail=fail)
                self.assertEqual(self.fetch(client, "surf", f"one-{fail}.steer.test").stdout, "200")
                used = client.program.wait_for_line(r"tunnel up to PoP (\S+)").group(1)
                seen = len(client.program.lines)
                for pop in pops:
                    if pop.settings["name"] == used:
                        pop.program.kill()
                client.program.wait_for_line("tunnel up to PoP", start=seen)
                self.assertEqual(self.fetch(client, "surf", f"two-{fail}.steer.test").stdout, "200")
                for pop in pops:
                    if pop.program.running():
                        pop.program.kill()
                client.program.wait_for_line("no tunnel:", start=seen)
                done = self.fetch(client, "surf", f"three-{fail}.steer.test")
                if fail == "open":
                    self.assertEqual(done.stdout, "200", done.stderr)
                    event = self.events("three-open.steer.test", 1)["client"]
                    self.assertEqual((event["bypass_reason_code"], event["primary"]), ("fail_open", "yes"))
                else:
                    self.assertNotEqual(done.returncode, 0)
                    event = self.events("three-closed.steer.test", 1)["client"]
                    self.assertEqual((event["action"], event["close_reason"]), ("block", "tunnel_lost"))

    def test_check_of_a_client_whose_policy_comes_from_a_pop(self):
        path = self.directory / "pushed.yaml"
        pop = {"name": "pop-a", "address": "127.0.0.1:1", "control": "127.0.0.1:2", "tls": self.identity}
        stack.write_configuration(path, {
            "name": "laptop-7", "pops": [pop], "local_listeners": [{"name": "local", "address": "127.0.0.1:0"}]})
        done = programs.run([programs.BIN / "sluice-client", "--config", path, "--check"])
        self.assertEqual((done.returncode, done.stdout), (0, f"{path}: ok\n"), done.stderr)

    def test_the_policy_of_the_pop_is_obeyed_and_kept(self):
        type(self).count += 1
        pop = self.start_pop("pop-c", mode="tunnel")
        control = "%s:%d" % pop.program.listener("control")
        folder = self.directory / f"client{self.count}"
        folder.mkdir()
        client = stack.Client(
            folder, name="laptop-7", events={"address": control, "tls": self.identity},
            direct={"resolve": {"dropbox.com": "127.0.0.1", "steer.test": "127.0.0.1"}},
            pops=[{"name": "pop-c", "address": "%s:%d" % pop.address, "control": control, "tls": self.identity}])
        client.start()
        self.addCleanup(lambda: client.program.running() and client.program.stop())
        client.program.wait_for_line("tunnel up")
        client.program.wait_for_line("policy 1-[0-9a-f]+ from PoP pop-c applied")
        self.assertEqual(self.fetch(client, "dropbox", "pushed.dropbox.com").stdout, "200")
        client.wait_for_log("Bypassing connection by tunneling from process: dropbox, host: pushed.dropbox.com")
        self.write(pop.directory / "policy.yaml", mode="direct")
        pop.reload()
        client.program.wait_for_line("policy 2-[0-9a-f]+ from PoP pop-c applied", seconds=5)
        self.assertEqual(self.fetch(client, "dropbox", "again.dropbox.com").stdout, "200")
        client.wait_for_log("Bypassing connection from process: dropbox, host: again.dropbox.com")
        event = self.events("again.dropbox.com", 1)["client"]  # relayed by the PoP
        self.assertEqual((event["bypass_mode"], event["user"], event["primary"]), ("direct", "anna@acme.test", "yes"))
        # Without its PoP the client goes on with what it had, also after a restart.
        pop.program.kill()
        client.program.stop()
        client.restart()
        client.program.wait_for_line("policy 2-[0-9a-f]+ from PoP pop-c applied")
        self.assertEqual(self.fetch(client, "dropbox", "kept.dropbox.com").stdout, "200")
        client.wait_for_log("Bypassing connection from process: dropbox, host: kept.dropbox.com")

    def test_started_and_ended_many_times(self):
        """An end in any phase is an orderly one: 0, and no thread that meets what is destroyed already."""
        type(self).count += 1
        pop = self.start_pop("pop-e")
        control = "%s:%d" % pop.program.listener("control")
        folder = self.directory / f"client{self.count}"
        folder.mkdir()
        client = stack.Client(
            folder, name="laptop-7", events={"address": control, "tls": self.identity},
            direct={"resolve": {"dropbox.com": "127.0.0.1"}},
            pops=[{"name": "pop-e", "address": "%s:%d" % pop.address, "control": control, "tls": self.identity}])
        phases = ("ready", "tunnel up", "control service connected", "policy .* applied")
        for number in range(int(os.environ.get("SLUICE_STARTS", "12"))):
            client.start()
            client.program.wait_for_line(phases[number % len(phases)])
            if number % 3 == 0:
                self.assertEqual(self.fetch(client, "dropbox", "once.dropbox.com").stdout, "200")
            client.program.stop()  # checks the exit code, and what a sanitizer said

    def test_first_start_without_any_policy(self):
        """No file, nothing kept, no PoP: web traffic passes and is recorded; with a PoP it takes the tunnel."""
        type(self).count += 1
        folder = self.directory / f"client{self.count}"
        folder.mkdir()
        with socket.socket() as closed:  # bound and not listening: nobody else answers there
            closed.bind(("127.0.0.1", 0))
            nobody = "127.0.0.1:%d" % closed.getsockname()[1]
            client = stack.Client(
                folder, name="laptop-7", events={"address": self.store.ingest},
                direct={"resolve": {"steer.test": "127.0.0.1"}},
                pops=[{"name": "pop-a", "address": nobody, "control": nobody, "tls": self.identity}])
            client.start()
            self.addCleanup(lambda: client.program.running() and client.program.stop())
            client.program.wait_for_line("no tunnel:")
            web = socket.create_connection(client.address)
            self.addCleanup(web.close)
            web.sendall(b"CONNECT first.steer.test:443 HTTP/1.1\r\nHost: first.steer.test:443\r\n\r\n")
            web.sendall(hello.captured("first.steer.test"))
            event = self.events("first.steer.test", 1)["client"]
        self.assertEqual((event["action"], event["bypass_reason_code"], event["bypass_traffic"], event["primary"]),
                         ("bypass", "fail_open", "yes", "yes"))
        self.assertTrue(event["policy_version"].startswith("0-"))

    def test_first_policy_comes_late_and_the_pop_decides_until_then(self):
        type(self).count += 1
        pop = self.start_pop("pop-d", blocked=["late.steer.test"])
        folder = self.directory / f"client{self.count}"
        folder.mkdir()
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            client = stack.Client(
                folder, name="laptop-7", events={"address": self.store.ingest},
                pops=[{"name": "pop-d", "address": "%s:%d" % pop.address,
                       "control": "127.0.0.1:%d" % closed.getsockname()[1], "tls": self.identity}])
            client.start()
            self.addCleanup(lambda: client.program.running() and client.program.stop())
            client.program.wait_for_line("tunnel up")
            done = programs.run(["curl", "-sS", "--proxy", "http://%s:%d" % client.address, "https://late.steer.test/"])
        self.assertNotEqual(done.returncode, 0)
        event = self.events("late.steer.test", 1)["pop"]
        self.assertEqual((event["action"], event["policy"], event["device_id"]), ("block", "Block bad", "laptop-7"))

    def test_the_hello_arrives_as_it_was_sent(self):
        client, _ = self.start(mode="tunnel")
        sent = hello.captured("raw.dropbox.com")
        sock, reply = clients.connect(client.address, "raw.dropbox.com", self.raw.port)
        with sock:
            self.assertEqual(reply.status, 200)
            sock.sendall(sent)
            wait.until(lambda: len(b"".join(self.heard)) >= len(sent), "the hello at the origin")
        self.assertEqual(b"".join(self.heard), sent)


if __name__ == "__main__":
    unittest.main()
