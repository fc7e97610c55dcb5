"""The same results in the same order, on one core or on all."""

import time

import pytest

from digits import parallel


def squared(number: int) -> int:
    if number < parallel.BATCH:
        time.sleep(0.002)  # whoever does not wait gets the second batch before the first
    if number == 700:
        raise ValueError("no square for 700")
    return number * number


@pytest.mark.parametrize("worthwhile", [1, 10_000], ids=["all cores", "one core"])
def test_results_keep_the_order_of_the_items(monkeypatch, worthwhile):
    monkeypatch.setattr(parallel, "WORTHWHILE", worthwhile)
    numbers = [number for number in range(1200) if number != 700]
    assert list(parallel.each(squared, iter(numbers), len(numbers))) == [number**2 for number in numbers]


@pytest.mark.parametrize("worthwhile", [1, 10_000], ids=["all cores", "one core"])
def test_an_error_in_one_is_raised_here(monkeypatch, worthwhile):
    monkeypatch.setattr(parallel, "WORTHWHILE", worthwhile)
    with pytest.raises(ValueError, match="no square for 700"):
        list(parallel.each(squared, range(1200), 1200))
