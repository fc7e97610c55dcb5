"""The study of a search, in Optuna's database: its trials, their results, and the pruning."""

import logging

import optuna
from optuna.study import StudyDirection

from digits.params import Params
from digits.paths import TUNING_DATABASE, project_root

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

ERROR = "error"  # user attribute of a failed trial: the message of an error that the user can fix
STARTUP_TRIALS = 4  # before these have ended, values are random and no trial is pruned
LOCK_TIMEOUT = 60  # seconds to wait for another process that writes to the database


def direction(metric: str) -> StudyDirection:
    return StudyDirection.MINIMIZE if metric.endswith("loss") else StudyDirection.MAXIMIZE


def open_study(name: str, params: Params) -> optuna.Study:
    """The study of this name, created where tuning.db has none.

    A trial is pruned where its metric is worse than the median of the earlier trials at the same epoch, but not in the
    first third of the epochs.
    """
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{project_root() / TUNING_DATABASE}", engine_kwargs={"connect_args": {"timeout": LOCK_TIMEOUT}}
    )
    return optuna.create_study(
        study_name=name,
        storage=storage,
        direction=direction(params.tune.metric),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=params.train.epochs // 3),
        load_if_exists=True,
    )
