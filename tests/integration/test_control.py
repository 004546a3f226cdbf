"""The control service: configuration for devices, revocation, and their records on the way to the store."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request

from tests.support import control, stack, wait
from tests.support.certificates import Authority

POLICY = """tenant: default
steering_configurations:
- name: Sales
  applies_to: {users: [ann@acme.test]}
  exceptions:
  - {name: Bank, domains: [bank.test], note: secret remark}
- name: default
  exceptions:
  - {name: %s, domains: [%s.test]}
realtime_policies:
- {name: Block bad, match: {domains: [bad.test]}, action: block}
"""


def final_event(producer_id, counter, **changes):
    events = control.messages("events/v1/page_event")
    now = int(time.time() * 1000)
    fields = dict(event_id=control.event_id(producer_id, counter), revision=1, state=events.STATE_CLOSED,
                  schema_version=1, type=events.TYPE_CONNECTION, origin=events.ORIGIN_CLIENT, primary=True,
                  timestamp=now, end_time=now, host="direct.test", action=events.VERDICT_BYPASS,
                  bypass_traffic=True, bypass_mode=events.BYPASS_MODE_DIRECT, process_name="dropbox")
    fields.update(changes)
    return 2, counter, events.Record(page_event=events.PageEvent(**fields))


class ControlCase(unittest.TestCase):
    """A store and a PoP with a control service; devices as tests ask for them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.devices = Authority(cls.folder / "devices", "devices root")
        cls.service = Authority(cls.folder / "service", "service root")
        certificate, key = cls.service.issue("pop.test")
        cls.policy = cls.folder / "policy.yaml"
        cls.revoked = cls.folder / "revoked.txt"
        cls.revoked.write_text("")
        cls.write_policy("First")
        cls.stack = stack.Stack(proxy={
            "policy": str(cls.policy), "state": str(cls.folder / "state"),
            "admin": {"address": "127.0.0.1:0", "socket": str(cls.folder / "admin.sock")},
            "control": {"address": "127.0.0.1:0",
                        "tls": {"certificate": str(certificate), "key": str(key),
                                "client_ca": str(cls.devices.certificate), "revoked": str(cls.revoked)}}})
        cls.addClassCleanup(cls.stack.close)
        cls.proxy, cls.store = cls.stack.proxy, cls.stack.store
        cls.address = cls.proxy.program.listener("control")

    @classmethod
    def write_policy(cls, name):
        cls.policy.write_text(POLICY % (name, name.lower()))

    def device(self, name, user="bob@acme.test", tenant="default", authority=None):
        certificate, key = (authority or self.devices).issue_device(name, user, tenant)
        device = control.Device(self.address, certificate, key, self.service.certificate)
        self.addCleanup(device.close)
        return device

    def watch(self, device, **hello):
        stream = device.watch(**hello)
        self.addCleanup(stream.close)
        return stream

    def clients(self):
        host, port = self.proxy.program.listener("admin")
        with urllib.request.urlopen(f"http://{host}:{port}/clients", timeout=10) as answer:
            return {client["device_id"]: client for client in json.load(answer)["clients"]}

    @staticmethod
    def ack(version, error=""):
        messages = control.messages("control/v1/control")
        return messages.WatchRequest(ack=messages.WatchRequest.Ack(policy_version=version, error=error))


class Push(ControlCase):
    def test_client_receives_its_own_configuration_only(self):
        ann = self.watch(self.device("laptop-ann", "ann@acme.test"), hostname="ann-pc", device_os="Linux",
                         client_version="9.9")
        config = ann.receive().config
        self.assertEqual([one.name for one in config.policy.steering_configurations], ["Sales"])
        self.assertEqual(list(config.policy.realtime_policies), [])
        self.assertEqual(config.policy.steering_configurations[0].exceptions[0].note, "")
        self.assertRegex(config.policy_version, r"^\d+-[0-9a-f]{12}$")
        ann.send(self.ack(config.policy_version))
        applied = wait.until(lambda: self.clients()["laptop-ann"]["applied_version"], "the acknowledgement")
        self.assertEqual(applied, config.policy_version)
        client = self.clients()["laptop-ann"]
        self.assertEqual((client["user"], client["hostname"], client["steering_configuration"], client["connected"]),
                         ("ann@acme.test", "ann-pc", "Sales", True))
        ann.close()
        wait.until(lambda: not self.clients()["laptop-ann"]["connected"], "the stream's end")

    def test_change_reaches_fifty_clients_in_two_seconds(self):
        streams = [self.watch(self.device(f"fleet-{i}")) for i in range(50)]
        first = [stream.receive().config for stream in streams]
        self.assertEqual({config.policy_version for config in first}, {first[0].policy_version})
        self.write_policy("Second")
        begun = time.monotonic()
        self.proxy.reload()
        second = [stream.receive().config for stream in streams]
        seconds = time.monotonic() - begun
        print(f"push to 50 clients took {seconds * 1000:.0f} ms")
        self.assertLess(seconds, 2.0)
        self.assertEqual({config.policy.steering_configurations[0].exceptions[0].name for config in second}, {"Second"})
        self.assertGreater(second[0].generation, first[0].generation)
        self.assertGreaterEqual(self.proxy.metric("sluice_clients_connected"), 50)

    def test_refused_version_is_shown_with_its_reason(self):
        stream = self.watch(self.device("picky"))
        stream.send(self.ack(stream.receive().config.policy_version, "does not compile"))
        wait.until(lambda: self.clients()["picky"]["error"] == "does not compile", "the refusal")

    def test_second_stream_of_a_device_ends_the_first(self):
        device = self.device("twice")
        first = self.watch(device)
        first.receive()
        second = self.watch(device)
        second.receive()
        self.assertIsNone(first.receive())
        self.assertTrue(self.clients()["twice"]["connected"])


class Admission(ControlCase):
    def ends_with(self, stream, code):
        self.assertIsNone(stream.receive())
        self.assertEqual(stream.code.name, code)

    def test_strangers_are_refused(self):
        stranger = Authority(self.folder / "stranger", "somebody else")
        self.ends_with(self.watch(self.device("foreign", authority=stranger)), "UNAVAILABLE")
        self.ends_with(self.watch(self.device("other-tenant", tenant="rival")), "PERMISSION_DENIED")
        certificate, key = self.devices.issue("no-device")
        device = control.Device(self.address, certificate, key, self.service.certificate)
        self.addCleanup(device.close)
        self.ends_with(self.watch(device), "UNAUTHENTICATED")

    def test_revoked_device_hears_it_and_is_closed(self):
        device = self.device("lost")
        stream = self.watch(device)
        stream.receive()
        publish = device.publish(77)
        self.addCleanup(publish.close)
        self.assertTrue(publish.receive().HasField("welcome"))
        serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", self.devices.directory / "lost.crt"],
                                check=True, capture_output=True, text=True).stdout.strip().removeprefix("serial=")
        self.revoked.write_text(serial + "  # lost on a train\n")
        try:
            self.proxy.reload()
            responses = list(iter(stream.receive, None))
            self.assertTrue(responses[-1].HasField("revoked"))
            self.assertEqual(stream.code.name, "PERMISSION_DENIED")
            self.ends_with(publish, "PERMISSION_DENIED")
            self.ends_with(self.watch(device), "PERMISSION_DENIED")
        finally:
            self.revoked.write_text("")
            self.proxy.reload()


