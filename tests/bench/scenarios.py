"""The measurements: what is done, to whom, and which numbers come out. README.md explains each number."""
import contextlib
import dataclasses
import typing

from tests.bench import accounts, subjects

GIGABYTE = 1e9


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is done in one measurement."""

    flows: int = 3000
    streams: int = 8
    stream_bytes: int = 256 << 20
    idle: int = 2000
    short_flows: int = 10_000
    flows_beside: int = 8000
    open: tuple = (10, 1000, 10_000)
    peers: bool = True


FULL = Size()
QUICK = Size(flows=100, streams=2, stream_bytes=8 << 20, idle=50, short_flows=200, flows_beside=100, open=(5, 50),
             peers=False)


@dataclasses.dataclass(frozen=True)
class Metric:
    """`ratio`: it is shown as a ratio to the references, too."""

    name: str
    heading: str
    digits: int = 0
    ratio: bool = False


CPU_PER_FLOW = Metric("cpu_us_per_flow", "CPU µs/flow", 1, ratio=True)
STORE_PER_FLOW = Metric("store_us_per_flow", "store µs/flow", 1)
CPU_PER_GIGABYTE = Metric("cpu_ms_per_gb", "CPU ms/GB", 0, ratio=True)
MEMORY_PER_FLOW = Metric("kib_per_flow", "KiB/flow", 2)
FLOWS_PER_SECOND = Metric("flows_per_s", "flows/s", 0)
CAPACITY = Metric("flows_per_s", "flows/s", 0, ratio=True)
LATENCY_MEDIAN = Metric("p50_ms", "p50 ms", 2)
LATENCY_HIGH = Metric("p99_ms", "p99 ms", 2)
GIGABYTES_PER_SECOND = Metric("gb_per_s", "GB/s", 2)
BUSIEST = Metric("busiest_worker_percent", "busiest worker %", 0)


@dataclasses.dataclass(frozen=True)
class Target:
    """`metric` of the row `name`, or its ratio to the row `reference` if one is given, should be at most `bound`."""

    name: str
    metric: Metric
    bound: float
    reference: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    name: str
    title: str
    metrics: tuple
    targets: tuple = ()


@dataclasses.dataclass
class Measurement:
    """One row of a table. `measure()` does the work once and returns {metric name: value}; `references` are rows of the
    same table that its ratios are taken to, {heading: row}."""

    table: Table
    row: str
    measure: typing.Callable
    references: dict


FLOW = Table("flow", "new flow: connection, CONNECT, TLS handshake, one GET of 1 KiB, close",
             (CPU_PER_FLOW, STORE_PER_FLOW, FLOWS_PER_SECOND, LATENCY_MEDIAN, LATENCY_HIGH),
             (Target("sluice", CPU_PER_FLOW, 1.30, "floor-copy"),))
STREAM = Table("stream", "bulk in clear: CONNECT, one GET of many MiB", (CPU_PER_GIGABYTE, GIGABYTES_PER_SECOND),
               (Target("sluice", CPU_PER_GIGABYTE, 1.15, "floor-splice"),))
IDLE = Table("idle", "memory of an open flow that has carried one request and rests", (MEMORY_PER_FLOW,),
             (Target("sluice", MEMORY_PER_FLOW, 4),))
WORKERS = Table("scale-workers", "workers: short flows in clear, as many as they take",
                (CPU_PER_FLOW, CAPACITY, BUSIEST))
OPEN = Table("scale-open", "short flows in clear, with open idle flows beside", (CPU_PER_FLOW,))


def _flow_numbers(subject, result, used, companions_used):
    numbers = {
        "cpu_us_per_flow": used * 1e6 / result["flows"],
        "flows_per_s": result["flows"] / result["seconds"],
        "p50_ms": result["p50_us"] / 1000,
        "p99_ms": result["p99_us"] / 1000,
    }
    for name, seconds in companions_used.items():
        numbers[f"{name}_per_flow"] = seconds * 1e6 / result["flows"]
    return numbers


@contextlib.contextmanager
def _started(workshop, subject, tls=False):
    """The subject, warm and at rest, with the origin's port that it leads to."""
    with workshop.origin() as ports:
        port = ports["tls" if tls else "plain"]
        with subject.start(workshop, port):
            workshop.load(subject, port, "--flows", 50, tls=tls)
            subject.settle()
            yield port


