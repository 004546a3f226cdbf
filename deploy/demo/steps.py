"""The steps of the quickstart, in order; each is one method that prints what it did.

Programs, origins and certificates come from tests/support: the demonstration uses the same helpers as the tests.
"""
import pathlib
import shutil
import signal
import socket
import subprocess

from tests.support import certificates, origins, programs, stack, wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
HOME = ROOT / "build" / "quickstart"
CURL_TLS_REFUSED = 35  # curl's exit code after a TLS alert
PROGRAMS = ("sluice-proxy", "sluice-events", "sluicectl")
POLICY = """# The tenant's policy of the quickstart: change it, send SIGHUP to sluice-proxy, look at the events.
tenant: default
steering_configurations:
- name: default
  exceptions:
  - name: Dropbox
    certificate_pinned_app: {app: Dropbox, action: bypass, mode: direct}
url_lists:
- {name: unwanted-urls, type: exact, urls: [unwanted.cloud.example]}
custom_categories:
- {name: Unwanted, include_url_lists: [unwanted-urls]}
realtime_policies:
- {name: Block unwanted sites, match: {categories: [Unwanted]}, action: block}
"""
DOMAIN = "cloud.example"  # the demonstration's origins; resolved by the proxy's configuration, not by DNS


class StepFailed(Exception):
    """One sentence that says what went wrong."""


