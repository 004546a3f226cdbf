"""Connections that the network turns over to the PoP (nftables `redirect` and `tproxy`), and connections that haproxy
passes on with PROXY headers."""
import socket
import struct
import subprocess
import unittest

from tests.support import certificates, clients, hosts, namespaces, origins, programs, stack, wait

CLIENT, POP_INSIDE = "198.51.100.2", "198.51.100.1"
POP_OUTSIDE, ORIGIN = "203.0.113.1", "203.0.113.10"
REDIRECTED, PROXIED = CLIENT, "198.51.100.3"  # both are the client's; by nftables `redirect`, and by `tproxy`

HAPROXY = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 2s
listen explicit
    bind {inside}:7000
    server pop {explicit} send-proxy-v2
listen tunnel
    bind {inside}:7001
    server pop {tunnel} send-proxy-v2
listen checked
    bind {inside}:7002
    server pop {explicit} send-proxy-v2 check check-send-proxy inter 200ms
listen old
    bind {inside}:7003
    server pop {explicit} send-proxy
"""

NFT = """
table ip sluice_test {{
  chain turn {{
    type nat hook prerouting priority dstnat;
    ip saddr {redirected} tcp dport {{80, 443, 25}} redirect to :{redirect}
  }}
  chain pass {{
    type filter hook prerouting priority mangle;
    ip saddr {proxied} tcp dport {{80, 443}} tproxy to {inside}:{redirect} meta mark set 1 accept
  }}
}}
"""


def proxy_header(source, destination):
    """A PROXY header of version 2 for TCP over IPv4."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    addresses += struct.pack(">HH", source[1], destination[1])
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(addresses)) + addresses


