"""The proposals of a search, on a real study and tracking store; tests/system/ trains."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from digits.data import dataset, processed_tables
from digits.errors import UserError
from digits.params import Range, load
from digits.tuning import search, study
from tests.raw import RULE, block

RATE = "train.learning_rate"


@pytest.fixture
def params(store):
    """The parameters of a workspace that has a tracking store and prepared data."""
    digits = dataset.Digits(np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10)
    processed_tables.write_processed([block("train", digits), block("validation", digits)], RULE)
    params = load()
    return params.model_copy(
        update={"tune": params.tune.model_copy(update={"ranges": {"learning_rate": Range(low=0.001, high=0.1)}})}
    )


def ranged(params, **ranges):
    return params.model_copy(update={"tune": params.tune.model_copy(update={"ranges": ranges})})


def create(params, name="tune"):
    return search.Search(name, params, print)


def waiting(found) -> list:
    return [one.system_attrs["fixed_params"] for one in found.study.get_trials(states=(TrialState.WAITING,))]


def test_the_baseline_comes_first_and_once(params):
    found = create(params)
    assert found.resume()
    assert waiting(found) == [{RATE: params.train.learning_rate}]
    assert not create(params).resume()
    assert len(waiting(found)) == 1


def test_what_an_interrupted_search_left_is_tried_again_after_the_baseline(params):
    found = create(params)
    left = found.study.ask()
    left.suggest_float(RATE, 0.001, 0.1)
    found.study.ask()  # killed before anything was proposed
    found.resume()
    assert [one.state for one in found.study.trials[:2]] == [TrialState.FAIL] * 2
    assert waiting(found) == [{RATE: params.train.learning_rate}, left.params]


def test_values_are_of_the_types_of_their_ranges():
    trial = optuna.create_study().ask()
    assert type(search.suggest(trial, "a", Range(low=1, high=9))) is int
    assert type(search.suggest(trial, "b", Range(low=1.0, high=9.0, log=True))) is float
    assert search.suggest(trial, "c", Range(choices=["float32"])) == "float32"


def test_the_baseline_must_be_among_the_choices(params):
    with pytest.raises(UserError, match=r"the choices of train.batch_size lack its value 100"):
        create(ranged(params, batch_size=Range(choices=[50, 200])))


def test_an_invalid_proposal_is_an_error(params):
    found = create(ranged(params, rotation=Range(low=181, high=190)))
    with pytest.raises(UserError, match=r"tune.ranges: .*\n*rotation"):
        found.start()
    assert found.study.trials[0].state == TrialState.FAIL


def test_processes_and_a_bound_of_memory_are_no_settings_of_a_search(params):
    found = create(params)
    with_two = {"processes": 2, "backend": "jax", "max_memory_mib": 5000.0}
    other = create(params.model_copy(update={"train": params.train.model_copy(update=with_two)}), "other")
    assert found._settings() | {"train.backend": "jax"} == other._settings()


def test_other_data_are_refused_once_a_trial_has_ended(params):
    found = create(params)
    digits = dataset.Digits(np.ones((20, 28, 28), np.uint8), np.arange(20) % 10)
    processed_tables.write_processed([block("train", digits), block("validation", digits)], RULE)
    found = create(params)  # nothing has ended, so there is nothing to compare with
    trial = found.study.ask()
    trial.suggest_float(RATE, 0.001, 0.1)
    found.study.tell(trial, 0.5)
    create(params)
    reversed_labels = digits._replace(labels=digits.labels[::-1].copy())
    processed_tables.write_processed([block("train", digits), block("validation", reversed_labels)], RULE)
    with pytest.raises(
        UserError, match=r"started with another data/processed/validation.parquet: choose another --name"
    ):
        create(params)


def test_a_search_for_accuracy_maximizes(params):
    tune = params.tune.model_copy(update={"metric": "val_accuracy"})
    assert study.open_study("loss", params).direction.name == "MINIMIZE"
    assert study.open_study("accuracy", params.model_copy(update={"tune": tune})).direction.name == "MAXIMIZE"


def test_a_trial_worse_than_the_median_is_pruned_after_a_third_of_the_epochs(params):
    opened = study.open_study("pruned", params)
    for _ in range(study.STARTUP_TRIALS):
        trial = opened.ask()
        for epoch in range(1, params.train.epochs + 1):
            trial.report(0.5, epoch)
            assert not trial.should_prune()
        opened.tell(trial, 0.5)
    trial = opened.ask()
    pruned = []
    for epoch in range(1, params.train.epochs + 1):
        trial.report(0.9, epoch)
        pruned.append(trial.should_prune())
    warmup = params.train.epochs // 3
    assert pruned == [False] * (warmup - 1) + [True] * (params.train.epochs - warmup + 1)
