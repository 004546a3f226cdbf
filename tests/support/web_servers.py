"""Witnesses: origins of other people, each of which says which requests it believes to have received. Node and nginx as
they are, h11 and python3-h2 on a recorder of our own that keeps the bytes too. Every answer's content is the method and
target of the request that it answers."""
import dataclasses
import json
import pathlib
import shutil
import socket
import ssl
import tempfile

import h11
import h2.config
import h2.connection
import h2.events
import h2.exceptions

from tests.support import origins, programs, wait

_NODE = """
const fs = require("fs");
const [seen, version, certificate, key] = process.argv.slice(2);
const log = fs.openSync(seen, "a");
const identity = certificate && {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)};
const answer = (request, response) => {
  const parts = [];
  request.on("error", () => {});
  response.on("error", () => {});
  request.on("data", part => parts.push(part));
  request.on("end", () => {
    if (request.aborted || request.stream?.rstCode) return;  // HTTP/2 says "end" of those too
    fs.writeSync(log, JSON.stringify({method: request.method, target: request.url,
                                      host: request.authority || request.headers.host,
                                      body: Buffer.concat(parts).toString("latin1")}) + "\\n");
    response.writeHead(200, {"content-type": "text/plain"});
    response.end(request.method + " " + request.url);
  });
};
const server = version === "h2" ? require("http2").createSecureServer(identity, answer)
             : identity ? require("https").createServer(identity, answer) : require("http").createServer(answer);
server.on("sessionError", () => {});
server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", () => console.error("node listening on 127.0.0.1:" + server.address().port));
"""

