"""The tunnel listener as other people's stacks see it: python3-h2 over Python's ssl, and curl over HTTP/1.1."""
import hashlib
import os
import pathlib
import random
import signal
import socket
import ssl
import struct
import tempfile

from tests.support import cases, certificates, h2_tunnel, hello, origins, programs, wait

POLICY = """tenant: default
unknown_protocol: splice
steering_configurations:
- name: default
  exceptions:
  - name: Dropbox
    certificate_pinned_app: {app: Dropbox, action: bypass, mode: direct}
realtime_policies:
- {name: Block bad sites, match: {domains: [bad.tunnel.test, worse.tunnel.test]}, action: block}
- {name: Block odd networks, match: {destination_cidrs: [127.0.0.66/32]}, action: block}
"""
CLIENT = [("sluice-flow-id", "f-1"), ("sluice-process", "drop%20box"), ("sluice-process-path", "%2Fopt%2Fdrop%20box"),
          ("sluice-process-pid", "4711"), ("sluice-source", "10.0.0.7:51234"), ("sluice-verdict", "steer"),
          ("sluice-rule", "All%20web"), ("sluice-policy-version", "3-0a1b2c3d4e5f")]
NO_ERROR, CALM = 0, 11


def pour(connection):
    """26 MB as soon as something was said."""
    connection.recv()
    for _ in range(400):
        connection.sendall(b"p" * 65536)


