"""Whether a database of this machine holds a registered model whole, or knows a name, read without MLflow.

MLflow's tables are read directly: importing MLflow would double the time of a `dvc repro` with nothing to do.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from digits import addresses, paths
from digits.files import digest
from digits.tracking import relocation, tags

FILE, DESCRIPTION = "model.onnx", "MLmodel"  # as MLflow names them, in a model's folder
TRAIN_PICTURES = Path("train_pictures.parquet")  # as learned_pictures writes it
# The files of a run, by their folders
RUN_FILES = {
    "data": (TRAIN_PICTURES, paths.DATA_CARD),
    "evaluation": (paths.EVALUATION_REPORT, paths.PREDICTIONS),
    "figures": (
        paths.LEARNING_CURVES,
        paths.CONFUSION_MATRIX,
        paths.MISTAKES,
        paths.RELIABILITY,
        paths.RISK_COVERAGE,
        paths.SLICES,
    ),
    "metrics": (paths.EVALUATION,),
    "models": (paths.MODEL_CARD,),
    "validation": (paths.VALIDATION, paths.VALIDATION_REPORT, paths.PROFILE),
    "weights": (paths.WEIGHTS,),
}
# Of the version whose run has a tag, and of the one with an alias: what each points to, and whether the latter has a
# tag too. A deleted one gives no row.
_VERSIONS = """
    SELECT model.artifact_location, hash.value, runs.artifact_uri, tag.value IS NOT NULL,
        alias.alias IS NOT NULL AND checked.value IS NOT NULL
    FROM model_versions AS version
    JOIN runs ON runs.run_uuid = version.run_id AND runs.lifecycle_stage = 'active'
    JOIN experiments ON experiments.experiment_id = runs.experiment_id AND experiments.lifecycle_stage = 'active'
    JOIN logged_models AS model ON 'models:/' || model.model_id = version.source AND model.lifecycle_stage = 'active'
    LEFT JOIN model_version_tags AS hash
        ON hash.name = version.name AND hash.version = version.version AND hash.key = :hash
    LEFT JOIN model_version_tags AS checked ON checked.name = version.name AND checked.version = version.version
        AND checked.key = :version_key AND checked.value = :version_value
    LEFT JOIN tags AS tag ON tag.run_uuid = version.run_id AND tag.key = :run_key AND tag.value = :run_value
    LEFT JOIN registered_model_aliases AS alias
        ON alias.name = version.name AND alias.version = version.version AND alias.alias = :alias
    WHERE version.name = :name AND version.current_stage != 'Deleted_Internal'
    AND (tag.value IS NOT NULL OR alias.alias IS NOT NULL)
"""

# Of what `may_name` finds
_NAMES = """
    SELECT 1 FROM registered_model_aliases WHERE name = :name AND alias = :word
    UNION ALL SELECT 1 FROM model_versions WHERE name = :name AND CAST(version AS TEXT) = :word
    UNION ALL SELECT 1 FROM runs WHERE name = :word OR substr(run_uuid, 1, length(:word)) = :word
"""


def may_name(database: Path, name: str, word: str) -> bool:
    """Whether a word is an alias or a number of a version of the model `name`, or the name or the start of a run's id.

    What is deleted counts too. True also where the tables are those of another MLflow, which has to be queried.
    """
    try:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(_NAMES, {"name": name, "word": word}).fetchone() is not None
    except sqlite3.Error:
        return True


def is_whole(database: Path, name: str, run_tag: tuple[str, str], alias: str, version_tag: tuple[str, str]) -> bool:
    """Whether the model `name` has a version whose run has a tag, one with an alias and a tag, and the files of both.

    A tag is a key and its value. The ONNX file of each must have the hash that is recorded; of the first's run each
    file must exist. False means that MLflow has to be queried.
    """
    values = {
        "name": name,
        "alias": alias,
        "hash": tags.ONNX,
        "run_key": run_tag[0],
        "run_value": run_tag[1],
        "version_key": version_tag[0],
        "version_value": version_tag[1],
    }
    try:
        if relocation.former_places(database, paths.project_root()):
            return False
        with closing(sqlite3.connect(database)) as connection:
            versions = connection.execute(_VERSIONS, values).fetchall()
    except sqlite3.Error:
        return False  # the tables of another version of MLflow
    return (
        any(row[3] for row in versions)
        and any(row[4] for row in versions)
        and all(_has_model(location, sha) and (not ours or _has_files(run)) for location, sha, run, ours, _ in versions)
    )


def _has_model(location: str, sha256: str | None) -> bool:
    """Whether a model's folder has the ONNX file with this hash; True where it is on a server."""
    folder = addresses.file_path(location)
    if folder is None:
        return True
    file = folder / FILE
    # os.path, since pathlib raises PermissionError for a folder of another user
    return os.path.isfile(folder / DESCRIPTION) and os.path.isfile(file) and sha256 in (None, digest(file, "sha256"))


def _has_files(location: str) -> bool:
    folder = addresses.file_path(location)
    return folder is None or all(
        os.path.isfile(folder / name / file.name) for name, files in RUN_FILES.items() for file in files
    )
