"""What a decrypted request costs the PoP in HTTP/2, beside HTTP/1.1 in the same run:
    /usr/bin/python3 -m tests.bench.http2_costs [--rounds N] [--requests N] [--programs build/release/bin]
h2load (nghttp2-client) through a detour that says CONNECT, nginx behind; the number is CPU of sluice-proxy per request,
handshakes included (four connections). The median of the rounds is printed. Only the loopback network is used."""
import argparse
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile

from tests.support import certificates, h2_web, origins, programs, wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
HOST = "bench.h2.test"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 10000000; http2_max_concurrent_streams 256;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ default_type text/plain; return 200 "{body}"; }}
  }}
}}
"""


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        root = certificates.Authority(folder / "origin")
        certificate, key = root.issue(HOST)
        port = origins.closed_port()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, certificate=certificate, key=key,
                                                        body="x" * 1024))
        self.origin = programs.Program("nginx", ["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"], folder)
        wait.until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "nginx")
        subprocess.run([options.programs / "sluicectl", "ca", "init", "--dir", folder / "ca"], check=True,
                       stdout=subprocess.DEVNULL)
        (folder / "p.yaml").write_text(f"""
name: pop
workers: 1
listeners:
- {{name: explicit, address: "127.0.0.1:0"}}
origin: {{allow_destinations: [127.0.0.0/8], allow_ports: [{port}], resolve: {{{HOST}: 127.0.0.1}},
  trust: {root.certificate}}}
interception: {{ca_certificate: ca/ca.crt, ca_key: ca/ca.key, chain: ca/root.crt}}
spool: {{directory: spool, when_full: drop_oldest}}
""")
        self.proxy = programs.Program("proxy", [options.programs / "sluice-proxy", "--config", folder / "p.yaml"],
                                      folder)
        self.detour = h2_web.Connector(self.proxy.listener("explicit"), HOST, port)
        self.port = port

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.proxy.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def measure(self, *version):
        """CPU microseconds of the proxy per request."""
        before = self.seconds()
        done = subprocess.run(["h2load", *version, "-n", str(self.options.requests), "-c", "4", "-t", "1",
                               "--connect-to=127.0.0.1:%d" % self.detour.address[1], f"https://{HOST}:{self.port}/"],
                              capture_output=True, text=True, check=True, timeout=280)
        if not re.search(rf"\b{self.options.requests} succeeded", done.stdout):
            raise AssertionError(done.stdout)
        return (self.seconds() - before) * 1e6 / self.options.requests

    def close(self):
        self.detour.close()
        for program in (self.proxy, self.origin):
            program.kill()


def main():
    parser = argparse.ArgumentParser(prog="tests.bench.http2_costs", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build" / "release" / "bin")
    rows = {"HTTP/1.1, one at a time": ["--h1"], "HTTP/2, one at a time": ["-m", "1"],
            "HTTP/2, ten at once": ["-m", "10"], "HTTP/2, a hundred at once": ["-m", "100"]}
    with tempfile.TemporaryDirectory(prefix="sluice-http2-costs-") as name:
        bench = Bench(parser.parse_args(), pathlib.Path(name))
        try:
            numbers = {row: [] for row in rows}
            for _ in range(bench.options.rounds):
                for row, version in rows.items():
                    numbers[row].append(bench.measure(*version))
        finally:
            bench.close()
    for row, values in numbers.items():
        print(f"{row:28} {statistics.median(values):7.1f} us CPU/request  ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
