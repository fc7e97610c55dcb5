"""Commands on the tracking store: where a model came from, and what the store lacks."""

import os

import click

from digits.errors import UserError


@click.command()
@click.argument("uri", default="models:/digits@champion")
def lineage(uri: str) -> None:
    """Print where the registered model URI came from: run, weights, code, data and validation.

    Each link is checked against the next; exits with 1 where one is missing. URI is models:/digits@champion unless
    given, or models:/digits/NUMBER.
    """
    from digits.tracking import lineage

    lineage.show(uri)


@click.command()
def sync() -> None:
    """Log what the tracking store lacks of the model in models/: its run, its scores, its version.

    For when the tracking server failed, or is a new one; nothing is trained again. `dvc repro` does it too.
    """
    from digits.paths import project_root
    from digits.tracking import store
    from digits.vcs import experiments

    os.chdir(project_root())
    store.connect()
    outdated = experiments.outdated_stages("evaluate")
    if outdated:
        raise UserError(
            f"{', '.join(outdated)} would run again, so models/ is not what params.yaml says: "
            "`dvc repro` brings it up to date, and registers it"
        )
    print(experiments.run_dvc("repro", "--single-item", "register"), end="")


@click.command()
@click.argument("target")
def migrate(target: str) -> None:
    """Copy this machine's runs and models, mlflow.db, to the tracking server at TARGET.

    What was copied before stays as it is. Example: digits migrate http://127.0.0.1:5000
    """
    from digits.paths import TRACKING_DATABASE, project_root
    from digits.tracking import migration, store

    source = project_root() / TRACKING_DATABASE
    if not source.exists():
        raise UserError(f"{source} does not exist, so there is nothing to migrate")
    os.environ["MLFLOW_TRACKING_URI"] = target
    store.connect()
    with store.wrap_store_errors():
        migration.migrate(f"{store.SQLITE}{source}", store.uri(), print)
    address = store.redacted_uri()
    print(f"the runs and models are on {address}; next: export MLFLOW_TRACKING_URI={address}")
