"""Moves a record of runs and models from one store to another, say from this machine's SQLite to a team's server.

Runs keep their parameters, metrics by step, tags, datasets, files and times; models their versions, tags and aliases.
A run that was moved carries its old id as a tag, so that a move that broke off goes on where it ended.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from digits.tracking import registry, store

MOVED = "moved_from"  # tag: the run's or the model's id in the store that it came from
DONE = "moved_whole"  # tag: the last thing that a moved run is given
BATCH = 1000  # metrics that MLflow takes at a time
PARENT = "mlflow.parentRunId"
OWN = ("mlflow.user", "mlflow.source", "mlflow.runName", "mlflow.log-model", PARENT)  # what a new run has of itself


def move(source: str, target: str, tell: Callable[[str], None]) -> None:
    """Copy what the store at `source` holds into the one at `target`; what is there already stays."""
    from mlflow import MlflowClient

    old, new = (MlflowClient(tracking_uri=address, registry_uri=address) for address in (source, target))
    origin, goal = (client.get_experiment_by_name(store.EXPERIMENT).experiment_id for client in (old, new))
    known = {run.data.tags[MOVED]: run.info.run_id for run in _all_runs(new, goal) if run.data.tags.get(DONE)}
    runs = list(reversed(_all_runs(old, origin)))
    models: dict[str, str] = {}
    for number, run in enumerate(runs, start=1):
        run_id = run.info.run_id
        if run.info.status == "RUNNING":
            tell(f"{number:4d}/{len(runs)}  {run.info.run_name} is running yet: move again when it has ended")
            continue
        if run_id not in known:
            known[run_id] = _move_run(old, new, run, goal)
        models |= _move_models(old, new, run_id, known[run_id], (origin, goal))
        tell(f"{number:4d}/{len(runs)}  {run.info.run_name}")
    for run in runs:  # a search takes in runs that are older than itself
        above = known.get(run.data.tags.get(PARENT))
        if above and run.info.run_id in known:
            new.set_tag(known[run.info.run_id], PARENT, above)
    _move_versions(old, new, known, models, tell)


def _all_runs(client, experiment: str) -> list:
    found, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _move_run(old, new, run, experiment: str) -> str:
    for half in new.search_runs([experiment], f"tags.{MOVED} = '{run.info.run_id}'"):
        new.delete_run(half.info.run_id)  # an earlier move broke off within it
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith(OWN)}
    made = new.create_run(
        experiment, start_time=run.info.start_time, run_name=run.info.run_name, tags={**tags, MOVED: run.info.run_id}
    )
    run_id = made.info.run_id
    _move_values(old, new, run, run_id)
    with tempfile.TemporaryDirectory() as folder:
        if old.list_artifacts(run.info.run_id):
            new.log_artifacts(run_id, old.download_artifacts(run.info.run_id, "", folder))
    new.set_terminated(run_id, run.info.status, run.info.end_time)
    new.set_tag(run_id, DONE, "yes")
    return run_id


def _move_values(old, new, run, run_id: str) -> None:
    from mlflow.entities import Param

    params = [Param(key, value) for key, value in run.data.params.items()]
    for start in range(0, len(params), 100):
        new.log_batch(run_id, params=params[start : start + 100])
    points = [point for key in run.data.metrics for point in old.get_metric_history(run.info.run_id, key)]
    for start in range(0, len(points), BATCH):
        new.log_batch(run_id, metrics=points[start : start + BATCH])
    if run.inputs.dataset_inputs:
        new.log_inputs(run_id, datasets=run.inputs.dataset_inputs)


def _move_models(old, new, run: str, into: str, experiments: tuple[str, str]) -> dict[str, str]:
    """The run's models; returns their new ids by the old ones."""
    moved = {}
    for model in old.search_logged_models([experiments[0]], f"source_run_id = '{run}'"):
        there = new.search_logged_models([experiments[1]], f"tags.{MOVED} = '{model.model_id}'")
        ready = [one for one in there if str(one.status).endswith("READY")]
        moved[model.model_id] = ready[0].model_id if ready else _move_model(old, new, model, into, experiments[1])
    return moved


def _move_model(old, new, model, run: str, experiment: str) -> str:
    from mlflow.artifacts import download_artifacts

    made = new.create_logged_model(experiment, model.name, run, {MOVED: model.model_id}, model.params, model.model_type)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(
            download_artifacts(artifact_uri=model.artifact_location, dst_path=folder, tracking_uri=old.tracking_uri)
        )
        described = yaml.safe_load((files / "MLmodel").read_text(encoding="utf-8"))
        described |= {"model_id": made.model_id, "run_id": run, "artifact_path": made.artifact_location}
        (files / "MLmodel").write_text(yaml.safe_dump(described), encoding="utf-8")
        new.log_model_artifacts(made.model_id, str(files))
    new.finalize_logged_model(made.model_id, "READY")
    return made.model_id


def _move_versions(old, new, runs: dict[str, str], models: dict[str, str], tell: Callable[[str], None]) -> None:
    from mlflow.exceptions import MlflowException

    versions = sorted(old.search_model_versions(f"name = '{registry.NAME}'"), key=lambda one: int(one.version))
    if not versions:
        return
    try:
        new.create_registered_model(registry.NAME, description=old.get_registered_model(registry.NAME).description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in versions:
        model = models.get(version.source.removeprefix("models:/"))
        if model is None:
            tell(f"version {version.version} stays behind: its run was deleted, or is running yet")
            continue
        there = new.search_model_versions(f"name = '{registry.NAME}' and source_path = 'models:/{model}'")
        made = (
            there[0]
            if there
            else new.create_model_version(
                registry.NAME, f"models:/{model}", runs[version.run_id], version.tags, model_id=model
            )
        )
        for alias in old.get_model_version(registry.NAME, version.version).aliases:
            if alias not in new.get_registered_model(registry.NAME).aliases:
                new.set_registered_model_alias(registry.NAME, alias, made.version)
        tell(f"version {version.version} is version {made.version} there")
