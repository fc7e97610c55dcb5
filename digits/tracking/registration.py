"""From the files of a model to a version in the registry, and to a decision about the champion."""

import hashlib
import json
from typing import TYPE_CHECKING

from digits import paths
from digits.files import digest
from digits.params import Params
from digits.tracking import record, registry, store
from digits.vcs import revisions

if TYPE_CHECKING:
    from digits.tracking.promotion import Decision

INPUTS = "registration_sha256"  # tag of a version: all that was logged and decided about, set when that is done


def register(params: Params, content: dict[str, str], accuracy: float) -> "Decision":
    """Log the run of the model in models/, register it with `content` as tags; returns what is decided.

    `accuracy` is that of the test split, 0 to 1. Raises UserError where the tracking store fails.
    """
    from digits.tracking import model_run, promotion

    run_id = model_run.log_model_run(params)
    with store.wrap_store_errors():
        model, *_ = model_run.logged_models(run_id)
        version = registry.register(run_id, model, {**content, "git_commit": revisions.head()})
        decision = promotion.promote(version, accuracy, params.register_.min_accuracy)
        # Last: a registration that was interrupted is repeated by the next.
        store.connect().set_model_version_tag(registry.NAME, version.number, INPUTS, _inputs(content))
        return decision


def is_registered(content: dict[str, str]) -> bool:
    """Whether a database of this machine has a champion, and a version that was registered from these files.

    MLflow's tables are read directly: importing MLflow would double the time of a `dvc repro` with nothing to do.
    False means that MLflow has to be queried.
    """
    path = store.database()
    if path is None or not path.exists():
        return False
    key = (registry.NAME, INPUTS, _inputs(content), registry.CHAMPION)
    return record.is_whole(path, *key)


def forget(weights: str) -> None:
    """Let the next registration of the model with these weights log and decide everything again."""
    version = registry.find(weights)
    if version is not None and INPUTS in version.tags:
        store.connect().delete_model_version_tag(registry.NAME, version.number, INPUTS)


def _inputs(content: dict[str, str]) -> str:
    files = (paths.EVALUATION, paths.TRAINING, paths.VALIDATION_REPORT, paths.PROFILE)
    return hashlib.sha256(json.dumps([content, *(digest(file, "md5") for file in files)]).encode()).hexdigest()
