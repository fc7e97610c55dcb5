"""Every picture becomes the canonical digit, by the one function, in its split."""

import numpy as np

from digits import dataset, pictures
from pipeline import preprocess, validate
from tests.pipeline.raw import raw


def test_preprocess_writes_the_canonical_digits(workspace, mnist_digits):
    shown = np.pad(255 - mnist_digits.images[0], 20, constant_values=255)
    raw(mnist_digits, test_0={"data": pictures.write(shown)})
    validate.main()
    preprocess.main()
    sizes = {split: len(dataset.read_prepared(split).labels) for split in ("train", "validation", "test")}
    assert sizes == {"train": 140, "validation": 20, "test": 40}
    test = dataset.read_prepared("test")
    # Parity: the stage made of each picture what the one function makes of it.
    for example, image, label in zip(dataset.read_raw("test"), test.images, test.labels, strict=True):
        assert np.array_equal(image, pictures.canonical(pictures.read(example.data)))
        assert label == example.label
    assert np.array_equal(test.images[0], mnist_digits.images[0])
    assert np.bincount(dataset.read_prepared("validation").labels).tolist() == [2] * 10
