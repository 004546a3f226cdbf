"""Base classes and decorators of the integration tests."""
import os
import random
import unittest

from tests.support import stack

FAST = bool(os.environ.get("SLUICE_FAST"))


def slow(test):
    """Left out by --fast."""
    return unittest.skipIf(FAST, "slow, left out by --fast")(test)


def seeded(name):
    """A random generator whose seed is printed; SLUICE_SEED replays a run."""
    seed = int(os.environ.get("SLUICE_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{name}: SLUICE_SEED={seed}", flush=True)
    return random.Random(seed)


class StackCase(unittest.TestCase):
    """One stack for all tests of the class. `prepare` makes the origins and returns the arguments of Stack."""

    maxDiff = None

    @classmethod
    def prepare(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.end_stack)
        cls.stack = None
        cls.stack = stack.Stack(**cls.prepare())
        cls.proxy, cls.store = cls.stack.proxy, cls.stack.store

    @classmethod
    def end_stack(cls):
        if cls.stack:
            cls.stack.close()

    @classmethod
    def keep(cls, resource):
        """Closes an origin after the last test of the class."""
        cls.addClassCleanup(resource.close)
        return resource

    def one_event(self, query, **expected):
        """The only event that matches, final, with these fields."""
        event = self.store.wait_for_events(query)[0]
        self.assertEqual({name: event.get(name) for name in expected}, expected, event)
        return event
