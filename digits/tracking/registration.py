"""From the files of a model to a version in the registry, and to a decision about the champion."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

from digits.params import Params
from digits.tracking import store
from digits.vcs import revisions

# As digits/tracking/registry.py names them, which loads more than a stage with nothing to do should.
NAME, CHAMPION = "digits", "champion"


class Registration(NamedTuple):
    """What was decided about a version, in words, and whether it is the champion now."""

    decision: str
    is_champion: bool


def register(params: Params, content: dict[str, str], accuracy: float) -> Registration:
    """Log the run of the model in models/, register it with `content` as its tags, and decide about the champion.

    `accuracy` is that of the test split, 0 to 1. Raises UserError where the tracking store fails.
    """
    from digits.tracking import model_run, promotion, registry

    run_id = model_run.log_model_run(params)
    with store.wrap_store_errors():
        model, *_ = model_run.logged_models(run_id)
        version_tags = {**content, "git_commit": revisions.head()}
        version = registry.register(run_id, model.model_uri, model.model_id, version_tags)
        decision = promotion.promote(version, accuracy, params.register_.min_accuracy)
        return Registration(decision, registry.is_champion(version))


def is_registered(content: dict[str, str]) -> bool:
    """Whether the store, where it is a database of this machine, has a champion and a version with all these tags.

    MLflow's tables are read as they are: importing MLflow would double the time of a `dvc repro` with nothing to do.
    False means that MLflow itself has to be asked.
    """
    path = store.database()
    if path is None or not path.exists():
        return False
    query = f"""
        SELECT 1 FROM model_version_tags AS tag
        JOIN model_versions AS version ON version.name = tag.name AND version.version = tag.version
        JOIN runs ON runs.run_uuid = version.run_id AND runs.lifecycle_stage = 'active'
        JOIN registered_model_aliases AS alias ON alias.name = version.name AND alias.alias = '{CHAMPION}'
        WHERE version.name = '{NAME}' AND version.current_stage != 'Deleted_Internal'
        AND ({" OR ".join("(tag.key = ? AND tag.value = ?)" for _ in content)})
        GROUP BY version.version HAVING count(*) = {len(content)}
    """
    try:
        with closing(sqlite3.connect(path)) as database:
            return database.execute(query, [text for tag in content.items() for text in tag]).fetchone() is not None
    except sqlite3.Error:
        return False  # the tables of another version of MLflow
