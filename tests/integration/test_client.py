"""The steering client by itself: local listeners, verdicts, the client log, records of what goes direct or is dropped.
The apps are real processes: copies of curl under the names that policy knows."""
import http.server
import json
import pathlib
import re
import shutil
import tempfile
import threading
import unittest

from tests.support import certificates, dns_server, origins, programs, stack, wait

DAY = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}"


class Page(http.server.BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self):  # noqa: N802: named by http.server
        body = (self.requestline + "\n" + str(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Client(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-client-")))
        authority = certificates.Authority(cls.directory)
        cls.authority = authority.certificate
        names = ("*.dropbox.com", "*.bank.example.com", "*.example.com", "*.zoom.us")
        cls.origin = origins.TlsOrigin(*authority.issue(*names))
        cls.addClassCleanup(cls.origin.close)
        cls.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        cls.addClassCleanup(cls.web.server_close)
        threading.Thread(target=cls.web.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.web.shutdown)
        for name in ("dropbox", "zoom", "surf"):
            shutil.copy(shutil.which("curl"), cls.directory / name)
        cls.store = stack.Store(cls.directory).start()
        cls.addClassCleanup(cls.store.program.stop)
        cls.client = cls.start_client("device-test", "open")

    @classmethod
    def start_client(cls, name, fail, **changes):
        folder = cls.directory / name
        folder.mkdir()
        ports = [cls.origin.port, cls.web.server_port]
        policy = {
            "tenant": "default",
            "steering_configurations": [{
                "name": "default", "web_ports": ports, "fail": fail,
                "exceptions": [
                    {"name": "Dropbox", "certificate_pinned_app": {"app": "Dropbox"}},
                    {"name": "Zoom", "certificate_pinned_app": {"app": "Zoom", "action": "block"}},
                    {"name": "Bank", "domains": ["bank.example.com"]},
                    {"name": "Quiet", "domains": ["quiet.example.com"], "log": False}]}]}
        stack.write_configuration(folder / "policy.yaml", policy)
        resolve = {name: "127.0.0.1" for name in ("dropbox.com", "example.com", "zoom.us")}
        direct = {"resolve": resolve, **changes.pop("direct", {})}
        client = stack.Client(folder, name=name, user="maria", policy="policy.yaml", direct=direct,
                              client_log={"log_as": "stAgentSvc"}, events={"address": cls.store.ingest}, **changes)
        client.start()
        cls.addClassCleanup(client.program.stop)
        return client

    def fetch(self, app, host, *options, client=None, scheme="http", size=1000):
        proxy = "%s://%s:%d" % (scheme, *(client or self.client).address)
        return programs.run([self.directory / app, "-sS", "--cacert", self.authority, "--proxy", proxy, *options,
                             "-w", "\n%{http_code} %{http_connect}", f"https://{host}:{self.origin.port}/bytes/{size}"])

    def one_event(self, query, **expected):
        event = self.store.wait_for_events(query)[0]
        self.assertEqual({name: event.get(name) for name in expected}, expected, event)
        return event

    def decisions(self, host, client=None):
        lines = (client or self.client).jsonl.read_text().splitlines()
        return [decision for decision in map(json.loads, lines) if decision.get("host") == host]

    def test_pinned_app_goes_direct_and_is_seen(self):
        for scheme, host in (("http", "client.dropbox.com"), ("socks5h", "www.dropbox.com")):
            with self.subTest(scheme):
                received, sent = self.origin.received_bytes, self.origin.sent_bytes
                finished = self.origin.finished
                done = self.fetch("dropbox", host, scheme=scheme)
                self.assertEqual(done.returncode, 0, done.stderr)
                wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
                up, down = self.origin.received_bytes - received, self.origin.sent_bytes - sent
                line = self.client.wait_for_log(f"host: {host}")
                self.assertRegex(line, rf"^{DAY} stAgentSvc p[0-9a-f]+ t[0-9a-f]+ info \w+\.cc:\d+ BypassAppMgr "
                                       rf"Bypassing connection from process: dropbox, host: {re.escape(host)}$")
                event = self.one_event(
                    f"host eq {host} and bypass_mode eq direct", origin="client", primary="yes", user="maria",
                    device_id="device-test", observed_by="device-test", process_name="dropbox",
                    process_path=str(self.directory / "dropbox"), process_identity="name", action="bypass",
                    bypass_traffic="yes", bypass_layer="client", bypass_reason_code="certificate_pinned_app",
                    policy="Dropbox", policy_layer="client", client_bytes=up, server_bytes=down,
                    dstip="127.0.0.1", dstport=self.origin.port, access_method="client", host_source="connect",
                    sni=host, tls_version="TLSv1.3")
                self.assertRegex(event["ja4"], r"^t13d\d{4}h[12]_[0-9a-f]{12}_[0-9a-f]{12}$")
                self.assertIn("http/1.1", event["alpn"])
                self.assertEqual(event["correlation_id"], f"device-test/{event['event_id']}")
                first, last = self.decisions(host)
                self.assertEqual((first["state"], last["state"]), ("open", "closed"))
                self.assertEqual((last["sni"], last["ja4"]), (host, event["ja4"]))
                self.assertEqual((last["client_bytes"], last["server_bytes"]), (up, down))
                self.assertEqual(last["event_id"], event["event_id"])
                self.assertIn("process_uid", first)

    def test_another_app_at_the_same_host_is_no_exception(self):
        done = self.fetch("surf", "other.dropbox.com")  # steered, and without a PoP the policy fails open
        self.assertEqual(done.returncode, 0, done.stderr)
        self.one_event("host eq other.dropbox.com", bypass_mode="direct", bypass_reason_code="fail_open",
                       process_name="surf", primary="yes", app="Dropbox")
        self.assertNotIn("other.dropbox.com", "\n".join(self.client.lines()))

    def test_blocked_app_is_dropped_and_told_so(self):
        connections = self.origin.finished
        done = self.fetch("zoom", "www.zoom.us")
        self.assertEqual((done.returncode, done.stdout), (56, "\n000 403"), done.stderr)
        self.client.wait_for_log("BypassAppMgr Dropping connection from process: zoom, host: www.zoom.us")
        self.one_event("host eq www.zoom.us", action="drop", policy="Zoom", primary="yes", bypass_traffic="no",
                       close_reason="policy_block")
        self.assertEqual(self.origin.finished, connections)

    def test_exception_by_domain_has_its_own_line(self):
        self.assertEqual(self.fetch("surf", "bank.example.com").returncode, 0)
        self.client.wait_for_log("bypassing flow to exception host: bank.example.com, process: surf, "
                                 f"Dest IP: 127.0.0.1, Dest Port: {self.origin.port}")
        self.one_event("host eq bank.example.com", bypass_reason_code="domain", policy="Bank")

    def test_do_not_log_leaves_only_a_number(self):
        before = self.client.metric("sluice_flows_total", outcome="silent")
        self.assertEqual(self.fetch("surf", "quiet.example.com").returncode, 0)
        wait.until(lambda: self.client.metric("sluice_flows_total", outcome="silent") == before + 1, "the count")
        # What came later is there, so it would be there too.
        self.assertEqual(self.fetch("surf", "later.bank.example.com").returncode, 0)
        self.one_event("host eq later.bank.example.com", policy="Bank")
        self.assertEqual(self.store.search("host eq quiet.example.com"), [])
        self.assertNotIn("quiet", self.client.log.read_text() + self.client.jsonl.read_text())

    def test_plain_requests_reach_their_origin_in_origin_form(self):
        done = programs.run([self.directory / "surf", "-sS", "--proxy", "http://%s:%d" % self.client.address,
                             "-H", "Proxy-Connection: keep-alive", "-H", "X-Mine: 1",
                             f"http://bank.example.com:{self.web.server_port}/a?b=c"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("GET /a?b=c HTTP/1.1\n"), done.stdout)
        self.assertIn("X-Mine: 1", done.stdout)
        self.assertIn(f"Host: bank.example.com:{self.web.server_port}", done.stdout)
        self.assertNotIn("Proxy-Connection", done.stdout)

    def test_without_a_tunnel_a_closed_policy_passes_nothing(self):
        client = self.start_client("device-closed", "closed")
        connections = self.origin.finished
        self.assertNotEqual(self.fetch("surf", "a.example.com", client=client).returncode, 0)
        self.one_event("host eq a.example.com", action="block", policy="fail closed", close_reason="tunnel_lost",
                       primary="yes", observed_by="device-closed")
        done = programs.run([self.directory / "surf", "-sS", "--proxy", "http://%s:%d" % client.address,
                             "-w", "%{http_code}", f"http://b.example.com:{self.web.server_port}/"])
        self.assertTrue(done.stdout.endswith("403"), done.stdout)
        self.assertIn("no connection to the security service", done.stdout)
        self.assertEqual(self.origin.finished, connections)
        self.assertEqual(self.fetch("dropbox", "c.dropbox.com", client=client).returncode, 0)  # an exception passes

    def test_a_name_is_judged_by_its_address(self):
        names = {"wiki.corp.test": dns_server.Name(("10.255.1.2",)), "nowhere.corp.test": dns_server.Name(())}
        with dns_server.DnsServer(names) as dns:
            client = self.start_client("device-names", "closed",
                                       direct={"dns_servers": [dns.address], "connect_timeout_ms": 300})
            self.assertNotEqual(self.fetch("surf", "wiki.corp.test", client=client).returncode, 0)  # nobody is there
            client.wait_for_log(f"Bypassing flow from process: surf to private ip: 10.255.1.2, Port: "
                                f"{self.origin.port}, host: wiki.corp.test")
            self.one_event("host eq wiki.corp.test", bypass_reason_code="private_address", dstip="10.255.1.2",
                           action="bypass", primary="yes")
            self.assertNotEqual(self.fetch("surf", "nowhere.corp.test", client=client).returncode, 0)
            self.one_event("host eq nowhere.corp.test", action="block", policy="fail closed")

    def test_on_its_own_network_nothing_is_tunnelled(self):
        with dns_server.DnsServer({"intranet.test": dns_server.Name(("10.1.2.3",), ttl=1)}) as dns:
            client = self.start_client("device-office", "closed", direct={"dns_servers": [dns.address]}, on_network={
                "host": "intranet.test", "address": "10.1.2.3", "check_every_ms": 100})
            client.program.wait_for_line("on network")
            self.assertEqual(self.fetch("surf", "office.example.com", client=client).returncode, 0)
            self.one_event("host eq office.example.com", bypass_mode="direct", bypass_reason_code="on_network",
                           primary="yes")
            self.assertEqual(client.metric("sluice_on_network"), 1)
            dns.names["intranet.test"] = dns_server.Name(("192.0.2.9",), ttl=1)  # a hotel that answers everything
            client.program.wait_for_line("off network")
            self.assertNotEqual(self.fetch("surf", "hotel.example.com", client=client).returncode, 0)
            self.one_event("host eq hotel.example.com", action="block", policy="fail closed")

    def test_reload_takes_the_new_policy_and_refuses_a_bad_one(self):
        client = self.start_client("device-reload", "open")
        policy = client.directory / "policy.yaml"
        good = policy.read_text()
        policy.write_text(good + "nonsense: 1\n")
        seen = len(client.program.lines)
        client.reload()
        client.program.wait_for_line("reload refused.*nonsense", start=seen)
        policy.write_text(good.replace("Bank", "Savings"))
        client.reload()
        client.program.wait_for_line("configuration reloaded", start=seen)
        self.assertEqual(self.fetch("surf", "x.bank.example.com", client=client).returncode, 0)
        event = self.one_event("host eq x.bank.example.com", policy="Savings")
        self.assertTrue(event["policy_version"].startswith("2-"), event)


if __name__ == "__main__":
    unittest.main()
