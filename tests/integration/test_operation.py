"""How the programs start, reload and stop, as an operator sees it."""
import json
import pathlib
import signal
import socket
import tempfile
import unittest

from tests.support import cases, clients, origins, programs, stack, wait


class Drain(unittest.TestCase):
    def open_flow(self, running, host, origin):
        sock, reply = clients.connect(running.proxy.address, host, origin.port)
        self.assertEqual(reply.status, 200)
        sock.sendall(b"before")
        self.assertEqual(clients.receive_exactly(sock, 6), b"before")
        return sock

    def test_open_flow_goes_on_and_new_ones_are_refused(self):
        settings = {"origin": {"resolve": {"drain.test": "127.0.0.1"}}, "timeouts": {"drain_ms": 60000}}
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=settings) as running:
            sock = self.open_flow(running, "drain.test", echo)
            running.proxy.program.signal(signal.SIGTERM)

            def refused():
                try:
                    clients.open_socket(running.proxy.address).close()
                except ConnectionRefusedError:
                    return True
                return False

            wait.until(refused, "the listener to close")
            sock.sendall(b"during")
            self.assertEqual(clients.receive_exactly(sock, 6), b"during")
            self.assertTrue(running.proxy.program.running())
            sock.close()
            self.assertEqual(running.proxy.program.wait(), 0)
            event = running.store.wait_for_events("host eq drain.test")[0]
            self.assertEqual((event["close_reason"], event["client_bytes"]), ("client_closed", 12))

    def test_flow_that_does_not_end_is_closed_at_the_deadline(self):
        settings = {"origin": {"resolve": {"drain.test": "127.0.0.1"}}, "timeouts": {"drain_ms": 300}}
        with origins.Echo() as echo, stack.Stack(ports=[echo.port], proxy=settings) as running:
            sock = self.open_flow(running, "drain.test", echo)
            running.proxy.program.signal(signal.SIGTERM)
            self.assertEqual(running.proxy.program.wait(), 0)
            sock.close()
            event = running.store.wait_for_events("host eq drain.test")[0]
            self.assertEqual((event["state"], event["close_reason"], event["client_bytes"]), ("closed", "drain", 6))


class Reload(cases.StackCase):
    @classmethod
    def prepare(cls):
        cls.echo = cls.keep(origins.Echo())
        return {"proxy": {"origin": {"resolve": {"reload.test": "127.0.0.1"}}}}

    def status(self):
        sock, reply = clients.connect(self.proxy.address, "reload.test", self.echo.port)
        sock.close()
        return reply.status

    def test_reload(self):
        self.assertEqual(self.status(), 403)
        self.proxy.reload(origin={"allow_ports": [443, self.echo.port]})
        wait.until(lambda: self.status() == 200, "the new port to be allowed")

        # A file with an error changes nothing, and the log says where it is wrong.
        seen = self.proxy.reload(origin={"no_such_key": 1})
        self.proxy.program.wait_for_line(r"proxy\.yaml:\d+:\d+: .*no_such_key", start=seen)
        self.assertEqual(self.status(), 200)
        self.proxy.settings["origin"].pop("no_such_key")

        self.proxy.reload(origin={"allow_ports": [443]})
        wait.until(lambda: self.status() == 403, "the port to be refused again")

    def test_open_flow_survives_a_reload(self):
        self.proxy.reload(origin={"allow_ports": [self.echo.port]})
        wait.until(lambda: self.status() == 200, "the new port to be allowed")
        sock, _ = clients.connect(self.proxy.address, "reload.test", self.echo.port)
        with sock:
            self.proxy.reload(origin={"allow_ports": [443]})
            wait.until(lambda: self.status() == 403, "the port to be refused again")
            sock.sendall(b"still")
            self.assertEqual(clients.receive_exactly(sock, 5), b"still")


class Configuration(unittest.TestCase):
    """Errors exit with 2 and one line that names file, line and column."""

    GOOD = ("name: pop\nlisteners:\n- {name: explicit, address: 127.0.0.1:0, kind: explicit}\n"
            "health: {address: 127.0.0.1:0}\nspool: {directory: spool}\n")

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="sluice-config-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    def start(self, program, text, *options):
        path = self.directory / "test.yaml"
        path.write_text(text)
        return programs.run([programs.BIN / program, "--config", path, *options], self.directory)

    def test_good_file(self):
        checked = self.start("sluice-proxy", self.GOOD, "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_errors_name_the_place(self):
        for text, line, column, word in (
                (self.GOOD + "colour: red\n", 6, 1, "colour"),
                (self.GOOD + "origin: {connect_timeout_ms: soon}\n", 6, 30, "connect_timeout_ms"),
                (self.GOOD.replace("127.0.0.1:0, kind", "0.0.0.0:3128, kind"), 3, None, "open relay"),
                (self.GOOD.replace("kind: explicit", "kind: magic"), 3, None, "magic"),
                (self.GOOD + "origin: {allow_destinations: [10.0.0.0/33]}\n", 6, None, "10.0.0.0/33"),
                (self.GOOD + "name: again\n", 6, 1, "name"),
                (self.GOOD + "spool: [\n", None, None, "")):
            with self.subTest(text=text):
                failed = self.start("sluice-proxy", text)
                self.assertEqual(failed.returncode, 2, failed.stderr)
                self.assertIn(word, failed.stderr)
                place = rf"test\.yaml:{line or '[0-9]+'}:{column or '[0-9]+'}: "
                self.assertRegex(failed.stderr, place)

    def test_missing_file(self):
        for program in ("sluice-proxy", "sluice-events"):
            failed = programs.run([programs.BIN / program, "--config", self.directory / "none.yaml"])
            self.assertEqual(failed.returncode, 2)
            self.assertIn("none.yaml", failed.stderr)

    def test_store_errors(self):
        failed = self.start("sluice-events", "ingest: {address: 0.0.0.0:8445}\nstore: {sqlite: {directory: s}}\n")
        self.assertEqual(failed.returncode, 2)
        self.assertRegex(failed.stderr, r"test\.yaml:1:\d+: .*tls")

    def test_address_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            failed = self.start("sluice-proxy", self.GOOD.replace("{address: 127.0.0.1:0}", "{address: 127.0.0.1:%d}"
                                                                  % taken.getsockname()[1]))
        self.assertNotEqual(failed.returncode, 0)
        self.assertRegex(failed.stderr, "(?i)in use")

    def test_usage(self):
        for program in ("sluice-proxy", "sluice-events", "sluicectl"):
            with self.subTest(program=program):
                self.assertEqual(programs.run([programs.BIN / program, "--help"]).returncode, 0)
                self.assertEqual(programs.run([programs.BIN / program, "--no-such-option"]).returncode, 2)
                version = programs.run([programs.BIN / program, "--version"])
                self.assertEqual(version.returncode, 0)
                self.assertRegex(version.stdout, r"\d+\.\d+\.\d+")

    def test_secrets_are_not_shown(self):
        shown = programs.run([programs.BIN / "sluicectl", "config", "check", self.write("good.yaml", self.GOOD)])
        self.assertEqual(shown.returncode, 0, shown.stderr)

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path


class Logs(unittest.TestCase):
    def test_json(self):
        with stack.Stack(proxy={"log": {"format": "json"}}) as running:
            lines = list(running.proxy.program.lines)
        for line in filter(None, lines):
            self.assertIsInstance(json.loads(line), dict, line)


if __name__ == "__main__":
    unittest.main()