class Transparent(hosts.HostsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client, pop, origin = cls.hosts.values()
        device, _ = namespaces.cable(client, f"{CLIENT}/24", pop, f"{POP_INSIDE}/24")
        namespaces.cable(origin, f"{ORIGIN}/24", pop, f"{POP_OUTSIDE}/24")
        client.address(f"{PROXIED}/24", device)
        client.route("default", POP_INSIDE)
        with origin.inside():
            cls.tls = origins.TlsOrigin(*cls.authority.issue("*.turned.example"), host=ORIGIN, port=443)
            cls.web = origins.Script(cls.answer, host=ORIGIN, port=80)
        cls.addClassCleanup(cls.tls.close)
        cls.addClassCleanup(cls.web.close)
        cls.start(pop)

    @staticmethod
    def answer(connection):
        while b"\r\n\r\n" not in connection.recv():
            pass
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        connection.recv()

    @staticmethod
    def run_in(host, *command, text=None):
        subprocess.run([*host.prefix, *command], check=True, input=text, text=True)

    @classmethod
    def start(cls, pop):
        cls.store = stack.Store(cls.directory, host=pop)
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        devices, cls.services = (certificates.Authority(cls.directory / name) for name in ("devices", "services"))
        cls.device = devices.issue_device("laptop-1", "ann@acme.test")
        certificate, key = cls.services.issue("pop.turned.example")
        tls = {"certificate": str(certificate), "key": str(key), "client_ca": str(devices.certificate)}
        inside, here = ["198.51.100.0/24"], ["127.0.0.0/8"]
        balanced = {"address": "127.0.0.1:0", "proxy_protocol": "v2", "allow_sources": here}
        cls.proxy = stack.Proxy(
            cls.directory, cls.store, host=pop, name="pop-turned",
            listeners=[{"name": "redirect", "kind": "transparent", "address": f"{POP_INSIDE}:0",
                        "allow_sources": inside},
                       {"name": "balanced", "kind": "explicit", **balanced},
                       {"name": "balanced-tunnel", "kind": "tunnel", "tls": tls, **balanced},
                       {"name": "balanced-redirect", "kind": "transparent", **balanced}],
            origin={"resolve": {"turned.example": ORIGIN}, "allow_destinations": None, "allow_ports": None})
        cls.proxy.start()
        cls.addClassCleanup(cls.proxy.program.stop)
        cls.run_in(pop, "nft", "-f", "-", text=NFT.format(redirected=REDIRECTED, proxied=PROXIED, inside=POP_INSIDE,
                                                         redirect=cls.proxy.address[1]))
        cls.run_in(pop, "ip", "rule", "add", "fwmark", "1", "lookup", "100")
        cls.run_in(pop, "ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")
        cls.start_haproxy(pop)

    @classmethod
    def start_haproxy(cls, pop):
        configuration = cls.directory / "haproxy.cfg"
        explicit, tunnel = ("%s:%d" % cls.proxy.program.listener(name) for name in ("balanced", "balanced-tunnel"))
        configuration.write_text(HAPROXY.format(inside=POP_INSIDE, explicit=explicit, tunnel=tunnel))
        balancer = subprocess.Popen([*pop.prefix, "haproxy", "-f", str(configuration)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(balancer.wait)
        cls.addClassCleanup(balancer.terminate)

        def listening():
            with cls.hosts["client"].inside(), socket.socket() as probe:
                return probe.connect_ex((POP_INSIDE, 7003)) == 0
        wait.until(listening, "haproxy")

    def curl(self, *arguments, host="client"):
        return programs.run(["curl", "-sS", "--max-time", "20", "--cacert", self.authority.certificate, *arguments],
                            host=self.hosts[host])

    def check_event(self, query, **expected):
        event = self.store.wait_for_events(query)[0]
        self.assertEqual({name: event.get(name) for name in expected}, expected)
        return event

    def test_tls_by_its_name(self):
        done = self.curl("--resolve", f"a.turned.example:443:{ORIGIN}", "https://a.turned.example/bytes/5")
        self.assertEqual((done.returncode, done.stdout), (0, "sssss"), done.stderr)
        self.check_event("host eq a.turned.example", srcip=CLIENT, dstip=ORIGIN, dstport=443, host_source="sni",
                         access_method="transparent", observed_by="pop-turned", sni="a.turned.example")

    def test_plain_http_by_its_host(self):
        done = self.curl("--resolve", f"b.turned.example:80:{ORIGIN}", "http://b.turned.example/x")
        self.assertEqual((done.returncode, done.stdout), (0, "hello"), done.stderr)
        self.check_event("host eq b.turned.example", srcip=CLIENT, url="http://b.turned.example/x", status=200,
                         access_method="transparent", host_source="http_host")

    def test_the_kernels_own_way_of_passing_connections(self):
        done = self.curl("--interface", PROXIED, "--resolve", f"e.turned.example:443:{ORIGIN}",
                         "https://e.turned.example/bytes/6")
        self.assertEqual((done.returncode, done.stdout), (0, "ssssss"), done.stderr)
        self.check_event("host eq e.turned.example", srcip=PROXIED, dstip=ORIGIN, access_method="transparent")

    def test_what_may_not_be_dialled_ends(self):
        with self.hosts["client"].inside():
            sock = clients.open_socket((ORIGIN, 25))
        with sock:
            self.assertEqual(sock.recv(10), b"")
        self.check_event("dstport = 25", close_reason="port_not_allowed", action="block", srcip=CLIENT)

    def test_a_connection_to_the_listener_itself_goes_nowhere(self):
        with self.hosts["client"].inside():
            sock = clients.open_socket(self.proxy.address)
        with sock:
            self.assertEqual(sock.recv(10), b"")

    def test_haproxy_passes_on_who_the_client_is(self):
        done = self.curl("--proxy", f"http://{POP_INSIDE}:7000", "http://c.turned.example/")
        self.assertEqual((done.returncode, done.stdout), (0, "hello"), done.stderr)
        self.check_event("host eq c.turned.example", srcip=CLIENT, access_method="explicit_proxy", status=200)

    def test_haproxy_before_a_tunnel(self):
        certificate, key = self.device
        done = self.curl("--proxy", f"https://pop.turned.example:7001", "--connect-to",
                         f"pop.turned.example:7001:{POP_INSIDE}:7001", "--resolve",
                         f"pop.turned.example:7001:{POP_INSIDE}", "--proxy-cacert", self.services.certificate,
                         "--proxy-cert", certificate, "--proxy-key", key, "https://d.turned.example/bytes/7")
        self.assertEqual((done.returncode, done.stdout), (0, "sssssss"), done.stderr)
        self.check_event("host eq d.turned.example", srcip=CLIENT, access_method="client", user="ann@acme.test")

    def test_checks_of_the_balancer_are_no_flows(self):
        done = self.curl("--proxy", f"http://{POP_INSIDE}:7002", "http://f.turned.example/")
        self.assertEqual((done.returncode, done.stdout), (0, "hello"), done.stderr)
        self.check_event("host eq f.turned.example", srcip=CLIENT)
        self.assertEqual(self.store.search("srcip eq 127.0.0.1"), [])

    def test_version_1_and_strangers_are_refused(self):
        before = self.proxy.metric("sluice_proxy_headers_refused_total")
        self.assertNotEqual(self.curl("--proxy", f"http://{POP_INSIDE}:7003", "http://g.turned.example/").returncode, 0)
        wait.until(lambda: self.proxy.metric("sluice_proxy_headers_refused_total") > before, "the refusal")
        self.proxy.program.wait_for_line("not served 127.0.0.1:.*version 1; version 2 is wanted")
        self.assertEqual(self.store.search("host eq g.turned.example"), [])

    def test_the_destination_of_a_header(self):
        hello = b"GET /y HTTP/1.1\r\nHost: h.turned.example\r\nConnection: close\r\n\r\n"
        with self.hosts["pop"].inside():
            sock = clients.open_socket(self.proxy.program.listener("balanced-redirect"))
        with sock:
            sock.sendall(proxy_header(("192.0.2.77", 5555), (ORIGIN, 80)) + hello)
            self.assertTrue(clients.receive_all(sock).endswith(b"hello"))
        self.check_event("host eq h.turned.example", srcip="192.0.2.77", srcport=5555, dstip=ORIGIN,
                         access_method="transparent")


if __name__ == "__main__":
    unittest.main()
