"""Accuracy on MNIST's 10,000 test digits by who wrote them: students or employees, and writer by writer.

    python -m benchmarks.writers [--model FILE …] [--labels FILE] [--mnist FOLDER]

The file of labels is that of QMNIST's test digits (Yadav & Bottou 2019), gzipped, with tab-separated columns:
class, series, writer and others. Its first 10,000 rows are MNIST's test digits; the writers of series 4 were students,
the others employees.

Prints two Markdown tables: the accuracy on each group with its 95 % interval; and the mean accuracy of the tenth of the
writers that are read worst, and what 95 % of random permutations of the mistakes among all digits give.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks import mnist
from benchmarks.processes import DATA
from digits.errors import UserError, exit_status
from digits.evaluation import slices
from digits.model.classifier import Classifier

LABELS = DATA / "qmnist-test-labels.tsv.gz"
STUDENTS = 4  # their series
PERMUTATIONS = 999


def read_writers(path: Path, labels: np.ndarray) -> pd.DataFrame:
    """`group` and `writer` of each of MNIST's test digits, whose (n,) labels are compared."""
    columns = ["label", "series", "writer"]
    try:
        options = {"sep": "\t", "compression": "gzip", "header": None, "usecols": [0, 1, 2], "names": columns}
        table = pd.read_csv(path, nrows=len(labels), **options)
    except (ValueError, OSError, EOFError) as error:  # what pandas and gzip raise
        raise UserError(f"{path} can't be read as QMNIST's gzipped table of labels: {error}") from None
    if not np.array_equal(table["label"], labels):
        raise UserError(
            f"{path}: the first {len(labels):,} labels are not those of MNIST's test digits, "
            "with which QMNIST's file of its test digits begins"
        )
    group = np.where(table["series"] == STUDENTS, "students", "employees")
    return pd.DataFrame({"group": pd.Categorical(group), "writer": pd.factorize(table["writer"])[0]})


def worst_tenth(right: np.ndarray, writer: np.ndarray) -> float:
    """Mean accuracy of the tenth of the writers that are read worst: of (n,) bool, and (n,) writers from 0."""
    accuracies = np.sort(np.bincount(writer, right) / np.bincount(writer))
    return float(accuracies[: -(-len(accuracies) // 10)].mean())


def group_rows(name: str, group: pd.Series, right: np.ndarray) -> list[str]:
    table = slices.score(pd.DataFrame({"group": group}), right)
    return [
        f"| `{name}` | {row.group} | {row.pictures:,} | {row.accuracy:.2%} | {row.accuracy_low:.2%} to "
        f"{row.accuracy_high:.2%} |"
        for row in table.itertuples()
    ]


def writer_row(name: str, writer: np.ndarray, right: np.ndarray) -> str:
    test = stats.permutation_test(
        (right,),
        partial(worst_tenth, writer=writer),
        permutation_type="pairings",
        n_resamples=PERMUTATIONS,
        alternative="less",
        rng=0,
    )
    low, high = np.quantile(test.null_distribution, [0.025, 0.975])
    counts = np.bincount(writer)
    return (
        f"| `{name}` | {len(counts)} | {np.median(counts):.0f} | {np.mean(np.bincount(writer, ~right) > 0):.0%} | "
        f"{test.statistic:.1%} | {low:.1%} to {high:.1%} | {test.pvalue:.3f} |"
    )


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--model", type=Path, nargs="+", default=[Path("models/digits.onnx")])
    parser.add_argument("--labels", type=Path, default=LABELS)
    options = parser.parse_args()
    images, labels = mnist.idx(options.mnist, "t10k")
    writers = read_writers(options.labels, labels)
    right = {
        str(path): Classifier(path).predict(images).probabilities.argmax(axis=1) == labels for path in options.model
    }
    print("| model | written by | digits | accuracy | 95 % interval |", "|---|---|---:|---:|---|", sep="\n")
    for name, one in right.items():
        print(*group_rows(name, writers["group"], one), sep="\n")
    print(
        "\n| model | writers | digits of a writer, median | writers with a mistake | accuracy of the worst tenth "
        "| by chance | p |\n|---|---:|---:|---:|---:|---|---:|"
    )
    for name, one in right.items():
        print(writer_row(name, writers["writer"].to_numpy(), one))


if __name__ == "__main__":
    sys.exit(exit_status(main))
