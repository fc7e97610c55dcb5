"""The learning rate schedule."""

import pytest


def test_one_cycle_rises_to_the_peak_and_falls_to_zero():
    from digits.model.optimization import OneCycle

    rate = OneCycle(peak=0.1, steps=100, warmup=0.3)
    found = [float(rate(step)) for step in (0, 15, 30, 65, 100)]
    assert found == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)
