"""The stage validate writes and prints the same on Spark as on pandas. It takes 43 s on two cores."""

from contextlib import contextmanager

import pyarrow.parquet as pq

from digits import paths
from digits.data import pictures, shards
from digits.spark import validate as on_spark
from pipeline import validate
from tests.raw import BLANK, raw, set_engine, set_params

FILES = [paths.PROFILE, paths.QUARANTINE, paths.VALIDATION, paths.VALIDATION_REPORT, paths.DATA_CARD]


def test_the_files_and_the_text_are_those_of_pandas(workspace, mnist_digits, spark, monkeypatch, capsys):
    """Pictures are quarantined, and the findings are computed anew without them."""

    @contextmanager
    def session(params):
        yield spark

    monkeypatch.setattr(on_spark, "session", session)
    digits = [pictures.encode_png(image) for image in mnist_digits.images]
    raw(
        mnist_digits,
        train_3={"label": 11},
        train_20={"data": BLANK},
        train_21={"data": b"no picture"},
        train_5={"data": digits[0]},  # the test split's first
        train_50={"data": pictures.encode_png(255 - mnist_digits.images[mnist_digits.labels == 3][10])},
        train_51={"path": "3/odd.jpg"},
        train_131={"data": digits[int((mnist_digits.labels == 9).nonzero()[0][4])]},
    )
    written = []
    for engine in ("pandas", "spark"):
        set_params("validate", on_bad_rows="quarantine", max_quarantined=0.1)
        set_engine(engine)
        validate.main()
        table = shards.read(paths.STATISTICS)
        written.append((capsys.readouterr().out, {path: path.read_bytes() for path in FILES}, table))
        assert paths.STATISTICS.is_dir() == (engine == "spark")
    (on_pandas, files, table), (printed, found, rows) = written
    assert "quarantined: train row 20" in on_pandas and "warning: file_name" in on_pandas
    assert printed == on_pandas
    assert {path for path in FILES if found[path] != files[path]} == set()
    assert rows.equals(table)
    assert pq.ParquetFile(shards.files(paths.STATISTICS)[0]).metadata.num_rows > 0
