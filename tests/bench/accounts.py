"""What processes cost: CPU through control groups, or /proc where none can be made, and memory."""
import contextlib
import os
import pathlib
import re
import signal
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
QUIET_SHARE = 0.03  # a program that uses less of a core than this has finished what it was given
QUIET_SECONDS = 0.04
SETTLE_SECONDS_MAX = 3.0


def _mounts(kind, option=None):
    """Where control groups of a kind are mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, place, kind_found, options = line.split()[:4]
        if kind_found == kind and (option is None or option in options.split(",")):
            yield pathlib.Path(place)


def _own_group():
    """The group of this process in the unified hierarchy, as a path below its mount."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line[3:].lstrip("/")
    return ""


def _children():
    """process -> processes it started, of the whole machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(_stat(int(entry))[1])
            except OSError:
                continue
            found.setdefault(parent, []).append(int(entry))
    return found


def _stat(process, thread=None):
    """Fields of /proc/PID/stat from the state on, or of one of its threads."""
    place = f"/proc/{process}" + (f"/task/{thread}" if thread else "")
    return pathlib.Path(place, "stat").read_text().rsplit(")", 1)[1].split()


def tree(process):
    """A process and all that descends from it."""
    children = _children()
    found, left = [], [process]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def memory_bytes(process):
    """Memory that a process and its descendants own: proportional set size without pages of files. A page of a file is
    divided among those who map it, so a load generator that starts would shrink the libraries of a proxy."""
    total = 0
    for member in tree(process):
        try:
            text = pathlib.Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue
        total += 1024 * sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", text, re.MULTILINE)))
    return total


def _thread_seconds(process, thread):
    """From the scheduler's statistics in nanoseconds where the kernel keeps them, else in clock ticks."""
    statistics = pathlib.Path(f"/proc/{process}/task/{thread}/schedstat")
    if statistics.exists():
        return int(statistics.read_text().split()[0]) * 1e-9
    return sum(map(int, _stat(process, thread)[11:13])) / TICKS_PER_SECOND


def thread_seconds(process):
    """CPU of each thread of a process, {thread: seconds}."""
    found = {}
    for thread in os.listdir(f"/proc/{process}/task"):
        try:
            found[thread] = _thread_seconds(process, thread)
        except OSError:  # it has ended
            continue
    return found


class Account:
    """The CPU of one program and of everything that it starts.

    `prefix` goes before its command line and lets it enter the group before its first instruction. Where no group can
    be made it is empty, and /proc is asked about `process`, in steps of a clock tick."""

    def __init__(self, name):
        self.process = None
        self.source, self._folder, self._usage, scale = self._make_group(f"sluice-bench-{os.getpid()}-{name}")
        self._unit = scale
        enter = 'echo $$ >"$0" && exec "$@"'
        self.prefix = ["/bin/sh", "-c", enter, str(self._folder / "cgroup.procs")] if self._folder else []

    @staticmethod
    def _make_group(name):
        """(how CPU is counted, folder, its file, seconds per unit)."""
        places = [("cgroup v1", place / name, "cpuacct.usage", 1e-9) for place in _mounts("cgroup", "cpuacct")]
        places += [("cgroup v2", place / _own_group() / name, "cpu.stat", 1e-6) for place in _mounts("cgroup2")]
        for source, folder, file, unit in places:
            try:
                folder.mkdir()
            except OSError:
                continue
            if os.access(folder / "cgroup.procs", os.W_OK) and (folder / file).exists():
                return source, folder, folder / file, unit
            folder.rmdir()
        return "/proc", None, None, 1 / TICKS_PER_SECOND

    def seconds(self):
        if self._usage is None:
            return sum(self._ticks(member) for member in tree(self.process)) * self._unit
        text = self._usage.read_text()
        match = re.search(r"^usage_usec (\d+)", text, re.MULTILINE)
        return int(match.group(1) if match else text) * self._unit

    @staticmethod
    def _ticks(process):
        """User and system time, with that of children that have ended and been waited for."""
        try:
            return sum(map(int, _stat(process)[11:15]))
        except OSError:
            return 0

    def settle(self):
        """Waits until the program rests, so that work it still had to do is on its account."""
        end = time.monotonic() + SETTLE_SECONDS_MAX
        before = self.seconds()
        while time.monotonic() < end:
            time.sleep(QUIET_SECONDS)
            after = self.seconds()
            if after - before < QUIET_SHARE * QUIET_SECONDS:
                return
            before = after

    def members(self):
        """The program and what it started and what still lives."""
        if self._folder is None:
            return tree(self.process)
        members = map(int, (self._folder / "cgroup.procs").read_text().split())
        return [member for member in members if member > 0]  # zero: a process that this namespace cannot name

    def close(self):
        """Removes the group, and kills helpers that outlived the program."""
        if self._folder is None:
            return
        end = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < end:
            for member in self.members():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            try:
                self._folder.rmdir()
                return
            except OSError:  # the kernel has not let go of the last process yet
                time.sleep(0.01)
