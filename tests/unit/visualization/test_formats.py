"""Figures have one format everywhere. 0.1 s."""

import pytest

from digits.visualization import formats


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (formats.share, (0.98834,), "98.83%"),
        (formats.estimate, (0.98834,), "98.83%"),
        (formats.estimate, (0.98834, (0.97, 1.0)), "98.83% (97.00 to 100.00)"),
        (formats.estimate, (0.5, (0.25, 0.75), ".3f"), "0.500 (0.250 to 0.750)"),
        (formats.estimate, (1234, None, ","), "1,234"),
        (formats.difference, (-0.0085, (-0.0177, 0.0004)), "-0.85 points (-1.77 to +0.04)"),
        (formats.difference, (0.5, None, ".4f"), "+0.5000"),
        (formats.metric, ({"ece": 0.5, "ece_low": 0.25, "ece_high": 0.625}, "ece"), "50.00% (25.00 to 62.50)"),
        (formats.words, ("two_digits",), "two digits"),
    ],
)
def test_a_figure_has_its_format(function, arguments, expected):
    assert function(*arguments) == expected
