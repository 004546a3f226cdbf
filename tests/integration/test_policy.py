"""The tenant's policy through the real programs: exceptions pass untouched, a name is blocked without decryption, a
silent bypass leaves no event, and a flow that is open when its name is blocked is closed."""
import hashlib
import json
import pathlib
import tempfile

from tests.support import cases, certificates, clients, hello, origins, programs, wait

EXCEPTIONS = """
unknown_protocol: splice
steering_configurations:
- name: default
  exceptions:
  - name: Dropbox
    certificate_pinned_app: {app: Dropbox, action: bypass, mode: direct}
  - {name: Quiet, domains: [quiet.policy.test], log: false}
"""

BLOCK = """
ssl_decryption_policies:
- {name: Leave bank, match: {domains: [bank.policy.test]}, action: do_not_decrypt}
url_lists:
- {name: bad-urls, type: exact, urls: [bad.policy.test]}
custom_categories:
- {name: Bad sites, include_url_lists: [bad-urls]}
realtime_policies:
- {name: Block bad sites, match: {categories: [Bad sites]}, action: block, notification: default}
notifications: {default: {title: "Stop <here>", body: "Ask IT.", support: it@acme.test}}
"""


class Policy(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-policy-")
        cls.addClassCleanup(temporary.cleanup)
        directory = pathlib.Path(temporary.name)
        cls.policy = directory / "policy.yaml"
        cls.write(EXCEPTIONS + BLOCK)
        authority = certificates.Authority(directory)
        cls.authority = authority.certificate
        cls.tls = cls.keep(origins.TlsOrigin(*authority.issue("*.policy.test", "*.dropbox.com")))
        cls.echo = cls.keep(origins.Echo())
        names = {"policy.test": "127.0.0.1", "dropbox.com": "127.0.0.1"}
        return {"ports": [cls.tls.port, cls.echo.port],
                "proxy": {"policy": str(cls.policy), "origin": {"resolve": names}}}

    @classmethod
    def write(cls, text):
        cls.policy.write_text("tenant: default\n" + text)

    def fetch(self, host, *options, scheme="https"):
        port = self.tls.port if scheme == "https" else self.echo.port
        return programs.run(["curl", "-sS", "--cacert", self.authority, "--proxytunnel", "--proxy",
                             "http://%s:%d" % self.proxy.address, *options, f"{scheme}://{host}:{port}/bytes/100"])

    def test_pinned_app_passes_untouched(self):
        seen = []
        origin = origins.Script(lambda connection: seen.append(connection.recv()))
        self.addCleanup(origin.close)
        self.proxy.reload(origin={"allow_ports": [self.tls.port, self.echo.port, origin.port]})
        sent = hello.captured("client.dropbox.com")

        def reached():
            sock, reply = clients.connect(self.proxy.address, "client.dropbox.com", origin.port)
            with sock:
                if reply.status != 200:
                    return False
                sock.sendall(sent)
                clients.receive_all(sock)
            return True
        wait.until(reached, "the reload to allow the port")
        wait.until(lambda: seen, "the hello at the origin")
        self.assertEqual(hashlib.sha256(seen[-1]).hexdigest(), hashlib.sha256(sent).hexdigest())
        event = self.store.wait_for_events(
            f"host eq client.dropbox.com and dstport = {origin.port} and action eq bypass")[0]
        for field, value in {"bypass_traffic": "yes", "bypass_layer": "pop", "policy": "Dropbox",
                             "policy_kind": "steering_exception", "bypass_reason_code": "certificate_pinned_app",
                             "bypass_reason": "Steering Exception - default", "app": "Dropbox"}.items():
            self.assertEqual(event[field], value, field)
        self.assertRegex(event["policy_version"], r"^\d+-[0-9a-f]{12}$")

    def test_do_not_decrypt_names_its_policy(self):
        self.assertEqual(self.fetch("bank.policy.test").returncode, 0)
        event = wait.until(lambda: self.store.search("host eq bank.policy.test and state eq closed"), "the event")[0]
        self.assertEqual((event["bypass_reason_code"], event["ssl_policy"], event["bypass_reason"]),
                         ("ssl_policy", "Leave bank", "SSL Policy - Leave bank"))

    def test_blocked_name_hears_an_alert_and_the_origin_nothing(self):
        reached = (self.tls.finished, self.tls.received_bytes)
        done = self.fetch("bad.policy.test")
        self.assertEqual(done.returncode, 35, done.stderr)
        self.assertRegex(done.stderr, "(?i)access denied")
        event = self.store.wait_for_events(f"host eq bad.policy.test and dstport = {self.tls.port}")[0]
        for field, value in {"action": "block", "policy": "Block bad sites", "policy_kind": "realtime",
                             "category": "Bad sites", "close_reason": "policy_block", "sni": "bad.policy.test",
                             "bypass_traffic": "no", "notification": "default", "server_bytes": 7}.items():
            self.assertEqual(event[field], value, field)
        self.assertEqual((self.tls.finished, self.tls.received_bytes), reached)

    def test_blocked_name_in_plain_http_sees_a_page(self):
        page = self.fetch("bad.policy.test", "-D", "-", scheme="http").stdout
        self.assertIn("HTTP/1.1 403 Forbidden", page)
        self.assertIn("Content-Security-Policy: default-src 'none'", page)
        self.assertIn("<h1>Stop &lt;here&gt;</h1>", page)
        answer = json.loads(self.fetch("bad.policy.test", "-H", "Accept: application/json", scheme="http").stdout)
        self.assertEqual((answer["policy"], answer["support"]), ("Block bad sites", "it@acme.test"))
        event = self.store.wait_for_events(f"event_id eq {answer['event_id']}")[0]
        self.assertEqual((event["action"], event["host"]), ("block", "bad.policy.test"))

    def test_silent_bypass_leaves_only_a_counter(self):
        before = self.proxy.metric("sluice_flows_total", outcome="bypass")
        recorded = len(self.store.search("host eq bank.policy.test and state eq closed"))
        self.assertEqual(self.fetch("quiet.policy.test").returncode, 0)
        wait.until(lambda: self.proxy.metric("sluice_flows_total", outcome="bypass") > before, "the flow to be counted")
        self.assertEqual(self.fetch("bank.policy.test").returncode, 0)  # recorded later than the silent one would be
        wait.until(lambda: len(self.store.search("host eq bank.policy.test and state eq closed")) > recorded,
                   "the later flow to be recorded")
        self.assertEqual(self.store.search("host like quiet"), [])

    def test_open_flow_is_closed_when_its_name_is_blocked(self):
        sock, reply = clients.connect(self.proxy.address, "live.policy.test", self.echo.port)
        self.assertEqual(reply.status, 200)
        with sock:
            sock.sendall(b"hello")
            clients.receive_exactly(sock, 5)
            try:
                self.write(EXCEPTIONS + BLOCK.replace("[bad.policy.test]", "[bad.policy.test, live.policy.test]"))
                self.proxy.reload()
                event = self.store.wait_for_events("host eq live.policy.test")[0]
            finally:
                self.write(EXCEPTIONS + BLOCK)
                self.proxy.reload()
        for field, value in {"action": "block", "policy": "Block bad sites", "close_reason": "policy_changed",
                             "client_bytes": 5, "server_bytes": 5}.items():
            self.assertEqual(event[field], value, field)

    def test_wrong_policy_changes_nothing(self):
        try:
            self.write(EXCEPTIONS + BLOCK + "no_such_key: 1\n")
            seen = self.proxy.reload()
            self.proxy.program.wait_for_line(r"policy\.yaml:\d+:1: .*no_such_key", start=seen)
        finally:
            self.write(EXCEPTIONS + BLOCK)
        self.assertEqual(self.fetch("bad.policy.test").returncode, 35)
