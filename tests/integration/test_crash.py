"""kill -9 of the proxy and of the store amid traffic: every flow that got its 200 has exactly one final event."""
import unittest

from tests.support import cases, origins, stack, traffic as flows


class Crash(unittest.TestCase):
    maxDiff = None

    def run_with(self, disturb, rounds):
        generator = cases.seeded(self.id())
        settings = {"origin": {"resolve": {"crash.test": "127.0.0.1"}}}
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=settings) as running:
            traffic = flows.Traffic(running.proxy.address, echo.port, 6, generator)
            try:
                for _ in range(rounds):
                    traffic.wait_for_more(generator.randint(5, 60))
                    disturb(running, generator, traffic)
                traffic.wait_for_more(20)
            finally:
                traffic.stop()
            traffic.check(self, running.store)

    def test_proxy_is_killed(self):
        def disturb(running, generator, traffic):
            running.proxy.program.kill()
            running.proxy.restart()

        self.run_with(disturb, 3 if cases.FAST else 8)

    def test_store_is_killed(self):
        def disturb(running, generator, traffic):
            running.store.program.kill()
            traffic.wait_for_more(generator.randint(0, 30))
            running.store.start()

        self.run_with(disturb, 3 if cases.FAST else 8)

    def test_both_are_killed(self):
        def disturb(running, generator, traffic):
            running.store.program.kill()
            traffic.wait_for_more(generator.randint(0, 30))
            running.proxy.program.kill()
            running.proxy.restart()
            running.store.start()

        self.run_with(disturb, 2 if cases.FAST else 5)


if __name__ == "__main__":
    unittest.main()
