"""Real web servers of other people as origins. Each says which requests it believes to have received."""
import json
import pathlib
import shutil
import socket
import tempfile

from tests.support import origins, programs, wait

_NODE = """
const http = require("http"), fs = require("fs");
const log = fs.openSync(process.argv[2], "a");
const server = http.createServer((request, response) => {
  let bytes = 0;
  request.on("data", part => { bytes += part.length; });
  request.on("end", () => {
    fs.writeSync(log, JSON.stringify({method: request.method, target: request.url, host: request.headers.host,
                                      bytes: bytes}) + "\\n");
    response.end("node");
  });
});
server.listen(0, "127.0.0.1", () => console.error("node listening on 127.0.0.1:" + server.address().port));
"""

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  log_format seen escape=json '{{"method":"$request_method","target":"$request_uri","host":"$http_host"}}';
  access_log {folder}/seen seen;
  client_max_body_size 0;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "nginx"; }} }}
}}
"""


class WebServer:
    """`port`, and `requests()` in the order in which they were logged. To be closed."""

    name = ""

    def __init__(self):
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
        return [json.loads(line) for line in self.seen.read_text().splitlines()]


class Node(WebServer):
    name = "node"

    def start(self):
        (self.folder / "server.js").write_text(_NODE)
        self.program = programs.Program("node", ["node", self.folder / "server.js", self.seen], self.folder)
        self.port = self.program.listener("node")[1]


class Nginx(WebServer):
    name = "nginx"

    def start(self):
        for _ in range(10):  # nginx takes no port 0, and somebody else may take the free one first
            self.port = origins.closed_port()
            (self.folder / "nginx.conf").write_text(_NGINX.format(folder=self.folder, port=self.port))
            program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
            self.program = programs.Program("nginx", [program, "-p", self.folder, "-c", self.folder / "nginx.conf"],
                                            self.folder)
            wait.until(lambda: not self.program.running() or self.answers(), "nginx")
            if self.program.running():
                return
        raise AssertionError("nginx does not start:\n" + self.program.text())

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False
