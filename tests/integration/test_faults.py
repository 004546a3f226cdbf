"""Trouble on the way of the events: a store that is away for long, disks that are full, two processes on one spool.
Every flow that got its 200 has exactly one final event in the end.

SLUICE_DOWN_SECONDS makes the store's absence longer (the long form: 180)."""
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from tests.support import cases, clients, origins, stack, traffic as flows, wait

DOWN_SECONDS = float(os.environ.get("SLUICE_DOWN_SECONDS", "3" if cases.FAST else "8"))
BACKOFF_SECONDS_MAX = 30  # of the shipper: that long a store may be back before it is asked again
SETTINGS = {"origin": {"resolve": {"crash.test": "127.0.0.1"}}}


class StoreAway(unittest.TestCase):
    def test_store_is_away_for_long(self):
        generator = cases.seeded(self.id())
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=SETTINGS) as running:
            traffic = flows.Traffic(running.proxy.address, echo.port, 4, generator)
            try:
                traffic.wait_for_more(20)
                running.store.program.kill()
                end = time.monotonic() + DOWN_SECONDS
                while time.monotonic() < end:
                    traffic.wait_for_more(5)
                self.assertEqual(running.proxy.get("/readyz")[0], 200, "the spool has room: flows go on")
                self.assertGreater(running.proxy.metric("sluice_spool_bytes"), 0)
                running.store.start()
                traffic.wait_for_more(20)
            finally:
                traffic.stop()
            traffic.check(self, running.store, BACKOFF_SECONDS_MAX + wait.DEADLINE_SECONDS)
            wait.until(lambda: running.proxy.metric("sluice_store_connected") == 2, "both workers' streams")


@unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
class SmallDisk(unittest.TestCase):
    """The spool's file system is full of somebody else's files."""

    def setUp(self):
        self.disk = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-disk-")))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(self.disk)],
                                 stdin=subprocess.DEVNULL, capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("this machine does not let us mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)], stdin=subprocess.DEVNULL)

    def test_flows_are_refused_until_there_is_room(self):
        generator = cases.seeded(self.id())
        # One worker: another's spool might still have room in its last page, and its flows would be right to go on.
        settings = {**SETTINGS, "workers": 1, "spool": {"directory": str(self.disk / "spool"), "max_bytes": "64MiB"}}
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=settings) as running:
            traffic = flows.Traffic(running.proxy.address, echo.port, 4, generator)
            try:
                traffic.wait_for_more(20)
                running.store.program.kill()
                ballast = self.disk / "ballast"
                self.fill(ballast)
                wait.until(lambda: running.proxy.get("/readyz")[0] == 503, "a proxy that says it is not ready")
                reply = clients.send_raw(running.proxy.address, clients.connect_request("full.crash.test", echo.port))
                self.assertIn(reply.status, (0, 503), "no flow without its record")
                ballast.unlink()
                wait.until(lambda: running.proxy.get("/readyz")[0] == 200, "a proxy that goes on")
                traffic.wait_for_more(20)
                running.store.start()
            finally:
                traffic.stop()
            traffic.check(self, running.store, BACKOFF_SECONDS_MAX + wait.DEADLINE_SECONDS)

    @staticmethod
    def fill(path):
        """Writes until the disk takes no byte more."""
        with open(path, "wb", buffering=0) as out:
            for size in (65536, 4096, 1):
                try:
                    while out.write(b"x" * size):
                        pass
                except OSError:
                    pass


class SharedSpool(unittest.TestCase):
    def test_two_processes_on_one_spool_directory(self):
        """Neither takes what the other writes; what a killed one leaves is adopted by the next start."""
        generator = cases.seeded(self.id())
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=SETTINGS) as running:
            first = running.proxy
            second_home = running.directory / "second"
            second_home.mkdir()
            changes = {**SETTINGS, "spool": {"directory": str(running.directory / "spool")}}
            held, reply = clients.connect(first.address, "held.crash.test", echo.port)
            self.assertEqual(reply.status, 200)
            second = stack.Proxy(second_home, running.store, [echo.port], **changes).start()
            self.addCleanup(second.program.stop)
            streams = [flows.Traffic(proxy.address, echo.port, 3, generator, name)
                       for proxy, name in ((first, "first"), (second, "second"))]
            try:
                for traffic in streams:
                    traffic.wait_for_more(30)
                event = running.store.wait_for_events("host eq held.crash.test", final=False)[0]
                self.assertEqual(event["state"], "open", "the second start took a flow that lives")
                first.program.kill()
                streams[1].wait_for_more(20)
                first.restart()
                for traffic in streams:
                    traffic.wait_for_more(20)
            finally:
                for traffic in streams:
                    traffic.stop()
            held.close()
            event = running.store.wait_for_events("host eq held.crash.test")[0]
            self.assertEqual((event["state"], event["close_reason"]), ("truncated", "producer_crash"))
            for traffic in streams:
                traffic.check(self, running.store)


if __name__ == "__main__":
    unittest.main()
