"""Rounds of quarantine: which of their tables are kept. What is quarantined, the tests of the stage check."""

from unittest.mock import MagicMock

import pytest

from digits.validation import quarantine
from digits.validation.label_corrections import NONE
from digits.validation.quarantine import NO_ROWS


@pytest.mark.parametrize(("max_quarantined", "kept"), [(0.3, 2), (0.2, 0)], ids=["quarantined", "given up"])
def test_the_table_of_the_result_is_kept_and_those_of_the_other_rounds_are_released(monkeypatch, max_quarantined, kept):
    rounds = [MagicMock(), MagicMock(), MagicMock()]
    for one, bad in zip(rounds, (1, 2, 0), strict=True):
        one.table.__len__.return_value = 10
        one.count_bad.return_value = bad
        one.bad_rows.return_value = NO_ROWS
    validated = iter(rounds[1:])
    monkeypatch.setattr(quarantine, "validate", lambda *of: next(validated))
    result, _ = quarantine.quarantine(rounds[0], {}, MagicMock(max_quarantined=max_quarantined), {}, NONE)
    assert result is rounds[kept]
    released = [one.table.release.called for one in rounds]
    assert released == ([True, True, False] if kept == 2 else [False, True, False])
