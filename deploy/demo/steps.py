"""The steps of the quickstart, in order; each is one method that prints what it did.

Programs, origins and certificates come from tests/support: the demonstration uses the same helpers as the tests.
"""
import pathlib
import shutil
import signal
import socket
import subprocess

from tests.support import certificates, origins, programs, scenario, stack, wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
HOME = ROOT / "build" / "quickstart"
CURL_TLS_REFUSED = 35  # curl's exit code after a TLS alert
PROGRAMS = ("sluice-proxy", "sluice-client", "sluice-events", "sluicectl")
USER, DEVICE = "anna@acme.test", "laptop-1"
DIRECT_HOST, API_HOST = "client.dropbox.com", "api.dropbox.com"
OTHER_HOST = "files.acme.test"
TIMED_FETCHES = 5
SYSTEM_TRUST = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


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
        self.client = None

    def build(self):
        self.report.step("Build a release")
        if not (BUILD / "build.ninja").exists():
            self._run("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                      "-DSLUICE_TESTS=OFF")
        self._run("ninja", "-C", BUILD, *PROGRAMS)
        self.report.done(f"{', '.join(PROGRAMS)} in build/release/bin")

    def prepare(self):
        self.report.step("Certificates, configuration, and a process named dropbox")
        shutil.rmtree(HOME, ignore_errors=True)
        (HOME / "bin").mkdir(parents=True)
        authority = certificates.Authority(HOME / "origin", "Sluice quickstart origins")
        self.origin = origins.TlsOrigin(*authority.issue("dropbox.com", "*.dropbox.com", OTHER_HOST))
        self.authority = authority.certificate
        public = [SYSTEM_TRUST.read_text()] if SYSTEM_TRUST.exists() else []  # the PoP serves the real web as well
        (HOME / "origin-trust.pem").write_text("".join([*public, self.authority.read_text()]))
        self.dropbox = HOME / "bin" / "dropbox"
        shutil.copy(shutil.which("curl"), self.dropbox)
        self.policy = HOME / "policy.yaml"
        self._write_policy()
        self._make_certificates()
        self.report.line(f"a local HTTPS origin, port {self.origin.port}, stands for {DIRECT_HOST}, {API_HOST} and "
                         f"{OTHER_HOST}")
        self.report.line("build/quickstart/bin/dropbox is a copy of curl: to the client it is the process `dropbox`")
        self.report.line("client, PoP and store know each other by certificates of a development CA (mutual TLS)")
        self.report.done("everything is under build/quickstart/")

    def start(self):
        self.report.step("Start event store, PoP and steering client")
        resolve = {name: "127.0.0.1" for name in ("dropbox.com", "acme.test")}
        self.store = stack.Store(HOME, tenant="acme", http={"address": self._address(8447)},
                                 pops=[{"name": "pop-quickstart", "socket": self._file("admin.sock")}],
                                 ingest={"tls": self._tls("store"), "relays": ["pop"]})
        self.store.start()
        device_facing = {"certificate": self._file("pop.crt"), "key": self._file("pop.key"),
                         "client_ca": self._file("ca/devices.crt")}
        self.proxy = stack.Proxy(
            HOME, self.store, [self.origin.port], name="pop-quickstart", tenant="acme",
            listeners=[{"name": "explicit", "kind": "explicit", "address": self._address(3128)},
                       {"name": "tunnel", "kind": "tunnel", "address": self._address(8443), "tls": device_facing}],
            control={"address": self._address(8444), "tls": device_facing},
            health={"address": self._address(9900)}, admin={"socket": self._file("admin.sock")},
            state=self._file("pop-state"), policy=str(self.policy),
            interception={"ca_certificate": self._file("ca/ca.crt"), "ca_key": self._file("ca/ca.key"),
                          "chain": self._file("ca/root.crt")},
            origin={"resolve": resolve, "trust": self._file("origin-trust.pem")},
            events={"tls": self._tls("pop-producer")})
        self.proxy.start()
        tunnel, control = (self._listener(self.proxy, name) for name in ("tunnel", "control"))
        self.client = stack.Client(
            HOME, name=DEVICE, tenant="acme", direct={"resolve": resolve}, client_log={"log_as": scenario.LOG_AS},
            local_listeners=[{"name": "local", "address": self._address(3127)}], state=self._file("state"),
            events={"address": control, "tls": self._tls(DEVICE)},
            pops=[{"name": "pop-quickstart", "address": tunnel, "control": control, "tls": self._tls(DEVICE)}])
        self.client.start()
        self.console = f"http://{self._listener(self.store, 'http')}"
        self.token = self._sluicectl("token", "create", "quickstart", "--scope", "admin").strip()
        self.report.line(f"event store  ingest {self.store.ingest}, queries on {self.store.socket.relative_to(ROOT)}")
        self.report.line(f"console      {self.console}/#token={self.token}")
        self.report.line(f"PoP          tunnel {tunnel}, control {control}, explicit proxy "
                         f"{self._listener(self.proxy, 'explicit')}, metrics http://%s:%d" % self.proxy.health)
        self.report.done(f"client       local proxy %s:%d, as device {DEVICE} of {USER}" % self.client.address)

    def bypass_at_the_client(self):
        self.report.step("Dropbox is bypassed at the client: direct, and yet in the record")
        self._apply()
        event = self._bypass(DIRECT_HOST, scenario.BYPASSING, "client")
        self._expect(event, bypass_mode="direct", bypass_layer="client", process_name="dropbox", device_id=DEVICE)

    def do_not_log(self):
        self.report.step("Bypassed traffic: do not log")
        self._apply(bypassed_traffic="do_not_log")
        lines, flows = len(self.client.lines()), self.client.metric("sluice_flows_total")
        self._fetch("unseen.dropbox.com")
        wait.until(lambda: self.client.metric("sluice_flows_total") > flows, "the anonymous counter")
        self.report.check(len(self.client.lines()) == lines, "no line in the client log")
        self._apply()
        self._bypass("seen.dropbox.com", scenario.BYPASSING, "client", quiet=True)
        self.report.check(not self.store.search("host eq unseen.dropbox.com"),
                          "no page event, though a later one has arrived; one counter moved")

    def bypass_in_the_cloud(self):
        self.report.step("Dropbox is bypassed in the cloud: through the tunnel, not one byte touched")
        for changes, line in (({"bypass_at": "cloud"}, scenario.BYPASSING), ({"mode": "tunnel"}, scenario.TUNNELING)):
            self._apply(**changes)
            event = self._bypass(API_HOST, line, "pop", since=self._now())
            self._expect(event, bypass_mode="tunnel", process_name="dropbox", user=USER, observed_by="pop-quickstart")

    def compare_paths(self):
        self.report.step("The trade: a little faster against visible and controllable")
        for changes, host, what in (({}, "fast.dropbox.com", "direct to the origin"),
                                    ({"bypass_at": "cloud"}, "seen.dropbox.com", "through the tunnel and the PoP")):
            self._apply(**changes)
            times = sorted(self._time(host) for _ in range(TIMED_FETCHES))
            self.report.line(f"{what:32} {times[len(times) // 2] * 1000:6.1f} ms (median of {TIMED_FETCHES} fetches)")

    def block(self):
        self.report.step("Dropbox is blocked without being decrypted")
        self._apply(blocked=True)
        connections = self.origin.connections
        answer = self._curl(API_HOST)
        self.report.check(answer.returncode == CURL_TLS_REFUSED, f"https://{API_HOST}: {answer.stderr.strip()}")
        self.report.check(self.origin.connections == connections, "the origin saw no connection")
        event = self._event(f"host eq {API_HOST} and action eq block and origin eq pop")
        self._expect(event, action="block", policy="Block apps", process_name="dropbox", user=USER)

    def inspect(self):
        self.report.step("Everything else is decrypted, inspected, and blocked by its URL, with a page")
        self._apply(inspected=True)
        fine = self._inside("/bytes/5000")
        self.report.check(fine.stdout.endswith("200"), f"https://{OTHER_HOST}/bytes/5000: {fine.stdout[-3:]}, under a "
                          f"certificate of the PoP{fine.stderr.strip()}")
        self._expect(self._event(f"host eq {OTHER_HOST} and action eq allow"), type="page", method="GET", status=200,
                     browser="curl", bypass_traffic="no", origin_tls_version="TLSv1.3", process_name="dropbox")
        page = self._inside("/secret?token=1")
        self.report.check("This file is secret" in page.stdout, f"https://{OTHER_HOST}/secret: {page.stdout[-3:]}, "
                          "a page that says why")
        self._expect(self._event(f"host eq {OTHER_HOST} and action eq block"), policy="No secrets", status=403,
                     url=f"https://{OTHER_HOST}:{self.origin.port}/secret", notification="default")

    def refuse(self):
        self.report.step("What the PoP refuses, with the reason")
        for target, why in (("10.0.0.1:443", "an address inside"), ("dropbox.com:25", "a port that is not allowed")):
            proxy = f"http://{self._listener(self.proxy, 'explicit')}"
            answer = programs.run(["curl", "-sS", "-o", "/dev/null", "-D", "-", "--proxy", proxy, f"https://{target}/"])
            status = next((line.partition(": ")[2] for line in answer.stdout.splitlines()
                           if line.lower().startswith("proxy-status")), "")
            self.report.check(" 403 " in answer.stdout, f"{target} ({why}): 403 {status}")

    def show_records(self):
        self.report.step("The client log beside the page events")
        self.report.block("\n".join(self.client.lines()))
        self.report.block(self._sluicectl("events", "search", "", "--last", "1h", "--format", "table"))

    def wait_for_interrupt(self):
        server = f"--server unix:{self.store.socket.relative_to(ROOT)}"
        self.report.step("Try it (Ctrl-C ends everything)")
        dropbox, authority = self.dropbox.relative_to(ROOT), self.authority.relative_to(ROOT)
        root = (HOME / "ca" / "root.crt").relative_to(ROOT)
        self.report.block("\n".join([
            f"{dropbox} --proxy http://%s:%d --cacert {authority} https://{API_HOST}:{self.origin.port}/bytes/1000 "
            "-o /dev/null" % self.client.address,
            f"curl --proxy http://{self._listener(self.proxy, 'explicit')} --cacert {root} "
            f"https://{OTHER_HOST}:{self.origin.port}/secret",
            f"build/release/bin/sluicectl {server} events search 'process_name eq dropbox' --last 1h",
            f"build/release/bin/sluicectl {server} events tail ''",
            f"build/release/bin/sluicectl explain --policy {self.policy.relative_to(ROOT)} --process dropbox "
            f"--platform linux --host {API_HOST} --port 443 --layer client",
            "curl http://%s:%d/metrics" % self.proxy.health,
            f"curl -H 'Authorization: Bearer {self.token}' "
            f"'{self.console}/api/sluice/v1/events/search?query=action+eq+block'",
            f"in a browser: {self.console}/#token={self.token}",
        ]))
        while True:
            signal.pause()

    def stop(self):
        for part in (self.client, self.proxy, self.store):
            if part is not None and part.program is not None:
                try:
                    part.program.stop()
                except AssertionError as problem:
                    self.report.check(False, str(problem))
        if self.origin is not None:
            self.origin.close()

    def _apply(self, **step):
        """Puts the policy of a step in force at the PoP, which pushes it to the client."""
        self._write_policy(**step)
        start = self.proxy.reload()
        self.proxy.program.wait_for_line("reloaded", start=start)
        wait.until(lambda: self.client.metric("sluice_policy_version") == self.proxy.metric("sluice_policy_version"),
                   "the client to follow the PoP")
        text = ", ".join(f"{name.replace('_', ' ')} = {value}" for name, value in step.items()) or "bypass at = client"
        self.report.line(f"policy: {text}; the client follows")

    def _write_policy(self, **step):
        self.policy.write_text(scenario.policy(web_ports=[self.origin.port], **step))

    def _bypass(self, host, line, origin, quiet=False, since=0):
        """Fetches from `host` as `dropbox`, checks line and event, and returns the event."""
        lines = len(self.client.lines())
        up, down = self._fetch(host)
        wanted = line.format(process="dropbox", host=host)
        fine = wait.until(lambda: [text for text in self.client.lines()[lines:] if text.endswith(wanted)], wanted)
        if not quiet:
            self.report.check(bool(fine), f"client log: {wanted}")
        event = self._event(f"host eq {host} and origin eq {origin} and timestamp >= {since}")
        seen = (event["client_bytes"], event["server_bytes"])
        self.report.check(seen == (up, down), f"page event: {seen[0]} bytes up, {seen[1]} down, as the origin counted")
        return event

    def _event(self, query):
        def final():
            return [event for event in self.store.search(query) if event["state"] != "open"]
        return wait.until(final, f"the event of {query!r}")[0]

    def _expect(self, event, **fields):
        wrong = {name: event.get(name) for name, value in fields.items() if event.get(name) != value}
        text = ", ".join(f"{name} = {value}" for name, value in fields.items())
        self.report.check(not wrong, f"page event: {text}" + (f"; but {wrong}" if wrong else ""))

    def _make_certificates(self):
        authority = HOME / "ca"
        self._sluicectl("ca", "init", "--dir", authority, "--name", "Quickstart")
        for name in ("store", "pop"):
            self._sluicectl("ca", "issue-server", "--dir", authority, "--name", name, "--san", "IP:127.0.0.1",
                            "--out", HOME / name)
        self._sluicectl("ca", "issue-producer", "--dir", authority, "--name", "pop", "--out", HOME / "pop-producer")
        self._sluicectl("ca", "issue-client", "--dir", authority, "--tenant", "acme", "--user", USER,
                        "--device", DEVICE, "--out", HOME / DEVICE)

    @staticmethod
    def _file(name):
        return str(HOME / name)

    def _tls(self, name):
        return {"certificate": self._file(f"{name}.crt"), "key": self._file(f"{name}.key"),
                "ca": self._file("ca/service-root.crt")}

    def _address(self, wanted):
        return f"127.0.0.1:{free_or_any(wanted) if self.fixed_ports else 0}"

    @staticmethod
    def _listener(program, name):
        return "%s:%d" % program.program.listener(name)

    @staticmethod
    def _now():
        return int(wait.time.time() * 1000)

    def _curl(self, host, *options, size=20_000):
        return programs.run([self.dropbox, "-sS", "--fail", "--cacert", self.authority, "-o", "/dev/null", "--proxy",
                             "http://%s:%d" % self.client.address, *options,
                             f"https://{host}:{self.origin.port}/bytes/{size}"])

    def _fetch(self, host):
        received, sent, finished = self.origin.received_bytes, self.origin.sent_bytes, self.origin.finished
        done = self._curl(host)
        if done.returncode != 0:
            raise StepFailed(f"dropbox could not fetch from {host}: {done.stderr.strip()}")
        wait.until(lambda: self.origin.finished > finished, "the origin's connection to end")
        return self.origin.received_bytes - received, self.origin.sent_bytes - sent

    def _inside(self, path):
        """Fetches from the host that is decrypted: body and status. Whoever does it trusts the PoP's root only."""
        return programs.run([self.dropbox, "-sS", "--cacert", HOME / "ca" / "root.crt", "-w", "%{http_code}", "--proxy",
                             "http://%s:%d" % self.client.address, f"https://{OTHER_HOST}:{self.origin.port}{path}"])

    def _time(self, host):
        """Seconds that a fetch took, by curl."""
        return float(self._curl(host, "-w", "%{time_total}", size=1000).stdout)

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
