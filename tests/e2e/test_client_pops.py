"""A client whose connections are captured, and two PoPs: which one it takes; what passes and what leaks when PoPs and
client are killed; how soon policies and refusals arrive."""
import time
import unittest

from tests.support import capture, detour, hosts, namespaces, origins, programs, stack, wait

NEAR, FAR = "198.51.100.1", "198.51.100.17"
CLIENT_NEAR, CLIENT_FAR = "198.51.100.2", "198.51.100.18"
CLIENT_OUT, CLIENT_GATE = "192.0.2.2", "192.0.2.1"      # the client's own way to the internet
POP_OUT, POP_GATE = "192.0.2.130", "192.0.2.129"        # the PoPs'
ORIGIN = "203.0.113.10"
PUSH_SECONDS, NOTICE_SECONDS = 2.0, 1.0


def policy(fail, blocked=()):
    return {
        "tenant": "acme", "unknown_protocol": "splice",
        "steering_configurations": [{"name": "default", "web_ports": [443, 80], "fail": fail}],
        "realtime_policies": [{"name": "Block bad", "match": {"domains": ["no.example", *blocked]}, "action": "block"}]}


class Pops(hosts.HostsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client, pop, origin = cls.hosts.values()
        namespaces.cable(client, f"{CLIENT_NEAR}/28", pop, f"{NEAR}/28")
        namespaces.cable(client, f"{CLIENT_FAR}/28", pop, f"{FAR}/28")
        _, cls.client_gate = namespaces.cable(client, f"{CLIENT_OUT}/25", origin, f"{CLIENT_GATE}/25")
        namespaces.cable(pop, f"{POP_OUT}/25", origin, f"{POP_GATE}/25")
        origin.address(f"{ORIGIN}/32")
        client.route(f"{ORIGIN}/32", CLIENT_GATE)
        pop.route(f"{ORIGIN}/32", POP_GATE)
        with origin.inside():
            cls.origin = origins.TlsOrigin(*cls.authority.issue("*.pops.test"), host=ORIGIN, port=443)
        cls.addClassCleanup(cls.origin.close)
        keys = cls.directory / "keys"
        for arguments in (["init", "--dir", keys, "--name", "Pops"],
                          ["issue-server", "--dir", keys, "--name", "pop", "--san", f"IP:{NEAR},IP:{FAR}", "--out",
                           keys / "pop"],
                          ["issue-client", "--dir", keys, "--tenant", "acme", "--user", "anna@acme.test", "--device",
                           "laptop-1", "--out", keys / "laptop-1"]):
            done = programs.run([programs.BIN / "sluicectl", "ca", *arguments])
            if done.returncode != 0:
                raise AssertionError(done.stderr)
        cls.tls = {"certificate": str(keys / "pop.crt"), "key": str(keys / "pop.key"),
                   "client_ca": str(keys / "devices.crt")}
        cls.identity = {"certificate": str(keys / "laptop-1.crt"), "key": str(keys / "laptop-1.key"),
                        "ca": str(keys / "service-root.crt")}
        cls.store = stack.Store(cls.directory, host=pop, tenant="acme")
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.count = 0

    def start_pop(self, name, address, tunnel):
        """`tunnel`: where its tunnels are accepted; its control service is at `address`."""
        folder = self.folder / name
        folder.mkdir()
        pop = stack.Proxy(
            folder, self.store, host=self.hosts["pop"], name=name, tenant="acme",
            listeners=[{"name": "tunnel", "kind": "tunnel", "address": f"{tunnel}:0", "tls": self.tls}],
            control={"address": f"{address}:0", "tls": self.tls}, policy=str(self.policy_file),
            origin={"resolve": {"pops.test": ORIGIN}, "allow_destinations": None, "allow_ports": None})
        pop.start()
        self.addCleanup(lambda: pop.program.running() and pop.program.stop())
        return pop

    def start(self, fail="closed", hook=None):
        """Both PoPs and the client; the far one is the first in its list."""
        type(self).count += 1
        self.folder = self.directory / f"run{self.count}"
        self.folder.mkdir()
        self.policy_file = self.folder / "policy.yaml"
        stack.write_configuration(self.policy_file, policy(fail))
        self.near = self.start_pop("near", NEAR, NEAR)
        self.far = self.start_pop("far", FAR, "127.0.0.1")
        slow = detour.Detour(self.far.address, host=FAR, delay=0.03, inside=self.hosts["pop"])
        self.addCleanup(slow.close)
        controls = ["%s:%d" % pop.program.listener("control") for pop in (self.far, self.near)]
        addresses = ["%s:%d" % slow.address, "%s:%d" % self.near.address]
        self.client = stack.Client(
            self.folder, host=self.hosts["client"], name="laptop-1", tenant="acme",
            pops=[{"name": name, "address": address, "control": control, "tls": self.identity}
                  for name, address, control in zip(("far", "near"), addresses, controls)],
            events={"address": controls[0], "tls": self.identity}, state=str(self.folder / "state"),
            capture={"mode": "redirect"}, **({"hooks": {"notify": hook}} if hook else {}))
        self.client.start()
        self.addCleanup(self.stop_client)
        self.client.program.wait_for_line("tunnel up to PoP near")
        self.client.program.wait_for_line("policy .* applied")
        wait.until(lambda: ("flags owner" in self.table()) == (fail == "open"), "the capture that this policy wants")

    def stop_client(self):
        if self.client.program.running():
            self.client.program.kill()
        self.inside(programs.BIN / "sluice-client", "--cleanup")

    def inside(self, *argv, **options):
        return programs.run(argv, self.directory, host=self.hosts["client"], **options)

    def table(self):
        return self.inside("nft", "list", "ruleset").stdout

    def curl(self, host):
        """The exit code of curl in the client's namespace."""
        return self.inside("curl", "-sS", "--max-time", "20", "--cacert", self.authority.certificate, "--resolve",
                           f"{host}:443:{ORIGIN}", "-o", "/dev/null", f"https://{host}/bytes/1000").returncode

    def test_nearest_pop_is_taken_and_the_next_when_it_is_gone(self):
        self.start()
        self.assertEqual(self.curl("one.pops.test"), 0)
        self.assertEqual(self.store.wait_for_events("host eq one.pops.test")[0]["observed_by"], "near")
        self.near.program.kill()
        wait.until(lambda: self.curl("two.pops.test") == 0, "a flow through the far PoP")
        wait.until(lambda: "far" in {event["observed_by"] for event in self.store.search("host eq two.pops.test")},
                   "the far PoP's event")

    def test_closed_policy_leaks_nothing(self):
        self.start(fail="closed")
        self.assertEqual(self.curl("tunnelled.pops.test"), 0)
        with capture.Capture(self.hosts["origin"], self.client_gate) as leaked:
            for pop in (self.near, self.far):
                pop.program.kill()
            self.assertNotEqual(self.curl("closed.pops.test"), 0)
            self.client.program.kill()
            self.assertIn("table inet sluice_client", self.table())
            self.assertNotEqual(self.curl("killed.pops.test"), 0)
            quic = self.inside("python3", "-c", "import socket, sys\nudp = socket.socket(2, 2)\nudp.settimeout(5)\n"
                               f"udp.connect(('{ORIGIN}', 443))\nudp.send(bytes(1200))\nudp.recv(1)")
            self.assertIn("Error", quic.stderr)
            self.assertNotIn("timed out", quic.stderr)
        own = [packet for packet in leaked.packets() if packet.destination[0] == ORIGIN]
        self.assertEqual(own, [])
        self.assertEqual(self.inside(programs.BIN / "sluice-client", "--cleanup").returncode, 0)
        self.assertEqual(self.curl("direct.pops.test"), 0)

    def test_open_policy_lets_everything_pass(self):
        self.start(fail="open")
        for pop in (self.near, self.far):
            pop.program.kill()
        with capture.Capture(self.hosts["origin"], self.client_gate) as direct:
            self.assertEqual(self.curl("open.pops.test"), 0)
            self.client.program.kill()
            wait.until(lambda: "sluice" not in self.table(), "the kernel to drop the table")
            self.assertEqual(self.curl("alone.pops.test"), 0)
        self.assertEqual(len(direct.connections(ORIGIN, 443)), 2)

    def test_policies_and_refusals_arrive_soon(self):
        shown = self.folder_for_hook() / "shown"
        self.start(hook=["/bin/sh", "-c", f'printf "%s|%s\\n" "$1" "$2" >> {shown}', "notify"])
        host = "soon.pops.test"
        self.assertEqual(self.curl(host), 0)
        stack.write_configuration(self.policy_file, policy("closed", blocked=[host]))
        began = self.near.reload(), self.far.reload()
        for pop, start in zip((self.near, self.far), began):
            pop.program.wait_for_line("reloaded", start=start)
        started = time.monotonic()
        wait.until(lambda: self.client.metric("sluice_policy_version") == self.near.metric("sluice_policy_version"),
                   "the client to follow the PoP")
        self.assertLess(time.monotonic() - started, PUSH_SECONDS)
        self.assertNotEqual(self.curl(host), 0)
        started = time.monotonic()
        wait.until(lambda: shown.exists() and f"{host} is blocked by Block bad" in shown.read_text(), "the notice")
        self.assertLess(time.monotonic() - started, NOTICE_SECONDS)

    def folder_for_hook(self):
        folder = self.directory / "hook"
        folder.mkdir()
        return folder


if __name__ == "__main__":
    unittest.main()
