"""Runs unittest modules, each in a process of its own, a few at a time; results arrive as they happen."""
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
import unittest

MODULE_SECONDS_MAX = 900  # a module that hangs is ended and counted as failed


class _Reporter(unittest.TestResult):
    """Writes one JSON line per finished test to the pipe that the parent reads."""

    def __init__(self, pipe):
        super().__init__()
        self._pipe = pipe
        self._started = 0.0
        self._details = []

    def _send(self, test, outcome, detail=""):
        name = test.id().removeprefix("tests.")
        line = {"name": name, "outcome": outcome, "seconds": time.monotonic() - self._started, "detail": detail}
        self._pipe.write(json.dumps(line) + "\n")
        self._pipe.flush()

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()
        self._details = []

    def _remember(self, test, error):
        self._details.append(self._exc_info_to_string(error, test))

    def addError(self, test, err):
        self._remember(test, err)
        if not isinstance(test, unittest.TestCase):  # setUpClass, module import
            self._send(test, "failed", "\n".join(self._details))
            self._details = []

    def addFailure(self, test, err):
        self._remember(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._details.append(str(subtest.params) + "\n" + self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        if not isinstance(test, unittest.TestCase):
            self._started = time.monotonic()
            self._send(test, "skipped", reason)
            return
        self._details = None
        self._send(test, "skipped", reason)

    def stopTest(self, test):
        super().stopTest(test)
        if self._details is None:
            return
        self._send(test, "failed" if self._details else "passed", "\n".join(self._details))


def _keep(suite, filter_text):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _keep(item, filter_text)
        elif filter_text in item.id():
            yield item


def worker(module, filter_text):
    """Runs in the child: standard output carries the results, everything printed by tests goes to standard error."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    reporter = _Reporter(pipe)
    try:
        tests = unittest.defaultTestLoader.loadTestsFromName(module)
    except Exception:
        line = {"name": module, "outcome": "failed", "seconds": 0, "detail": traceback.format_exc()}
        pipe.write(json.dumps(line) + "\n")
        return
    unittest.TestSuite(_keep(tests, filter_text)).run(reporter)


def _run_module(root, suite, module, arguments, environment, tally, lock):
    child = subprocess.Popen([sys.executable, "-m", "tests.support.python_suites", module, arguments.filter],
                             cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    printed = []
    drain = threading.Thread(target=lambda: printed.append(child.stderr.read()), daemon=True)
    drain.start()
    expired = threading.Event()

    def end_group():
        expired.set()
        os.killpg(child.pid, signal.SIGKILL)

    timer = threading.Timer(MODULE_SECONDS_MAX, end_group)
    timer.start()
    any_failed = False
    for line in child.stdout:
        result = json.loads(line)
        any_failed = any_failed or result["outcome"] == "failed"
        with lock:
            tally.add(suite, result["name"], result["outcome"], result["seconds"], result["detail"])
    code = child.wait()
    timer.cancel()
    drain.join(timeout=5)
    with lock:
        if expired.is_set():
            tally.add(suite, f"{module} took over {MODULE_SECONDS_MAX} s", "failed")
        elif code != 0:
            tally.add(suite, f"{module} ended with {code}", "failed")
        if (any_failed or code != 0) and printed and printed[0].strip():
            print(f"---- printed by {module}:\n{printed[0].rstrip()[-8000:]}\n----", flush=True)


def modules_of(root, folder):
    for path in sorted(pathlib.Path(root, folder).glob("test_*.py")):
        yield str(path.relative_to(root).with_suffix("")).replace("/", ".")


def run(root, suites, arguments, jobs, environment, tally):
    """`suites` maps a suite's name to its folder; every test_*.py there is a module."""
    work = queue.Queue()
    for suite, folder in suites.items():
        for module in modules_of(root, folder):
            work.put((suite, module))
    lock = threading.Lock()

    def take():
        while True:
            try:
                suite, module = work.get_nowait()
            except queue.Empty:
                return
            _run_module(root, suite, module, arguments, environment, tally, lock)

    threads = [threading.Thread(target=take) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    worker(sys.argv[1], sys.argv[2])
