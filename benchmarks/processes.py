"""What benchmarks share: their options, the machine, a clone, and commands whose time and memory are measured."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil
import yaml

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"  # collections of other people, where a benchmark's options name none


def option_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of a benchmark's options, with its docstring as help."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def run(module: str, *arguments: str) -> dict:
    """Run a benchmark; its result is the last line that it prints, as JSON."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu() -> str:
    """The kind of CPU: its name, family and model; the same inputs may give other bytes on another kind."""
    path = Path("/proc/cpuinfo")
    listed = path.read_text() if path.exists() else ""
    found = dict(re.findall(r"^(model name|cpu family|model)\s*: (.+)", listed, re.MULTILINE))
    known = [found[name] for name in ("model name", "cpu family", "model") if name in found]
    return "{}, family {}, model {}".format(*known) if len(known) == 3 else platform.processor()


def machine(*libraries: str) -> str:
    """The machine of the measurement, and the versions of Python and of these libraries, as text."""
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in libraries)]
    return (
        f"{platform.system()} {platform.machine()}, {cpu()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, no GPU used; {', '.join(versions)}"
    )


def clone(folder: Path) -> Path:
    """Clone the last commit of the project into a folder; returns it."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def set_params(project: Path, **sections: dict | str) -> None:
    """Change keys of a project's params.yaml, section by section; a key outside of sections by its value."""
    path = project / "params.yaml"
    content = yaml.safe_load(path.read_text())
    for section, changes in sections.items():
        content[section] = {**content[section], **changes} if isinstance(changes, dict) else changes
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def environment() -> dict[str, str]:
    """The environment of a command in a clone: this Python's programs come first, and the clone has its own store."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_TRACKING"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def measure(*command: str, cwd: Path, env: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and the peak memory in MiB of it and its children together."""
    began = time.perf_counter()
    peak = 0
    with tempfile.TemporaryFile() as printed:
        process = psutil.Popen(command, cwd=cwd, env=env, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, sum(map(resident, [process, *children(process)])))
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        if process.returncode:
            printed.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{printed.read().decode()}")
    return seconds, peak / 2**20


def median_seconds(call: Callable[[], object], rounds: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """The median time of a call."""
    taken = []
    for _ in range(rounds):
        began = clock()
        call()
        taken.append(clock() - began)
    return median(taken)


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def resident(process: psutil.Process) -> int:
    """Resident memory of a process in bytes; shared pages count for each process."""
    try:
        return process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0
