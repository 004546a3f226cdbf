"""What can be measured: the bare relays, Sluice, and other proxies where they are installed. A subject is started
afresh for each measurement; `start` is a context that gives it ready to serve."""
import contextlib
import os
import shutil
import urllib.request

from tests.bench.workshop import ORIGIN_NAME, free_port, wait_for_port
from tests.support import stack, wait

FLOWS_MAX = 30_000  # what proxies are told to allow: more than any measurement opens


class Subject:
    """`tunnel_host` is what clients CONNECT to; empty for relays with one fixed destination."""

    name = ""
    tunnel_host = ORIGIN_NAME
    address = ""
    running = None

    def available(self):
        return True

    def start(self, workshop, port):
        """Context; `port` is the origin's, for subjects that serve one destination only."""
        raise NotImplementedError

    def process_seconds(self):
        """CPU so far, of the subject's own processes."""
        return self.running.account.seconds()

    def settle(self):
        """Waits until what it was given is done."""
        self.running.account.settle()

    def companions(self):
        """Programs that belong to the subject but are counted apart: {metric: seconds so far}."""
        return {}


class Floor(Subject):
    """The bare relay of floor.cc."""

    def __init__(self, mode):
        self.mode = mode
        self.name = f"floor-{mode}"
        self.tunnel_host = ORIGIN_NAME if mode == "connect" else ""

    @contextlib.contextmanager
    def start(self, workshop, port):
        command = [workshop.programs / "bench_floor", "--mode", self.mode, "--to", f"127.0.0.1:{port}"]
        with workshop.folder_for(self.name) as folder, workshop.running(self.name, command, folder) as self.running:
            self.address = "%s:%d" % self.running.program.listener("floor")
            yield self


class Sluice(Subject):
    """sluice-proxy as it runs in production: every flow writes its records to a spool on disk before its bytes go. With
    `store`, sluice-events takes them over gRPC, and its CPU is counted apart."""

    def __init__(self, workers=1, store=False):
        self.name = "sluice"
        self.workers = workers
        self.store = store
        self._store_running = None

    def _settings(self, folder, port, ingest):
        settings = {
            "name": "bench",
            "workers": self.workers,
            "listeners": [{"name": "explicit", "address": "127.0.0.1:0", "kind": "explicit"}],
            "health": {"address": "127.0.0.1:0"},
            "origin": {"allow_destinations": ["127.0.0.0/8"], "allow_ports": [port],
                       "resolve": {ORIGIN_NAME: "127.0.0.1"}},
            "spool": {"directory": str(folder / "spool")},
            "limits": {"flows": FLOWS_MAX},
            "policy": str(folder / "policy.yaml"),
        }
        if ingest:
            settings["events"] = {"address": ingest}
        return settings

    @contextlib.contextmanager
    def _store_started(self, workshop, folder):
        if not self.store:
            yield None
            return
        configuration = folder / "events.yaml"
        stack.write_configuration(configuration, {
            "name": "bench-store",
            "ingest": {"address": "127.0.0.1:0"},
            "store": {"sqlite": {"directory": str(folder / "store")}},
        })
        command = [workshop.programs / "sluice-events", "--config", configuration]
        with workshop.running("sluice-events", command, folder) as self._store_running:
            yield "%s:%d" % self._store_running.program.listener("ingest")

    @contextlib.contextmanager
    def start(self, workshop, port):
        with workshop.folder_for("sluice") as folder, self._store_started(workshop, folder) as ingest:
            configuration = folder / "proxy.yaml"
            # Untouched traffic is what is measured: without the exception, plain HTTP would be inspected.
            (folder / "policy.yaml").write_text(
                "tenant: default\nsteering_configurations:\n"
                f"- {{name: bench, exceptions: [{{name: Origin, domains: [{ORIGIN_NAME}]}}]}}\n")
            stack.write_configuration(configuration, self._settings(folder, port, ingest))
            command = [workshop.proxy_binary, "--config", configuration]
            with workshop.running("sluice-proxy", command, folder) as self.running:
                self.running.program.wait_for_line(r"\bready\b")
                self.address = "%s:%d" % self.running.program.listener("explicit")
                self._metrics = "http://%s:%d/metrics" % self.running.program.listener("health")
                yield self

    def _events_left(self):
        """Records that are written but not yet durable in the store."""
        with urllib.request.urlopen(self._metrics, timeout=wait.DEADLINE_SECONDS) as answer:
            samples = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
        written = sum(float(value) for name, value in samples if name.startswith("sluice_events_total"))
        acked = sum(float(value) for name, value in samples if name.startswith("sluice_events_acked_total"))
        return written - acked

    def settle(self):
        super().settle()
        if self.store:
            wait.until(lambda: self._events_left() <= 0, "the store to have every event")
            self._store_running.account.settle()

    def companions(self):
        return {"store_us": self._store_running.account.seconds()} if self.store else {}


class Peer(Subject):
    """Another proxy, when its program is installed, with a configuration for tunnels only."""

    program = ""

    def available(self):
        return self._path() is not None

    def _path(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def _command(self, folder, listen, port):
        """Writes the configuration into `folder`; the command line, which must stay in the foreground."""
        raise NotImplementedError

    @contextlib.contextmanager
    def start(self, workshop, port):
        listen = free_port()
        with workshop.folder_for(self.name) as folder:
            command = self._command(folder, listen, port)
            with workshop.running(self.name, command, folder) as self.running:
                wait_for_port(self.running.program, listen)
                self.address = f"127.0.0.1:{listen}"
                yield self


class Squid(Peer):
    name = program = "squid"

    def _command(self, folder, listen, port):
        (folder / "hosts").write_text(f"127.0.0.1 {ORIGIN_NAME}\n")
        (folder / "squid.conf").write_text(f"""
http_port 127.0.0.1:{listen}
acl everything src all
http_access allow everything
cache deny all
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/pid
coredump_dir {folder}
hosts_file {folder}/hosts
workers 1
max_filedescriptors 65536
shutdown_lifetime 0 seconds
""")
        if os.geteuid() == 0:
            shutil.chown(folder, "proxy")  # Debian's squid gives up root for this user
        return [self._path(), "-N", "-f", folder / "squid.conf"]


class HAProxy(Peer):
    """Speaks no CONNECT: joins each connection to one destination, so it stands beside the relays without CONNECT."""

    name = program = "haproxy"
    tunnel_host = ""

    def _command(self, folder, listen, port):
        (folder / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend clients
  bind 127.0.0.1:{listen}
  default_backend origin
backend origin
  option splice-auto
  server origin 127.0.0.1:{port}
""")
        return [self._path(), "-f", folder / "haproxy.cfg"]


class Tinyproxy(Peer):
    """Resolves through the system only, so it is asked for the address instead of the name."""

    name = program = "tinyproxy"
    tunnel_host = "127.0.0.1"

    def _command(self, folder, listen, port):
        (folder / "tinyproxy.conf").write_text(f"""
Port {listen}
Listen 127.0.0.1
Allow 127.0.0.1
MaxClients 20000
Timeout 600
LogFile "{folder}/log"
LogLevel Connect
""")
        return [self._path(), "-d", "-c", folder / "tinyproxy.conf"]


PEERS = (Squid, HAProxy, Tinyproxy)


def peers():
    return [peer() for peer in PEERS if peer().available()]
