"""clang-format and clang-tidy over our own sources."""
import concurrent.futures
import hashlib
import json
import subprocess
import time

SOURCE_FOLDERS = ("proxy", "events", "tests")


def sources(root, suffixes=(".h", ".cc")):
    """Our C++ files as paths relative to the root, sorted."""
    found = []
    for folder in SOURCE_FOLDERS:
        found += [path for path in (root / folder).rglob("*")
                  if path.suffix in suffixes and "node_modules" not in path.parts]
    return sorted(path.relative_to(root) for path in found)


def run_format(root, tally):
    started = time.monotonic()
    checked = subprocess.run(["clang-format", "--dry-run", "-Werror", *map(str, sources(root))], cwd=root,
                             stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    lines = checked.stderr.splitlines()
    wrong = sorted({line.split(":")[0] for line in lines if "[-Wclang-format-violations]" in line})
    detail = "" if checked.returncode == 0 else "run clang-format -i on: " + (" ".join(wrong) or checked.stderr)
    outcome = "failed" if checked.returncode else "passed"
    tally.add("format", "clang-format", outcome, time.monotonic() - started, detail)


def _tidy_key(root, entry):
    """Hash of what decides the result: the preprocessed text, the command and the configuration."""
    command = entry["command"].replace(" -c ", " -E ").split(" -o ")[0]
    text = subprocess.run(f"{command} -E -o - {entry['file']}", shell=True, cwd=entry["directory"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    settings = (root / ".clang-tidy").read_bytes()
    return hashlib.sha256(settings + command.encode() + text).hexdigest()


def _tidy_one(root, build, entry):
    cache = build / "tidy-cache"
    cache.mkdir(exist_ok=True)
    marker = cache / _tidy_key(root, entry)
    started = time.monotonic()
    if marker.exists():
        return entry["file"], True, 0.0, ""
    checked = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), entry["file"]], cwd=root, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if checked.returncode == 0:
        marker.touch()
    return entry["file"], checked.returncode == 0, time.monotonic() - started, checked.stdout


def run_tidy(root, build, jobs, tally):
    entries = json.loads((build / "compile_commands.json").read_text())
    ours = [entry for entry in entries
            if any(entry["file"].startswith(f"{root}/{folder}/") for folder in ("proxy", "events"))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for file, fine, seconds, detail in pool.map(lambda entry: _tidy_one(root, build, entry), ours):
            name = file.removeprefix(f"{root}/")
            tally.add("tidy", name, "passed" if fine else "failed", seconds, "" if fine else detail)
