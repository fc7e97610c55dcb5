"""Many, long and secret values are logged within MLflow's limits."""

import pytest

from digits.errors import UserError
from digits.tracking import batches


def test_a_value_up_to_the_limit_is_kept_and_a_longer_one_is_cut_with_a_mark():
    at_limit, longer = "x" * batches.LONGEST_PARAM, "x" * (batches.LONGEST_PARAM + 1)
    found = batches.param_values({"a": at_limit, "b": longer})
    assert found["a"] == at_limit
    assert found["b"].endswith("x… (6,001 characters, cut)")
    assert len(found["b"]) == batches.LONGEST_PARAM
    assert len(batches.tag_values({"a": "x" * 9000})["a"]) == batches.LONGEST_TAG


def test_a_name_that_is_too_long_is_refused():
    assert batches.param_values({"k" * 250: 1}) == {"k" * 250: "1"}
    with pytest.raises(UserError, match="has 251 characters, more than MLflow's 250"):
        batches.tag_values({"k" * 251: "1"})


def test_a_secret_is_not_logged():
    values = {"ingest.mirror": "https://me:p@ss@host/mnist?token=hush"}
    for found in (batches.param_values(values), batches.tag_values(values)):
        assert found == {"ingest.mirror": "https://host/mnist?token=***"}


def test_no_call_has_more_than_mlflow_takes():
    class Client:
        def __init__(self):
            self.calls = []

        def log_batch(self, run_id, params=(), metrics=()):
            self.calls.append((len(params), len(metrics)))

    client = Client()
    batches.log(client, "run", params={str(number): number for number in range(250)}, metrics=range(2500))
    assert client.calls == [(100, 0), (100, 0), (50, 0), (0, 1000), (0, 1000), (0, 500)]
