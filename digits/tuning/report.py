"""The report of a search: the best parameters next to the baseline, and figures of its trials."""

import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from digits.files import atomic_write
from digits.paths import TUNING_FIGURES


def format_params(params: dict[str, Any]) -> str:
    """`learning_rate=0.003 shift=2`: parameters of `train`, rounded."""
    return " ".join(f"{key.removeprefix('train.')}={format_value(value)}" for key, value in params.items())


def format_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def outcome_table(study: optuna.Study, baseline: dict[str, Any], metric: str) -> str:
    """The searched parameters and the metric of the baseline and of the best trial, as a table."""
    best = study.best_trial
    first = next((trial for trial in study.trials if trial.params == baseline and trial.value is not None), None)
    lines = [f"{'':28}{'baseline':>14}{'best':>14}"]
    lines += [
        f"{key:28}{format_value(value):>14}{format_value(best.params[key]):>14}" for key, value in baseline.items()
    ]
    lines.append(f"{metric:28}{f'{first.value:.5f}' if first else 'unknown':>14}{best.value:14.5f}")
    return "\n".join(lines)


def write_figures(study: optuna.Study, metric: str) -> list[Path]:
    """Draw the metric of each trial, and the importance of each parameter where it can be estimated."""
    from optuna.visualization import matplotlib as plots

    kinds: dict[str, Any] = {"history": plots.plot_optimization_history}
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) > 2:
        kinds["importance"] = plots.plot_param_importances
    written = []
    for kind, plot in kinds.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            figure = plot(study, target_name=metric).figure
        written.append(TUNING_FIGURES / f"{kind}.png")
        with atomic_write(written[-1]) as temporary:
            figure.savefig(temporary, dpi=120, bbox_inches="tight")
    return written
