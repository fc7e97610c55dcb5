"""How the cost of the data stages grows, from times that a formula gives. A few ms, after the imports."""

import re

import pytest

from benchmarks import engines

SIZES = (70_000, 500_000, 2_000_000)


@pytest.mark.parametrize("exponent", [1, 1.2])
def test_the_fixed_cost_does_not_lower_the_exponent(exponent):
    rows = [{"pictures": size, "seconds": 25 + 186 * (size / 1e6) ** exponent} for size in SIZES]
    assert engines.growth(rows) == pytest.approx([25, 186, exponent], rel=1e-3)


def test_the_page_has_core_seconds(monkeypatch):
    monkeypatch.setattr(engines.os, "cpu_count", lambda: 4)
    seconds = {size: 25 + 186 * size / 1e6 for size in SIZES}
    rows = [
        {"engine": engine, "pictures": size, "stage": stage, "seconds": seconds[size], "memory": 1.0}
        for size in SIZES
        for engine in engines.ENGINES
        for stage in engines.STAGES
    ]
    page = engines.report(rows, dict.fromkeys(SIZES, "the same"))
    found = [re.findall(r"[^| ]+", line) for line in page.splitlines()]
    assert ["spark", "2,000,000", "validate", "397", "5,038", "794", "1"] in found
    assert ["spark", "validate", "25.0", "744", "1.00"] in found
    assert "c, core s" not in engines.report(rows[:6], {SIZES[0]: "the same"})
