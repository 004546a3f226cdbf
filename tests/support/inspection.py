"""Stacks whose proxy decrypts: an issuing CA of ours, an origin under a private root, clients that trust ours."""
import pathlib
import tempfile

from tests.support import cases, certificates, programs


def interception(directory):
    """Files of an issuing CA under `directory`/ca, and the configuration that uses it."""
    done = programs.run([programs.BIN / "sluicectl", "ca", "init", "--dir", directory / "ca"])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return {name: str(directory / "ca" / file)
            for name, file in {"ca_certificate": "ca.crt", "ca_key": "ca.key", "chain": "root.crt"}.items()}


class InspectedCase(cases.StackCase):
    """`web` stands behind every host of ZONES, with a certificate under `origin_root`; clients trust `root`."""

    ZONES = ("secure.test",)
    POLICY = ""  # YAML; without, the built-in one
    PROXY = {}   # more of the proxy's configuration

    @classmethod
    def make_origin(cls, certificate, key):
        """What shall be `web`: has a port, is closed in the end."""
        raise NotImplementedError

    @classmethod
    def prepare(cls):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-inspected-")
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = pathlib.Path(temporary.name)
        cls.origin_root = certificates.Authority(cls.directory / "origin")
        cls.web = cls.keep(cls.make_origin(*cls.origin_root.issue(*(f"*.{zone}" for zone in cls.ZONES), *cls.ZONES)))
        settings = interception(cls.directory)
        cls.root = settings["chain"]
        proxy = {"interception": settings, **cls.PROXY,
                 "origin": {"resolve": {zone: "127.0.0.1" for zone in cls.ZONES},
                            "trust": str(cls.origin_root.certificate)}}
        if cls.POLICY:
            (cls.directory / "policy.yaml").write_text(cls.POLICY)
            proxy["policy"] = str(cls.directory / "policy.yaml")
        return {"ports": [cls.web.port], "proxy": proxy}

    def curl(self, *arguments, root=None, code=0, proxy=None):
        """What curl prints; it must end with `code`."""
        done = programs.run(["curl", "-sS", "--cacert", root or self.root, "--proxy",
                             proxy or "http://%s:%d" % self.proxy.address, *arguments])
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout
