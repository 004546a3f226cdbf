"""A steering client, two PoPs, a store and an origin as hosts; PoPs are killed, cut off, or cut off from the store. No
record is lost or doubled, flows end with a reason, new ones soon find a way, and a closed policy leaks nothing."""
import contextlib
import os
import subprocess
import sys
import time
import unittest

from tests.support import capture, hosts, namespaces, origins, programs, scenario, stack, wait

ORIGIN, STORE = "203.0.113.10", "203.0.113.20"
RECOVERY_SECONDS = 3.0
POPS = ("pop-a", "pop-b")


def near(index):
    """(client's address, PoP's address) of the cable between them."""
    return f"198.51.{100 + index}.2", f"198.51.{100 + index}.1"


def far(index, to):
    """(PoP's address, the other's address): 0 the origin, 1 the store."""
    return f"192.0.2.{index * 64 + to * 32 + 1}", f"192.0.2.{index * 64 + to * 32 + 2}"


class Failover(hosts.HostsCase):
    HOSTS = ("client", "origin", "store", *POPS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client, origin, store = (cls.hosts[name] for name in ("client", "origin", "store"))
        origin.address(f"{ORIGIN}/32")
        store.address(f"{STORE}/32")
        # The client could reach the origin by itself, and must not.
        _, cls.client_gate = namespaces.cable(client, "192.0.2.129/27", origin, "192.0.2.130/27")
        client.route(f"{ORIGIN}/32", "192.0.2.130")
        cls.to_pop, cls.to_store = {}, {}
        for index, name in enumerate(POPS):
            pop = cls.hosts[name]
            cls.to_pop[name], _ = namespaces.cable(client, f"{near(index)[0]}/24", pop, f"{near(index)[1]}/24")
            namespaces.cable(pop, f"{far(index, 0)[0]}/27", origin, f"{far(index, 0)[1]}/27")
            _, cls.to_store[name] = namespaces.cable(pop, f"{far(index, 1)[0]}/27", store, f"{far(index, 1)[1]}/27")
            pop.route(f"{ORIGIN}/32", far(index, 0)[1])
            pop.route(f"{STORE}/32", far(index, 1)[1])
        with origin.inside():
            cls.origin = origins.TlsOrigin(*cls.authority.issue("*.over.example"), host=ORIGIN, port=443)
        cls.addClassCleanup(cls.origin.close)
        cls.start_programs()

    @classmethod
    def start_programs(cls):
        cls.keys = cls.directory / "keys"
        cls.sluicectl("init", "--dir", cls.keys, "--name", "Failover")
        cls.sluicectl("issue-server", "--dir", cls.keys, "--name", "store", "--san", f"IP:{STORE}",
                      "--out", cls.keys / "store")
        for index, name in enumerate(POPS):
            cls.sluicectl("issue-server", "--dir", cls.keys, "--name", name, "--san", f"IP:{near(index)[1]}",
                          "--out", cls.keys / name)
            cls.sluicectl("issue-producer", "--dir", cls.keys, "--name", name, "--out", cls.keys / f"{name}-out")
        cls.sluicectl("issue-client", "--dir", cls.keys, "--tenant", "acme", "--user", "anna@acme.test",
                      "--device", "laptop-1", "--out", cls.keys / "laptop-1")
        (cls.directory / "policy.yaml").write_text(scenario.policy())  # fails closed
        cls.store = stack.Store(cls.directory, host=cls.hosts["store"], tenant="acme", ingest={
            "address": f"{STORE}:0", "tls": cls.tls("store"), "relays": list(POPS)})
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.proxies = {name: cls.start_pop(name) for name in POPS}
        cls.client = stack.Client(
            cls.directory, host=cls.hosts["client"], name="laptop-1", tenant="acme",
            pops=[{"name": name, "address": "%s:%d" % proxy.address,
                   "control": "%s:%d" % proxy.program.listener("control"), "tls": cls.tls("laptop-1")}
                  for name, proxy in cls.proxies.items()],
            events={"address": "%s:%d" % cls.proxies["pop-b"].program.listener("control"), "tls": cls.tls("laptop-1")},
            policy=str(cls.directory / "policy.yaml"), state=str(cls.directory / "state"),
            direct={"resolve": {"over.example": ORIGIN}})
        cls.client.start()
        cls.addClassCleanup(cls.client.program.stop)

    @classmethod
    def start_pop(cls, name):
        folder = cls.directory / name
        folder.mkdir()
        address = near(POPS.index(name))[1]
        served = {**cls.tls(name), "client_ca": str(cls.keys / "devices.crt")}
        del served["ca"]
        proxy = stack.Proxy(
            folder, cls.store, host=cls.hosts[name], name=name, tenant="acme",
            listeners=[{"name": "tunnel", "kind": "tunnel", "address": f"{address}:0", "tls": served}],
            control={"address": f"{address}:0", "tls": served}, policy=str(cls.directory / "policy.yaml"),
            events={"tls": cls.tls(f"{name}-out")},
            origin={"resolve": {"over.example": ORIGIN}, "allow_destinations": None, "allow_ports": None})
        proxy.start()
        proxy.settings["control"]["address"] = "%s:%d" % proxy.program.listener("control")  # also after a restart
        cls.addClassCleanup(lambda: proxy.program.running() and proxy.program.stop())
        return proxy

    @classmethod
    def tls(cls, name):
        return {"certificate": str(cls.keys / f"{name}.crt"), "key": str(cls.keys / f"{name}.key"),
                "ca": str(cls.keys / "service-root.crt")}

    @classmethod
    def sluicectl(cls, *arguments):
        done = programs.run([programs.BIN / "sluicectl", "ca", *arguments])
        if done.returncode != 0:
            raise AssertionError(f"sluicectl ca {arguments[0]}: {done.stderr}")

    # ---- steps

    def curl(self, host, *options, size=1000):
        return [*self.hosts["client"].prefix, "curl", "-sS", "--cacert", str(self.authority.certificate), "-o",
                "/dev/null", "-w", "%{http_code}", "--proxy", "http://%s:%d" % self.client.address, *options,
                f"https://{host}/bytes/{size}"]

    def fetch(self, host):
        return programs.run(self.curl(host))

    def fetch_soon(self, host, since):
        """A new flow comes through within the time that people wait. Returns its PoP."""
        done = programs.run(self.curl(host, "--max-time", str(RECOVERY_SECONDS)))
        self.assertEqual((done.returncode, done.stdout), (0, "200"), done.stderr)
        self.assertLess(time.monotonic() - since, RECOVERY_SECONDS)
        return self.pop_of(host)

    def pop_of(self, host):
        return self.store.wait_for_events(f"host eq {host} and origin eq pop", view="all")[0]["observed_by"]

    @contextlib.contextmanager
    def long_flow(self, host):
        """A download that lasts; its record is open when the body begins."""
        slow = subprocess.Popen(self.curl(host, "--limit-rate", "20k", size=90_000_000), stderr=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, text=True)
        try:
            wait.until(lambda: self.store.search(f"host eq {host} and state eq open", view="all"), "an open flow")
            yield slow
        finally:
            slow.kill()
            slow.communicate()

    def used(self):
        """The PoP that flows go through now."""
        self.count = getattr(self, "count", 0) + 1
        host = f"probe-{self.count}-{self.id().rpartition('.')[2].replace('_', '-')}.over.example"
        wait.until(lambda: self.fetch(host).stdout == "200", "a way to the origin")
        return self.pop_of(host)

    def cut(self, device):
        self.hosts[device[0]].link(device[1], "down")
        self.addCleanup(self.hosts[device[0]].link, device[1], "up")

    def heal(self, device):
        self.hosts[device[0]].link(device[1], "up")

    @contextlib.contextmanager
    def silence(self):
        """Every packet between the client and the PoPs vanishes, without a word to either."""
        pops = ", ".join(near(index)[1] for index in range(len(POPS)))
        rules = (f"table inet cut {{ chain out {{ type filter hook output priority 10; ip daddr {{ {pops} }} drop; }}; "
                 f"chain in {{ type filter hook input priority 10; ip saddr {{ {pops} }} drop; }}; }}")
        host = self.hosts["client"]
        self.assertEqual(programs.run(["nft", rules], host=host).returncode, 0)
        try:
            yield
        finally:
            self.assertEqual(programs.run(["nft", "delete table inet cut"], host=host).returncode, 0)

    def obey(self, fail):
        """PoPs and client follow a policy that fails so."""
        file = self.directory / "policy.yaml"
        text = scenario.policy().replace("fail: closed", f"fail: {fail}")
        if file.read_text() == text:
            return
        file.write_text(text)
        seen = len(self.client.program.lines)
        for proxy in self.proxies.values():
            proxy.program.wait_for_line("reloaded", start=proxy.reload())
        self.client.program.wait_for_line("policy .* applied", start=seen)

    # ---- tests

    def test_killed_in_the_middle(self):
        victim = self.used()
        other = next(name for name in POPS if name != victim)
        proxy = self.proxies[victim]
        with self.long_flow("killed.over.example") as slow:
            since = time.monotonic()
            proxy.program.kill()
            self.assertEqual(self.fetch_soon("after-kill.over.example", since), other)
            slow.wait(wait.DEADLINE_SECONDS)
            self.assertNotEqual(slow.returncode, 0)
        proxy.restart()
        event = self.store.wait_for_events("host eq killed.over.example")[0]
        self.assertEqual((event["close_reason"], event["observed_by"]), ("producer_crash", victim))

    def test_cut_off(self):
        victim = self.used()
        other = next(name for name in POPS if name != victim)
        cable = ("client", self.to_pop[victim])
        with self.long_flow("cut.over.example") as slow:
            self.cut(cable)
            # The client learns of it from silence; who asks meanwhile waits no longer than this.
            wait.until(lambda: self.fetch("during-cut.over.example").stdout == "200", "another way")
            self.assertEqual(self.fetch_soon("in-cut.over.example", time.monotonic()), other)
            slow.wait(wait.DEADLINE_SECONDS)
            self.assertNotEqual(slow.returncode, 0)
            event = self.store.wait_for_events("host eq cut.over.example")[0]
            self.assertIn(event["close_reason"], ("tunnel_lost", "client_reset"))
        self.heal(cable)

    def test_switched_while_one_is_cut_from_the_store(self):
        first = self.used()
        other = next(name for name in POPS if name != first)
        to_store, to_client = ("store", self.to_store[first]), ("client", self.to_pop[first])
        self.cut(to_store)
        for number in range(5):
            self.assertEqual(self.fetch(f"kept-{number}.over.example").stdout, "200")
        self.cut(to_client)
        wait.until(lambda: self.fetch("switched.over.example").stdout == "200", "another way")
        for number in range(5):
            self.assertEqual(self.fetch(f"other-{number}.over.example").stdout, "200")
        events = self.store.wait_for_events("host like other-", count=5)
        self.assertEqual({event["observed_by"] for event in events}, {other})
        self.assertEqual(self.store.search("host like kept-", view="all"), [])
        self.heal(to_client)
        self.heal(to_store)
        events = self.store.wait_for_events("host like kept-", count=5, seconds=90)
        self.assertEqual({event["observed_by"] for event in events}, {first})
        hosts = sorted(event["host"] for event in events)
        self.assertEqual(hosts, [f"kept-{number}.over.example" for number in range(5)])

    def test_network_cut_for_a_while(self):
        """SLUICE_CUT_SECONDS=60 for the whole minute."""
        self.addCleanup(self.obey, "closed")
        for fail in ("open", "closed"):
            with self.subTest(fail):
                self.obey(fail)
                self.cut_for(fail, float(os.environ.get("SLUICE_CUT_SECONDS", "8")))

    def cut_for(self, fail, seconds):
        self.used()
        tried = 0
        with self.long_flow(f"long-{fail}.over.example") as slow:
            with self.silence():
                began = time.monotonic()
                wait.until(lambda: self.client.metric("sluice_tunnel_up") == 0, "the tunnel to be known dead")
                dead_after = time.monotonic() - began
                slow.wait(wait.DEADLINE_SECONDS)
                self.assertNotEqual(slow.returncode, 0)
                while time.monotonic() < began + seconds or tried < 3:
                    done = self.fetch(f"cut-{fail}-{tried}.over.example")
                    self.assertEqual(done.stdout == "200", fail == "open", done.stderr)
                    tried += 1
            healed = time.monotonic()
            self.fetch_soon(f"healed-{fail}.over.example", healed)
            recovered = time.monotonic() - healed
        self.assertLess(dead_after, 10)
        print(f"cut for {seconds:.0f} s, fail {fail}: dead after {dead_after:.1f} s, {tried} flows meanwhile, "
              f"a new flow {recovered:.1f} s after the end", file=sys.stderr)
        event = self.store.wait_for_events(f"host eq long-{fail}.over.example and state eq closed", view="all")[0]
        self.assertEqual(event["close_reason"], "tunnel_lost")
        # Every flow of that time reaches the store, once, when there is a way again.
        events = self.store.wait_for_events(f"host like cut-{fail}- and state eq closed", count=tried, seconds=90)
        self.assertEqual(sorted(event["host"] for event in events),
                         sorted(f"cut-{fail}-{number}.over.example" for number in range(tried)))
        expected = ("bypass", "fail_open") if fail == "open" else ("block", "tunnel_lost")
        for event in events:
            reason = event["bypass_reason_code"] if fail == "open" else event["close_reason"]
            self.assertEqual((event["action"], reason, event["origin"]), (*expected, "client"))

    def test_without_any_way_a_closed_policy_leaks_nothing(self):
        self.used()
        with capture.Capture(self.hosts["origin"], self.client_gate) as direct:
            cables = [("client", device) for device in self.to_pop.values()]
            for cable in cables:
                self.cut(cable)
            for number in range(3):
                self.assertNotEqual(self.fetch(f"closed-{number}.over.example").returncode, 0)
            for cable in cables:
                self.heal(cable)
            since = time.monotonic()
            wait.until(lambda: self.fetch("healed.over.example").stdout == "200", "the way back")
            self.assertLess(time.monotonic() - since, 35)  # back_off_max and a handshake
        self.assertEqual(direct.packets(), [])
        # The refusals are the client's to record, and reach the store when it has a way again.
        for number in range(3):
            event = self.store.wait_for_events(f"host eq closed-{number}.over.example and origin eq client",
                                               seconds=90)[0]
            self.assertEqual((event["action"], event["close_reason"], event["user"]),
                             ("block", "tunnel_lost", "anna@acme.test"))


if __name__ == "__main__":
    unittest.main()
