"""Tables that compare servers, of figures that are made up. A few ms in all, after the imports."""

from collections import Counter

import numpy as np

from benchmarks import serving_report
from benchmarks.serving_load import Load
from benchmarks.serving_report import Figures, Run
from benchmarks.serving_servers import ENLARGED, UPLOAD, Memory


def load(rate: int, milliseconds: float, errors: int = 0) -> Load:
    """One second of answers that all take as long."""
    return Load(1.0, np.full(rate, milliseconds / 1000), np.zeros(rate), Counter({503: errors}))


def run(server: str, rate: int, milliseconds: float, *, batches: int = 30, worker: float = 200, errors: int = 0) -> Run:
    """A server that takes uploads, ours also in a second way, in which it answers twice as many in half of the time."""
    ways = {UPLOAD.name: Figures(load(1, 1), load(rate, milliseconds, errors), load(batches, 1), 0.0004)}
    if server == "Digits":
        faster = load(rate * 2, milliseconds / 2, errors)
        ways[ENLARGED.name] = Figures(load(1, 1), faster, load(batches * 2, 1), 0.0089)
    return Run(server, 2.0, Memory(150, 300), Memory(worker, 400), ways)


def test_a_row_has_the_medians_of_all_rounds_and_all_errors():
    runs = [run("Digits", rate, 3, errors=1) for rate in (900, 100, 400)]
    upload, faster = serving_report.rows(runs)
    assert upload == "| Digits | upload | 1 | 1.0 | 1.0 | 400 | 3.0 | 3.0 | 0.40 | 1,920 | 3 |"
    assert faster.startswith("| Digits | upload, 280 × 280 | 1 | 1.0 | 1.0 | 800 |")


def test_the_memory_is_the_largest_of_all_rounds():
    (row,) = serving_report.server_rows([run("Digits", 1, 1, worker=worker) for worker in (190, 260, 180)])
    assert row == "| Digits | 2.0 | 150 | 260 | 400 |"


def test_the_targets_compare_uploads_with_the_better_number_of_workers():
    others = [run("MLflow × 1", 40, 60), run("MLflow × 2", 50, 90), run("BentoML", 300, 10)]
    *met, _, enlarged = serving_report.targets([run("Digits", 500, 12), *others])
    assert [line.startswith("- met: ") for line in met] == [True] * 5
    assert "10.0 times" in met[0]
    assert "1.7 times" in met[1]
    assert "20% of it" in met[2]
    assert "1,920" in met[3]
    assert enlarged.startswith("Uploads of 280 × 280 pixels reach 1,000 requests/s, at 8.9 ms of CPU each")
    *missed, _, _ = serving_report.targets([run("Digits", 299, 13, batches=23, worker=300), *others])
    assert [line.startswith("- **missed:** ") for line in missed] == [True] * 5
