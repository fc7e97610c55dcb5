"""Copies runs and models from one tracking store to another, for example from SQLite to a team's server.

Runs keep their parameters, metrics by step, tags, datasets, files and times; models their versions, tags, aliases and
the history of the champion. No maintained tool does this: `mlflow migrate-filestore` reads file stores only, and the
last release of mlflow-export-import, 1.2.0 of 2023, does not support MLflow 3's logged models.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from digits.tracking import history, registry, store
from digits.tracking.tags import PARENT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

SOURCE_ID = "migrated_from"  # tag: the run's or the model's id in the store that it comes from
COMPLETE = "migration_complete"  # tag: the last that a copied run gets; one without it is copied again
# Prefixes of tags that a new run gets by itself
OF_EACH_RUN = ("mlflow.user", "mlflow.source", "mlflow.runName", "mlflow.log-model", PARENT)
MAX_RUNS = 50_000  # as many as MLflow returns at a time


def migrate(source: str, target: str, report: Callable[[str], None]) -> None:
    """Copy the runs and models of the store at `source` to the one at `target`, which must have our experiment.

    What was copied before is skipped, so that an interrupted migration is completed by the next.
    """
    from mlflow import MlflowClient

    old, new = (MlflowClient(tracking_uri=address, registry_uri=address) for address in (source, target))
    old_experiment, new_experiment = (store.experiment_id(client) for client in (old, new))
    known = new.search_runs([new_experiment], max_results=MAX_RUNS)
    copied = {run.data.tags[SOURCE_ID]: run.info.run_id for run in known if run.data.tags.get(COMPLETE)}
    runs = old.search_runs([old_experiment], max_results=MAX_RUNS)[::-1]  # the oldest first
    models: dict[str, str] = {}
    for number, run in enumerate(runs, start=1):
        run_id = run.info.run_id
        if run.info.status == "RUNNING":
            report(f"{number:4d}/{len(runs)}  {run.info.run_name} is still running: migrate again when it has ended")
            continue
        if run_id not in copied:
            copied[run_id] = _copy_run(old, new, run, new_experiment)
        models |= _copy_models(old, new, run_id, copied[run_id], (old_experiment, new_experiment))
        report(f"{number:4d}/{len(runs)}  {run.info.run_name}")
    for run in runs:  # a parent may be newer than its children
        parent = copied.get(run.data.tags.get(PARENT, ""))
        if parent and run.info.run_id in copied:
            new.set_tag(copied[run.info.run_id], PARENT, parent)
    _copy_versions(old, new, copied, models, report)


def _copy_run(old: "MlflowClient", new: "MlflowClient", run: "Run", experiment: str) -> str:
    for incomplete in new.search_runs([experiment], f"tags.{SOURCE_ID} = '{run.info.run_id}'"):
        new.delete_run(incomplete.info.run_id)
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith(OF_EACH_RUN)}
    run_id: str = new.create_run(
        experiment,
        start_time=run.info.start_time,
        run_name=run.info.run_name,
        tags={**tags, SOURCE_ID: run.info.run_id},
    ).info.run_id
    _copy_values(old, new, run, run_id)
    with tempfile.TemporaryDirectory() as folder:
        if old.list_artifacts(run.info.run_id):
            new.log_artifacts(run_id, old.download_artifacts(run.info.run_id, "", folder))
    new.set_terminated(run_id, run.info.status, run.info.end_time)
    new.set_tag(run_id, COMPLETE, "yes")
    return run_id


def _copy_values(old: "MlflowClient", new: "MlflowClient", run: "Run", run_id: str) -> None:
    from mlflow.entities import Param

    params = [Param(key, value) for key, value in run.data.params.items()]
    points = [point for key in run.data.metrics for point in old.get_metric_history(run.info.run_id, key)]
    new.log_batch(run_id, params=params, metrics=points)
    if run.inputs and run.inputs.dataset_inputs:
        new.log_inputs(run_id, datasets=run.inputs.dataset_inputs)


def _copy_models(
    old: "MlflowClient", new: "MlflowClient", old_run: str, new_run: str, experiments: tuple[str, str]
) -> dict[str, str]:
    """Copy the run's logged models; returns their new ids by the old ones."""
    copied = {}
    for model in old.search_logged_models([experiments[0]], f"source_run_id = '{old_run}'"):
        if not str(model.status).endswith("READY"):
            continue  # its logging was interrupted
        found = new.search_logged_models([experiments[1]], f"tags.{SOURCE_ID} = '{model.model_id}'")
        complete = [one.model_id for one in found if str(one.status).endswith("READY")]
        copied[model.model_id] = complete[0] if complete else _copy_model(old, new, model, new_run, experiments[1])
    return copied


def _copy_model(old: "MlflowClient", new: "MlflowClient", model: "LoggedModel", run_id: str, experiment: str) -> str:
    from mlflow.artifacts import download_artifacts

    created = new.create_logged_model(
        experiment, model.name, run_id, {SOURCE_ID: model.model_id}, model.params, model.model_type
    )
    with tempfile.TemporaryDirectory() as folder:
        files = Path(
            download_artifacts(artifact_uri=model.artifact_location, dst_path=folder, tracking_uri=old.tracking_uri)
        )
        description = yaml.safe_load((files / "MLmodel").read_text(encoding="utf-8"))
        description |= {"model_id": created.model_id, "run_id": run_id, "artifact_path": created.artifact_location}
        (files / "MLmodel").write_text(yaml.safe_dump(description), encoding="utf-8")
        new.log_model_artifacts(created.model_id, str(files))
    new.finalize_logged_model(created.model_id, "READY")
    return created.model_id


def _copy_versions(
    old: "MlflowClient",
    new: "MlflowClient",
    runs: dict[str, str],
    models: dict[str, str],
    report: Callable[[str], None],
) -> None:
    from mlflow.exceptions import MlflowException

    versions = sorted(old.search_model_versions(f"name = '{registry.NAME}'"), key=lambda one: int(one.version))
    if not versions:
        return
    try:
        new.create_registered_model(registry.NAME, description=old.get_registered_model(registry.NAME).description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    numbers: dict[str, str] = {}  # in the new store, by those in the old one
    for version in versions:
        model = models.get(str(version.source).removeprefix("models:/"))
        if model is None:
            report(f"version {version.version} is not copied: its run was deleted, or is still running")
            continue
        found = new.search_model_versions(f"name = '{registry.NAME}' and source_path = 'models:/{model}'")
        copied = next(iter(found), None) or new.create_model_version(
            registry.NAME,
            f"models:/{model}",
            runs[str(version.run_id)],
            version.tags,
            description=version.description,
            model_id=model,
        )
        numbers[str(version.version)] = str(copied.version)
        for alias in old.get_model_version(registry.NAME, version.version).aliases:
            if alias not in new.get_registered_model(registry.NAME).aliases:
                new.set_registered_model_alias(registry.NAME, alias, copied.version)
        report(f"version {version.version} is version {copied.version} of {registry.NAME} in the new store")
    _copy_history(old, new, numbers)


def _copy_history(old: "MlflowClient", new: "MlflowClient", numbers: dict[str, str]) -> None:
    """Copy the history of the champion, unless the new store has another champion, with a history of its own."""
    source, target = (client.get_registered_model(registry.NAME) for client in (old, new))
    champion, other = (model.aliases.get(registry.CHAMPION) for model in (source, target))
    copied = None if champion is None else numbers.get(str(champion), "")
    if copied != (None if other is None else str(other)):
        return
    for key, text in history.translated(source.tags, numbers).items():
        new.set_registered_model_tag(registry.NAME, key, text)
