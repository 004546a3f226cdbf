"""An HTTP/2 origin of other people (Node), and clients of other people that speak HTTP/2 through the proxy."""
import json
import pathlib
import ssl
import tempfile

from tests.support import clients, detour, h2_tunnel, programs

# /bytes/N, /echo (hash of the body), /status/N, /slow/N (N KiB, one a tick), /wait (until /go), /trailers, /hints,
# /early (an answer before the request's end), /reset/CODE, /goaway (and then the answer), /close,
# /cut (in the middle of the answer); a WebSocket echoes.
_SERVER = r"""
const http2 = require("http2"), crypto = require("crypto"), fs = require("fs");
const [certificate, key, versions, log] = process.argv.slice(2);
const seen = fs.openSync(log, "a"), waiting = new Set();
let sessions = 0, open = 0;
const identity = {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)};
const server = versions === "http/1.1" ? require("https").createServer(identity) : http2.createSecureServer({
  ...identity, allowHTTP1: versions.includes("http/1.1"),
  settings: {enableConnectProtocol: true, maxConcurrentStreams: 2000},
});
server.on("session", session => { sessions += 1; open += 1; session.on("close", () => { open -= 1; }); });
server.on("sessionError", () => {});
server.on("stream", stream => stream.on("error", () => {}));
server.on("connect", (request, response) => {
  if (request.headers[":protocol"] !== "websocket") return response.stream.close(8);
  response.stream.respond({":status": 200});
  response.stream.pipe(response.stream);
});
server.on("upgrade", (request, socket, head) => {
  const accept = crypto.createHash("sha1").update(request.headers["sec-websocket-key"] +
                                                  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
               "Sec-WebSocket-Accept: " + accept + "\r\n\r\n");
  if (head.length) socket.write(head);
  socket.pipe(socket);
});
server.on("request", (request, response) => {
  if (request.method === "CONNECT") return;
  const [, kind, argument] = request.url.split("?")[0].split("/");
  fs.writeSync(seen, JSON.stringify({method: request.method, target: request.url, version: request.httpVersion,
    authority: request.authority || request.headers.host, headers: request.headers, sessions: sessions}) + "\n");
  response.on("error", () => {});
  request.on("error", () => {});
  const number = parseInt(argument || "0");
  if (kind === "bytes") {
    response.writeHead(200, {"content-type": "text/plain"});
    let left = number;
    const more = () => {
      while (left > 0) {
        const size = Math.min(left, 65536);
        left -= size;
        if (!response.write(Buffer.alloc(size, "s"))) return response.once("drain", more);
      }
      response.end();
    };
    more();
  } else if (kind === "echo") {
    const digest = crypto.createHash("sha256");
    request.on("data", part => digest.update(part));
    request.on("end", () => response.end(digest.digest("hex")));
  } else if (kind === "status") {
    response.writeHead(number); response.end();
  } else if (kind === "slow") {
    let left = number;
    const timer = setInterval(() => {
      if (left-- > 0) response.write("x".repeat(1024)); else { clearInterval(timer); response.end(); }
    }, 5);
    response.on("close", () => clearInterval(timer));
  } else if (kind === "wait") {
    waiting.add(response);
    response.on("close", () => waiting.delete(response));
  } else if (kind === "go") {
    for (const one of waiting) one.end("waited");
    response.end(String(waiting.size));
  } else if (kind === "waiting") {
    response.end(String(waiting.size));
  } else if (kind === "sessions") {
    response.end(sessions + " " + open);
  } else if (kind === "trailers") {
    response.writeHead(200, {"trailer": "x-sum"});
    response.write("with trailers");
    response.addTrailers({"x-sum": "13"});
    response.end();
  } else if (kind === "hints") {
    response.writeEarlyHints({link: "</style.css>; rel=preload; as=style"});
    response.end("hinted");
  } else if (kind === "reset") {
    request.stream.close(number);
  } else if (kind === "goaway") {
    request.stream.session.goaway(0, request.stream.id);
    setTimeout(() => response.end("gone"), 50);
  } else if (kind === "close") {
    (response.stream ? response.stream.session : request.socket).destroy();
  } else if (kind === "cut") {
    response.writeHead(200, {"content-length": "100000"});
    response.write("half", () => (response.stream ? response.stream.session : request.socket).destroy());
  } else if (kind === "early") {
    response.writeHead(413);
    response.end("enough");
  } else if (kind === "push") {
    response.createPushResponse({":path": "/pushed"}, (error, pushed) => { if (!error) pushed.end("pushed"); });
    response.end("pushing");
  } else if (kind === "page.html") {
    response.writeHead(200, {"content-type": "text/html"});
    const parts = Array.from({length: 60}, (_, n) => `<script src='/part/${n}.js'></script>`).join("");
    response.end(`<html><body><p id=sum>0</p>${parts}</body></html>`.padEnd(4000));
  } else if (kind === "part") {
    response.writeHead(200, {"content-type": "text/javascript"});
    response.end("document.getElementById('sum').textContent++;");
  } else {
    response.end("node");
  }
});
server.listen(0, "127.0.0.1", () => console.error("node listening on 127.0.0.1:" + server.address().port));
"""


class Origin:
    """Node over TLS. `versions`: what it takes by ALPN: "h2", "h2,http/1.1" or "http/1.1". To be closed."""

    def __init__(self, certificate, key, versions="h2,http/1.1"):
        self._temporary = tempfile.TemporaryDirectory(prefix="sluice-h2-")
        folder = pathlib.Path(self._temporary.name)
        (folder / "server.js").write_text(_SERVER)
        self._seen = folder / "seen"
        self._seen.touch()
        self.program = programs.Program("node", ["node", folder / "server.js", certificate, key, versions, self._seen],
                                        folder)
        self.port = self.program.listener("node")[1]

    def close(self):
        self.program.kill()
        self._temporary.cleanup()

    def requests(self):
        """What it has seen, in order."""
        return [json.loads(line) for line in self._seen.read_text().splitlines()]


class Connector(detour.Detour):
    """A detour through a proxy's CONNECT, for clients that know of no proxies."""

    def __init__(self, proxy, host, port):
        self._host, self._port = host, port
        super().__init__(proxy)

    def connect(self):
        return clients.connect(self.target, self._host, self._port)[0]


def open_tls(proxy, host, port, root, alpn=("h2",)):
    """TLS inside a CONNECT."""
    sock, reply = clients.connect(proxy, host, port)
    if reply.status != 200:
        raise AssertionError(reply.raw)
    context = ssl.create_default_context(cafile=root)
    context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(sock, server_hostname=host)


class Client(h2_tunnel.Tunnel):
    """python3-h2 through a proxy's CONNECT. One connection; not for several threads."""

    def __init__(self, proxy, host, port, root):
        self.authority = f"{host}:{port}"
        self.speak(open_tls(proxy, host, port, root))

    def request(self, path, method="GET", fields=(), end=True, authority=None, protocol=None):
        """Begins a request; without `end` its body follows by send()."""
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = stream = h2_tunnel.Stream(number)
        pseudo = [(":method", method), (":scheme", "https"), (":authority", authority or self.authority),
                  (":path", path)]
        if protocol:
            pseudo.append((":protocol", protocol))
        self.h2.send_headers(number, [*pseudo, *fields], end_stream=end)
        self.flush()
        return stream

    def fetch(self, path, **request):
        """The stream of a request without a body, once it is answered."""
        stream = self.request(path, **request)
        self.until(lambda: stream.ended or stream.reset is not None, f"the answer to {path}")
        return stream
