"""The program behind ./tests/run: builds with sanitizers, runs the chosen suites, ends with `N passed, N failed`."""
import argparse
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree

from tests.support import python_suites, static_checks

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "debug"
CTEST_SUITES = ("unit", "scenario", "sim", "fuzz", "integration")
TSAN_BUILD = ROOT / "build" / "tsan"
TSAN_TESTS = ("threads_test", "net_test", "report_spool_test")
PYTHON_SUITES = {"tree": "tests/unit/tree", "integration": "tests/integration", "e2e": "tests/e2e"}
ORDER = ("format", "tree", "unit", "scenario", "sim", "fuzz", "integration", "e2e")
CACHE_LINES = ("SLUICE_SANITIZE:BOOL=ON", "CMAKE_BUILD_TYPE:STRING=RelWithDebInfo", "SLUICE_TESTS:BOOL=ON")
JOBS = max(2, os.cpu_count() or 2)

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0:exitcode=97",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "LSAN_OPTIONS": "exitcode=98",
}


class Tally:
    """Counts results of all suites and remembers the names of what failed."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failed = []

    def add(self, suite, name, outcome, seconds=None, detail=""):
        if outcome == "skipped":
            self.skipped += 1
        elif outcome == "passed":
            self.passed += 1
        else:
            self.failed.append(f"{suite}: {name}")
        word = {"passed": "ok  ", "skipped": "skip", "failed": "FAIL"}[outcome]
        timing = "" if seconds is None else f"  {seconds:.2f} s"
        print(f"{word} {suite}: {name}{timing}", flush=True)
        if detail:
            print("     " + detail.rstrip().replace("\n", "\n     "), flush=True)


def sanitizer_environment():
    return dict(os.environ, **SANITIZER_ENVIRONMENT)


def build(tally):
    started = time.monotonic()
    cache = BUILD / "CMakeCache.txt"
    configured_as_wanted = (BUILD / "build.ninja").exists() and all(line in cache.read_text() for line in CACHE_LINES)
    if not configured_as_wanted:
        configured = subprocess.run(
            ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja", *("-D" + line for line in CACHE_LINES)],
            env=sanitizer_environment(), stdin=subprocess.DEVNULL).returncode
        if configured != 0:
            (BUILD / "build.ninja").unlink(missing_ok=True)
            tally.add("build", "configure build/debug", "failed", time.monotonic() - started)
            return False
    compiled = subprocess.run(["ninja", "-C", str(BUILD)], env=sanitizer_environment(), stdin=subprocess.DEVNULL)
    outcome = "passed" if compiled.returncode == 0 else "failed"
    tally.add("build", "build/debug with AddressSanitizer and UndefinedBehaviorSanitizer", outcome,
              time.monotonic() - started)
    return outcome == "passed"


def run_ctest(suites, filter_text, tally):
    report = BUILD / "ctest-report.xml"
    report.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(BUILD), "--label-regex", "^(" + "|".join(suites) + ")$",
               "--output-on-failure", "--parallel", str(JOBS), "--output-junit", str(report), "--quiet",
               "--no-tests=ignore"]
    if filter_text:
        command += ["--tests-regex", filter_text]
    ran = subprocess.run(command, env=sanitizer_environment(), stdin=subprocess.DEVNULL)
    if not report.exists():
        if ran.returncode != 0:
            tally.add("ctest", "ctest itself", "failed")
        return
    cases = xml.etree.ElementTree.parse(report).getroot().findall("testcase")
    for case in cases:
        outcome = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        output = case.findtext("system-out") or ""
        tally.add("ctest", case.get("name"), outcome, float(case.get("time")), output if outcome == "failed" else "")
    if ran.returncode != 0 and not any(case.get("status") == "fail" for case in cases):
        tally.add("ctest", f"ctest ended with {ran.returncode}", "failed")


def run_tsan(tally):
    """Builds what threads share with ThreadSanitizer, without gRPC in it, and runs that."""
    started = time.monotonic()
    commands = [["cmake", "-S", str(ROOT), "-B", str(TSAN_BUILD), "-G", "Ninja", "-DSLUICE_TSAN=ON",
                 "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
                ["ninja", "-C", str(TSAN_BUILD), *TSAN_TESTS]]
    if (TSAN_BUILD / "build.ninja").exists():
        commands.pop(0)
    for command in commands:
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
            tally.add("tsan", "build/tsan with ThreadSanitizer", "failed", time.monotonic() - started)
            return
    tally.add("tsan", "build/tsan with ThreadSanitizer", "passed", time.monotonic() - started)
    for test in TSAN_TESTS:
        started = time.monotonic()
        ran = subprocess.run([str(TSAN_BUILD / "bin" / test)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             env=dict(os.environ, TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1"))
        outcome = "passed" if ran.returncode == 0 else "failed"
        tally.add("tsan", test, outcome, time.monotonic() - started,
                  "" if ran.returncode == 0 else ran.stdout + ran.stderr)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE",
                        help="all (default), tidy, tsan, or any of: " + ", ".join(ORDER))
    parser.add_argument("--fast", action="store_true", help="leave out the tests marked slow")
    parser.add_argument("--no-install", action="store_true", help="do not call apt-get")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only tests whose name contains TEXT")
    arguments = parser.parse_args(argv)
    known = set(ORDER) | {"all", "tidy", "tsan"}
    for suite in arguments.suites:
        if suite not in known:
            parser.error(f"unknown suite '{suite}'; known are {', '.join(sorted(known))}")
    chosen = set(arguments.suites or ["all"])
    if "all" in chosen:
        chosen |= set(ORDER)
    arguments.chosen = chosen - {"all"}
    return arguments


def run(arguments, tally):
    chosen = arguments.chosen
    if "format" in chosen:
        static_checks.run_format(ROOT, tally)
    if "tsan" in chosen:
        run_tsan(tally)
    if chosen - {"format", "tree", "tsan"} and not build(tally):
        return
    if "tidy" in chosen:
        static_checks.run_tidy(ROOT, BUILD, JOBS, tally)
    if "tree" in chosen:
        python_suites.run(ROOT, {"tree": PYTHON_SUITES["tree"]}, arguments, JOBS, os.environ, tally)
    ctest_suites = [suite for suite in CTEST_SUITES if suite in chosen]
    if ctest_suites:
        run_ctest(ctest_suites, arguments.filter, tally)
    with_programs = {suite: folder for suite, folder in PYTHON_SUITES.items() if suite in chosen and suite != "tree"}
    if with_programs:
        environment = sanitizer_environment()
        environment.setdefault("SLUICE_BIN", str(BUILD / "bin"))
        python_suites.run(ROOT, with_programs, arguments, JOBS, environment, tally)


def main(argv):
    arguments = parse_arguments(argv)
    os.environ["SLUICE_FAST"] = "1" if arguments.fast else ""
    started = time.monotonic()
    tally = Tally()
    run(arguments, tally)
    print(f"\n{time.monotonic() - started:.0f} s, {tally.skipped} skipped")
    if tally.failed:
        print("failed:\n  " + "\n  ".join(tally.failed))
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
