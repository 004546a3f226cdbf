"""tests/bench/run works from end to end: every scenario yields its numbers, and nothing is left behind."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from tests.bench import report, scenarios
from tests.support import programs, wait

RUN = programs.ROOT / "tests" / "bench" / "run"
QUICK = [RUN, "--quick", "--programs", programs.BIN]
RUN_SECONDS_MAX = 240  # sanitizers on two busy cores
METRICS = {
    ("flow", "floor-copy"): {"cpu_us_per_flow", "flows_per_s", "p50_ms", "p99_ms"},
    ("flow", "floor-connect"): {"cpu_us_per_flow", "flows_per_s", "p50_ms", "p99_ms"},
    ("flow", "sluice"): {"cpu_us_per_flow", "store_us_per_flow", "flows_per_s", "p50_ms", "p99_ms"},
    ("stream", "floor-copy"): {"cpu_ms_per_gb", "gb_per_s"},
    ("stream", "floor-splice"): {"cpu_ms_per_gb", "gb_per_s"},
    ("stream", "sluice"): {"cpu_ms_per_gb", "gb_per_s"},
    ("idle", "floor-connect"): {"kib_per_flow"},
    ("idle", "sluice"): {"kib_per_flow"},
    ("scale-workers", "sluice, 1 worker"): {"cpu_us_per_flow", "flows_per_s", "busiest_worker_percent"},
    ("scale-workers", "sluice, 2 workers"): {"cpu_us_per_flow", "flows_per_s", "busiest_worker_percent"},
    ("scale-open", "floor-connect, 5 open"): {"cpu_us_per_flow"},
    ("scale-open", "floor-connect, 50 open"): {"cpu_us_per_flow"},
    ("scale-open", "sluice, 5 open"): {"cpu_us_per_flow"},
    ("scale-open", "sluice, 50 open"): {"cpu_us_per_flow"},
}


class QuickRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-test-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = dict(os.environ, TMPDIR=folder.name)

    def run_bench(self, *options):
        done = subprocess.run([*QUICK, *options], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=RUN_SECONDS_MAX)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_every_scenario_yields_its_numbers(self):
        file = self.folder / "bench.json"
        printed = self.run_bench("--store", "--json", file)
        outcome = json.loads(file.read_text())
        self.assertEqual(set(outcome), {"version", "finished", "machine", "proxy_binary", "rounds", "store", "quick",
                                        "results", "failures"})
        self.assertEqual(set(outcome["machine"]), {"cpus", "kernel", "architecture", "cpu_counted_by", "load_before"})
        self.assertEqual(outcome["failures"], [])
        too_small = {"kib_per_flow"}  # few flows vanish beside what an allocator gives back
        if outcome["machine"]["cpu_counted_by"] == "/proc":
            too_small |= {"cpu_us_per_flow", "cpu_ms_per_gb", "store_us_per_flow"}  # or in one tick of the clock
        found = {}
        for item in outcome["results"]:
            self.assertEqual(set(item),
                             {"scenario", "subject", "metric", "values", "median", "spread_percent", "ratios"})
            self.assertEqual(len(item["values"]), 1)
            if item["metric"] not in too_small:
                self.assertGreater(item["median"], 0, item)
            found.setdefault((item["scenario"], item["subject"]), set()).add(item["metric"])
        self.assertEqual(found, METRICS)
        for title in ("flow:", "stream:", "idle:", "scale-workers:", "scale-open:", "× floor-splice"):
            self.assertIn(title, printed)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["bench.json"])

    def test_a_run_can_be_compared_with_an_earlier_one(self):
        file = self.folder / "before.json"
        self.run_bench("--scenario", "stream", "--json", file)
        printed = self.run_bench("--scenario", "stream", "--compare", file)
        self.assertRegex(printed, r"stream: sluice +cpu_ms_per_gb +\d")

    def test_an_interrupt_stops_what_was_started(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                command = [*QUICK, "--rounds", "1000", "--minutes-max", "2"]  # ends by itself should the signal be lost
                bench = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                with bench:
                    wait.until(lambda: "sluice" in bench.stderr.readline(), "a measurement of Sluice")
                    bench.send_signal(number)
                    bench.stderr.read()  # ends when the last process that inherited it has gone
                    self.assertEqual(bench.wait(RUN_SECONDS_MAX), 130)
                self.assertEqual(list(self.folder.iterdir()), [])
                self.assertEqual(list(pathlib.Path("/sys/fs/cgroup").glob(f"**/sluice-bench-{bench.pid}-*")), [])

    def test_wrong_options_are_refused(self):
        for options in (["--scenario", "flows"], ["--rounds", "0"], ["--compare", self.folder / "missing.json"]):
            with self.subTest(options=options):
                done = subprocess.run([RUN, *options], capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
                self.assertEqual(done.returncode, 2, done.stdout)


class Load(unittest.TestCase):
    def test_failures_are_counted_by_reason(self):
        command = [programs.BIN / "bench_load", "--to", "127.0.0.1:1", "--flows", "3"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        self.assertEqual(done.returncode, 1)
        result = json.loads(done.stdout)
        self.assertEqual((result["flows"], result["failed"], result["reasons"]), (0, 3, {"Connection refused": 3}))

    def test_only_the_loopback_network(self):
        command = [programs.BIN / "bench_load", "--to", "192.0.2.1:80"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        self.assertEqual(done.returncode, 2)
        self.assertIn("only the loopback network", done.stderr)


class Arithmetic(unittest.TestCase):
    @staticmethod
    def results(**rows):
        found = report.Results()
        for row, values in rows.items():
            measurement = scenarios.Measurement(scenarios.FLOW, row, None, {"× floor": "floor"})
            for value in values:
                found.add(measurement, None if value is None else {"cpu_us_per_flow": value})
        return found

    def test_ratios_are_taken_inside_each_round(self):
        found = self.results(floor=[100, 200, 400], ours=[110, 240, 520])
        ratio = found.ratio(scenarios.FLOW, "ours", scenarios.CPU_PER_FLOW, "floor")
        self.assertAlmostEqual(ratio, 1.2)

    def test_a_failed_round_does_not_shift_the_others(self):
        found = self.results(floor=[100, None, 400], ours=[110, 240, 440])
        ratio = found.ratio(scenarios.FLOW, "ours", scenarios.CPU_PER_FLOW, "floor")
        self.assertAlmostEqual(ratio, 1.1)

    def test_spread(self):
        self.assertAlmostEqual(report.spread_percent([90, 100, 120]), 30)
        self.assertEqual(report.spread_percent([7]), 0)

    def test_a_target_is_not_judged_inside_the_noise(self):
        target = scenarios.Target("ours", scenarios.CPU_PER_FLOW, 1.3, "floor")
        self.assertRegex(report.verdict(target, [1.1, 1.2, 1.25]), "met$")
        self.assertRegex(report.verdict(target, [1.4, 1.5, 1.6]), "missed$")
        self.assertRegex(report.verdict(target, [1.1, 1.2, 1.6]), "undecided")
        self.assertRegex(report.verdict(target, [1.1]), "nothing$")

    def test_comparison_shows_change_of_value_and_ratio(self):
        before = {"results": self.results(floor=[100], ours=[200]).as_list()}
        after = {"results": self.results(floor=[200], ours=[300]).as_list()}
        line = report.comparison_text(before, after).splitlines()[-1]
        self.assertRegex(line, r"flow: ours +cpu_us_per_flow +200 +300 +\+50.0% .* floor +2.00 +1.50 +-25.0%")


if __name__ == "__main__":
    unittest.main()
