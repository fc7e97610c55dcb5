"""Run a benchmark or a command in a process or in a clone, and measure its time and memory."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[1]


def run(module: str, *arguments: str) -> dict:
    """Run a benchmark; its result is the last line that it prints, as JSON."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    """The machine of the measurement, as text."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


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


def measure(*command: str, cwd: Path) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and the peak memory in MiB of it and its children together."""
    began = time.perf_counter()
    peak = 0
    with tempfile.TemporaryFile() as printed:
        process = psutil.Popen(command, cwd=cwd, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, sum(map(resident, [process, *children(process)])))
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        if process.returncode:
            printed.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{printed.read().decode()}")
    return seconds, peak / 2**20


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
