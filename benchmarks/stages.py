"""Time and peak memory of each stage, on 5,000 digits and on all 70,000, in one run.

    python -m benchmarks.stages [--mnist FOLDER]

Works in a clone of the last commit in a temporary folder, with the four original MNIST files. Writes
docs/reference/benchmarks/stages.md.
"""

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from benchmarks import mnist, readme
from benchmarks.processes import ROOT, clone, environment, machine, measure, set_params

PAGE = ROOT / "docs/reference/benchmarks/stages.md"
STAGES = ["ingest", "validate", "preprocess", "train", "evaluate", "register"]
LIBRARIES = ("tensorflow", "great-expectations", "mlflow", "dvc")


class Row(NamedTuple):
    what: str
    seconds: float
    memory: float  # MiB, the peak


def stages(project: Path, names: list[str], pictures: int) -> list[Row]:
    """Run the stages' scripts one after the other; returns a row each, and prints it."""
    rows = []
    for name in names:
        seconds, memory = measure(sys.executable, "-m", f"pipeline.{name}", cwd=project, env=environment())
        rows.append(Row(f"{name}, {pictures:,} pictures", seconds, memory))
        print(rows[-1], flush=True)
    return rows


def page(rows: list[Row]) -> str:
    """The rows as a table, and the sentences that the README has."""
    repro, nothing, *_ = rows
    data = rows[-3:]
    table = [[row.what, f"{row.seconds:.1f}", f"{row.memory:,.0f}"] for row in rows]
    return "\n".join(
        [
            "# Time and memory of the stages\n",
            f"`make bench-stages` wrote this page, in one run on: {machine(*LIBRARIES)}. The 70,000 pictures are "
            "all of MNIST. The memory is the peak of all processes together. `register` has nothing to do: the "
            "model is registered already.\n",
            tabulate(table, ["what", "seconds", "MiB"], tablefmt="pipe", disable_numparse=True),
            "",
            f"- `dvc repro` from a fresh clone, all six stages: {repro.seconds:.0f} s; with nothing to do "
            f"{nothing.seconds:.1f} s.",
            f"- `ingest`, `validate` and `preprocess` of 70,000 pictures: {sum(row.seconds for row in data):.0f} s, at "
            f"most {max(row.memory for row in data):,.0f} MiB.",
            "",
        ]
    )


def main() -> None:
    originals = mnist.parser(__doc__).parse_args().mnist.absolute()
    mnist.require(originals)
    with tempfile.TemporaryDirectory() as folder:
        project = clone(Path(folder, "digits"))
        rows = []
        for what in ("dvc repro, from a fresh clone", "dvc repro, nothing to do"):
            rows.append(Row(what, *measure("dvc", "repro", cwd=project, env=environment())))
            print(rows[-1], flush=True)
        rows += stages(project, STAGES, 5_000)
        set_params(project, ingest={"sources": ["mnist"], "mirror": str(originals)})
        rows += stages(project, STAGES[:3], 70_000)
    readme.write_page(PAGE, page(rows))


if __name__ == "__main__":
    main()
