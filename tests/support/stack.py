"""An event store and a proxy on free ports of the loopback interface, with the configuration a test asks for."""
import contextlib
import json
import pathlib
import re
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request

from tests.support import programs, wait


def merged(base, changes):
    """`base` with `changes` laid over it, mapping by mapping; None removes a key."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _scalar(value):
    """A number, or a string that YAML takes as it stands, else in quotes."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9/][\w./:-]*", value):
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, bool) else str(value)


def to_yaml(value, indent=""):
    """Lines of YAML for nested mappings, lists and scalars."""
    if isinstance(value, dict):
        for key, item in value.items():
            nested = isinstance(item, dict) or isinstance(item, list) and any(isinstance(part, dict) for part in item)
            if nested and item:
                yield f"{indent}{_scalar(key)}:"
                yield from to_yaml(item, indent + "  ")
            elif isinstance(item, (dict, list)):
                yield f"{indent}{_scalar(key)}: " + ("[" + ", ".join(map(_scalar, item)) + "]" if item else "[]")
            else:
                yield f"{indent}{_scalar(key)}: {_scalar(item)}"
    else:
        for item in value:
            first, *rest = to_yaml(item, indent + "  ")
            yield f"{indent}- {first.strip()}"
            yield from rest


def write_configuration(path, settings):
    path.write_text("\n".join(to_yaml(settings)) + "\n")


