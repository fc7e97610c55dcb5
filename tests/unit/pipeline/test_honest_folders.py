"""A folder of other kinds of digits than MNIST's runs to the end of the stages before training; some 8 s."""

from digits import paths
from digits.data import dataset, pictures
from pipeline import ingest, preprocess, validate
from tests import kinds
from tests.raw import set_params

PICTURES_PER_LABEL = 50


def test_no_digit_by_a_thin_pen_or_cut_to_its_ink_is_quarantined(workspace, mnist_digits):
    # Fractions with which every split has all digits
    set_params("ingest", sources=["folder"], test_fraction=0.3, validation_fraction=0.4)
    for label in range(10):
        (paths.EXTERNAL / str(label)).mkdir(parents=True)
        digits = mnist_digits.images[mnist_digits.labels == label][:PICTURES_PER_LABEL]
        made = [*kinds.thin_pen(digits[::2], 100, 2), *kinds.tight(digits[1::2])]
        for number, pixels in enumerate(made):
            (paths.EXTERNAL / str(label) / f"{number:03d}.png").write_bytes(pictures.encode_png(pixels))
    ingest.main()
    validate.main()
    preprocess.main()
    assert paths.QUARANTINE.read_text() == "split,row,path,label,reasons\n"
    assert sum(dataset.count_rows(path) for path in paths.PROCESSED.glob("*.parquet")) == 10 * PICTURES_PER_LABEL
