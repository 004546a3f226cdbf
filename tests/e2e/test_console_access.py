"""The console for people who do not use a mouse, or do not see the screen (axe-core)."""
import unittest

from tests.support import console


class Access(console.ConsoleCase):
    def test_keyboard_and_screen_reader(self):
        self.walk("access.mjs", self.fed_store(), ["read", "export"])


if __name__ == "__main__":
    unittest.main()
