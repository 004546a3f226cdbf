"""What a flow through a warm tunnel costs the PoP, beside a plain CONNECT in the same run:
    /usr/bin/python3 -m tests.bench.tunnel_costs [--rounds N] [--programs build/release/bin]
New flows and bulk as CPU of sluice-proxy, idle flows as its memory, and 10,000 flows at a time in one tunnel. The floor
of bulk is a bare relay's copies and one pass of encryption in memory. Ratios are taken inside each round; the median is
printed. Only the loopback network is used."""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile

from tests.support import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def arguments():
    parser = argparse.ArgumentParser(prog="tests.bench.tunnel_costs", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--flows", type=int, default=4000, help="new flows per measurement")
    parser.add_argument("--bytes", type=int, default=512 << 20, help="bulk per measurement")
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--crowd", type=int, default=10_000)
    parser.add_argument("--programs", type=lambda text: pathlib.Path(text).resolve(),
                        default=ROOT / "build" / "release" / "bin")
    return parser.parse_args()


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.bin = options.programs
        self.running = []
        ctl = [self.bin / "sluicectl", "ca"]
        for command in (["init", folder], ["issue-server", "--dir", folder, "--name", "pop", "--san",
                                           "DNS:pop,IP:127.0.0.1", "--out", folder / "pop"],
                        ["issue-client", "--dir", folder, "--user", "anna", "--device", "d", "--out", folder / "d"]):
            subprocess.run([*ctl, *command], check=True, stdout=subprocess.DEVNULL)
        origin = self.start("origin", [self.bin / "bench_origin", "--certificate", folder / "pop.crt", "--key",
                                       folder / "pop.key"])
        self.origin = "%s:%d" % origin.listener("plain")
        # Untouched traffic is what is measured: without the exception, plain HTTP would be inspected.
        (folder / "policy.yaml").write_text("""
tenant: default
steering_configurations:
- {name: bench, exceptions: [{name: Origin, destinations: {cidrs: [127.0.0.0/8]}}]}
""")
        (folder / "p.yaml").write_text(f"""
name: pop
policy: policy.yaml
workers: 1
listeners:
- {{name: explicit, address: "127.0.0.1:0"}}
- {{name: tunnel, address: "127.0.0.1:0", kind: tunnel,
   tls: {{certificate: pop.crt, key: pop.key, client_ca: devices.crt}}}}
origin: {{allow_destinations: [127.0.0.0/8], allow_ports: [{self.origin.rpartition(':')[2]}]}}
spool: {{directory: spool, when_full: drop_oldest}}
limits: {{flows: 30000, flows_per_tunnel: 30000}}
""")

    def start(self, name, command):
        program = programs.Program(name, command, self.folder)
        self.running.append(program)
        return program

    def proxy(self):
        program = self.start("proxy", [self.bin / "sluice-proxy", "--config", self.folder / "p.yaml"])
        return program, "%s:%d" % program.listener("explicit"), "%s:%d" % program.listener("tunnel")

    def floor(self):
        """As proxy() says it: a relay that copies to the origin and does nothing else."""
        program = self.start("floor", [self.bin / "bench_floor", "--mode", "copy", "--to", self.origin])
        return program, "%s:%d" % program.listener("floor"), None

    def encryption(self):
        """CPU ms per GB of one AEAD pass, in memory."""
        done = subprocess.run([str(self.bin / "tls_bench"), "bulk"], capture_output=True, text=True, check=True)
        return float(re.search(r"(\S+) ms/GB encrypt", done.stdout).group(1))

    def load(self, way, addresses, flows, parallel, body):
        _, explicit, tunnel = addresses
        if way == "floor":
            return [self.bin / "bench_load", "--to", explicit, "--flows", str(flows), "--parallel", str(parallel),
                    "--body-bytes", str(body)]
        if way == "plain":
            return [self.bin / "bench_load", "--to", explicit, "--tunnel", self.origin, "--flows", str(flows),
                    "--parallel", str(parallel), "--body-bytes", str(body)]
        return [self.bin / "bench_tunnel", "--pop", tunnel, "--ca", self.folder / "service-root.crt", "--certificate",
                self.folder / "d.crt", "--key", self.folder / "d.key", "--target", self.origin, "--flows", str(flows),
                "--parallel", str(parallel), "--body-bytes", str(body)]

    def cpu(self, way, addresses, flows, parallel, body):
        """CPU seconds of the proxy for this work."""
        before = cpu_of(addresses[0])
        done = subprocess.run([str(part) for part in self.load(way, addresses, flows, parallel, body)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{way}: {done.stderr}{done.stdout}")
        return cpu_of(addresses[0]) - before, json.loads(done.stdout)

    def held(self, way, addresses, flows):
        command = [str(part) for part in self.load(way, addresses, flows, 50, 1024)]
        command += ["--mode", "idle"] if way == "plain" else ["--hold"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        for program in self.running:
            program.kill()


def cpu_of(program):
    fields = pathlib.Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_of(program):
    """KiB of anonymous memory."""
    for line in pathlib.Path(f"/proc/{program.process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    raise SystemExit("no Anonymous in smaps_rollup")


def measure(bench, options):
    rows = {"flow": [], "bulk": [], "bulk floor": []}
    for number in range(options.rounds):
        addresses = bench.proxy()
        for way in ("plain", "tunnel"):
            bench.cpu(way, addresses, 500, 20, 1024)  # warm
        costs = {}
        for way in ("plain", "tunnel"):
            costs[way] = bench.cpu(way, addresses, options.flows, 20, 1024)[0] / options.flows * 1e6
        rows["flow"].append((costs["plain"], costs["tunnel"]))
        floor = bench.floor()
        for way, where in (("plain", addresses), ("tunnel", addresses), ("floor", floor)):
            costs[way] = bench.cpu(way, where, 2, 2, options.bytes // 2)[0] / options.bytes * 1e12
        floor[0].kill()
        rows["bulk"].append((costs["plain"], costs["tunnel"]))
        rows["bulk floor"].append((costs["floor"] + bench.encryption(), costs["tunnel"]))
        print(f"round {number + 1}: " + ", ".join(f"{name} {values[-1]}" for name, values in rows.items()), flush=True)
        addresses[0].stop()
    for name, unit, beside, target in (("flow", "CPU µs per new flow", "plain CONNECT", 0.8),
                                       ("bulk", "CPU ms per GB", "plain CONNECT", None),
                                       ("bulk floor", "CPU ms per GB", "copies + encryption", 1.35)):
        other, tunnel = (statistics.median(row[i] for row in rows[name]) for i in (0, 1))
        ratio = statistics.median(row[1] / row[0] for row in rows[name])
        wanted = f" (target {target})" if target else ""
        print(f"{name:10} {unit}: {beside} {other:.0f}, tunnel {tunnel:.0f}, ratio {ratio:.2f}{wanted}")
    for way in ("plain", "tunnel"):
        addresses = bench.proxy()
        bench.cpu(way, addresses, 500, 50, 1024)
        before = memory_of(addresses[0])
        holder = bench.held(way, addresses, options.idle)
        line = holder.stdout.readline()
        if not line or json.loads(line)["failed"]:
            raise SystemExit(f"{way}: {line}")
        print(f"idle  KiB per flow, {way}: {(memory_of(addresses[0]) - before) / options.idle:.2f}")
        holder.communicate("")
        addresses[0].stop()
    addresses = bench.proxy()
    spent, seen = bench.cpu("tunnel", addresses, 3 * options.crowd, options.crowd, 1024)
    each = spent / (3 * options.crowd) * 1e6
    print(f"crowd {options.crowd} flows at a time in one tunnel: {seen}, {each:.0f} µs CPU each")


def main():
    options = arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="sluice-tunnel-costs-") as folder:
        bench = Bench(options, pathlib.Path(folder))
        try:
            measure(bench, options)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
