"""TLS that policy does not exempt is decrypted, judged request by request, and encrypted again: curl through the proxy
to origins of a private root, and what the origins and the event store saw of it."""
import json
import socket
import ssl
import threading

from tests.integration.test_relay import Web
from tests.support import clients, inspection, origins, wait

POLICY = """
tenant: default
steering_configurations:
- name: default
  exceptions:
  - {name: Pinned, domains: [pinned.secure.test]}
ssl_decryption_policies:
- {name: Leave bank, match: {domains: [bank.secure.test]}, action: do_not_decrypt}
url_lists:
- {name: secret, type: exact, urls: [app.secure.test/secret]}
custom_categories:
- {name: Secrets, include_url_lists: [secret]}
realtime_policies:
- {name: No secrets, match: {categories: [Secrets]}, action: block, notification: default}
- {name: No deletes, match: {domains: [app.secure.test], methods: [DELETE]}, action: block, notification: default}
notifications: {default: {title: "Stop", body: "Ask IT.", support: it@acme.test}}
"""


class SecureWeb(Web):
    """The small web origin behind TLS; remembers what each handshake agreed on."""

    def __init__(self, certificate, key, prepare=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.agreed = []
        if prepare:
            prepare(self.context)
        super().__init__()

    def serve(self, connection):
        connection.sock = self.context.wrap_socket(connection.sock, server_side=True)
        self.agreed.append((connection.sock.version(), connection.sock.session_reused))
        super().serve(connection)


class SecureWebCase(inspection.InspectedCase):
    @classmethod
    def make_origin(cls, certificate, key):
        return SecureWeb(certificate, key)

    def url(self, host, path):
        return f"https://{host}.secure.test:{self.web.port}{path}"


class Interception(SecureWebCase):
    POLICY = POLICY

    def test_a_request_is_decrypted_and_is_an_event(self):
        page = self.curl("-A", "probe/1", self.url("one", "/bytes/5000?secret=1"))
        self.assertEqual(page, "s" * 5000)
        self.assertIn("GET /bytes/5000?secret=1 HTTP/1.1", "".join(self.web.heads))
        event = self.one_event(
            "host eq one.secure.test", type="page", url=self.url("one", "/bytes/5000"), method="GET", status=200,
            content_type="text/plain", useragent="probe/1", action="allow", bypass_traffic="no",
            close_reason="completed", host_source="connect", sni="one.secure.test", tls_version="TLSv1.3",
            origin_tls_version="TLSv1.3", alpn="http/1.1", cert_subject="CN = *.secure.test",
            cert_issuer="CN = Sluice test root", dstport=self.web.port)
        self.assertGreater(event["server_bytes"], 5000)
        self.assertRegex(event["tls_cipher"], "^TLS_AES_")

    def test_the_certificate_is_ours_and_for_this_host_only(self):
        text = self.curl("-v", "--stderr", "-", "-o", "/dev/null", self.url("cert", "/"))
        self.assertRegex(text, "subject: CN=cert.secure.test")
        self.assertRegex(text, "(?i)issuer: .*CN=.*PoP issuing CA|issuer: .*Sluice")
        self.curl(self.url("cert", "/"), root=self.origin_root.certificate, code=60)
        self.assertEqual(self.store.wait_for_events("host eq cert.secure.test and tls_fail_side eq client")[0]
                         ["close_reason"], "tls_client")

    def test_kept_alive(self):
        urls = [part for number in range(5) for part in ("-o", "/dev/null", self.url("kept", f"/bytes/{number}"))]
        before = self.web.connections
        self.curl(*urls)
        self.store.wait_for_events("host eq kept.secure.test and status = 200", count=5)
        self.assertEqual(self.web.connections, before + 1)

    def test_bodies_both_ways(self):
        body = self.directory / "body"
        body.write_bytes(b"0123456789abcdef" * 100_000)
        sent = self.curl("--data-binary", f"@{body}", self.url("body", "/echo"))
        self.assertEqual(len(sent), 64)
        self.assertEqual(len(self.curl(self.url("body", "/bytes/3000000"))), 3_000_000)
        self.assertEqual(len(self.curl(self.url("body", "/chunked/300"))), 300 * 1024)

    def test_one_url_is_blocked_and_its_neighbour_passes(self):
        answer = json.loads(self.curl("-H", "Accept: application/json", self.url("app", "/secret/plan")))
        self.assertEqual((answer["policy"], answer["support"]), ("No secrets", "it@acme.test"))
        event = self.store.wait_for_events(f"event_id eq {answer['event_id']}")[0]
        for field, value in {"action": "block", "type": "page", "status": 403, "category": "Secrets",
                             "url": self.url("app", "/secret/plan")}.items():
            self.assertEqual(event[field], value, field)
        self.assertNotIn("/secret/plan", "".join(self.web.heads))
        self.assertEqual(self.curl(self.url("app", "/bytes/3")), "sss")
        self.assertIn("Stop", self.curl("-X", "DELETE", self.url("app", "/bytes/3")))

    def test_exceptions_and_do_not_decrypt_stay_untouched(self):
        for host, code in (("pinned", "domain"), ("bank", "ssl_policy")):
            self.assertEqual(self.curl(self.url(host, "/bytes/7"), root=self.origin_root.certificate), "s" * 7)
            self.one_event(f"host eq {host}.secure.test", type="connection", action="bypass", bypass_traffic="yes",
                           bypass_reason_code=code)

    def test_another_host_inside_is_refused(self):
        done = self.curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: other.secure.test",
                         self.url("bound", "/"))
        self.assertEqual(done, "421")
        self.one_event("sni eq bound.secure.test", action="block", policy="name binding", status=421)

    def test_websocket(self):
        context = ssl.create_default_context(cafile=self.root)
        sock, reply = clients.connect(self.proxy.address, "ws.secure.test", self.web.port)
        self.assertEqual(reply.status, 200)
        with context.wrap_socket(sock, server_hostname="ws.secure.test") as tls:
            tls.sendall(f"GET /ws HTTP/1.1\r\nHost: ws.secure.test:{self.web.port}\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n".encode())
            self.assertEqual(clients.read_head(tls).status, 101)
            self.assertEqual(clients.receive_exactly(tls, 2), b"hi")
            tls.sendall(b"\x00\xffframes")
            self.assertEqual(clients.receive_exactly(tls, 8), b"\x00\xffframes")
        self.one_event("host eq ws.secure.test", status=101, action="allow")

    def test_tls12_and_rsa_only_clients(self):
        for options, version in ((["--tls-max", "1.2"], "TLSv1.2"),
                                 (["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"], "TLSv1.2")):
            self.assertEqual(self.curl(*options, self.url("old", "/bytes/2")), "ss")
        events = self.store.wait_for_events("host eq old.secure.test", count=2)
        self.assertEqual({event["tls_version"] for event in events}, {version})
        self.assertEqual({event["tls_cipher"][:14] for event in events}, {"TLS_ECDHE_ECDS", "TLS_ECDHE_RSA_"})

    def test_the_origins_session_is_used_again(self):
        for _ in range(4):
            self.curl(self.url("again", "/bytes/1"))
        # Two workers have a memory each.
        self.assertTrue(any(reused for _, reused in self.web.agreed[-4:]), self.web.agreed)

    def test_origin_that_is_not_there(self):
        self.proxy.reload(origin={"allow_ports": [self.web.port, origins.closed_port(), 9]})
        self.curl("https://gone.secure.test:9/", code=56)

    def test_a_short_response_is_one_record(self):
        sock, _ = clients.connect(self.proxy.address, "record.secure.test", self.web.port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context(cafile=self.root).wrap_bio(incoming, outgoing,
                                                                    server_hostname="record.secure.test")

        def converse(step):
            """What step() answers once enough has come, and the ciphertext that came."""
            heard = b""
            while True:
                try:
                    answer = step()
                    sock.sendall(outgoing.read())
                    return answer, heard
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    part = sock.recv(65536)
                    self.assertTrue(part, "the proxy hung up")
                    heard += part
                    incoming.write(part)

        with sock:
            converse(tls.do_handshake)
            request = b"GET /bytes/500 HTTP/1.1\r\nHost: record.secure.test:%d\r\n\r\n" % self.web.port
            for _ in range(2):  # tickets come with the first
                tls.write(request)
                body, heard = converse(lambda: tls.read(16384))
                self.assertTrue(body.endswith(b"s" * 500), body)
        self.assertEqual(len(heard), 5 + int.from_bytes(heard[3:5], "big"))

    def test_many_at_once(self):
        urls = [part for number in range(60)
                for part in ("-o", "/dev/null", self.url(f"many{number}", f"/bytes/{number}"))]
        self.curl("--parallel", "--parallel-max", "30", *urls)
        self.store.wait_for_events("host like many and action eq allow", count=60)


class Pages(SecureWebCase):
    """What a page loads is one event with it; the rest is one event per domain."""

    ZONES = ("secure.test", "other.test")
    PROXY = {"workers": 1, "pages": {"page_ms": 3000, "rollup_ms": 3000}}

    def test_a_page_and_a_rollup(self):
        page = f"https://www.secure.test:{self.web.port}/chunked/5"  # text/html
        parts = [part for number in range(4)
                 for part in ("-o", "/dev/null", f"https://www.secure.test:{self.web.port}/bytes/{number}")]
        self.curl(page, "--next", "-sS", "--cacert", self.root, "--proxy", "http://%s:%d" % self.proxy.address, "-e",
                  page, *parts)
        self.curl(*(part for number in range(3)
                    for part in ("-o", "/dev/null", f"https://a.other.test:{self.web.port}/bytes/{number}")))
        event = self.one_event("host eq www.secure.test", page_build="referer", req_cnt=5, resp_cnt=5, url=page,
                               state="closed", content_type="text/html; charset=utf-8")
        self.assertGreater(event["server_bytes"], 5 * 1024)
        self.one_event("domain eq other.test", page_build="domain_rollup", req_cnt=3, host="a.other.test")
        self.assertEqual(len(self.store.search("")), 2)


class Wire(origins.Origin):
    """Passes connections on to the proxy and counts the bytes of both directions."""

    def __init__(self, target):
        self.target = target
        super().__init__()

    def serve(self, connection):
        with clients.open_socket(self.target) as proxy:
            back = threading.Thread(target=self.pump, args=(proxy, connection.sock))
            back.start()
            self.pump(connection.sock, proxy)
            back.join()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.count(received=len(data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side is gone


class Books(SecureWebCase):
    """Events + overhead = payload on the client's sockets, also where the payload is ciphertext."""

    def test_sums(self):
        with Wire(self.proxy.address) as wire:
            for number, path in enumerate(("/", "/bytes/100000", "/chunked/40", "/nothing", "/bytes/0")):
                self.curl(self.url(f"sum{number}", path), proxy=f"http://127.0.0.1:{wire.port}")
            wait.until(lambda: wire.finished == 5, "the ends of all connections")
            self.store.wait_for_events("host like sum", count=5)
            def booked():
                return (sum(event["numbytes"] for event in self.store.search("")) +
                        int(self.proxy.metric("sluice_overhead_bytes_total")))
            wait.until(lambda: booked() == wire.received_bytes,
                       f"{wire.received_bytes} bytes in the books, which have {booked()}")