def _account(workshop, subject, port, *options, tls=False):
    """Puts a load on a subject: (the generator's account, CPU seconds of the subject, those of its companions)."""
    before, companions = subject.process_seconds(), subject.companions()
    result = workshop.load(subject, port, *options, tls=tls)
    subject.settle()
    used = subject.process_seconds() - before
    return result, used, {name: after - companions[name] for name, after in subject.companions().items()}


def measure_flow(workshop, subject, size):
    with _started(workshop, subject, tls=True) as port:
        return _flow_numbers(subject, *_account(workshop, subject, port, "--flows", size.flows, tls=True))


def measure_stream(workshop, subject, size):
    with _started(workshop, subject) as port:
        result, used, _ = _account(workshop, subject, port, "--mode", "stream", "--flows", size.streams,
                                   "--body-bytes", size.stream_bytes)
        gigabytes = result["body_bytes"] / GIGABYTE
        return {"cpu_ms_per_gb": used * 1e3 / gigabytes, "gb_per_s": gigabytes / result["seconds"]}


def measure_idle(workshop, subject, size):
    with _started(workshop, subject) as port:
        before = accounts.memory_bytes(subject.running.process)
        with workshop.held(subject, port, size.idle):
            subject.settle()
            after = accounts.memory_bytes(subject.running.process)
        return {"kib_per_flow": (after - before) / 1024 / size.idle}


def measure_workers(workshop, subject, size):
    with _started(workshop, subject) as port:
        before = accounts.thread_seconds(subject.running.process)
        result, used, companions = _account(workshop, subject, port, "--flows", size.short_flows, "--parallel", 64)
        after = accounts.thread_seconds(subject.running.process)
        threads = [seconds - before.get(thread, 0) for thread, seconds in after.items()]
        busiest = 100 * max(threads) / sum(threads) if sum(threads) > 0 else 0
        return {**_flow_numbers(subject, result, used, companions), "busiest_worker_percent": busiest}


def measure_beside(workshop, subject, size, count):
    with _started(workshop, subject) as port, workshop.held(subject, port, count):
        subject.settle()
        return _flow_numbers(subject, *_account(workshop, subject, port, "--flows", size.flows_beside))


def _rows(workshop, size, table, measure, tested, references):
    def bind(subject):
        return lambda: measure(workshop, subject, size)
    return [Measurement(table, subject.name, bind(subject), {f"× {name}": name for name in references})
            for subject in tested]


def _scale(workshop, size, store):
    def workers(count):
        return lambda: measure_workers(workshop, subjects.Sluice(count, store), size)

    def beside(make, count):
        return lambda: measure_beside(workshop, make(), size, count)

    one = "sluice, 1 worker"
    yield Measurement(WORKERS, one, workers(1), {"× 1 worker": one})
    yield Measurement(WORKERS, "sluice, 2 workers", workers(2), {"× 1 worker": one})
    counts = sorted({min(count, workshop.held_flows_max) for count in size.open})
    kinds = {"floor-connect": lambda: subjects.Floor("connect"), "sluice": lambda: subjects.Sluice(1, store)}
    for name, make in kinds.items():
        for count in counts:
            yield Measurement(OPEN, f"{name}, {count} open", beside(make, count),
                              {f"× {counts[0]} open": f"{name}, {counts[0]} open",
                               "× floor-connect": f"floor-connect, {count} open"})


SCENARIOS = ("flow", "stream", "idle", "scale")


def plan(workshop, chosen, size, store):
    """All measurements of one round, in order."""
    peers = subjects.peers() if size.peers else []
    sluice = subjects.Sluice(1, store)
    copy, splice, connect = (subjects.Floor(mode) for mode in ("copy", "splice", "connect"))
    planned = []
    if "flow" in chosen:
        planned += _rows(workshop, size, FLOW, measure_flow, [copy, connect, sluice, *peers], [copy.name, connect.name])
    if "stream" in chosen:
        planned += _rows(workshop, size, STREAM, measure_stream, [copy, splice, sluice, *peers],
                         [copy.name, splice.name])
    if "idle" in chosen:
        planned += _rows(workshop, size, IDLE, measure_idle, [connect, sluice, *peers], [])
    if "scale" in chosen:
        planned += _scale(workshop, size, store)
    return planned
