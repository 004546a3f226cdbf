"""Base class of tests between hosts."""
import pathlib
import tempfile
import unittest

from tests.support import certificates, namespaces


@unittest.skipUnless(namespaces.available(), "needs root for network namespaces")
class HostsCase(unittest.TestCase):
    """HOSTS as network namespaces for all tests of the class, a folder, and an authority for certificates of origins.
    Cables, routes and programs are the subclass's."""

    maxDiff = None
    HOSTS = ("client", "pop", "origin")

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-hosts-")))
        cls.hosts = {}
        for name in cls.HOSTS:
            cls.hosts[name] = namespaces.Host(name)
            cls.addClassCleanup(cls.hosts[name].close)
        cls.authority = certificates.Authority(cls.directory / "origin")