class Relay(ControlCase):
    def test_records_arrive_stamped_with_who_sent_them(self):
        device = self.device("relay-1", "ann@acme.test")
        watch = self.watch(device, hostname="ann-pc", device_os="Linux")
        watch.receive()
        stream = device.publish(1001)
        self.addCleanup(stream.close)
        self.assertEqual(stream.receive().welcome.committed_seq, 0)
        forged_names = dict(tenant="rival", user="ceo@acme.test", device_id="other", egress_ip="203.0.113.1",
                            hostname="ceo-pc", observed_by="pop-test")
        stream.send(control.batch(1, [
            final_event(1001, 1, correlation_id="relay-1/f1", **forged_names),
            final_event(1001, 2, correlation_id="other/f2", bypass_mode=3)]))
        self.assertEqual(stream.receive().ack.committed_seq, 2)
        event = self.store.wait_for_events(f"event_id eq {control.event_id(1001, 1)}")[0]
        for field, value in {"tenant": "default", "user": "ann@acme.test", "device_id": "relay-1",
                             "egress_ip": "127.0.0.1", "hostname": "ann-pc", "origin": "client",
                             "observed_by": "relay-1", "correlation_id": "relay-1/f1",
                             "access_method": "client"}.items():
            self.assertEqual(event.get(field), value, field)
        # The tunnelled one is the PoP's to count, and speaks of nobody else's flow.
        self.assertEqual(self.store.search(f"event_id eq {control.event_id(1001, 2)}"), [])

    def test_forged_records_are_refused_counted_and_recorded(self):
        events = control.messages("events/v1/page_event")
        before = self.proxy.metric("sluice_relay_records_refused_total")
        stream = self.device("forger").publish(1002)
        self.addCleanup(stream.close)
        stream.receive()
        stream.send(control.batch(1, [
            final_event(1002, 1, origin=events.ORIGIN_POP), final_event(1002, 2, action=events.VERDICT_ALLOW),
            (0, 0, events.Record(audit=events.Audit(actor="root", action="policy apply"))),
            final_event(1002, 3, host="honest.test")]))
        self.assertEqual(stream.receive().ack.committed_seq, 4)
        self.store.wait_for_events("host eq honest.test")
        self.assertEqual(self.store.search("device_id eq forger and host eq direct.test"), [])
        self.assertEqual(self.proxy.metric("sluice_relay_records_refused_total") - before, 3)
        wait.until(lambda: "forger" in json.dumps(self.store.search("record_type eq notice")), "the notice")
        self.assertNotIn("policy apply", json.dumps(self.store.search("record_type eq audit")))

    def test_another_devices_producer_is_refused(self):
        owner = self.device("owner").publish(1003)
        self.addCleanup(owner.close)
        owner.receive()
        owner.send(control.batch(1, [final_event(1003, 1)]))
        self.assertEqual(owner.receive().ack.committed_seq, 1)
        thief = self.device("thief").publish(1003)
        self.addCleanup(thief.close)
        self.assertEqual(thief.receive().nack.code, 4)

    def test_damaged_batch_is_refused_by_the_store(self):
        stream = self.device("damaged").publish(1004)
        self.addCleanup(stream.close)
        stream.receive()
        broken = control.batch(1, [final_event(1004, 1)])
        broken.batch.crc32c ^= 1
        stream.send(broken)
        self.assertEqual(stream.receive().nack.code, 2)

    def test_pop_killed_in_the_middle_of_a_relay_loses_and_doubles_nothing(self):
        device = self.device("survivor")
        total, acked = 300, 0
        for round_ in range(3):
            stream = device.publish(1005)
            welcome = stream.receive()
            if welcome is None:
                device.close()
                device = self.device("survivor")
                stream = device.publish(1005)
                welcome = stream.receive()
            self.assertGreaterEqual(welcome.welcome.committed_seq, acked)  # what was acknowledged is there
            acked = welcome.welcome.committed_seq
            for seq in range(acked + 1, total + 1):
                stream.send(control.batch(seq, [final_event(1005, seq, host="survivor.test")]))
            last = total if round_ == 2 else acked + 20
            while acked < last:
                acked = max(acked, stream.receive().ack.committed_seq)
            stream.close()
            if round_ == 2:
                break
            self.proxy.program.kill()
            self.proxy.settings["control"]["address"] = "%s:%d" % self.address
            self.proxy.restart()
        self.store.wait_for_events("host eq survivor.test", count=total)


if __name__ == "__main__":
    unittest.main()
