"""The numbers of metrics/evaluate.json by flat names."""

import pytest

from digits.tracking import flat_metrics
from digits.tracking.runs import create_parent, log_metrics
from digits.tracking.store import connect

EVALUATION = {
    "validation": {"log_loss": 0.1, "sources": {"mnist": {"accuracy": 0.9}}},
    "test": {
        "ece": 0.01,
        "ece_low": 0.005,
        "classes": {"0": {"f1": 0.99}},
        "sources": {"mnist-5k": {"pictures": 940, "accuracy_low": 0.98}},
        "slices": {"stroke width": {"3–4 px": {"accuracy": 0.97}}},
        "worst_slice": {"accuracy": 0.95},
    },
    "auroc": {"letters": 0.97, "worst": 0.93},
    "font_accuracy": 0.7,
}
FLAT = {
    "validation_log_loss": 0.1,
    "validation_accuracy_mnist": 0.9,
    "test_ece": 0.01,
    "test_ece_low": 0.005,
    "test_f1_0": 0.99,
    "test_pictures_mnist-5k": 940.0,
    "test_accuracy_low_mnist-5k": 0.98,
    "test_accuracy_stroke width_3_4 px": 0.97,
    "test_worst_slice_accuracy": 0.95,
    "auroc_letters": 0.97,
    "auroc_worst": 0.93,
    "font_accuracy": 0.7,
}


def test_each_number_has_the_name_of_the_keys_that_lead_to_it():
    assert flat_metrics.flatten(EVALUATION) == FLAT


def test_mlflow_takes_every_name_also_of_what_is_no_number(store):
    store.connect()
    run_id = create_parent("evaluated", {}, known=None)
    log_metrics(run_id, {**flat_metrics.flatten(EVALUATION), "auroc_noise": float("nan")})
    logged = connect().get_run(run_id).data.metrics
    assert logged == pytest.approx({**FLAT, "auroc_noise": float("nan")}, nan_ok=True)
