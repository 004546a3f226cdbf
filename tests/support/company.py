"""Origin, store with console, PoP and steering client of one company, all on loopback."""
import pathlib
import shutil

from tests.support import certificates, origins, programs, scenario, stack, wait, web

USER, DEVICE = "anna@acme.test", "laptop-1"


class Company:
    """Runs until close(). `fetch` asks for pages as the process `dropbox`."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.parts = []
        authority = certificates.Authority(self.directory / "origin")
        self.authority = authority.certificate
        self.origin = origins.TlsOrigin(*authority.issue("dropbox.com", "*.dropbox.com"))
        self.parts.append(self.origin.close)
        self.dropbox = self.directory / "bin" / "dropbox"
        self.dropbox.parent.mkdir()
        shutil.copy(shutil.which("curl"), self.dropbox)
        self.policy = self.directory / "policy.yaml"
        self.policy.write_text(scenario.policy(web_ports=[self.origin.port]))
        try:
            self._make_keys()
            self._start()
        except BaseException:
            self.close()
            raise

    def _make_keys(self):
        keys = self.directory / "keys"
        self.ctl("ca", "init", "--dir", keys, "--name", "Company")
        self.ctl("ca", "issue-server", "--dir", keys, "--name", "pop", "--san", "IP:127.0.0.1", "--out", keys / "pop")
        self.ctl("ca", "issue-client", "--dir", keys, "--tenant", "acme", "--user", USER, "--device", DEVICE,
                 "--out", keys / DEVICE)
        self.pop_tls = {"certificate": str(keys / "pop.crt"), "key": str(keys / "pop.key"),
                        "client_ca": str(keys / "devices.crt")}
        self.device_tls = {"certificate": str(keys / f"{DEVICE}.crt"), "key": str(keys / f"{DEVICE}.key"),
                           "ca": str(keys / "service-root.crt")}

    def _start(self):
        socket = self.directory / "admin.sock"
        resolve = {"dropbox.com": "127.0.0.1"}
        self.store = web.WebStore(self.directory, tenant="acme", pops=[{"name": "pop-1", "socket": str(socket)}])
        self.store.start()
        self.parts.append(self.store.program.stop)
        self.proxy = stack.Proxy(
            self.directory, self.store, [self.origin.port], name="pop-1", tenant="acme", policy=str(self.policy),
            state=str(self.directory / "pop-state"), admin={"socket": str(socket)},
            listeners=[{"name": "tunnel", "kind": "tunnel", "address": "127.0.0.1:0", "tls": self.pop_tls}],
            control={"address": "127.0.0.1:0", "tls": self.pop_tls}, origin={"resolve": resolve})
        self.proxy.start()
        self.parts.append(self.proxy.program.stop)
        control = "%s:%d" % self.proxy.program.listener("control")
        self.client = stack.Client(
            self.directory, name=DEVICE, tenant="acme", direct={"resolve": resolve},
            state=str(self.directory / "client-state"), events={"address": control, "tls": self.device_tls},
            pops=[{"name": "pop-1", "address": "%s:%d" % self.proxy.address, "control": control,
                   "tls": self.device_tls}])
        self.client.start()
        self.parts.append(self.client.program.stop)
        self.client.program.wait_for_line(r"policy .* from PoP pop-1 applied")

    def ctl(self, *arguments):
        done = programs.run([programs.BIN / "sluicectl", *arguments])
        if done.returncode != 0:
            raise AssertionError(f"sluicectl {arguments[0]} {arguments[1]}: {done.stderr}")
        return done.stdout

    def wait_for_policy(self):
        wait.until(lambda: self.client.metric("sluice_policy_version") == self.proxy.metric("sluice_policy_version"),
                   "the client to follow the PoP")

    def fetch(self, host):
        """curl's exit code."""
        return programs.run([self.dropbox, "-sS", "--cacert", self.authority, "-o", "/dev/null", "--proxy",
                             "http://%s:%d" % self.client.address,
                             f"https://{host}:{self.origin.port}/bytes/5000"]).returncode

    def close(self):
        problems = []
        for part in reversed(self.parts):
            try:
                part()
            except AssertionError as problem:
                problems.append(str(problem))
        if problems:
            raise AssertionError("\n".join(problems))
