"""Occlusion sensitivity: which ink of a digit supports a class, found by covering a patch at a time."""

from collections.abc import Sequence

import numpy as np

from digits.arrays import Bools, Floats, Pixels
from digits.data.stacks import DIGIT_SIZE
from digits.model.classifier import Classifier

PATCH, STRIDE = 4, 2  # pixels: a patch is a little wider than a stroke, and the patches cover all of 28 x 28


def occlusion(classifier: Classifier, images: Pixels, classes: Sequence[int] | np.ndarray) -> np.ndarray:
    """How much each pixel supports a class: (n, 28, 28) float32 of (n, 28, 28) uint8 digits and (n,) labels, 0 to 9.

    A square patch is set to paper, 0, at each position (Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901). A
    pixel's value is the mean over the patches that contain it of how much the log-odds of the class, log p / (1 - p),
    fall: ln 100 where the odds fall to a hundredth, negative where they rise, 0 where no patch has ink. Log-odds also
    change where a probability is almost 1. n may be 0.
    """
    patches = _patches()
    maps = np.zeros(images.shape, np.float32)
    for image, label, saliency in zip(images, classes, maps, strict=True):
        covering = patches[(patches & (image > 0)).any(axis=(1, 2))]  # no ink, no change
        logits = classifier.predict(np.concatenate([image[None], image * ~covering])).logits
        whole, *occluded = _log_odds(logits, label)
        saliency[:] = np.tensordot(whole - np.array(occluded), covering, axes=1) / patches.sum(axis=0)
    return maps


def _patches() -> Bools:
    """(169, 28, 28) bool: the pixels of each position of the patch."""
    starts = np.arange(0, DIGIT_SIZE - PATCH + 1, STRIDE)
    inside = (np.arange(DIGIT_SIZE) >= starts[:, None]) & (np.arange(DIGIT_SIZE) < starts[:, None] + PATCH)
    return (inside[:, None, :, None] & inside[None, :, None, :]).reshape(-1, DIGIT_SIZE, DIGIT_SIZE)


def _log_odds(logits: Floats, label: int) -> Floats:
    """(k,) of (k, 10): the log-odds of the label."""
    odds: Floats = logits[:, label] - np.logaddexp.reduce(np.delete(logits, label, axis=1), axis=1)
    return odds