class Store:
    """sluice-events. After a restart it listens where it listened before."""

    def __init__(self, directory, host=None, **changes):
        self.host = host
        self.directory = pathlib.Path(directory)
        self.configuration = self.directory / "events.yaml"
        self.socket = self.directory / "events.sock"
        self.settings = merged({
            "name": "store-test",
            "ingest": {"address": "127.0.0.1:0"},
            "query": {"socket": str(self.socket)},
            "health": {"address": "127.0.0.1:0"},
            "store": {"sqlite": {"directory": str(self.directory / "store"), "retention_days": 0}},
        }, changes)
        self.program = None

    def start(self):
        write_configuration(self.configuration, self.settings)
        command = [programs.BIN / "sluice-events", "--config", self.configuration]
        self.program = programs.Program("sluice-events", command, self.directory, host=self.host)
        host, port = self.program.listener("ingest")
        self.settings["ingest"]["address"] = f"{host}:{port}"
        wait.until(self._answers, "an answer at the query socket")
        return self

    def _answers(self):
        """A killed store leaves its socket file behind: only a connection shows that the new one listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    @property
    def ingest(self):
        return self.settings["ingest"]["address"]

    def ctl(self, *arguments, seconds=None):
        return programs.run([programs.BIN / "sluicectl", "--server", f"unix:{self.socket}", *arguments],
                            self.directory, seconds=seconds)

    def search(self, query="", limit=1000, view="primary"):
        """The events that `sluicectl events search` prints as NDJSON, newest first."""
        done = self.ctl("events", "search", query, "--last", "1h", "--format", "ndjson", "--limit", str(limit),
                        "--view", view)
        if done.returncode != 0:
            raise AssertionError(f"search {query!r} ended with {done.returncode}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def wait_for_events(self, query, count=1, final=True, seconds=None, view="primary"):
        """Waits until exactly `count` events match and, with `final`, none of them is open any more."""
        def arrived():
            events = self.search(query, view=view)
            if len(events) > count:
                raise AssertionError(f"{query!r} finds {len(events)} events instead of {count}: {events}")
            if len(events) == count and not (final and any(event["state"] == "open" for event in events)):
                return events
            return None
        try:
            return wait.until(arrived, f"{count} events for {query!r}", seconds)
        except wait.DeadlinePassed as late:
            found = self.search("")[:20]
            raise wait.DeadlinePassed(f"{late}; the newest events are {json.dumps(found, indent=1)}") from None


class _Configured:
    """A program with a configuration file and a health listener."""

    PROGRAM = None
    LISTENERS = None  # the key of its listeners

    def __init__(self, directory, settings, host):
        self.directory = pathlib.Path(directory)
        self.configuration = self.directory / f"{self.PROGRAM}.yaml"
        self.settings = settings
        self.host = host
        self.program = None

    def start(self):
        write_configuration(self.configuration, self.settings)
        command = [programs.BIN / self.PROGRAM, "--config", self.configuration]
        self.program = programs.Program(self.PROGRAM, command, self.directory, host=self.host)
        if self.settings[self.LISTENERS]:
            self.address = self.program.listener(self.settings[self.LISTENERS][0]["name"])
        self.health = self.program.listener("health")
        return self

    def restart(self):
        """Starts again after an end, on the addresses it had."""
        for listener in self.settings[self.LISTENERS]:
            listener["address"] = "%s:%d" % self.program.listener(listener["name"])
        self.settings["health"] = {"address": "%s:%d" % self.health}
        return self.start()

    def reload(self, **changes):
        """Changes the configuration file and sends SIGHUP; returns the index of the first log line after it."""
        self.settings = merged(self.settings, changes)
        write_configuration(self.configuration, self.settings)
        seen = len(self.program.lines)
        self.program.signal(signal.SIGHUP)
        return seen

    def get(self, path):
        """(status, text) of the health listener's answer."""
        host, port = self.health
        try:
            with self.host.inside() if self.host else contextlib.nullcontext(), \
                    urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=wait.DEADLINE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def metric(self, name, **labels):
        """Sum of all samples of a metric that carry these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            match = re.match(rf"{re.escape(name)}(\{{.*\}})? (\S+)$", line)
            if match and all(f'{key}="{value}"' in (match.group(1) or "") for key, value in labels.items()):
                total += float(match.group(2))
        return total


class Proxy(_Configured):
    """sluice-proxy, by default with one explicit listener."""

    PROGRAM = "sluice-proxy"
    LISTENERS = "listeners"

    def __init__(self, directory, store, ports=(), host=None, **changes):
        directory = pathlib.Path(directory)
        super().__init__(directory, merged({
            "name": "pop-test",
            "workers": 2,
            "listeners": [{"name": "explicit", "address": "127.0.0.1:0", "kind": "explicit"}],
            "health": {"address": "127.0.0.1:0"},
            "pages": {"page_ms": 0, "rollup_ms": 0},  # each request an event, at once
            "origin": {"allow_destinations": ["127.0.0.1/32"], "allow_ports": [443, 80, *ports]},
            "spool": {"directory": str(directory / "spool"), "max_bytes": "64MiB"},
            "events": {"address": store.ingest},
        }, changes), host)


class Client(_Configured):
    """sluice-client, by default with one local listener and both logs."""

    PROGRAM = "sluice-client"
    LISTENERS = "local_listeners"

    def __init__(self, directory, host=None, **changes):
        directory = pathlib.Path(directory)
        self.log = directory / "client.log"
        self.jsonl = directory / "client.jsonl"
        super().__init__(directory, merged({
            "name": "device-test",
            "local_listeners": [{"name": "local", "address": "127.0.0.1:0"}],
            "health": {"address": "127.0.0.1:0"},
            "client_log": {"file": str(self.log), "jsonl": str(self.jsonl)},
            "spool": {"directory": str(directory / "client-spool"), "max_bytes": "64MiB"},
        }, changes), host)

    def lines(self):
        """The lines of the client log."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait_for_log(self, text):
        """The first line of the client log that contains `text`."""
        return wait.until(lambda: next((line for line in self.lines() if text in line), None),
                          f"{text!r} in client.log")


class Stack:
    """A store and a proxy in a directory of their own, removed at the end. Use as a context or with close()."""

    def __init__(self, ports=(), proxy=None, store=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-"))
        self.store = Store(self.directory, **(store or {}))
        try:
            self.store.start()
            self.proxy = Proxy(self.directory, self.store, ports, **(proxy or {}))
            self.proxy.start()
        except BaseException:
            self.close(check=False)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close(check=kind is None)

    def close(self, check=True):
        """Ends both programs; with `check` they must end with 0 and without a sanitizer's word."""
        problems = []
        for part in (getattr(self, "proxy", None), self.store):
            if part is None or part.program is None:
                continue
            try:
                part.program.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        shutil.rmtree(self.directory, ignore_errors=True)
        if check and problems:
            raise AssertionError("\n".join(problems))
