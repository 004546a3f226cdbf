"""What a device hears on its control stream about its own flows, and how soon."""
import json
import pathlib
import tempfile
import time

from tests.support import cases, control, h2_tunnel, hello, origins, wait

POLICY = """tenant: default
unknown_protocol: splice
realtime_policies:
- {name: Block bad sites, match: {domains: [%s]}, action: block, notification: stop}
notifications:
  stop: {title: Not here, body: Ask IT., support: it@acme.test}
"""
SECONDS = 1.0


class Notices(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-notices-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        tls = h2_tunnel.make_authorities(cls.folder)
        cls.policy = cls.folder / "policy.yaml"
        cls.policy.write_text(POLICY % "bad.notice.test")
        cls.echo = cls.keep(origins.Echo())
        cls.identities = {name: h2_tunnel.issue(cls.folder, device=name) for name in ("laptop-7", "laptop-8")}
        return {"ports": [cls.echo.port],
                "proxy": {"listeners": [{"name": "tunnel", "address": "127.0.0.1:0", "kind": "tunnel", "tls": tls}],
                          "control": {"address": "127.0.0.1:0", "tls": tls}, "policy": str(cls.policy),
                          "origin": {"resolve": {"notice.test": "127.0.0.1"}}}}

    def setUp(self):
        super().setUp()
        self.policy.write_text(POLICY % "bad.notice.test")
        self.reload()
        self.devices = {}
        for name, identity in self.identities.items():
            device = control.Device(self.proxy.program.listener("control"), *identity,
                                    self.folder / "service-root.crt")
            self.addCleanup(device.close)
            watch = device.watch()
            self.addCleanup(watch.close)
            self.assertTrue(watch.receive().HasField("config"))
            tunnel = h2_tunnel.Tunnel(self.proxy.address, h2_tunnel.context(self.folder, identity))
            self.addCleanup(tunnel.close)
            self.devices[name] = (watch, tunnel)

    def reload(self):
        start = self.proxy.reload()
        self.proxy.program.wait_for_line("reloaded", start=start)

    def open(self, device, host, flow, early=b""):
        tunnel = self.devices[device][1]
        return tunnel.open(f"{host}:{self.echo.port}", [("sluice-flow-id", flow), ("sluice-process", "surf")], early)

    def check_notice(self, device, flow, host):
        """The next word on the device's stream that is no configuration is about this flow."""
        heard = self.devices[device][0].receive(SECONDS)
        while heard.HasField("config"):
            heard = self.devices[device][0].receive(SECONDS)
        notice = heard.flow_notice
        self.assertEqual((notice.flow_id, notice.action, notice.policy, notice.host, notice.title),
                         (flow, "block", "Block bad sites", host, "Not here"))
        self.assertIn("Ask IT.", notice.text)

    def test_a_block_is_told_to_its_device_within_a_second(self):
        for number in range(5):
            stream = self.open("laptop-7", "bad.notice.test", f"f-{number}", hello.captured("bad.notice.test"))
            started = time.monotonic()
            self.check_notice("laptop-7", f"f-{number}", "bad.notice.test")
            self.assertLess(time.monotonic() - started, SECONDS)
            wait.until(lambda: stream.status or not self.devices["laptop-7"][1].read(0.1), "the answer")
            self.assertEqual(stream.status, 403)
            self.assertIn("sluice-reason", stream.headers)
        self.assertEqual(len(self.store.wait_for_events("host eq bad.notice.test", count=5)), 5)
        # The other device hears of its own flows only.
        self.open("laptop-8", "bad.notice.test", "mine", hello.captured("bad.notice.test"))
        self.check_notice("laptop-8", "mine", "bad.notice.test")

    def test_an_open_flow_that_is_blocked_now(self):
        tunnel = self.devices["laptop-7"][1]
        stream = self.open("laptop-7", "live.notice.test", "f-live", hello.captured("live.notice.test"))
        wait.until(lambda: stream.status or not tunnel.read(0.1), "the answer")
        self.assertEqual(stream.status, 200)
        self.policy.write_text(POLICY % "live.notice.test")
        self.reload()
        self.check_notice("laptop-7", "f-live", "live.notice.test")
        wait.until(lambda: stream.ended or stream.reset is not None or not tunnel.read(0.1), "the end of the flow")
        event = self.store.wait_for_events("host eq live.notice.test")[0]
        self.assertEqual((event["close_reason"], event["policy"]), ("policy_changed", "Block bad sites"),
                         json.dumps(event))
