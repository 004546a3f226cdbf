"""Starts and ends what a measurement needs: origin, proxies, load. Everything lives in one temporary folder and goes
with the block that started it, also when that block is left by Ctrl-C."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile

from tests.bench import accounts
from tests.support import certificates, programs, wait

ORIGIN_NAME = "origin.test"
LOAD_SECONDS_MAX = 90
END_SECONDS_MAX = 10  # after that a program that was asked to end is killed
DESCRIPTORS_SPARE = 600  # of a proxy: logs, libraries, listeners, short flows beside the held ones


class Failed(Exception):
    """A measurement that has no result; the text says why."""


class Running:
    """A program with its account. `address` is where it is reached."""

    def __init__(self, program, account, address=None):
        self.program = program
        self.account = account
        self.address = address

    @property
    def process(self):
        return self.program.process.pid


class Workshop:
    """Shared by all measurements of a run. Use as a context."""

    def __init__(self, programs_folder, proxy_binary):
        self.programs = pathlib.Path(programs_folder)
        self.proxy_binary = pathlib.Path(proxy_binary or self.programs / "sluice-proxy")
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self.folder = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-bench-")))
        self.folder.chmod(0o711)  # peers that give up root must reach their own folders
        self.authority = certificates.Authority(self.folder / "pki", "Sluice bench root")
        self.leaf = self.authority.issue(ORIGIN_NAME)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.held_flows_max = (hard - DESCRIPTORS_SPARE) // 2
        return self

    def __exit__(self, *exception):
        self._stack.close()

    @contextlib.contextmanager
    def folder_for(self, name):
        """A folder of its own for one program of one measurement."""
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.folder) as folder:
            yield pathlib.Path(folder)

    @contextlib.contextmanager
    def running(self, name, command, folder):
        """Starts a program on an account of its own; at the end it gets SIGTERM, then SIGKILL if it must."""
        account = accounts.Account(name)
        program = None
        try:
            program = programs.Program(name, command, folder, host=account)
            account.process = program.process.pid
            yield Running(program, account)
        finally:
            if program is not None:
                self._end(program, account.members())
            account.close()

    @staticmethod
    def _end(program, members):
        """SIGTERM for the program, then SIGKILL for it and its helpers, if need be."""
        if program.running():
            program.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.process.wait(END_SECONDS_MAX)
        for member in members:
            if pathlib.Path(f"/proc/{member}").exists() and (member != program.process.pid or program.running()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        program.wait(END_SECONDS_MAX)

    @contextlib.contextmanager
    def origin(self):
        """A fresh origin: {"plain": port, "tls": port}. New ports each time keep old connections out of the way."""
        certificate, key = self.leaf
        command = [self.programs / "bench_origin", "--certificate", certificate, "--key", key]
        with self.folder_for("origin") as folder, self.running("origin", command, folder) as origin:
            yield {name: origin.program.listener(name)[1] for name in ("plain", "tls")}

    def _load_command(self, proxy, port, tls, options):
        command = [self.programs / "bench_load", "--to", proxy.address, "--server-name", ORIGIN_NAME,
                   "--seconds-max", LOAD_SECONDS_MAX]
        if proxy.tunnel_host:
            command += ["--tunnel", f"{proxy.tunnel_host}:{port}"]
        if tls:
            command += ["--ca", self.authority.certificate]
        return [str(part) for part in command + list(options)]

    def load(self, proxy, port, *options, tls=False):
        """Runs the load generator to its end; its JSON line as a dictionary. One flow that failed spoils the run."""
        command = self._load_command(proxy, port, tls, options)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LOAD_SECONDS_MAX + END_SECONDS_MAX)
        return self._checked(done.stdout, done.stderr)

    @contextlib.contextmanager
    def held(self, proxy, port, count):
        """`count` flows that have carried one request and then stay open for as long as the block lasts."""
        command = self._load_command(proxy, port, False, ["--mode", "idle", "--flows", count])
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        try:
            self._checked(holder.stdout.readline(), "")
            yield
            _, complaint = holder.communicate(timeout=END_SECONDS_MAX)  # closes its input: it lets go
            if holder.returncode != 0:
                raise Failed(complaint.strip())
        finally:
            holder.kill()
            holder.communicate()

    @staticmethod
    def _checked(line, complaint):
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            raise Failed(f"the load generator ended without a result: {complaint.strip() or line!r}") from None
        if result["failed"]:
            reasons = ", ".join(f"{count} × {reason}" for reason, count in result["reasons"].items())
            raise Failed(f"{result['failed']} of {result['failed'] + result['flows']} flows failed: {reasons}")
        return result


def free_port():
    """A port that is free now, for programs that cannot choose and tell one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(program, port):
    def reachable():
        if not program.running():
            raise Failed(f"{program.name} ended at once:\n{program.text()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    wait.until(reachable, f"{program.name} on port {port}", 15)