class Tunnel(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-tunnel-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.tls = h2_tunnel.make_authorities(cls.folder)
        cls.revoked = cls.folder / "revoked.txt"
        cls.revoked.write_text("# serial numbers\n")
        cls.identity = h2_tunnel.issue(cls.folder)
        (cls.folder / "policy.yaml").write_text(POLICY)
        authority = certificates.Authority(cls.folder / "origin")
        cls.authority = authority.certificate
        cls.echo = cls.keep(origins.Echo())
        cls.sink = cls.keep(origins.HashSink())
        cls.resetting = cls.keep(origins.Script(lambda connection: (connection.recv(), connection.reset())))
        cls.pouring = cls.keep(origins.Script(pour))
        cls.closed = origins.closed_port()
        cls.odd = cls.keep(origins.Echo(host="127.0.0.66"))
        cls.web = cls.keep(origins.TlsOrigin(*authority.issue("*.tunnel.test", "127.0.0.1")))
        listeners = [{"name": "tunnel", "address": "127.0.0.1:0", "kind": "tunnel",
                      "tls": {**cls.tls, "revoked": str(cls.revoked)}},
                     {"name": "explicit", "address": "127.0.0.1:0", "kind": "explicit"}]
        names = {"tunnel.test": "127.0.0.1", "dropbox.com": "127.0.0.1", "odd.test": "127.0.0.66"}
        ports = [origin.port for origin in (cls.echo, cls.odd, cls.resetting, cls.pouring, cls.sink, cls.web)]
        return {"ports": [*ports, cls.closed],
                "proxy": {"listeners": listeners, "workers": 1, "policy": str(cls.folder / "policy.yaml"),
                          "origin": {"resolve": names, "allow_destinations": ["127.0.0.0/8"]}}}

    def tunnel(self, identity=None, **options):
        made = h2_tunnel.Tunnel(self.proxy.address, h2_tunnel.context(self.folder, identity or self.identity),
                                **options)
        self.addCleanup(made.close)
        return made

    def event(self, host, **expected):
        return self.one_event(f"host eq {host}", **expected)

    # ---- flows

    def test_bytes_both_ways_and_the_ends_of_each_way(self):
        tunnel = self.tunnel()
        stream = tunnel.open(f"echo.tunnel.test:{self.echo.port}", CLIENT)
        self.assertEqual(tunnel.answer(stream), 200)
        data = random.Random(1).randbytes(3_000_000)
        tunnel.send(stream, data, end=True)
        self.assertEqual(hashlib.sha256(tunnel.wait_end(stream)).digest(), hashlib.sha256(data).digest())
        self.assertIsNone(stream.reset)
        event = self.event("echo.tunnel.test", state="closed", client_bytes=len(data), server_bytes=len(data),
                           user="anna@acme.test", device_id="laptop-7", access_method="client", process_name="drop box",
                           process_path="/opt/drop box", process_pid=4711, process_identity="path",
                           userip="10.0.0.7", correlation_id="laptop-7/f-1", client_verdict="steer",
                           client_policy="All web", client_policy_version="3-0a1b2c3d4e5f",
                           close_reason="client_closed", srcip="127.0.0.1")
        self.assertRegex(event["tunnel_id"], "^[0-9a-f]{16}$")

    def test_an_origin_that_waits_for_the_end_and_one_that_resets(self):
        tunnel = self.tunnel()
        stream = tunnel.open(f"sink.tunnel.test:{self.sink.port}")
        data = os.urandom(500_000)
        tunnel.answer(stream)
        tunnel.send(stream, data, end=True)
        self.assertEqual(tunnel.wait_end(stream).decode(), hashlib.sha256(data).hexdigest())
        stream = tunnel.open(f"reset.tunnel.test:{self.resetting.port}")
        tunnel.answer(stream)
        tunnel.send(stream, b"x")
        tunnel.until(lambda: stream.reset is not None, "reset")
        self.event("reset.tunnel.test", close_reason="origin_reset")
        stream = tunnel.open(f"echo2.tunnel.test:{self.echo.port}")
        tunnel.answer(stream)
        tunnel.reset(stream)
        self.event("echo2.tunnel.test", close_reason="client_reset")

    def test_hello_behind_the_connect(self):
        """A real TLS conversation inside the tunnel; its hello comes with the CONNECT."""
        tunnel = self.tunnel()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(self.authority))
        tls = context.wrap_bio(incoming, outgoing, server_hostname="www.tunnel.test")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        stream = tunnel.open(f"www.tunnel.test:{self.web.port}", CLIENT, early=outgoing.read())
        self.assertEqual(tunnel.answer(stream), 200)

        def step(operation, *arguments):
            while True:
                try:
                    result = operation(*arguments)
                except ssl.SSLWantReadError:
                    result = None
                if outgoing.pending:
                    tunnel.send(stream, outgoing.read())
                if result is not None or operation == tls.do_handshake and tls.version() and not incoming.pending:
                    return result
                tunnel.until(lambda: stream.received or stream.ended, "bytes of the origin")
                incoming.write(bytes(stream.received))
                stream.received.clear()

        step(tls.do_handshake)
        step(tls.write, b"GET /bytes/1000 HTTP/1.1\r\nHost: www.tunnel.test\r\n\r\n")
        answer = b""
        while len(answer) < 1000:
            answer += step(tls.read, 4096)
        self.assertIn(b"200 OK", answer)
        tunnel.reset(stream)
        self.event("www.tunnel.test", sni="www.tunnel.test", action="bypass", policy_disagreement="no")

    def test_block_is_an_answer_and_nothing_is_dialled(self):
        before = self.web.connections
        tunnel = self.tunnel()
        named = tunnel.open(f"bad.tunnel.test:{self.web.port}", CLIENT, early=hello.captured("bad.tunnel.test"))
        self.assertEqual(tunnel.answer(named), 403)
        self.assertEqual(named.headers["sluice-reason"], "policy_block; policy=Block%20bad%20sites")
        self.assertIn("pop-test; error=http_request_denied", named.headers["proxy-status"])
        by_sni = tunnel.open(f"127.0.0.1:{self.web.port}", early=hello.captured("worse.tunnel.test"))
        self.assertEqual(tunnel.answer(by_sni), 403)
        fronted = tunnel.open(f"front.tunnel.test:{self.web.port}", early=hello.captured("bad.tunnel.test"))
        self.assertEqual(tunnel.answer(fronted), 403)
        self.assertEqual(fronted.headers["sluice-reason"].partition(";")[0], "sni_mismatch")
        by_address = tunnel.open(f"odd.test:{self.odd.port}", early=hello.captured("odd.test"))
        self.assertEqual(tunnel.answer(by_address), 403)
        self.assertEqual((self.web.connections, self.odd.received_bytes), (before, 0))
        self.event("bad.tunnel.test", action="block", policy="Block bad sites", close_reason="policy_block",
                   process_name="drop box", correlation_id="laptop-7/f-1")
        self.event("worse.tunnel.test", action="block", policy="Block bad sites", host_source="sni")
        self.event("front.tunnel.test", action="block", close_reason="sni_mismatch")
        self.event("odd.test", action="block", policy="Block odd networks")

    def test_refusals(self):
        tunnel = self.tunnel()
        for authority, status, word in ((f"none.tunnel.test:{origins.closed_port()}", 403, "port_not_allowed"),
                                        ("no.tunnel.test", 400, "bad_authority"),
                                        ("127.1:443", 400, "bad_authority"),
                                        ("10.0.0.1:443", 403, "destination_prohibited")):
            stream = tunnel.open(authority)
            self.assertEqual((tunnel.answer(stream), stream.headers["sluice-reason"].partition(";")[0]),
                             (status, word))
        stream = tunnel.open(f"refusing.tunnel.test:{self.closed}")
        self.assertEqual(tunnel.answer(stream), 502)
        self.assertEqual(stream.headers["sluice-reason"], "connect_refused")
        for name, value in (("sluice-process", "x" * 1025), ("sluice-rule", "%zz"), ("sluice-process-pid", "many")):
            stream = tunnel.open(f"echo.tunnel.test:{self.echo.port}", [(name, value)])
            self.assertEqual(tunnel.answer(stream), 400)
        stream = tunnel.open(f"late.tunnel.test:{self.echo.port}")  # and the tunnel goes on
        self.assertEqual(tunnel.answer(stream), 200)

    def test_a_pinned_app_is_known_by_its_process(self):
        tunnel = self.tunnel()
        headers = [("sluice-flow-id", "f-2"), ("sluice-process", "dropbox"), ("sluice-verdict", "steer")]
        stream = tunnel.open(f"client.dropbox.com:{self.echo.port}", headers,
                             early=hello.captured("client.dropbox.com"))
        self.assertEqual(tunnel.answer(stream), 200)
        tunnel.reset(stream)
        self.event("client.dropbox.com", action="bypass", bypass_reason_code="certificate_pinned_app",
                   process_name="dropbox", process_identity="name", policy_disagreement="yes")

    def test_a_stalled_flow_slows_no_other(self):
        tunnel = self.tunnel()
        stalled = tunnel.open(f"stalled.tunnel.test:{self.pouring.port}")
        stalled.acknowledge = False
        tunnel.answer(stalled)
        tunnel.send(stalled, b"go")
        tunnel.until(lambda: len(stalled.received) >= 65535, "a full window")
        stream = tunnel.open(f"fast.tunnel.test:{self.sink.port}")
        tunnel.answer(stream)
        data = os.urandom(5_000_000)
        tunnel.send(stream, data, end=True)
        self.assertEqual(tunnel.wait_end(stream).decode(), hashlib.sha256(data).hexdigest())
        self.assertEqual(len(stalled.received), 65535)
        tunnel.reset(stalled)

    def test_curl_over_http1(self):
        done = programs.run(["curl", "-sS", "--cacert", self.authority, "--proxy",
                             "https://%s:%d" % self.proxy.address, "--proxy-cacert", self.folder / "service-root.crt",
                             "--proxy-cert", self.identity[0], "--proxy-key", self.identity[1], "-o", "/dev/null",
                             "-w", "%{http_code} %{size_download}",
                             f"https://curl.tunnel.test:{self.web.port}/bytes/300000"])
        self.assertEqual(done.stdout, "200 300000", done.stderr)
        self.event("curl.tunnel.test", user="anna@acme.test", device_id="laptop-7", access_method="client",
                   sni="curl.tunnel.test")

    # ---- who may come in

    def refused(self, identity, reason):
        before = self.proxy.metric("sluice_tunnels_refused_total", reason=reason)
        try:
            tunnel = self.tunnel(identity)
            stream = tunnel.open(f"stranger.tunnel.test:{self.echo.port}")
            with self.assertRaises(AssertionError):
                tunnel.answer(stream)
            self.assertTrue(tunnel.closed)
        except (ssl.SSLError, OSError):
            pass
        wait.until(lambda: self.proxy.metric("sluice_tunnels_refused_total", reason=reason) == before + 1, reason)

    def test_strangers(self):
        other = self.folder / "other"
        h2_tunnel.make_authorities(other)
        self.refused(h2_tunnel.issue(other, out="foreign"), "certificate")
        self.refused(h2_tunnel.issue(self.folder, tenant="umbrella", out="umbrella"), "tenant")
        before = self.proxy.metric("sluice_tunnels_refused_total", reason="certificate")
        with self.assertRaises((ssl.SSLError, OSError)):
            bare = h2_tunnel.context(self.folder, None)
            sock = bare.wrap_socket(socket.create_connection(self.proxy.address), server_hostname="pop.test")
            self.addCleanup(sock.close)
            if not sock.recv(1):
                raise OSError("closed")
        wait.until(lambda: self.proxy.metric("sluice_tunnels_refused_total", reason="certificate") == before + 1,
                   "a refusal without certificate")
        self.assertEqual(self.store.search("host eq stranger.tunnel.test"), [])

    def test_metadata_means_nothing_on_a_plain_listener(self):
        host, port = self.proxy.program.listener("explicit")
        with socket.create_connection((host, port)) as sock:
            sock.sendall(f"CONNECT plain.tunnel.test:{self.echo.port} HTTP/1.1\r\nHost: plain.tunnel.test\r\n"
                         "sluice-process: dropbox\r\nsluice-flow-id: f-9\r\nsluice-verdict: bypass\r\n\r\n".encode())
            self.assertIn(b"200", sock.recv(1000))
        event = self.event("plain.tunnel.test", access_method="explicit_proxy")
        for name in ("process_name", "correlation_id", "device_id", "client_verdict"):
            self.assertIn(event.get(name), (None, ""))

    def test_revocation_closes_the_tunnel(self):
        identity = h2_tunnel.issue(self.folder, device="stolen-1", user="eve@acme.test")
        tunnel = self.tunnel(identity)
        stream = tunnel.open(f"stolen.tunnel.test:{self.echo.port}")
        self.assertEqual(tunnel.answer(stream), 200)
        serial = programs.run(["openssl", "x509", "-noout", "-serial", "-in", identity[0]]).stdout.partition("=")[2]
        self.revoked.write_text(serial)
        self.proxy.program.signal(signal.SIGHUP)
        tunnel.until(lambda: tunnel.goaway is not None, "GOAWAY")
        self.event("stolen.tunnel.test", close_reason="device_revoked", user="eve@acme.test", device_id="stolen-1")
        self.refused(identity, "revoked")
        other = self.tunnel()
        self.assertEqual(other.answer(other.open(f"fine.tunnel.test:{self.echo.port}")), 200)

    def test_sessions_resume(self):
        context = h2_tunnel.context(self.folder, self.identity)
        first = h2_tunnel.Tunnel(self.proxy.address, context)
        first.answer(first.open(f"first.tunnel.test:{self.echo.port}"))
        second = h2_tunnel.Tunnel(self.proxy.address, context, session=first.sock.session)
        self.assertTrue(second.sock.session_reused)
        stream = second.open(f"second.tunnel.test:{self.echo.port}")
        self.assertEqual(second.answer(stream), 200)
        second.reset(stream)
        self.event("second.tunnel.test", user="anna@acme.test", device_id="laptop-7")
        first.close()
        second.close()
        self.event("first.tunnel.test", close_reason="tunnel_lost")

    # ---- abuse

    def raw(self):
        context = h2_tunnel.context(self.folder, self.identity)
        sock = context.wrap_socket(socket.create_connection(self.proxy.address), server_hostname="pop.test")
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4))
        sock.settimeout(wait.DEADLINE_SECONDS)
        self.addCleanup(sock.close)
        return sock

    @staticmethod
    def frame(kind, flags=0, stream=0, payload=b""):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def goaway(self, sock):
        """Reads to the end; the error code of the GOAWAY in it."""
        data = b""
        try:
            while part := sock.recv(65536):
                data += part
        except (ssl.SSLError, OSError):
            pass
        code = None
        while len(data) >= 9:
            size = int.from_bytes(data[:3], "big")
            if data[3] == 7:
                code = int.from_bytes(data[13:17], "big")
            data = data[9 + size:]
        return code

    def test_floods(self):
        block = b"\x00\x07:method\x07CONNECT" + b"\x00\x0a:authority\x0fa.flood.test:99"
        floods = {
            "ping": lambda i: self.frame(6, payload=b"12345678"),
            "settings": lambda i: self.frame(4),
            "reset": lambda i: self.frame(1, 4, 2 * i + 1, block) + self.frame(3, 0, 2 * i + 1, b"\0\0\0\x08"),
            "continuation": lambda i: self.frame(1, 0, 1, block) if i == 0 else self.frame(9, 0, 1, b"\x00\x01x\x01y"),
        }
        for name, make in floods.items():
            with self.subTest(name):
                sock = self.raw()
                try:
                    for begin in range(0, 20_000, 100):
                        sock.sendall(b"".join(make(i) for i in range(begin, begin + 100)))
                except (ssl.SSLError, OSError):
                    pass
                self.assertIn(self.goaway(sock), (CALM, None) if name != "continuation" else (CALM, 1, 2, None))
        tunnel = self.tunnel()
        self.assertEqual(tunnel.answer(tunnel.open(f"after.tunnel.test:{self.echo.port}")), 200)
        self.assertTrue(self.proxy.program.running())


class Drain(cases.StackCase):
    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-drain-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        listeners = [{"name": "tunnel", "address": "127.0.0.1:0", "kind": "tunnel",
                      "tls": h2_tunnel.make_authorities(cls.folder)}]
        cls.echo = cls.keep(origins.Echo())
        return {"ports": [cls.echo.port], "proxy": {"listeners": listeners, "workers": 1}}

    def test_a_stopping_pop_says_goaway_and_lets_flows_end(self):
        identity = h2_tunnel.issue(self.folder)
        with h2_tunnel.Tunnel(self.proxy.address, h2_tunnel.context(self.folder, identity)) as tunnel:
            stream = tunnel.open(f"127.0.0.1:{self.echo.port}")
            self.assertEqual(tunnel.answer(stream), 200)
            self.proxy.program.signal(signal.SIGTERM)
            tunnel.until(lambda: tunnel.goaway is not None, "GOAWAY")
            self.assertEqual(tunnel.goaway, NO_ERROR)
            tunnel.send(stream, b"still here", end=True)
            self.assertEqual(tunnel.wait_end(stream), b"still here")
            self.assertEqual(self.proxy.program.wait(), 0)
        self.one_event(f"dstport eq {self.echo.port}", close_reason="client_closed", client_bytes=10)
