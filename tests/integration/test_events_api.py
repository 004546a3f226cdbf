"""The HTTP interface of the event store, spoken to by urllib and curl."""
import csv
import http.client
import io
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

from tests.support import certificates, events_feed, programs, stack, wait, web

COUNT = 3000
V1 = "/api/sluice/v1"


class WebCase(unittest.TestCase):
    maxDiff = None
    tokens = "required"
    settings = {}
    count = COUNT

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-web-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.store = web.WebStore(cls.directory, tokens=cls.tokens, **cls.settings)
        cls.store.start()
        cls.addClassCleanup(cls.store.program.stop)
        events_feed.feed(cls.store, cls.count, "--open")
        cls.token = cls.store.token("read", "export")

    def ask(self, path, status=200, token=None, **options):
        answer = self.store.ask(path, self.token if token is None else token, **options)
        self.assertEqual(answer.status, status, answer.body[:400])
        return answer


class Reading(WebCase):
    def test_search_pages_through_everything_once(self):
        seen, page = [], ""
        while True:
            found = self.ask(V1 + "/events/search", page_size=1000, page_token=page, start="now-2h").json()
            seen += [stored["record"]["_id"] for stored in found["records"]]
            page = found["next_page_token"]
            if not page:
                break
        self.assertEqual((len(seen), len(set(seen))), (COUNT + 1, COUNT + 1))
        finals = self.ask(V1 + "/events/search", page_size=1, finals_only="true", query="host eq still-open.example")
        self.assertEqual(finals.json()["records"], [])

    def test_get_and_post_say_the_same(self):
        asked = {"query": "app eq Dropbox", "fields": ["user", "action"], "limit": 5}
        by_get = self.ask(V1 + "/events/values", **asked).json()
        by_post = self.ask(V1 + "/events/values", method="POST", body=asked).json()
        self.assertEqual(by_get, by_post)
        self.assertEqual(sum(v["count"] for v in by_get["fields"][1]["values"]), COUNT // 7)

    def test_sums_agree_with_each_other(self):
        histogram = self.ask(V1 + "/events/histogram", start="now-2h", stack_by="action").json()
        total = sum(sum(series["counts"]) for series in histogram["series"])
        groups = self.ask(V1 + "/events/aggregate", group_by="action", metrics=["count", "sum:numbytes"]).json()
        self.assertEqual(total, COUNT)
        self.assertEqual(sum(group["values"][0] for group in groups["groups"]), COUNT)
        filtered = self.ask(V1 + "/events/aggregate", query="numbytes gte 0", metrics=["count", "sum:numbytes"]).json()
        self.assertEqual(filtered["groups"][0]["values"], [COUNT, sum(g["values"][1] for g in groups["groups"])])
        self.assertEqual(self.ask(V1 + "/events/aggregate", view="all").json()["groups"][0]["values"],
                         [COUNT + COUNT // 7])

    def test_a_wrong_query_says_where(self):
        wrong = self.ask(V1 + "/events/search", 400, query="app eq Dropbox and hots eq x").json()["error"]
        self.assertEqual((wrong["offset"], wrong["length"]), (19, 4))
        for path, parameters in (("/events/search", {"no_such": 1}), ("/events/search", {"start": "yesterdayish"}),
                                 ("/events/aggregate", {"metrics": "sum:user"}), ("/events/values", {}),
                                 ("/events/histogram", {"bucket_ms": 1}), ("/events/export", {"format": "xls"})):
            with self.subTest(path=path):
                self.assertIn("message", self.ask(V1 + path, 400, **parameters).json()["error"])

    def test_exports_at_once_and_as_a_file(self):
        text = self.ask(V1 + "/events/export", format="csv", query="action eq alert", columns=["user", "host"]).body
        rows = list(csv.DictReader(io.StringIO(text.decode())))
        self.assertEqual((len(rows), set(rows[0])), (COUNT // 13, {"user", "host"}))
        job = self.ask(V1 + "/exports", 202, method="POST", body={"format": "ndjson"}).json()
        wait.until(lambda: self.ask(f"{V1}/exports/{job['id']}").json()["state"] == "done", "the file")
        lines = self.ask(f"{V1}/export-files/{job['id']}").body.splitlines()
        self.assertEqual(len({json.loads(line)["_id"] for line in lines}), COUNT)
        self.ask(f"{V1}/exports/{job['id']}", 404, token=self.store.token("export"))

    def test_saved_queries(self):
        made = self.ask(V1 + "/queries", 201, method="POST",
                        body={"name": "Blocked", "query": "action eq block", "columns": ["user"]}).json()
        self.assertIn(made, self.ask(V1 + "/queries").json()["queries"])
        self.ask(V1 + "/queries", 400, method="POST", body={"name": "Wrong", "query": "hots eq 1"})
        self.ask(f"{V1}/queries/{made['id']}", method="DELETE")
        self.assertEqual(self.ask(V1 + "/queries").json()["queries"], [])

    def test_every_path_of_the_document_is_there_and_guarded(self):
        document = self.ask("/api/openapi.json", token="").json()
        for path, operations in document["paths"].items():
            for method in operations:
                answer = self.store.ask(path.replace("{id}", "x"), method=method.upper())
                self.assertEqual(answer.status, 401, f"{method} {path}")
        self.ask("/api/sluice/v1/nothing", 404)
        self.ask(V1 + "/events/search", 405, method="DELETE")

    def test_reads_are_written_down(self):
        reader = self.store.token("read", name="curious")
        for _ in range(3):
            self.ask(V1 + "/events/search", token=reader, query="user eq user7@corp.example")
        query = "record_type eq audit and actor eq curious"
        found = wait.until(lambda: self.store.search(query), "the audit record")
        self.assertEqual([(f["audit_action"] if "audit_action" in f else f["action"], f["target"]) for f in found],
                         [("search", "user eq user7@corp.example")])


class Guarding(WebCase):
    count = 50

    def test_tokens_and_scopes(self):
        reader = self.store.token("read")
        self.ask(V1 + "/who", 401, token="")
        self.ask(V1 + "/who", 401, token="sluice_" + "0" * 64)
        self.ask(V1 + "/events/export", 403, token=reader)
        self.ask("/api/v2/events/data/page", 403, token=reader)
        self.ask(V1 + "/events/search", 403, token=self.store.token("export"))
        self.assertEqual(self.ask(V1 + "/who", token=self.store.token("admin")).json()["scopes"], ["admin"])
        by_header = self.store.ask("/api/v2/events/data/page", headers={"Netskope-Api-Token": self.token})
        self.assertEqual(by_header.status, 200)

    def test_a_token_of_another_tenant_is_nothing_here(self):
        directory = self.directory / "other"
        directory.mkdir()
        other = web.WebStore(directory, tenant="other")
        other.start()
        self.addCleanup(other.program.stop)
        events_feed.feed(other, 5)
        self.assertEqual(other.ask(V1 + "/events/search", other.token("admin")).status, 200)
        self.ask(V1 + "/events/search", 401, token=other.token("admin"))
        self.assertEqual(other.ask(V1 + "/events/search", self.token).status, 401)

    def test_changes_of_a_policy_need_the_scope(self):
        for path in ("/policy", "/policy/rollback"):
            self.ask(V1 + path, 403, method="POST", body={"reason": "x"})
            answer = self.ask(V1 + path, 400, method="POST", body={"reason": "x"}, token=self.store.token("admin"))
            self.assertIn("no PoP is configured", answer.json()["error"]["message"])
        self.assertEqual(self.ask(V1 + "/pops").json(), {"pops": []})

    def test_a_revoked_token_is_refused_at_once(self):
        token = self.store.token("read", name="short-lived")
        self.ask(V1 + "/who", token=token)
        lines = self.store.ctl("token", "list").stdout.splitlines()
        listed = [line.split()[0] for line in lines if "short-lived" in line]
        self.assertEqual(self.store.ctl("token", "revoke", listed[0]).returncode, 0)
        self.ask(V1 + "/who", 401, token=token)

    def test_headers_of_console_and_answers(self):
        page = self.ask("/", token="")
        policy = page.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(page.headers["X-Frame-Options"], "DENY")
        answer = self.ask(V1 + "/who")
        self.assertEqual((answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]),
                         ("no-store", "nosniff"))
        self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])

    def test_odd_requests_are_refused_not_obeyed(self):
        host, port = urllib.parse.urlsplit(self.store.url).netloc.split(":")
        for head in (b"GET /%2e%2e/%2e%2e/etc/passwd.txt HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"POST /api/sluice/v1/queries HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"):
            with socket.create_connection((host, int(port)), timeout=wait.DEADLINE_SECONDS) as sock:
                sock.sendall(head)
                self.assertRegex(sock.recv(100).decode(), r"^HTTP/1\.1 4\d\d ")
        self.assertTrue(self.store.program.running())

    def test_curl_over_many_connections(self):
        done = subprocess.run(["curl", "-sS", "--parallel", "--parallel-max", "40", "-o", "/dev/null", "-w",
                               "%{http_code}\n", "-H", f"Authorization: Bearer {self.token}",
                               f"{self.store.url}{V1}/events/search?page_size=[1-60]"],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.stdout.split(), ["200"] * 60, done.stderr)


class OverTls(WebCase):
    count = 10

    @classmethod
    def setUpClass(cls):
        cls.authority = certificates.Authority(tempfile.mkdtemp(prefix="sluice-web-ca-"))
        cls.addClassCleanup(shutil.rmtree, cls.authority.directory, ignore_errors=True)
        certificate, key = cls.authority.issue("127.0.0.1")
        cls.settings = {"http": {"tls": {"certificate": str(certificate), "key": str(key)}}}
        super().setUpClass()

    def test_curl_trusts_the_certificate_and_nothing_answers_in_clear(self):
        host, port = self.store.program.listener("https")
        command = ["curl", "-sS", "--cacert", str(self.authority.certificate),
                   "-H", f"Authorization: Bearer {self.token}"]
        target = f"{host}:{port}{V1}/events/search?page_size=3"
        done = subprocess.run([*command, "https://" + target], capture_output=True, text=True, timeout=60)
        self.assertEqual(len(json.loads(done.stdout)["records"]), 3, done.stderr)
        tail = subprocess.run([*command, "-N", "--max-time", "2", f"https://{host}:{port}{V1}/events/tail"],
                              capture_output=True, text=True, timeout=60)
        self.assertIn("event: position", tail.stdout)
        clear = subprocess.run([*command, "http://" + target], capture_output=True, timeout=60)
        self.assertNotEqual(clear.returncode, 0)
        old = subprocess.run([*command, "--tls-max", "1.1", "https://" + target], capture_output=True, timeout=60)
        self.assertNotEqual(old.returncode, 0)

    def test_another_address_than_loopback_needs_tls(self):
        configuration = self.directory / "open.yaml"
        settings = {**self.store.settings, "http": {"address": "0.0.0.0:8447"}}
        stack.write_configuration(configuration, settings)
        done = programs.run([programs.BIN / "sluice-events", "--config", configuration, "--check"], self.directory)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("http.address", done.stderr)
        self.assertIn("tls", done.stderr)


class WithoutTokens(WebCase):
    tokens = "optional"
    count = 20

    def test_this_machine_reads_but_foreign_pages_do_not(self):
        self.ask(V1 + "/who", token="")
        self.ask(V1 + "/who", 403, token="", headers={"Origin": "https://evil.example"})
        self.ask(V1 + "/who", 403, token="", headers={"Sec-Fetch-Site": "cross-site"})
        self.ask(V1 + "/who", 403, token="", headers={"Host": "rebound.example"})


class Tail(WebCase):
    count = 30

    def follow(self, handler, last_id=None, **parameters):
        """Reads the stream and hands every block to `handler` until that says True; returns the last id."""
        address = urllib.parse.urlsplit(self.store.url).netloc
        link = http.client.HTTPConnection(address, timeout=wait.DEADLINE_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Encoding": "gzip, deflate, br"}  # as browsers do
        if last_id:
            headers["Last-Event-ID"] = last_id
        link.request("GET", f"{V1}/events/tail?{urllib.parse.urlencode(parameters)}", headers=headers)
        answer = link.getresponse()
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        block, done = {}, False
        while not done:
            line = answer.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                block[name] = value
                last_id = value if name == "id" else last_id
            else:
                done, block = handler(block), {}
        link.close()
        return last_id

    def test_a_reader_that_comes_back_misses_nothing_and_sees_nothing_twice(self):
        place = self.follow(lambda block: block.get("event") == "position")
        seen = []

        def take(count):
            def handler(block):
                if "event" not in block:
                    seen.append(json.loads(block["data"])["_id"])
                return len(seen) >= count
            return handler

        events_feed.feed(self.store, 40, producer=77)
        place = self.follow(take(25), place, query="host exists")
        events_feed.feed(self.store, 20, producer=78)
        self.follow(take(60), place, query="host exists")
        self.assertEqual(len(set(seen)), 60)

    def test_a_reader_of_a_store_that_was_restarted_misses_nothing(self):
        events_feed.feed(self.store, 20, producer=90)
        place = self.follow(lambda block: block.get("event") == "position")
        events_feed.feed(self.store, 15, producer=91)  # while the reader is away, and so is the store
        self.store.program.stop()
        self.store.settings["http"]["address"] = self.store.url.removeprefix("http://")
        self.store.start()
        type(self).addClassCleanup(self.store.program.stop)
        seen = []

        def handler(block):
            if "event" not in block:
                seen.append(json.loads(block["data"])["_id"])
            return len(seen) >= 15
        self.follow(handler, place, query="host exists")
        self.assertEqual(len(set(seen)), 15)

    def test_live_events_arrive_while_others_are_read(self):
        seen = threading.Event()

        def handler(block):
            if block.get("event") == "position":
                seen.set()
                return False
            return "event" not in block

        reader = threading.Thread(target=self.follow, args=(handler,))
        reader.start()
        self.assertTrue(seen.wait(wait.DEADLINE_SECONDS))
        events_feed.feed(self.store, 5, producer=79)
        reader.join(wait.DEADLINE_SECONDS)
        self.assertFalse(reader.is_alive())


if __name__ == "__main__":
    unittest.main()
