"""./tests/bench/run: builds, measures round by round, prints tables."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time

from tests.bench import accounts, report, scenarios, subjects
from tests.bench.workshop import Failed, Workshop
from tests.support import wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
BENCH_PROGRAMS = ("bench_load", "bench_origin", "bench_floor")
JSON_VERSION = 1

EXAMPLES = """examples:
  ./tests/bench/run                                   everything, three rounds, about six minutes
  ./tests/bench/run --scenario flow,stream --rounds 5 --json before.json
  ./tests/bench/run --scenario flow,stream --rounds 5 --compare before.json    after a change
  ./tests/bench/run --store                           with the event store, its CPU counted apart
  ./tests/bench/run --quick                           a few seconds: does everything still work?
  ./tests/bench/run --programs build/debug/bin        programs that are built already
README.md explains the numbers. Only the loopback network is used."""


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="tests/bench/run", epilog=EXAMPLES,
                                     description="What Sluice costs, next to a bare relay and to other proxies.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default=",".join(scenarios.SCENARIOS), metavar="A,B",
                        help="some of " + ", ".join(scenarios.SCENARIOS) + " (default: all)")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="times that each row is measured (default 3; --quick: 1)")
    parser.add_argument("--quick", action="store_true", help="tiny amounts and no other proxies: numbers mean nothing")
    parser.add_argument("--no-peers", action="store_true", help="leave out other proxies")
    parser.add_argument("--store", action="store_true", help="run sluice-events too and ship the events to it")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all values there")
    parser.add_argument("--compare", type=pathlib.Path, metavar="FILE",
                        help="JSON of an earlier run: print before and after")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER",
                        help="build nothing, take the programs from here (default: build/release/bin, built first)")
    parser.add_argument("--proxy-binary", type=pathlib.Path, metavar="FILE", help="measure this sluice-proxy instead")
    parser.add_argument("--minutes-max", type=float, default=30, metavar="N",
                        help="begin no further measurement after this time (default %(default)g)")
    arguments = parser.parse_args(argv)
    arguments.chosen = arguments.scenario.split(",")
    for name in arguments.chosen:
        if name not in scenarios.SCENARIOS:
            parser.error(f"unknown scenario '{name}'; known are {', '.join(scenarios.SCENARIOS)}")
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else 3
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    arguments.before = _read_earlier(parser, arguments.compare) if arguments.compare else None
    return arguments


def _read_earlier(parser, path):
    try:
        before = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as problem:
        parser.error(f"--compare {path}: {problem}")
    if not isinstance(before, dict) or before.get("version") != JSON_VERSION:
        parser.error(f"--compare {path}: not a file that --json of this version wrote")
    return before


def build(arguments):
    """Brings build/release up to date; the folder with the programs."""
    if arguments.programs:
        return arguments.programs.resolve()
    wanted = list(BENCH_PROGRAMS)
    wanted += [] if arguments.proxy_binary else ["sluice-proxy"]
    wanted += ["sluice-events"] if arguments.store else []
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DSLUICE_TESTS=ON"],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, *wanted], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    return BUILD / "bin"


def describe_machine():
    probe = accounts.Account("probe")
    probe.close()
    return {"cpus": os.cpu_count(), "kernel": platform.release(), "architecture": platform.machine(),
            "cpu_counted_by": probe.source, "load_before": round(os.getloadavg()[0], 2)}


def measure_all(workshop, arguments, size):
    """All rounds; within a round every row once, so that neighbours' noise falls on all of them."""
    results = report.Results()
    planned = scenarios.plan(workshop, arguments.chosen, size, arguments.store)
    end = time.monotonic() + arguments.minutes_max * 60
    for round_number in range(1, arguments.rounds + 1):
        for measurement in planned:
            label = f"round {round_number} of {arguments.rounds}: {measurement.table.name}, {measurement.row}"
            if time.monotonic() > end:
                results.add_failure(measurement, f"--minutes-max had passed before round {round_number}")
                continue
            print(label, file=sys.stderr, flush=True)
            try:
                results.add(measurement, measurement.measure())
            except (Failed, wait.DeadlinePassed, AssertionError, subprocess.TimeoutExpired, OSError) as problem:
                results.add_failure(measurement, str(problem))
                print(f"  failed: {problem}", file=sys.stderr)
    return results


def print_report(results, machine, arguments, size):
    print(f"\n{machine['cpus']} CPUs, Linux {machine['kernel']}, CPU counted by {machine['cpu_counted_by']}, "
          f"{arguments.rounds} round(s), medians; load average before: {machine['load_before']}")
    if size.peers:
        missing = [peer.name for peer in subjects.PEERS if not peer().available()]
        if missing:
            print(f"not installed, so not measured: {', '.join(missing)}")
    for table in results.tables():
        print("\n" + report.table_text(results, table))
        if not arguments.quick:
            print("".join(f"  {line}\n" for line in report.target_lines(results, table)), end="")
    for failure in results.failures:
        print(f"\nfailed: {failure['scenario']}, {failure['subject']}: {failure['reason']}")


def run(arguments):
    size = scenarios.QUICK if arguments.quick else scenarios.FULL
    if arguments.no_peers:
        size = scenarios.dataclasses.replace(size, peers=False)
    programs = build(arguments)
    machine = describe_machine()
    with Workshop(programs, arguments.proxy_binary) as workshop:
        results = measure_all(workshop, arguments, size)
        measured = str(workshop.proxy_binary)
    outcome = {"version": JSON_VERSION, "finished": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
               "machine": machine, "proxy_binary": measured, "rounds": arguments.rounds, "store": arguments.store,
               "quick": arguments.quick, "results": results.as_list(), "failures": results.failures}
    print_report(results, machine, arguments, size)
    if arguments.json:
        arguments.json.write_text(json.dumps(outcome, indent=1) + "\n")
    if arguments.before:
        print(f"\nbefore: {arguments.before['finished']}, {arguments.before['proxy_binary']}; after: this run")
        print(report.comparison_text(arguments.before, outcome))
    return 1 if results.failures else 0


def _stop(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(argv):
    arguments = parse_arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: shells let what they start in the background ignore it
        signal.signal(number, _stop)
    try:
        return run(arguments)
    except KeyboardInterrupt:
        print("\ninterrupted; everything that was started has been stopped", file=sys.stderr)
        return 130
    except subprocess.CalledProcessError as problem:
        print(f"tests/bench/run: {problem}", file=sys.stderr)
        return 1
