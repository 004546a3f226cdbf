"""sluicectl against a running PoP: timed bypasses, versions of the policy, status."""
import json
import pathlib
import shutil
import tempfile
import unittest

from tests.support import clients, control, origins, programs, stack, wait
from tests.support.certificates import Authority

BLOCK = """tenant: default
realtime_policies:
- {name: Block bad, match: {domains: [bad.test]}, action: block}
"""
WIDER = """tenant: default
steering_configurations:
- name: default
  exceptions:
  - {name: Bank, domains: [bank.test]}
realtime_policies:
- {name: Block bad, match: {domains: [bad.test, worse.test]}, action: block}
- {name: Watch, match: {domains: [odd.test]}, action: alert}
"""


class Administration(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.origin = origins.Echo()
        self.addCleanup(self.origin.close)
        self.policy = self.folder / "policy.yaml"
        self.policy.write_text(BLOCK)
        self.socket = f"unix:{self.folder / 'admin.sock'}"
        devices, service = Authority(self.folder / "devices"), Authority(self.folder / "service")
        certificate, key = service.issue("pop.test")
        names = {name: "127.0.0.1" for name in ("bad.test", "worse.test", "fine.test")}
        running = stack.Stack(ports=[self.origin.port], proxy={
            "policy": str(self.policy), "state": str(self.folder / "state"),
            "admin": {"socket": str(self.folder / "admin.sock")}, "origin": {"resolve": names},
            "control": {"address": "127.0.0.1:0", "tls": {"certificate": str(certificate), "key": str(key),
                                                          "client_ca": str(devices.certificate)}}})
        self.addCleanup(running.close)
        self.proxy, self.store = running.proxy, running.store
        self.device = control.Device(self.proxy.program.listener("control"),
                                     *devices.issue_device("laptop", "ann@acme.test"), service.certificate)
        self.addCleanup(self.device.close)

    def ctl(self, *arguments, code=0):
        done = programs.run([programs.BIN / "sluicectl", "--admin", self.socket, *arguments], self.folder)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done.stdout if code == 0 else done.stderr

    def passes(self, host):
        """Whether a plain HTTP flow to the origin under this name gets anything but the block page."""
        sock, reply = clients.connect(self.proxy.address, host, self.origin.port)
        with sock:
            if reply.status != 200:
                return False
            sock.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
            return b"403 Forbidden" not in sock.recv(4096)

    def audits(self):
        return json.dumps(self.store.search("record_type eq audit"))

    def test_timed_bypass_holds_at_pop_and_clients_and_ends_by_itself(self):
        watch = self.device.watch()
        self.addCleanup(watch.close)
        self.assertEqual(list(watch.receive().config.timed_bypasses), [])
        self.assertFalse(self.passes("bad.test"))
        said = self.ctl("bypass", "add", "--host", "bad.test", "--for", "3s", "--reason", "ticket 4711")
        identity = said.split()[2]
        told = watch.receive().config.timed_bypasses
        self.assertEqual([(one.id, one.host, one.actor) for one in told], [(identity, "bad.test", "")])
        self.assertTrue(self.passes("bad.test"))
        event = wait.until(lambda: self.store.search("host eq bad.test and action eq bypass"), "the bypass event")[0]
        self.assertEqual((event["bypass_reason_code"], event["policy_kind"], event["bypass_reason"], event["policy"]),
                         ("timed", "timed_bypass", "Timed bypass - ticket 4711", f"timed bypass {identity}"))
        self.assertEqual(list(watch.receive().config.timed_bypasses), [])  # sent when it ended
        self.assertFalse(self.passes("bad.test"))
        self.assertIn("no timed bypasses", self.ctl("bypass", "list"))
        wait.until(lambda: "bypass expired" in self.audits(), "the audit of its end")
        self.assertIn("bypass add", self.audits())

    def test_timed_bypass_outlives_a_kill_and_can_be_deleted(self):
        self.ctl("bypass", "add", "--host", "bad.test", "--process", "backup", "--minutes", "10", "--reason", "why")
        self.proxy.program.kill()
        self.proxy.restart()
        listed = self.ctl("bypass", "list").splitlines()
        self.assertRegex(listed[0], r"^ID +HOST +PROCESS +UNTIL +BY +REASON$")
        self.assertRegex(listed[1], r"^[0-9a-f]{8}  bad.test  backup   20.*Z  \S+ +why$")
        self.assertTrue(self.passes("bad.test"))
        self.ctl("bypass", "delete", listed[1].split()[0])
        self.assertFalse(self.passes("bad.test"))
        self.assertIn("there is no timed bypass", self.ctl("bypass", "delete", "00000000", code=2))

    def test_timed_bypass_must_say_what_and_why(self):
        self.assertIn("needs a host, a process, or both", self.ctl("bypass", "add", "--minutes", "1", "--reason", "x",
                                                                   code=2))
        self.assertIn("at most 7 days", self.ctl("bypass", "add", "--host", "a.test", "--for", "8d", "--reason", "x",
                                                 code=2))
        self.assertIn("--reason", self.ctl("bypass", "add", "--host", "a.test", "--minutes", "1", code=2))

    def test_policy_is_compared_applied_and_rolled_back(self):
        wider = self.folder / "wider.yaml"
        wider.write_text(WIDER)
        diff = self.ctl("policy", "diff", wider)
        for line in ("+   default", "~   Block bad", "+       domains:", "+   Watch"):
            self.assertIn(line, diff)
        self.assertNotIn("\x1b", diff)
        self.assertTrue(self.passes("worse.test"))
        self.assertIn("number 2", self.ctl("policy", "apply", wider, "--reason", "ticket 4711"))
        self.assertFalse(self.passes("worse.test"))
        self.assertIn("nothing changes", self.ctl("policy", "diff", wider))
        self.proxy.program.kill()  # what was applied outlives it
        self.proxy.restart()
        self.assertFalse(self.passes("worse.test"))
        self.ctl("policy", "rollback", "1", "--reason", "too wide")
        self.assertTrue(self.passes("worse.test"))
        rows = self.ctl("policy", "history").splitlines()
        self.assertEqual(len(rows), 4)
        self.assertRegex(rows[1], r"^\*  3 .*rollback to 1: too wide$")
        self.assertRegex(rows[2], r"^   2 .*ticket 4711$")
        wait.until(lambda: "policy rollback" in self.audits(), "the audit record")
        self.assertIn("policy apply", self.audits())
        self.policy.write_text(WIDER)  # a later edit of the configured file wins
        self.proxy.reload()
        wait.until(lambda: not self.passes("worse.test"), "the edited file")

    def test_wrong_policy_is_refused_with_its_place_and_changes_nothing(self):
        wrong = self.folder / "wrong.yaml"
        wrong.write_text(BLOCK.replace("action: block", "action: blok"))
        self.assertRegex(self.ctl("policy", "apply", wrong, "--reason", "x", code=2), r"wrong\.yaml:3:\d+: .*blok")
        self.assertEqual(len(self.ctl("policy", "history").splitlines()), 2)
        self.assertFalse(self.passes("bad.test"))
        self.assertIn("no version 9", self.ctl("policy", "rollback", "9", "--reason", "x", code=2))

    def test_status_is_one_page(self):
        watch = self.device.watch(hostname="ann-pc", device_os="Linux")
        self.addCleanup(watch.close)
        watch.receive()
        text = self.ctl("status")
        self.assertRegex(text, r"(?m)^pop +pop-test of tenant default")
        self.assertRegex(text, r"(?m)^policy +\d+-[0-9a-f]{12}, number 1")
        self.assertRegex(text, r"(?m)^store +127\.0\.0\.1:\d+, connected, \d+ records behind")
        self.assertRegex(text, r"(?m)^laptop +ann@acme.test +ann-pc +Linux")
        done = programs.run([programs.BIN / "sluicectl", "--admin", "unix:/nonexistent/s", "status"], self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot reach the PoP", done.stderr)


if __name__ == "__main__":
    unittest.main()
