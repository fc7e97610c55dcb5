"""A project that could train: a tracking store, parameters, and a few prepared digits."""

import pytest

from digits import params
from digits.data import dataset
from digits.data.dataset import Digits


@pytest.fixture
def project(store, mnist_digits) -> params.Params:
    """The parameters of a workspace with a store and 20 prepared digits a split."""
    images, labels = mnist_digits.images[::250], mnist_digits.labels[::250]
    dataset.write_processed([(split, Digits(images, labels)) for split in dataset.SPLITS])
    store.connect()
    return params.load()


def changed(project: params.Params, **train: object) -> params.Params:
    """The same parameters with other values in the section of `train`."""
    return project.model_copy(update={"train": project.train.model_copy(update=train)})
