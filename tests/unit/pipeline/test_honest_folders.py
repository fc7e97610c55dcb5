"""Folders of other kinds of digits than MNIST's run to the end of the stages before training; some 8 s each."""

import pytest

from digits import paths
from digits.data import dataset, pictures
from pipeline import ingest, preprocess, validate
from tests import kinds
from tests.raw import set_params

PICTURES_PER_LABEL = 25
KINDS = {"thin pen": lambda digits: kinds.thin_pen(digits, 100, 2), "cut to the ink": kinds.tight}


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_quarantined(workspace, mnist_digits, kind):
    set_params(
        "ingest", sources=["folder"], test_fraction=0.3, validation_fraction=0.4
    )  # so that every split has all digits
    for label in range(10):
        (paths.EXTERNAL / str(label)).mkdir(parents=True)
        digits = mnist_digits.images[mnist_digits.labels == label][:PICTURES_PER_LABEL]
        for number, pixels in enumerate(KINDS[kind](digits)):
            (paths.EXTERNAL / str(label) / f"{number:03d}.png").write_bytes(pictures.encode_png(pixels))
    ingest.main()
    validate.main()
    preprocess.main()
    assert paths.QUARANTINE.read_text() == "split,row,path,label,reasons\n"
    assert sum(dataset.count_rows(path) for path in paths.PROCESSED.glob("*.parquet")) == 10 * PICTURES_PER_LABEL
