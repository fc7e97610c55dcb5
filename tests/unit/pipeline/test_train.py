"""The train stage learns digits and what is no digit, and refuses an export with other logits. Twenty seconds."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from digits import paths
from digits.data import processed_tables, training_tables
from digits.data.dataset import Digits
from digits.data.non_digits import Order, draw_canonical
from digits.errors import UserError
from digits.model.classifier import Classifier
from pipeline import train
from tests.imports import ROOT
from tests.raw import RULE, block, set_params, write_evaluable

# In a process of its own: TensorFlow takes the number of its threads only once
FIT = """
from digits.params import load
from pipeline import train
history, difference = train.fit_and_export(load().train, lambda *_: None)
print(len(history), difference)
"""


def test_what_is_no_digit_gets_a_higher_score_than_digits(workspace, mnist_digits):
    training, other = (Digits(*(values[start::10] for values in mnist_digits)) for start in (0, 1))
    seen, unseen = (draw_canonical(Order("scribbles", "train", 60, (0, seed), training.images)) for seed in (0, 1))
    write_evaluable({"train": training, "validation": Digits(*(values[::5] for values in other))}, seen)
    training_tables.write_non_digits([("train", "scribbles", seen)])
    small = {"convolutions": [[8, 5, 2], [16, 3, 2]], "epochs": 6, "batch_size": 50}
    set_params("train", **small)
    printed = subprocess.check_output(
        [sys.executable, "-c", FIT], text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert f"on 500 digits and {len(seen)} pictures of no digit" in printed
    epochs, difference = printed.splitlines()[-1].split()
    assert epochs == "6" and float(difference) < 1e-4
    scores = [Classifier(paths.NETWORK).predict(images).score for images in (unseen, other.images)]
    assert np.quantile(scores[0], 0.25) > np.quantile(scores[1], 0.75)


def test_data_for_which_memory_is_too_small_is_streamed(workspace, mnist_digits):
    training, other = (Digits(*(values[start::step] for values in mnist_digits)) for start, step in ((0, 8), (1, 50)))
    parts = [Digits(*(values[first : first + 25] for values in training)) for first in range(0, 625, 25)]
    blocks = [*(block("train", part) for part in parts * 4), block("validation", other)]
    processed_tables.write_processed(blocks, RULE)
    training_tables.write_non_digits([("train", "scribbles", training.images[:50] // 2)])
    training_tables.write_page_cuts([parts[0]])
    from digits.model.streaming import BATCHES_AHEAD, BYTES_IN_BATCH, BYTES_IN_BUFFER, READING_BYTES

    memory = (READING_BYTES + BATCHES_AHEAD * 50 * BYTES_IN_BATCH + 450 * BYTES_IN_BUFFER) / 2**20
    small = {"convolutions": [[8, 5, 2], [16, 3, 2]], "epochs": 1, "batch_size": 50, "max_memory_mib": memory}
    set_params("train", **small)
    printed = subprocess.check_output(
        [sys.executable, "-c", FIT], text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert re.search(r"on 2,575 pictures, streamed with 4\d\d in memory", printed)
    epochs, difference = printed.splitlines()[-1].split()
    assert epochs == "1" and float(difference) < 1e-4


def test_an_exported_file_with_other_logits_is_refused():
    train.check_agreement(0.0001, bound=0.0001)
    words = r"network\.onnx gives logits that differ by up to .* train\.max_logit_difference = 0\.0001"
    for difference in (0.00011, float("nan")):
        with pytest.raises(UserError, match=words):
            train.check_agreement(difference, bound=0.0001)
