"""Commands on training parameters: presets and the hyperparameter search."""

import json
import os

import click


@click.command()
@click.argument("name")
def preset(name: str) -> None:
    """Print the preset NAME of params.yaml as arguments to DVC.

    Example: dvc exp run $(digits preset best) -S 'ingest.sources=[mnist]'
    """
    from digits.params import load

    params = load()
    params.preset(name)  # raises UserError where there is none
    values = ((key, json.dumps(value, separators=(",", ":"))) for key, value in params.presets[name].items())
    print(" ".join(f"-S train.{key}={value}" for key, value in values))


@click.command()
@click.option(
    "--trials", default=20, type=click.IntRange(min=1), show_default=True, help="Trials of the search in all."
)
@click.option(
    "--jobs", "-j", default=1, type=click.IntRange(min=1), show_default=True, help="Trials that run in parallel."
)
@click.option("--name", default="tune", show_default=True, help="Name of the search; an existing one is resumed.")
@click.option(
    "--apply/--no-apply", default=True, show_default=True, help="Run the best parameters as a DVC experiment."
)
def tune(trials: int, jobs: int, name: str, apply: bool) -> None:
    """Search the ranges of params.yaml for parameters with a better validation metric.

    Each trial is a process and an MLflow run; the best one becomes a DVC experiment. Ctrl-C stops the search; the same
    command resumes it.
    """
    from digits.params import load
    from digits.paths import project_root
    from digits.tuning import search

    os.chdir(project_root())
    search.run(name, load(), trials, jobs, apply, lambda line: print(line, flush=True))
