"""deploy/quickstart: builds, starts, sends traffic, shows the events."""
import argparse
import signal
import sys

from deploy.demo import steps
from deploy.demo.report import Report


def main():
    parser = argparse.ArgumentParser(prog="deploy/quickstart", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the checks, with 0 or 1")
    parser.add_argument("--no-install", action="store_true", help="do not call apt-get")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    report = Report()
    demo = steps.Demo(report, fixed_ports=not options.once)
    try:
        for step in (demo.build, demo.prepare, demo.start, demo.bypass_at_the_client, demo.do_not_log,
                     demo.bypass_in_the_cloud, demo.compare_paths, demo.block, demo.inspect, demo.refuse,
                     demo.show_records):
            step()
        if not options.once and not report.failed:
            demo.wait_for_interrupt()
    except KeyboardInterrupt:
        pass
    except (AssertionError, OSError, steps.StepFailed) as problem:
        report.check(False, str(problem))
    finally:
        demo.stop()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
