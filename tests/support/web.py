"""An event store with its HTTP interface, and requests to it."""
import json
import urllib.error
import urllib.parse
import urllib.request

from tests.support import stack, wait


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class WebStore(stack.Store):
    """A store that also listens for HTTP; `self.url` once it runs."""

    def __init__(self, directory, tokens="required", **changes):
        http = {"address": "127.0.0.1:0", "tokens": tokens, **changes.pop("http", {})}
        super().__init__(directory, http=http, **changes)

    def start(self):
        super().start()
        scheme = "https" if self.settings["http"].get("tls") else "http"
        host, port = self.program.listener(scheme)
        self.settings["http"]["address"] = f"{host}:{port}"
        self.url = f"{scheme}://{host}:{port}"
        return self

    def token(self, *scopes, name="test", expires=None):
        done = self.ctl("token", "create", name, "--scope", ",".join(scopes or ("read", "export")),
                        *(["--expires", expires] if expires else []))
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def ask(self, path, token="", method="GET", headers=None, body=None, **parameters):
        """One request; an Answer, whatever its status."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path + ("?" + query if query else ""), data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=wait.DEADLINE_SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.headers, refused.read())