def free_or_any(port):
    """`port` on loopback if nobody has it, else 0 for any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


class Demo:
    """Owns everything that the quickstart starts; stop() ends it."""

    def __init__(self, report, fixed_ports):
        self.report = report
        self.fixed_ports = fixed_ports
        self.origin = None
        self.store = None
        self.proxy = None
        self.flows = []  # (how, host, bytes up, bytes down) as the origin counted them

    def build(self):
        self.report.step("Build a release")
        if not (BUILD / "build.ninja").exists():
            self._run("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                      "-DSLUICE_TESTS=OFF")
        self._run("ninja", "-C", BUILD, *PROGRAMS)
        self.report.done(f"{', '.join(PROGRAMS)} in build/release/bin")

    def prepare(self):
        self.report.step("Certificates and configuration")
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir(parents=True)
        authority = certificates.Authority(HOME / "origin", "Sluice quickstart origins")
        self.origin = origins.TlsOrigin(*authority.issue(DOMAIN, f"*.{DOMAIN}", "client.dropbox.com"))
        (HOME / "policy.yaml").write_text(POLICY)
        self.authority = authority.certificate
        self._make_service_certificates()
        self.report.line(f"a local HTTPS origin, port {self.origin.port}, stands for the internet")
        self.report.line("store and PoP know each other by certificates of a development CA (mutual TLS)")
        self.report.done("everything is under build/quickstart/")

    def start(self):
        self.report.step("Start event store and PoP")
        self.store = stack.Store(HOME, ingest={"tls": self._tls("store")})
        self.store.start()
        self.proxy = stack.Proxy(
            HOME, self.store, [self.origin.port], name="pop-quickstart",
            listeners=[{"name": "explicit", "kind": "explicit", "address": f"127.0.0.1:{self._port(3128)}"}],
            health={"address": f"127.0.0.1:{self._port(9900)}"},
            policy=str(HOME / "policy.yaml"),
            origin={"resolve": {DOMAIN: "127.0.0.1", "dropbox.com": "127.0.0.1"}}, events={"tls": self._tls("pop")})
        self.proxy.start()
        socket_name = self.store.socket.relative_to(ROOT)
        self.report.line(f"event store  ingest {self.store.ingest}, queries on {socket_name}")
        address, health = "%s:%d" % self.proxy.address, "%s:%d" % self.proxy.health
        self.report.done(f"PoP          proxy {address}, health and metrics http://{health}")

    def bypass_in_the_cloud(self):
        self.report.step("Traffic that the PoP passes untouched, and records")
        for how, option, host in (("HTTP CONNECT", "http", f"http.{DOMAIN}"), ("SOCKS5", "socks5h", f"socks.{DOMAIN}"),
                                  ("CONNECT, a pinned app", "http", "client.dropbox.com")):
            up, down = self._fetch(host, 20_000, "--proxy", "%s://%s:%d" % (option, *self.proxy.address))
            self.flows.append((how, host, up, down))
            self.report.line(f"curl over {how} to https://{host}: {up} bytes up, {down} bytes down, TLS included")

    def block(self):
        self.report.step("A site that policy blocks, without decrypting it")
        host = f"unwanted.{DOMAIN}"
        answer = subprocess.run(
            ["curl", "-sS", "--cacert", self.authority, "-o", "/dev/null", "--proxy",
             "http://%s:%d" % self.proxy.address, f"https://{host}:{self.origin.port}/"],
            capture_output=True, text=True)
        self.report.check(answer.returncode == CURL_TLS_REFUSED, f"https://{host}: {answer.stderr.strip()}")
        wait.until(lambda: self.store.search(f"host eq {host}"), "the event of the block")
        event = self.store.search(f"host eq {host}")[0]
        self.report.check((event["action"], event["policy"]) == ("block", "Block unwanted sites"),
                          f"its event: action = {event['action']}, policy = {event['policy']}")

    def refuse(self):
        self.report.step("Traffic that the PoP refuses, with the reason")
        for target, why in (("10.0.0.1:443", "an address inside"), (f"{DOMAIN}:25", "a port that is not allowed")):
            answer = subprocess.run(
                ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect} %header{proxy-status}", "-D", "-", "--proxy",
                 "http://%s:%d" % self.proxy.address, f"https://{target}/"], capture_output=True, text=True)
            status = next((line.partition(": ")[2] for line in answer.stdout.splitlines()
                           if line.lower().startswith("proxy-status")), "")
            self.report.check("403" in answer.stdout, f"{target} ({why}): 403 {status}")

    def show_events(self):
        self.report.step("Page events")
        wait.until(lambda: len(self._final_events()) >= len(self.flows) + 3, "the events to arrive")
        self.report.block(self._sluicectl("events", "search", "", "--last", "1h", "--format", "table"))

    def check_events(self):
        self.report.step("Check")
        events = {event["host"]: event for event in self._final_events()}
        for how, host, up, down in self.flows:
            event = events.get(host, {})
            seen = (event.get("client_bytes"), event.get("server_bytes"))
            self.report.check(seen == (up, down),
                              f"{how}: origin counted {up} + {down} bytes, event says {seen[0]} + {seen[1]}")
        reasons = {event["close_reason"] for event in events.values()}
        for reason in ("destination_prohibited", "port_not_allowed"):
            self.report.check(reason in reasons, f"refusal recorded: close_reason = {reason}")

    def wait_for_interrupt(self):
        server = f"--server unix:{self.store.socket.relative_to(ROOT)}"
        self.report.step("Try it (Ctrl-C ends everything)")
        self.report.block("\n".join([
            "curl --proxy http://%s:%d --cacert %s https://my.%s:%d/bytes/1000 -o /dev/null -w '%%{http_code}\\n'"
            % (*self.proxy.address, self.authority.relative_to(ROOT), DOMAIN, self.origin.port),
            f"build/release/bin/sluicectl {server} events search 'host like {DOMAIN}' --last 1h",
            f"build/release/bin/sluicectl {server} events tail ''",
            "curl http://%s:%d/metrics" % self.proxy.health,
        ]))
        while True:
            signal.pause()

    def stop(self):
        for part in (self.proxy, self.store):
            if part is not None and part.program is not None:
                try:
                    part.program.stop()
                except AssertionError as problem:
                    self.report.check(False, str(problem))
        if self.origin is not None:
            self.origin.close()

    def _make_service_certificates(self):
        authority = HOME / "ca"
        self._sluicectl("ca", "init", "--dir", authority, "--name", "Quickstart")
        self._sluicectl("ca", "issue-server", "--dir", authority, "--name", "store", "--san", "IP:127.0.0.1",
                        "--out", HOME / "store")
        self._sluicectl("ca", "issue-producer", "--dir", authority, "--name", "pop", "--out", HOME / "pop")

    @staticmethod
    def _tls(name):
        return {"certificate": str(HOME / f"{name}.crt"), "key": str(HOME / f"{name}.key"),
                "ca": str(HOME / "ca" / "service-root.crt")}

    def _port(self, wanted):
        return free_or_any(wanted) if self.fixed_ports else 0

    def _final_events(self):
        return [event for event in self.store.search("") if event["state"] != "open"]

    def _fetch(self, host, size, *options):
        received, sent, finished = self.origin.received_bytes, self.origin.sent_bytes, self.origin.finished
        url = f"https://{host}:{self.origin.port}/bytes/{size}"
        done = programs.run(["curl", "-sS", "--fail", "--cacert", self.authority, "-o", "/dev/null", *options, url])
        if done.returncode != 0:
            raise StepFailed(f"curl could not fetch {url}: {done.stderr.strip()}")
        wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
        return self.origin.received_bytes - received, self.origin.sent_bytes - sent

    def _sluicectl(self, *arguments):
        server = ["--server", f"unix:{self.store.socket}"] if self.store else []
        done = programs.run([programs.BIN / "sluicectl", *server, *arguments])
        if done.returncode != 0:
            command = " ".join(map(str, arguments[:2]))
            raise StepFailed(f"sluicectl {command} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    @staticmethod
    def _run(*command):
        log = ROOT / "build" / "quickstart-build.log"
        log.parent.mkdir(exist_ok=True)
        with open(log, "a", encoding="utf-8") as output:
            code = subprocess.run([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL).returncode
        if code != 0:
            tail = "\n".join(log.read_text().splitlines()[-25:])
            raise StepFailed(f"{command[0]} ended with {code}; the end of build/quickstart-build.log:\n{tail}")
