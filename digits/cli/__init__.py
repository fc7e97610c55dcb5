"""The `digits` command line."""

import click

from digits import errors
from digits.cli import compare, data, labels, model, promotion, read, report, servers, tracking, training


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
    data.data,
    labels.labels,
    report.report,
):
    commands.add_command(command)


def main() -> None:
    """Entry point of the `digits` command."""
    errors.run(_run)


def _run() -> int | None:
    """The exit status: click's own would be 1 for Ctrl-C."""
    try:
        return commands.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as abort:  # click's form of a KeyboardInterrupt, which may have a message of its own
        raise KeyboardInterrupt(*getattr(abort.__cause__, "args", ())) from None
