"""Commands on the tracking store: lineage, sync and migration."""

import os

import click

from digits.errors import UserError


@click.command()
@click.argument("uri", default="models:/digits@champion")
def lineage(uri: str) -> None:
    """Print the lineage of the registered model URI: run, model, code, data and validation.

    Each link is checked; the exit status is 1 where one is missing or differs. URI is models:/digits@champion, the
    default, or models:/digits/NUMBER.
    """
    from digits.tracking import lineage

    lineage.show(uri)


@click.command()
def sync() -> None:
    """Log and register the model in models/, where its run, metrics or version are missing in the tracking store.

    Use it after the tracking server failed, or for a new one. Nothing is trained again. `dvc repro` does the same.
    """
    from digits.files import digest
    from digits.paths import ONNX, project_root
    from digits.tracking import registration, store
    from digits.vcs import experiments

    os.chdir(project_root())
    store.connect()
    outdated = experiments.outdated_stages("evaluate")
    if outdated:
        raise UserError(
            f"models/ is outdated, since these stages have changed: {', '.join(outdated)}; "
            "`dvc repro` runs them, and registers the model"
        )
    with store.wrap_store_errors():
        registration.forget(digest(ONNX, "sha256"))
    print(experiments.run_dvc("repro", "--single-item", "register"), end="")


@click.command()
@click.argument("target")
def migrate(target: str) -> None:
    """Copy this machine's runs and models, mlflow.db, to the tracking server at TARGET.

    What was copied before is skipped. Example: digits migrate http://127.0.0.1:5000
    """
    from digits import addresses
    from digits.paths import TRACKING_DATABASE, project_root
    from digits.tracking import migration, relocation, store

    source = project_root() / TRACKING_DATABASE
    if not source.exists():
        raise UserError(f"{source} does not exist, so there is nothing to migrate")
    relocation.relocate(source, project_root())
    os.environ["MLFLOW_TRACKING_URI"] = target
    store.connect()
    with store.wrap_store_errors():
        migration.migrate(addresses.sqlite_address(source), store.uri(), print)
    address = store.redacted_uri()
    print(f"the runs and models are on {address}; next: export MLFLOW_TRACKING_URI={address}")
