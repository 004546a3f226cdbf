"""Waiting for conditions with a deadline."""
import os
import time

POLL_SECONDS = 0.01
DEADLINE_SECONDS = float(os.environ.get("SLUICE_TEST_DEADLINE", "30"))  # generous: sanitizers on two busy cores


class DeadlinePassed(AssertionError):
    """A condition did not come true in time."""


def until(condition, what, seconds=None):
    """Calls `condition` until it returns something true, and returns that."""
    end = time.monotonic() + (DEADLINE_SECONDS if seconds is None else seconds)
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise DeadlinePassed(f"waited in vain for: {what}")
        time.sleep(POLL_SECONDS)