# Passes requests on inside itself: only so does nginx read, and log, a body.
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  log_format seen escape=json '{{"method":"$request_method","target":"$request_uri","host":"$http_host",'
                              '"body":"$request_body","status":$status}}';
  client_max_body_size 0; client_body_buffer_size 64k; client_body_in_single_buffer on; keepalive_requests 10000;
  server {{
    listen 127.0.0.1:{port} {options}; {tls} access_log {folder}/seen seen;
    location / {{ proxy_pass http://unix:{folder}/inside:; }}
  }}
  server {{ listen unix:{folder}/inside; access_log off; default_type text/plain;
            location / {{ return 200 "$request_method $request_uri"; }} }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a witness speaks: a version of HTTP, over TLS where there is an `identity` (certificate, key)."""
    version: str = "http/1.1"
    identity: tuple = ()

    def context(self):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*self.identity)
        made.set_alpn_protocols([self.version])
        return made


class WebServer:
    """`port`, and `requests()` (method, target, host, body) in the order in which they ended. To be closed."""

    name = ""

    def __init__(self, kind=Kind()):
        self.kind = kind
        self._temporary = tempfile.TemporaryDirectory(prefix=f"sluice-{self.name}-")
        self.folder = pathlib.Path(self._temporary.name)
        self.folder.chmod(0o755)
        self.seen = self.folder / "seen"
        self.seen.touch()
        self.start()

    def start(self):
        raise NotImplementedError

    def close(self):
        self.program.kill()
        self._temporary.cleanup()

    def requests(self):
        """Whole ones: nginx logs also those that broke off, with another status."""
        seen = [json.loads(line) for line in self.seen.read_text().splitlines()]
        return [request for request in seen if request.pop("status", 200) == 200]


class Node(WebServer):
    name = "node"

    def start(self):
        (self.folder / "server.js").write_text(_NODE)
        self.program = programs.Program("node", ["node", self.folder / "server.js", self.seen, self.kind.version,
                                                 *self.kind.identity], self.folder)
        self.port = self.program.listener("node")[1]


class Nginx(WebServer):
    name = "nginx"

    def start(self):
        options, tls = "", ""
        if self.kind.identity:
            options = "ssl http2" if self.kind.version == "h2" else "ssl"
            tls = "ssl_certificate %s; ssl_certificate_key %s;" % self.kind.identity
        for _ in range(10):  # nginx takes no port 0, and somebody else may take the free one first
            self.port = origins.closed_port()
            (self.folder / "nginx.conf").write_text(
                _NGINX.format(folder=self.folder, port=self.port, options=options, tls=tls))
            program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
            self.program = programs.Program("nginx", [program, "-p", self.folder, "-c", self.folder / "nginx.conf"],
                                            self.folder)
            wait.until(lambda: not self.program.running() or self.answers(), "nginx")
            if self.program.running():
                return
            (self.folder / "inside").unlink(missing_ok=True)
        raise AssertionError("nginx does not start:\n" + self.program.text())

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False


@dataclasses.dataclass
class Heard:
    """One connection of a Recorder. `broken`: what the other people's parser found wrong with it."""
    raw: bytes = b""
    requests: list = dataclasses.field(default_factory=list)
    fields: list = dataclasses.field(default_factory=list)  # of each request, trailers too: (name, value)
    broken: str = ""


class Recorder(origins.Origin):
    """Keeps each connection's bytes, and what h11 or python3-h2 read in them."""

    name = "recorder"

    def __init__(self, kind=Kind()):
        self.kind = kind
        self.heard = []
        self._context = kind.context() if kind.identity else None
        super().__init__()

    def requests(self):
        return [request for heard in list(self.heard) for request in heard.requests]

    def of(self, path):
        """The connections on which a text passed."""
        return [heard for heard in list(self.heard) if path.encode() in heard.raw or
                any(path in request["target"] for request in heard.requests)]

    def serve(self, connection):
        if self._context:
            connection.sock = self._context.wrap_socket(connection.sock, server_side=True)
        heard = Heard()
        self.heard.append(heard)
        try:
            (self._serve_streams if self.kind.version == "h2" else self._serve_messages)(connection, heard)
        except (h11.RemoteProtocolError, h2.exceptions.ProtocolError) as problem:
            heard.broken = f"{type(problem).__name__}: {problem}"

    @staticmethod
    def _receive(connection, heard):
        data = connection.recv()
        heard.raw += data
        return data

    def _serve_messages(self, connection, heard):
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 16)
        while True:
            event = talk.next_event()
            if event is h11.NEED_DATA:
                if talk.they_are_waiting_for_100_continue:
                    connection.sendall(talk.send(h11.InformationalResponse(status_code=100, headers=[])))
                talk.receive_data(self._receive(connection, heard))
            elif isinstance(event, h11.Request):
                request, body, fields = event, b"", list(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                text = self._note(heard, request.method, request.target, dict(fields).get(b"host", b""), body,
                                  [*fields, *event.headers])
                connection.sendall(talk.send(h11.Response(status_code=200, headers=[
                    ("content-length", str(len(text))), ("content-type", "text/plain")])))
                if request.method != b"HEAD":
                    connection.sendall(talk.send(h11.Data(data=text)))
                connection.sendall(talk.send(h11.EndOfMessage()))
                if talk.our_state is h11.MUST_CLOSE:
                    return
                talk.start_next_cycle()
            else:
                return

    def _serve_streams(self, connection, heard):
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        talk.initiate_connection()
        open_streams = {}
        while True:
            connection.sendall(talk.data_to_send())
            data = self._receive(connection, heard)
            if not data:
                return
            for event in talk.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    open_streams[event.stream_id] = (list(event.headers), bytearray())
                elif isinstance(event, h2.events.TrailersReceived):
                    open_streams[event.stream_id][0].extend(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    open_streams[event.stream_id][1].extend(event.data)
                    talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    open_streams.pop(event.stream_id, None)
                elif isinstance(event, h2.events.StreamEnded):
                    fields, body = open_streams.pop(event.stream_id)
                    pseudo = dict(fields)
                    text = self._note(heard, pseudo[b":method"], pseudo[b":path"], pseudo[b":authority"], bytes(body),
                                      fields)
                    head = pseudo[b":method"] == b"HEAD"
                    talk.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain")], head)
                    if not head:
                        talk.send_data(event.stream_id, text, end_stream=True)

    @staticmethod
    def _note(heard, method, target, host, body, fields):
        heard.fields.append([(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields])
        heard.requests.append({"method": method.decode(), "target": target.decode(), "host": host.decode(),
                               "body": body.decode("latin-1")})
        return method + b" " + target
