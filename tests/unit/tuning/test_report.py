"""The report of a search: its table and its figures."""

import cv2
import optuna
import pytest

from digits.tuning import report

RATE, BATCH = "train.learning_rate", "train.batch_size"


@pytest.fixture
def study():
    """Three trials: the second is pruned, the third is the best."""
    study = optuna.create_study()
    distributions = {
        RATE: optuna.distributions.FloatDistribution(0.001, 0.1),
        BATCH: optuna.distributions.CategoricalDistribution([50, 100]),
    }
    for rate, batch, value, state in (
        (0.02, 100, 0.5, "COMPLETE"),
        (0.09, 50, 0.9, "PRUNED"),
        (0.0123456, 50, 0.25, "COMPLETE"),
    ):
        study.add_trial(
            optuna.trial.create_trial(
                params={RATE: rate, BATCH: batch},
                distributions=distributions,
                value=value,
                state=optuna.trial.TrialState[state],
            )
        )
    return study


def test_the_table_has_the_baseline_and_the_best(study):
    lines = report.outcome_table(study, {RATE: 0.02, BATCH: 100}, "val_loss").splitlines()
    assert [line.split() for line in lines] == [
        ["baseline", "best"],
        [RATE, "0.02", "0.01235"],
        [BATCH, "100", "50"],
        ["val_loss", "0.50000", "0.25000"],
    ]


def test_a_baseline_that_was_not_tried_is_unknown(study):
    assert report.outcome_table(study, {RATE: 0.03, BATCH: 100}, "val_loss").split()[-2:] == ["unknown", "0.25000"]


def test_parameters_are_rounded_in_one_line():
    assert report.format_params({RATE: 0.0123456, BATCH: 100}) == "learning_rate=0.01235 batch_size=100"


def test_importance_is_drawn_once_three_trials_are_complete(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in report.write_figures(study, "val_loss")] == ["history.png"]
    study.add_trial(study.trials[0])
    written = report.write_figures(study, "val_loss")
    assert [path.as_posix() for path in written] == ["reports/tuning/history.png", "reports/tuning/importance.png"]
    for path in written:
        assert min(cv2.imread(str(path)).shape[:2]) > 300
