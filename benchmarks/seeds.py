"""The default network's figures on the test split by seed, on the CPU of this machine.

    python -m benchmarks.seeds [--seeds 3]

Runs the pipeline in a clone of the last commit in a temporary folder, then train and evaluate with each other seed.
Writes docs/reference/benchmarks/seeds.md; the rows of other kinds of CPU stay there, since the same inputs give others
on another kind.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from tabulate import tabulate

from benchmarks import readme
from benchmarks.processes import ROOT, clone, cpu, environment, option_parser, set_params

PAGE = ROOT / "docs/reference/benchmarks/seeds.md"
HEADERS = ["CPU", "seed", "accuracy", "accepted", "misread of these", "log loss"]


def measured(seeds: int) -> list[list[str]]:
    """A row for each seed."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        project = clone(Path(folder, "digits"))
        for seed in range(seeds):
            set_params(project, train={"seed": seed})
            subprocess.run(["dvc", "repro", "--quiet", "evaluate"], cwd=project, env=environment(), check=True)
            test = json.loads((project / "metrics" / "evaluate.json").read_text(encoding="utf-8"))["test"]
            shares = [f"{test[name]:.2%}" for name in ("accuracy", "coverage", "error_when_accepted")]
            rows.append([cpu(), str(seed), *shares, f"{test['log_loss']:.4f}"])
            print(" ".join(rows[-1]), flush=True)
    return rows


def others() -> list[list[str]]:
    """The rows of the page that are of other CPUs."""
    lines = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if len(row) == len(HEADERS) and row[0] not in (HEADERS[0], cpu())]


def page(rows: list[list[str]]) -> str:
    shares = [float(row[2].rstrip("%")) for row in rows]
    kinds = len({row[0] for row in rows})
    return "\n".join(
        [
            "# The default network by seed and CPU\n",
            "`make bench-seeds` writes this page: trained on 3,640 real digits, measured on 940 test digits.\n",
            tabulate(sorted(rows), HEADERS, tablefmt="pipe", disable_numparse=True),
            "",
            f"- Test accuracy of the default: {min(shares):.1f} to {max(shares):.1f} %, in {len(rows)} trainings with "
            f"other seeds, on {kinds} {'kind' if kinds == 1 else 'kinds'} of CPU.",
            "",
        ]
    )


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="0, 1, …")
    rows = [*others(), *measured(parser.parse_args().seeds)]
    readme.write_page(PAGE, page(rows))


if __name__ == "__main__":
    main()
