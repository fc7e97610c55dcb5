"""Time and peak memory of each stage, on 5,000 digits and on all 70,000, in one run.

    python -m benchmarks.stages [--mnist FOLDER]

Works in a clone of the last commit in a temporary folder. The 70,000 need the four original MNIST files; without
them that part is skipped, and reported as skipped.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.processes import measure

ROOT = Path(__file__).parents[1]
STAGES = ["ingest", "validate", "preprocess", "train", "evaluate", "register"]


def stages(clone: Path, names: list[str], source: str, pictures: int) -> None:
    """Run the stages' scripts one after the other, and print a row each."""
    total = 0.0
    for name in names:
        seconds, memory = measure(sys.executable, "-m", f"pipeline.{name}", cwd=clone)
        total += seconds
        print(
            f"{source:10s} {name:12s} {seconds:7.1f} s {memory:8.0f} MiB {pictures / seconds:10,.0f} pictures/s",
            flush=True,
        )
    print(f"{source:10s} {'together':12s} {total:7.1f} s", flush=True)


def set_ingest(clone: Path, **ingest: str | list[str]) -> None:
    path = clone / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["ingest"].update(ingest)
    path.write_text(yaml.safe_dump(content))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist")
    parser.add_argument("--mnist", type=Path, default=Path(default), help="folder of the four original MNIST files")
    mnist = parser.parse_args().mnist.absolute()

    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "digits"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
            os.environ.pop(name, None)

        for what in ("dvc repro, from a fresh clone", "dvc repro, nothing to do"):
            seconds, _ = measure("dvc", "repro", cwd=clone)
            print(f"{what:32s} {seconds:7.1f} s", flush=True)
        stages(clone, STAGES, "mnist-5k", 5_000)
        if (mnist / "train-images-idx3-ubyte.gz").is_file():
            set_ingest(clone, sources=["mnist"], mirror=str(mnist))
            stages(clone, STAGES[:3], "mnist", 70_000)
        else:
            print(f"mnist: skipped, the four files are not in {mnist}")


if __name__ == "__main__":
    main()
