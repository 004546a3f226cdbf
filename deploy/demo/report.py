"""What the quickstart prints. Colour only on a terminal."""
import os
import sys
import time

_COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _painted(code, text):
    return f"\033[{code}m{text}\033[0m" if _COLOUR else text


class Report:
    """Numbers the steps and remembers whether a check failed."""

    def __init__(self):
        self._number = 0
        self._started = 0.0
        self.failed = False

    def step(self, title):
        self._number += 1
        self._started = time.monotonic()
        print(_painted("1", f"\n{self._number}. {title}"), flush=True)

    def line(self, text):
        print(f"   {text}", flush=True)

    def done(self, text):
        print(f"   {text} {_painted('2', f'({time.monotonic() - self._started:.1f} s)')}", flush=True)

    def check(self, fine, text):
        word = _painted("32", "ok") if fine else _painted("31", "WRONG")
        print(f"   {word}  {text}", flush=True)
        self.failed = self.failed or not fine

    def block(self, text):
        print("\n" + "\n".join("   " + line for line in text.rstrip().splitlines()), flush=True)
