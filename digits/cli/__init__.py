"""The `digits` command line."""

import click

from digits import errors
from digits.cli import (
    compare,
    data,
    drift,
    export,
    feedback,
    label,
    labels,
    model,
    promotion,
    read,
    report,
    servers,
    tracking,
    training,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="digits")
def commands() -> None:
    """Classify handwritten digits with the champion model, and manage data, runs and models.

    The tracking store is mlflow.db in the project's root, or the one that MLFLOW_TRACKING_URI names.
    """


for command in (
    model.predict,
    read.read,
    servers.serve,
    servers.ui,
    promotion.promote,
    promotion.rollback,
    promotion.history,
    tracking.lineage,
    tracking.sync,
    tracking.migrate,
    training.preset,
    training.tune,
    compare.compare,
    export.export,
    data.data,
    label.label,
    drift.drift,
    labels.labels,
    feedback.feedback,
    report.report,
):
    commands.add_command(command)


def main() -> None:
    """Entry point of the `digits` command."""
    errors.run(_run)


def _run() -> int | None:
    """The exit status: click's own would be 1 for Ctrl-C."""
    try:
        status: int | None = commands.main(standalone_mode=False)
        return status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ModuleNotFoundError as error:
        raise missing_package(error) from None
    except click.Abort as abort:  # click's form of a KeyboardInterrupt, which may have a message of its own
        raise KeyboardInterrupt(*getattr(abort.__cause__, "args", ())) from None


def missing_package(error: ModuleNotFoundError) -> Exception:
    """What to raise where an import failed: which extra to install, or the error itself where digits lacks a part.

    What the service, `predict` and `read` need is always installed, all else with the extra `train`.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "digits", "pipeline"):
        return error
    return errors.UserError(
        f"this command needs the package {package}, which is not installed: in the project's folder "
        "`pip install -e '.[train]'`, or `pip install --require-hashes -r requirements.txt`, installs what all need"
    )
