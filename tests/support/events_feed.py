"""Fills a store with page events without a proxy: records as a producer sends them, over the real ingest interface."""
import pathlib
import subprocess

from tests.support import programs


def feed_offices(store, count):
    """A day of `count` events in each of the three offices (tests/support/office.h)."""
    for seed, city in enumerate(("tokyo", "berlin", "boston"), 1):
        feed(store, count, office=city, seed=seed)


def feed(store, count, *flags, **options):
    """Sends `count` events (tests/support/feed_events.cc says what they are like) and waits for the last ack."""
    command = [programs.BIN / "feed_events", "--address", store.ingest, "--count", str(count), *flags]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120,
                          cwd=pathlib.Path(store.directory))
    if done.returncode != 0:
        raise AssertionError(f"feed_events ended with {done.returncode}: {done.stderr}")
