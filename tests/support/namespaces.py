"""Several hosts on one machine: network namespaces joined by virtual cables. Needs root."""
import contextlib
import ctypes
import itertools
import os
import subprocess

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_cables = itertools.count()


def _ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def available():
    """Whether this process may make namespaces."""
    name = f"sluice-probe-{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "delete", name)
    except OSError:
        return False
    return True


def _enter(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """One network namespace, with its loopback interface up. close() removes it and its cables."""

    def __init__(self, name):
        self.name = f"sluice-{os.getpid()}-{name}"
        _ip("netns", "add", self.name)
        self.prefix = ["ip", "netns", "exec", self.name]
        _ip("-n", self.name, "link", "set", "lo", "up")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread opens inside belong to the host, also after the end of the block."""
        with open("/proc/thread-self/ns/net", encoding="ascii") as home, \
                open(f"/run/netns/{self.name}", encoding="ascii") as there:
            _enter(there.fileno())
            try:
                yield self
            finally:
                _enter(home.fileno())

    def link(self, device, state):
        """Plugs a cable's end in ("up") or out ("down")."""
        _ip("-n", self.name, "link", "set", device, state)

    def address(self, address, device="lo"):
        """Gives a device one more address, as ADDRESS/PREFIX."""
        _ip("-n", self.name, "address", "add", address, "dev", device)

    def route(self, destination, via):
        _ip("-n", self.name, "route", "add", destination, "via", via)

    def close(self):
        _ip("netns", "delete", self.name)


def cable(left, left_address, right, right_address):
    """Joins two hosts; addresses as ADDRESS/PREFIX. Returns the names of both ends' devices."""
    number = next(_cables)
    ends = (f"v{os.getpid() % 100000}x{number}a", f"v{os.getpid() % 100000}x{number}b")
    _ip("link", "add", ends[0], "netns", left.name, "type", "veth", "peer", "name", ends[1], "netns", right.name)
    for host, end, address in ((left, ends[0], left_address), (right, ends[1], right_address)):
        _ip("-n", host.name, "address", "add", address, "dev", end)
        _ip("-n", host.name, "link", "set", end, "up")
    return ends
