"""A digit coloured by its saliency, as pixels, so that figures, contact sheets and pages draw it alike."""

import math

import numpy as np

from digits.arrays import Floats, Pixels

FULL_COLOUR = math.log(100)  # log-odds: the same in all pictures, so that they can be compared
# The two ends of ColorBrewer's RdBu, which the colour-blind can tell apart
PAPER, NEUTRAL, FOR, AGAINST = (np.array(rgb) for rgb in ((255,) * 3, (190,) * 3, (178, 24, 43), (33, 102, 172)))
LEGEND = (
    "Saliency by occlusion: red ink supports the predicted label, blue opposes it, grey does neither; "
    "full colour where the odds of that label change 100-fold or more without the ink"
)


def overlay(images: Pixels, saliency: Floats) -> Pixels:
    """(…, 28, 28, 3) uint8 RGB of (…, 28, 28) uint8 digits and their saliency in log-odds, of the same shape.

    The ink is on white paper: red where the saliency is positive, blue where it is negative, grey at 0.
    """
    strength = np.clip(np.abs(saliency) / FULL_COLOUR, 0, 1)[..., None]
    ink = NEUTRAL + strength * (np.where(saliency[..., None] > 0, FOR, AGAINST) - NEUTRAL)
    opacity = images[..., None] / 255
    rgb: Pixels = np.rint(PAPER + opacity * (ink - PAPER)).astype(np.uint8)
    return rgb
