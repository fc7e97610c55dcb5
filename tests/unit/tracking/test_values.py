"""Many, long and secret values are logged within MLflow's limits."""

import pytest

from digits.errors import UserError
from digits.tracking import values


def test_a_value_up_to_the_limit_is_kept_and_a_longer_one_is_cut_with_a_mark():
    at_limit, longer = "x" * values.LONGEST_PARAM, "x" * (values.LONGEST_PARAM + 1)
    found = values.param_values({"a": at_limit, "b": longer})
    assert found["a"] == at_limit
    assert found["b"].endswith("x… (6,001 characters, cut)")
    assert len(found["b"]) == values.LONGEST_PARAM
    assert len(values.tag_values({"a": "x" * 9000})["a"]) == values.LONGEST_TAG


def test_a_name_that_is_too_long_is_refused():
    assert values.param_values({"k" * 250: 1}) == {"k" * 250: "1"}
    with pytest.raises(UserError, match="has 251 characters, more than MLflow's 250"):
        values.tag_values({"k" * 251: "1"})


def test_a_secret_is_not_logged():
    given = {"ingest.mirror": "https://me:p@ss@host/mnist?token=hush"}
    for found in (values.param_values(given), values.tag_values(given)):
        assert found == {"ingest.mirror": "https://host/mnist?token=***"}
