"""Starts the real programs, reads their logs, ends them. Nothing started here outlives the test process."""
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import threading

from tests.support import wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "debug" / "bin"))
_SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error: |ERROR: ThreadSanitizer")
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One running program. Its standard error is kept line by line and in `<name>.log` of its directory."""

    def __init__(self, name, argv, directory, environment=None, host=None):
        """`host` is a namespaces.Host to run in; None for this machine."""
        argv = (host.prefix if host else []) + list(argv)
        self.name = name
        self.lines = []
        self._changed = threading.Condition()
        self._log = open(pathlib.Path(directory) / f"{name}.log", "a", encoding="utf-8")
        self.process = subprocess.Popen([str(part) for part in argv], cwd=directory, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                                        env=dict(os.environ, **(environment or {})), preexec_fn=_die_with_parent)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self._log.write(line)
            self._log.flush()
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")  # wakes whoever waits for a line that cannot come any more
            self._changed.notify_all()

    def text(self):
        with self._changed:
            return "\n".join(self.lines)

    def wait_for_line(self, pattern, seconds=None, start=0):
        """The match of the first log line at or after `start` that matches `pattern`."""
        expression = re.compile(pattern)

        def found():
            for line in self.lines[start:]:
                match = expression.search(line)
                if match:
                    return match
            if self.process.poll() is not None and not self._reader.is_alive():
                raise AssertionError(f"{self.name} ended with {self.process.returncode}, its log:\n{self.text()}")
            return None

        with self._changed:
            match = found()
            end = wait.time.monotonic() + (wait.DEADLINE_SECONDS if seconds is None else seconds)
            while match is None:
                left = end - wait.time.monotonic()
                if left <= 0:
                    raise wait.DeadlinePassed(f"{self.name} did not log {pattern!r}:\n" + "\n".join(self.lines))
                self._changed.wait(min(left, 0.2))
                match = found()
            return match

    def listener(self, name):
        """(host, port) of the listener that logged `<name> listening on <host>:<port>`."""
        match = self.wait_for_line(rf"\b{re.escape(name)} listening on (\[?[0-9a-fA-F.:]+?\]?):(\d+)")
        return match.group(1).strip("[]"), int(match.group(2))

    def signal(self, number):
        self.process.send_signal(number)

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=None):
        """Waits for the end and returns the exit code; the log is complete afterwards."""
        code = self.process.wait(wait.DEADLINE_SECONDS if seconds is None else seconds)
        self._reader.join(wait.DEADLINE_SECONDS)
        self._log.close()
        self.process.stderr.close()
        self.check_sanitizers()
        return code

    def check_sanitizers(self):
        if _SANITIZER.search(self.text()):
            raise AssertionError(f"a sanitizer spoke in {self.name}:\n{self.text()}")

    def kill(self):
        """SIGKILL, as a power cut of the process."""
        if self.running():
            self.process.kill()
        self.wait()

    def stop(self, seconds=None):
        """SIGTERM; the program must end by itself with 0."""
        if not self.running() and self._log.closed:
            return
        if self.running():
            self.process.terminate()
        try:
            code = self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise AssertionError(f"{self.name} did not end after SIGTERM:\n{self.text()}") from None
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code} after SIGTERM:\n{self.text()}")


def run(argv, directory=None, environment=None, seconds=None, data=None, host=None):
    """Runs a command to its end: CompletedProcess with text output. A sanitizer report is an error of the test."""
    argv = (host.prefix if host else []) + list(argv)
    done = subprocess.run([str(part) for part in argv], cwd=directory, env=dict(os.environ, **(environment or {})),
                          text=True, capture_output=True, timeout=seconds or wait.DEADLINE_SECONDS, input=data,
                          stdin=subprocess.DEVNULL if data is None else None)
    if _SANITIZER.search(done.stderr):
        raise AssertionError(f"a sanitizer spoke in {argv[0]}:\n{done.stderr}")
    return done
