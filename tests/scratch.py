"""A scratch copy of the project, as a fresh clone would be, with a tiny set of real digits to run on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from digits import pictures
from tests.imports import ROOT

TINY = {
    "ingest": {"source": "folder"},
    "train": {"epochs": 2, "batch_size": 20},
    "register": {"min_accuracy": 0.0},
}


class Scratch:
    """A git repository with the working tree's files; commands run in it as a user would run them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        listed = _output("git", "ls-files", "-coz", "--exclude-standard", cwd=ROOT)
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, root / name
            if source.is_symlink() or source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_symlink():
                    target.symlink_to(source.readlink())
                else:
                    target.write_bytes(source.read_bytes())
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    @property
    def environment(self) -> dict[str, str]:
        """What the commands see: this Python first, nothing of the caller's own DVC, MLflow or git settings."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("DVC_", "MLFLOW_", "GIT_", "PYTEST_"))}
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _NOBODY.items()}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        return {**kept, **who, "PATH": path, "HOME": str(self.root.parent)}

    def start(self, *command: str, **options) -> subprocess.Popen:
        """Start a command. It heeds Ctrl-C also where the tests themselves run in the background, and don't."""
        settings = {"cwd": self.root, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.Popen(command, env=environment, preexec_fn=_heed_ctrl_c, **{**settings, **options})

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

    def set_params(self, **sections: dict) -> None:
        """Change keys of params.yaml, section by section."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        for section, changes in sections.items():
            content[section].update(changes)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def bring_pictures(self, digits, each: int = 20) -> None:
        """Put real digits in data/external and let DVC keep them, as the README says."""
        for label in range(10):
            folder = self.root / "data" / "external" / str(label)
            folder.mkdir(parents=True)
            for number, image in enumerate(digits.images[digits.labels == label][:each]):
                (folder / f"{number:03d}.png").write_bytes(pictures.write(image))
        self.run("dvc", "add", "--quiet", "data/external")
        self.set_params(**TINY)
        self.commit()

    def lock(self) -> bytes:
        return (self.root / "dvc.lock").read_bytes()


class Clone(Scratch):
    """What `git clone` makes of a scratch repository, with the user's key for its remote where there is one."""

    def __init__(self, origin: Scratch, root: Path, key: Path | None = None) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("clone", "--quiet", str(origin.root), ".")
        if key:
            self.run("dvc", "remote", "modify", "--local", "team", "keyfile", str(key))


def wait_for_queue(project: Scratch) -> None:
    """Wait until no experiment of the queue waits or runs."""
    end = time.monotonic() + 900
    while any(word in (shown := project.run("dvc", "queue", "status")) for word in ("Queued", "Running")):
        assert time.monotonic() < end, shown
        time.sleep(2)


_NOBODY = {"NAME": "Scratch", "EMAIL": "scratch@localhost"}


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _output(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout
