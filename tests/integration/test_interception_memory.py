"""A proxy that decrypts holds no more after many flows than after a few. SLUICE_FLOWS=100000 runs as many."""
import concurrent.futures
import os
import ssl
import unittest.mock

from tests.integration.test_interception import SecureWebCase
from tests.support import clients, process, wait

FLOWS = int(os.environ.get("SLUICE_FLOWS", "1200"))
WARM_UP = 400
HOSTS = 50
GROWTH_BYTES_MAX = 12 << 20  # one TLS session a flow, left behind, would be more after a thousand


class Memory(SecureWebCase):
    ZONES = ("memory.test",)

    @classmethod
    def prepare(cls):
        # What AddressSanitizer keeps to find uses after free would look like growth.
        options = unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1:" +
                                           os.environ.get("ASAN_OPTIONS", ""))
        options.start()
        cls.addClassCleanup(options.stop)
        arguments = super().prepare()
        cls.context = ssl.create_default_context(cafile=cls.root)
        return arguments

    def flow(self, number):
        host = f"h{number % HOSTS}.memory.test"
        sock, reply = clients.connect(self.proxy.address, host, self.web.port)
        if reply.status != 200:
            raise AssertionError(reply.raw)
        with self.context.wrap_socket(sock, server_hostname=host) as tls:
            tls.sendall(f"GET /bytes/3000 HTTP/1.1\r\nHost: {host}:{self.web.port}\r\n\r\n".encode())
            clients.read_head(tls)
            clients.receive_exactly(tls, 3000)

    def run_flows(self, count):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self.flow, range(count)):
                pass
        wait.until(lambda: self.proxy.metric("sluice_flows_open") == 0, "all flows to end")
        return process.resident_bytes(self.proxy.program.process.pid)

    def test_flat(self):
        before = self.run_flows(WARM_UP)
        descriptors = process.descriptors(self.proxy.program.process.pid)
        after = self.run_flows(FLOWS)
        print(f"resident: {before >> 10} KiB after {WARM_UP} flows, {after >> 10} KiB after {FLOWS} more", flush=True)
        self.assertLess(after - before, GROWTH_BYTES_MAX)
        self.assertLessEqual(process.descriptors(self.proxy.program.process.pid), descriptors + 8)
        self.assertLess(self.proxy.metric("sluice_mints_total"), 3 * HOSTS)
        self.assertGreaterEqual(self.proxy.metric("sluice_handshake_seconds_count", side="client"), FLOWS)
