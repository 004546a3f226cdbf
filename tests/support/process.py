"""What a running program holds, from /proc."""
import os


def _targets(pid):
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            yield os.readlink(f"{folder}/{name}")
        except FileNotFoundError:
            pass  # closed meanwhile


def descriptors(pid):
    """Number of open file descriptors; not pipes, which are pooled, nor spool segments, which a reader keeps open."""
    return sum(not target.startswith("pipe:") and not target.endswith(".seg") for target in _targets(pid))


def pipes(pid):
    """Number of open ends of pipes."""
    return sum(target.startswith("pipe:") for target in _targets(pid))


def resident_bytes(pid):
    """Memory in use, shared pages included."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as text:
        return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
