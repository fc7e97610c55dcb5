"""Scratch copies of the project with a tiny set of real digits, and commands that are run in them."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import yaml
from filelock import FileLock

from digits.data import pictures
from digits.tracking import gates
from tests.imports import ROOT

NO_FLOORS = {floor.key: 0.0 if floor.is_minimum else 1.0 for floor in gates.FLOORS}
TINY = {
    # With these, 200 digits give each split three or more of each label.
    "ingest": {"sources": ["folder"], "validation_fraction": 0.3, "seed": 45},
    "preprocess": {"non_digits_per_kind": 10, "max_pages": 1},
    "evaluate": {"corrupted_digits": 5, "page_difficulties": [1], "pages_per_difficulty": 1},
    "train": {"convolutions": [[4, 5, 2], [8, 3, 2]], "epochs": 2, "batch_size": 20},
    "register": {**NO_FLOORS, "min_compared": 10},
}
_IDENTITY = {"NAME": "Scratch", "EMAIL": "scratch@localhost"}


class Project:
    """A git repository with the project's files, and commands that are run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def environment(self) -> dict[str, str]:
        """The commands' environment: this Python first, without the caller's settings of DVC, MLflow and git."""
        left_out = ("DVC_", "MLFLOW_", "GIT_", "PYTEST_", "_DIGITS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        home = str(self.root.parent)
        return {**kept, **identity, "PATH": path, "HOME": home, "DVC_SITE_CACHE_DIR": f"{home}/.dvc-site-cache"}

    def start(self, *command: str, **options) -> subprocess.Popen:
        """Start a command."""
        settings = {"cwd": self.root, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.Popen(command, env=environment, **{**settings, **options})

    def run(self, *command: str, fails: bool = False, **options) -> str:
        """Run a command to its end and return what it printed; it must succeed, or fail where `fails`."""
        with self.start(*command, **options) as process:
            printed, _ = process.communicate()
        assert (process.returncode != 0) == fails, f"{' '.join(command)}: {process.returncode}\n{printed}"
        return printed

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "scratch")

    def set_params(self, **changes: dict | str) -> None:
        """Change params.yaml: the values of its own keys, and keys of its sections."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        for name, value in changes.items():
            content[name] = {**content[name], **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def add_pictures(self, digits) -> None:
        """Put 200 real digits in data/external and track them with DVC, as in the README."""
        for label in range(10):
            folder = self.root / "data" / "external" / str(label)
            folder.mkdir(parents=True)
            for number, image in enumerate(digits.images[digits.labels == label][:20]):
                (folder / f"{number:03d}.png").write_bytes(pictures.encode_png(image))
        self.run("dvc", "add", "--quiet", "data/external")
        self.set_params(**TINY)
        self.commit()

    def lock(self) -> bytes:
        return (self.root / "dvc.lock").read_bytes()


def from_working_tree(root: Path) -> Project:
    """A new repository with the files of the working tree, as in a fresh clone."""
    project = Project(root)
    listed = subprocess.check_output(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name, follow_symlinks=False)
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit()
    return project


def with_environment(project: Project) -> Project:
    """The project with a `.venv` that `make` takes for installed, and that activates this Python's environment."""
    folder = project.root / ".venv" / "bin"
    folder.mkdir(parents=True)
    ours = Path(sys.executable).parent / "activate"
    (folder / "activate").write_text(f". '{ours}'\n" if ours.exists() else "")
    (folder / ".ready").touch()
    return project


def clone(origin: Project, root: Path, key: Path | None = None) -> Project:
    """A `git clone` of a scratch repository, with the user's key for its remote where there is one."""
    root.mkdir(parents=True)
    project = Project(root)
    project.git("clone", "--quiet", str(origin.root), ".")
    if key:
        project.run("dvc", "remote", "modify", "--local", "team", "keyfile", str(key))
    return project


def copy(origin: Path, root: Path) -> Project:
    """A copy with DVC's cache and the tracking store, whose absolute paths are those of the copy."""
    shutil.copytree(origin, root, symlinks=True, dirs_exist_ok=True)
    paths = str(origin), str(root)
    if (root / "mlflow.db").exists():
        with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
                    if kind.startswith(("VARCHAR", "TEXT")):
                        database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", paths)
        for file in root.glob("mlartifacts/**/MLmodel"):
            file.write_text(file.read_text().replace(*paths))
    return Project(root)


def build_once(tmp_path_factory, name: str, build: Callable[[Path], object]) -> Path:
    """The folder that `build` fills, one for all of xdist's workers: the first makes it, the others wait for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name / "digits", shared / name / "done"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.parent / "lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


def wait_for_queue(project: Project) -> None:
    """Wait until no experiment of the queue waits or runs."""
    from dvc.repo import Repo

    end = time.monotonic() + 900
    with Repo(str(project.root)) as repo:  # `dvc queue status` costs a second of a core each time
        queue = repo.experiments.celery_queue
        while any(task["status"] in ("Queued", "Running") for task in queue.status()):
            assert time.monotonic() < end, queue.status()
            time.sleep(1)
