"""The reference scenario between hosts: a client that steers, a PoP, an origin. A process named dropbox is bypassed at
the client, then unseen, then bypassed in the cloud, then blocked without being decrypted."""
import contextlib
import shutil
import subprocess
import unittest

from tests.support import capture, hosts, namespaces, origins, programs, scenario, stack, wait

CLIENT, POP = "198.51.100.2", "198.51.100.1"
CLIENT_OUT, CLIENT_GATE = "192.0.2.2", "192.0.2.1"      # the client's own way to the internet
POP_OUT, POP_GATE = "192.0.2.130", "192.0.2.129"        # the PoP's
ORIGIN = "203.0.113.10"
DIRECT_HOST, API_HOST = "client.dropbox.com", "api.dropbox.com"


class Scenario(hosts.HostsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client, pop, origin = cls.hosts.values()
        namespaces.cable(client, f"{CLIENT}/24", pop, f"{POP}/24")
        _, cls.client_gate = namespaces.cable(client, f"{CLIENT_OUT}/25", origin, f"{CLIENT_GATE}/25")
        _, cls.pop_gate = namespaces.cable(pop, f"{POP_OUT}/25", origin, f"{POP_GATE}/25")
        origin.address(f"{ORIGIN}/32")
        client.route(f"{ORIGIN}/32", CLIENT_GATE)
        pop.route(f"{ORIGIN}/32", POP_GATE)

        with origin.inside():
            pair = cls.authority.issue("dropbox.com", "*.dropbox.com", "*.test.example")
            cls.origin = origins.TlsOrigin(*pair, host=ORIGIN, port=443)
        cls.addClassCleanup(cls.origin.close)
        cls.dropbox = cls.directory / "bin" / "dropbox"
        cls.dropbox.parent.mkdir()
        shutil.copy(shutil.which("curl"), cls.dropbox)
        cls.policy_file = cls.directory / "policy.yaml"
        cls.policy_file.write_text(scenario.policy())
        cls.start_programs()

    @classmethod
    def start_programs(cls):
        keys = cls.directory / "keys"
        cls.sluicectl("ca", "init", "--dir", keys, "--name", "Scenario")
        cls.sluicectl("ca", "issue-server", "--dir", keys, "--name", "pop", "--san", f"IP:{POP}", "--out", keys / "pop")
        cls.sluicectl("ca", "issue-client", "--dir", keys, "--tenant", "acme", "--user", "anna@acme.test",
                      "--device", "laptop-1", "--out", keys / "laptop-1")
        pop_tls = {"certificate": str(keys / "pop.crt"), "key": str(keys / "pop.key"),
                   "client_ca": str(keys / "devices.crt")}
        device_tls = {"certificate": str(keys / "laptop-1.crt"), "key": str(keys / "laptop-1.key"),
                      "ca": str(keys / "service-root.crt")}
        pop_host = cls.hosts["pop"]
        cls.store = stack.Store(cls.directory, host=pop_host, tenant="acme")
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.proxy = stack.Proxy(
            cls.directory, cls.store, host=pop_host, name="pop-1", tenant="acme",
            listeners=[{"name": "tunnel", "kind": "tunnel", "address": f"{POP}:0", "tls": pop_tls}],
            control={"address": f"{POP}:0", "tls": pop_tls}, policy=str(cls.policy_file),
            origin={"resolve": {"dropbox.com": ORIGIN, "test.example": ORIGIN}, "allow_destinations": None,
                    "allow_ports": None})
        cls.proxy.start()
        cls.addClassCleanup(cls.proxy.program.stop)
        tunnel, control = cls.proxy.address, cls.proxy.program.listener("control")
        cls.client = stack.Client(
            cls.directory, host=cls.hosts["client"], name="laptop-1", tenant="acme",
            pops=[{"name": "pop-1", "address": "%s:%d" % tunnel, "control": "%s:%d" % control, "tls": device_tls}],
            events={"address": "%s:%d" % control, "tls": device_tls}, state=str(cls.directory / "state"),
            client_log={"log_as": scenario.LOG_AS},
            direct={"resolve": {"dropbox.com": ORIGIN, "test.example": ORIGIN}})
        cls.client.start()
        cls.addClassCleanup(cls.client.program.stop)

    @classmethod
    def sluicectl(cls, *arguments):
        done = programs.run([programs.BIN / "sluicectl", *arguments])
        if done.returncode != 0:
            raise AssertionError(f"sluicectl {arguments[0]} {arguments[1]}: {done.stderr}")
        return done.stdout

    def setUp(self):
        self.seen = len(self.client.lines())
        self.since = {event["event_id"] for event in self.store.search("")}

    def apply(self, **step):
        """Puts a policy in force at the PoP and waits until the client has it too."""
        self.policy_file.write_text(scenario.policy(**step))
        start = self.proxy.reload()
        self.proxy.program.wait_for_line("reloaded", start=start)
        wait.until(lambda: self.client.metric("sluice_policy_version") == self.proxy.metric("sluice_policy_version"),
                   "the client to follow the PoP")

    def fetch(self, host, size=5000, expected=0):
        """The process `dropbox` fetches through the client. Returns what the origin counted: bytes up, bytes down."""
        received, sent, finished = self.origin.received_bytes, self.origin.sent_bytes, self.origin.finished
        done = programs.run([self.dropbox, "-sS", "--cacert", self.authority.certificate, "-o", "/dev/null", "--proxy",
                             "http://%s:%d" % self.client.address, f"https://{host}/bytes/{size}"],
                            host=self.hosts["client"])
        self.assertEqual(done.returncode, expected, done.stderr)
        if expected == 0:
            wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
        return self.origin.received_bytes - received, self.origin.sent_bytes - sent

    def messages(self):
        """The component and message of every line that the client logged in this test."""
        found = []
        for line in self.client.lines()[self.seen:]:
            match = scenario.LINE.fullmatch(line)
            self.assertIsNotNone(match, line)
            found.append(match.group(1))
        return found

    def events(self, query, count):
        """The final events of this test that match, `count` of them, newest first."""
        def arrived():
            new = [event for event in self.store.search(query) if event["event_id"] not in self.since]
            return new if len(new) == count and all(event["state"] != "open" for event in new) else None
        return wait.until(arrived, f"{count} events for {query!r}") if count else self.assertIsNone(arrived() or None)

    def expect(self, event, **fields):
        self.assertEqual({name: event.get(name) for name in fields}, fields)

    @contextlib.contextmanager
    def captures(self):
        """What reaches the origin's host from the client itself, and from the PoP."""
        with capture.Capture(self.hosts["origin"], self.client_gate) as direct, \
                capture.Capture(self.hosts["origin"], self.pop_gate) as through:
            yield direct, through

    def test_1_bypass_at_the_client_is_seen(self):
        self.apply()
        with self.captures() as (direct, through):
            up, down = self.fetch(DIRECT_HOST)
        self.assertEqual((len(direct.connections(ORIGIN, 443)), len(through.connections())), (1, 0))
        self.assertEqual(self.messages(),
                         [scenario.BYPASSING.format(process="dropbox", host=DIRECT_HOST)])
        [event] = self.events(f"host eq {DIRECT_HOST}", 1)
        self.expect(event, origin="client", primary="yes", action="bypass", bypass_traffic="yes", bypass_mode="direct",
                    bypass_layer="client", bypass_reason="Steering Exception - default",
                    bypass_reason_code="certificate_pinned_app", user="anna@acme.test", device_id="laptop-1",
                    process_name="dropbox", process_path=str(self.dropbox), app="Dropbox", dstip=ORIGIN, dstport=443,
                    client_bytes=up, server_bytes=down, state="closed")

    def test_2_do_not_log_leaves_a_counter(self):
        self.apply(bypassed_traffic="do_not_log")
        before = self.client.metric("sluice_flows_total")
        self.fetch(DIRECT_HOST)
        wait.until(lambda: self.client.metric("sluice_flows_total") > before, "the counter")
        self.apply()
        self.fetch("after.dropbox.com")
        self.events("host eq after.dropbox.com", 1)  # what came later is there, so what came before would be
        self.events(f"host eq {DIRECT_HOST}", 0)
        self.assertEqual(self.messages(),
                         [scenario.BYPASSING.format(process="dropbox", host="after.dropbox.com")])

    def test_3_bypass_in_the_cloud_touches_no_byte(self):
        for bypass_at, mode, line in (("cloud", "direct", scenario.BYPASSING), ("client", "tunnel", scenario.TUNNELING),
                                      ("cloud", "tunnel", scenario.TUNNELING)):
            host = f"{bypass_at}-{mode}.dropbox.com"
            with self.subTest(bypass_exceptions_at=bypass_at, mode=mode):
                self.seen = len(self.client.lines())
                self.apply(bypass_at=bypass_at, mode=mode)
                with self.captures() as (direct, through), capture.Capture(self.hosts["client"], "lo") as local:
                    up, down = self.fetch(host)
                self.assertEqual((len(direct.connections(ORIGIN)), len(through.connections(ORIGIN, 443))), (0, 1))
                self.assertEqual(self.messages(), [line.format(process="dropbox", host=host)])
                [pop] = self.events(f"host eq {host} and origin eq pop", 1)
                self.expect(pop, action="bypass", bypass_mode="tunnel", bypass_layer="pop", primary="yes",
                            user="anna@acme.test", device_id="laptop-1", process_name="dropbox", observed_by="pop-1",
                            access_method="client", dstip=ORIGIN, client_bytes=up, server_bytes=down)
                [asked] = local.connections(*self.client.address)
                [arrived] = through.connections(ORIGIN, 443)
                self.assertEqual(through.client_hello(*arrived).hex(), local.client_hello(*asked).hex())

    def test_4_block_without_decryption(self):
        self.apply(blocked=True)
        with self.captures() as (direct, through):
            self.fetch(API_HOST, expected=35)
        self.assertEqual((direct.connections(ORIGIN), through.connections(ORIGIN)), ([], []))
        [event] = self.events(f"host eq {API_HOST} and origin eq pop", 1)
        self.expect(event, action="block", policy="Block apps", policy_kind="realtime", process_name="dropbox",
                    user="anna@acme.test", close_reason="policy_block")

    def test_5_live_flow_is_closed_when_the_block_is_applied(self):
        self.apply(bypass_at="cloud")
        host = "live.dropbox.com"
        slow = subprocess.Popen([str(part) for part in (
            *self.hosts["client"].prefix, self.dropbox, "-sS", "--cacert", self.authority.certificate, "-o",
            "/dev/null", "--limit-rate", "10k", "--proxy", "http://%s:%d" % self.client.address,
            f"https://{host}/bytes/90000000")], stderr=subprocess.PIPE, text=True)
        try:
            wait.until(lambda: self.store.search(f"host eq {host} and origin eq pop and state eq open"), "an open flow")
            self.apply(blocked=True)
            _, complaint = slow.communicate(timeout=wait.DEADLINE_SECONDS)
        finally:
            slow.kill()
        self.assertNotEqual(slow.returncode, 0, complaint)
        [event] = self.events(f"host eq {host} and origin eq pop", 1)
        self.expect(event, close_reason="policy_changed")


if __name__ == "__main__":
    unittest.main()
