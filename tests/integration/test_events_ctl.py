"""sluicectl against a store that holds events: exports, tokens, backups; and why a store does not start."""
import csv
import io
import json
import pathlib
import shutil
import socket
import tempfile
import unittest

from tests.support import events_feed, programs, stack, wait

COUNT = 2500


class StoreCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-ctl-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.store = stack.Store(cls.directory)
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        events_feed.feed(cls.store, COUNT, "--open", "--script")


class Export(StoreCase):
    def export(self, *arguments):
        done = self.store.ctl("events", "export", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_every_final_event_once_and_no_open_one(self):
        lines = [json.loads(line) for line in self.export("--format", "ndjson").splitlines()]
        self.assertEqual(len(lines), COUNT + 1)
        self.assertEqual(len({line["_id"] for line in lines}), COUNT + 1)
        self.assertNotIn("open", {line["state"] for line in lines})

    def test_every_format(self):
        for form in ("json", "ndjson", "csv", "cef", "ecs", "ocsf"):
            with self.subTest(format=form):
                text = self.export("app eq Dropbox", "--format", form)
                if form == "json":
                    count = len(json.loads(text))
                elif form == "csv":
                    count = len(list(csv.DictReader(io.StringIO(text))))
                elif form == "cef":
                    count = sum(line.startswith("CEF:0|") for line in text.splitlines())
                else:
                    count = len([json.loads(line) for line in text.splitlines()])
                self.assertEqual(count, COUNT // 7)

    def test_file_and_refusals(self):
        target = self.directory / "export.csv"
        done = self.store.ctl("events", "export", "action eq block", "--format", "csv", "--output", str(target))
        count = COUNT // 11 - COUNT // (11 * 13)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(done.stderr, f"sluicectl: {count} events are in {target}\n")
        nowhere = str(self.directory / "no" / "x.csv")
        missing = self.store.ctl("events", "export", "--format", "csv", "--output", nowhere)
        self.assertEqual(missing.returncode, 2)
        self.assertIn("x.csv: No such file or directory", missing.stderr)
        self.assertEqual(len(target.read_text().splitlines()), 1 + COUNT // 11 - COUNT // (11 * 13))
        refused = self.store.ctl("events", "export")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--format", refused.stderr)
        wrong = self.store.ctl("events", "export", "hots eq x", "--format", "csv")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("^", wrong.stderr)

    def test_a_gap_is_found_by_its_type_but_has_no_id(self):
        self.assertEqual(len(self.store.search("record_type eq gap")), 1)
        self.assertEqual(self.store.search("record_type eq gap and event_id exists"), [])


class Tokens(StoreCase):
    def test_create_list_revoke(self):
        made = self.store.ctl("token", "create", "siem", "--scope", "read,export", "--expires", "30d")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertRegex(made.stdout, r"^sluice_[0-9a-f]{64}\n$")
        short = self.store.ctl("token", "create", "büro", "--scope", "read", "--expires", "1s")
        self.assertEqual(short.returncode, 0, short.stderr)
        wait.until(lambda: "expired" in self.store.ctl("token", "list").stdout, "the token to expire")
        listed = self.store.ctl("token", "list").stdout
        heading, *lines = listed.splitlines()
        self.assertEqual(heading.split(), ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST", "USED"])
        for line in lines:  # as wide as their widest cell
            self.assertEqual((line[heading.index("SCOPES") - 1], line[heading.index("CREATED") - 1]), (" ", " "), line)
        self.assertEqual([line[heading.index("SCOPES"):].split()[0] for line in lines], ["read,export", "read"])
        self.assertNotIn(made.stdout.strip(), listed)
        stored = b"".join(path.read_bytes() for path in (self.directory / "store").glob("registry.db*"))
        self.assertNotIn(made.stdout.strip().encode(), stored)
        for line in lines:
            name = line.split()[0]
            self.assertEqual(self.store.ctl("token", "revoke", name).returncode, 0)
        self.assertIn("sluicectl token create", self.store.ctl("token", "list").stdout)
        again = self.store.ctl("token", "revoke", name)
        self.assertEqual(again.returncode, 2)
        self.assertIn("`sluicectl token list` shows those there are", again.stderr)
        self.assertEqual(self.store.ctl("token", "create", "x", "--scope", "everything").returncode, 2)

    def test_backup_is_a_store(self):
        target = self.directory / "copy"
        done = self.store.ctl("events", "backup", str(target))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.store.ctl("events", "backup", str(target)).returncode, 0)
        with tempfile.TemporaryDirectory(prefix="sluice-copy-") as other:
            copy = stack.Store(other, store={"sqlite": {"directory": str(target)}})
            copy.start()
            try:
                self.assertEqual(len(copy.search("", limit=COUNT * 2)), COUNT + 2)
            finally:
                copy.program.stop()


class Listening(unittest.TestCase):
    def start(self, **changes):
        with tempfile.TemporaryDirectory(prefix="sluice-listen-") as directory:
            store = stack.Store(directory, **changes)
            stack.write_configuration(store.configuration, store.settings)
            done = programs.run([programs.BIN / "sluice-events", "--config", store.configuration], directory)
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def test_an_address_in_use_is_said_in_the_words_of_the_system(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.assertIn(f"ingest cannot listen on {address}: Address already in use",
                          self.start(ingest={"address": address}))
            self.assertIn(f"health cannot listen on {address}: Address already in use",
                          self.start(health={"address": address}))

    def test_an_address_that_is_not_ours(self):
        self.assertIn("health cannot listen on 192.0.2.1:9000: Cannot assign requested address",
                      self.start(health={"address": "192.0.2.1:9000"}))

    def test_a_socket_whose_folder_is_missing(self):
        self.assertIn("no-such-folder/q.sock: No such file or directory",
                      self.start(query={"socket": "/tmp/no-such-folder/q.sock"}))


if __name__ == "__main__":
    unittest.main()
