"""The command line: use what the registry holds."""

import json
import os
import sys
from pathlib import Path

import click
import numpy as np

from digits import errors, pictures
from digits.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="digits")
def commands() -> None:
    """Read handwritten digits with the model that the registry calls champion.

    The registry is mlflow.db in the project's root, or wherever MLFLOW_TRACKING_URI points.
    """


@commands.command()
@click.argument("picture", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture, a line each.")
def predict(picture: tuple[Path, ...], as_json: bool) -> None:
    """Print the label of each PICTURE, one digit in a PNG, JPEG, TIFF, … of any size, and all probabilities.

    Example: digits predict seven.png photos/*.jpg
    """
    digits = np.stack([_canonical(path) for path in picture])
    from digits.tracking.registry import Model  # MLflow: only once every picture has been read

    for path, scores in zip(picture, Model().probabilities(digits), strict=True):
        label = int(scores.argmax())
        if as_json:
            print(json.dumps({"picture": str(path), "label": label, "probabilities": scores.round(6).tolist()}))
        else:
            others = "  ".join(f"{digit}: {score:.1%}" for digit, score in enumerate(scores))
            print(f"{path}  is {label}  ({scores[label]:.1%})\n  {others}")


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5001, show_default=True, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Serve the champion over HTTP with MLflow's own scoring server.

    POST {"inputs": [[[0, …], …]]}, canonical digits of 28 x 28 grey levels 0 to 255, to /invocations.
    """
    from digits.tracking.registry import CHAMPION, NAME, Model

    Model()  # says clearly, and before a server starts, where there is no champion
    _become_mlflow(
        "models", "serve", "-m", f"models:/{NAME}@{CHAMPION}", "--env-manager", "local", "-h", host, "-p", str(port)
    )


@commands.command()
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
def ui(port: int) -> None:
    """Open MLflow's page of runs and models on this machine, with the columns that tell the runs apart."""
    from digits.tracking import store, view

    store.connect()
    address = store.uri()
    if address.startswith("http"):
        print(f"the record is kept by a server, which has a page of its own: open {view.address(store.shown())}")
        return
    page = view.address(f"http://127.0.0.1:{port}")
    print(f"open {page}\ncharts: {page}{view.CHARTED}", flush=True)
    _become_mlflow("server", "--backend-store-uri", address, "--port", str(port), "--workers", "1", *store.SAY_LITTLE)


@commands.command()
@click.argument("uri", default="models:/digits@champion")
def lineage(uri: str) -> None:
    """Print where the registered model URI came from: run, weights, code, data and validation.

    Each link is held against the next; exits with 1 where one is missing. URI is models:/digits@champion unless
    given, or models:/digits/NUMBER.
    """
    from digits import lineage as chain

    chain.show(uri)


@commands.command()
@click.argument("name")
def preset(name: str) -> None:
    """Print the preset NAME of params.yaml as arguments to DVC.

    Example: dvc exp run $(digits preset best) -S ingest.source=mnist
    """
    from digits.params import load

    params = load()
    params.preset(name)  # says clearly where there is none
    values = ((key, json.dumps(value, separators=(",", ":"))) for key, value in params.presets[name].items())
    print(" ".join(f"-S train.{key}={value}" for key, value in values))


@commands.command()
@click.option(
    "--trials",
    default=20,
    type=click.IntRange(min=1),
    show_default=True,
    help="Ended trials that the search shall come to.",
)
@click.option(
    "--jobs",
    "-j",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    help="Trials that train at a time, on DVC's queue.",
)
@click.option("--name", default="tune", show_default=True, help="Name of the search; one that is known goes on.")
@click.option("--apply/--no-apply", default=True, show_default=True, help="Bring the best into the working tree.")
def tune(trials: int, jobs: int, name: str, apply: bool) -> None:
    """Search the ranges of params.yaml for parameters that read the validation digits better.

    Each trial is a DVC experiment and an MLflow run. Ctrl-C stops the search; the same command goes on with it.
    """
    from digits import experiments, tuning
    from digits.params import load
    from digits.tracking import store

    os.chdir(store.root())
    params = load()
    store.connect()
    with store.answering():
        search = tuning.Search(name, params)
        search.run(trials, jobs, lambda line: print(line, flush=True))
        print(f"\n{search.outcome()}\n\nsee {', '.join(map(str, search.draw()))}")
    best = search.best()
    if best is None:
        print("nothing that was tried is better than what params.yaml says today")
    elif apply:
        experiments.apply(best)
        print(f"{best} is applied to params.yaml and models/; next: `dvc repro` evaluates and registers it")
    else:
        print(f"next: `dvc exp apply {best}`, then `dvc repro`")


@commands.command()
def sync() -> None:
    """Enter in the record what it lacks of the model in models/: its run, its scores, its version.

    For when the tracking server failed, or is a new one; nothing is trained again. `dvc repro` does it too.
    """
    from digits import experiments
    from digits.tracking import receipt, store

    os.chdir(store.root())
    store.connect()
    outdated = experiments.outdated("evaluate")
    if outdated:
        raise UserError(
            f"{', '.join(outdated)} would run again, so what is in models/ is not what params.yaml says: "
            "`dvc repro` brings it up to date, and enters it"
        )
    receipt.RECEIPT.unlink(missing_ok=True)
    print(experiments.dvc("repro", "--single-item", "register"), end="")


@commands.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5002, show_default=True, help="Port to listen on.")
@click.option("--folder", default="server", show_default=True, type=click.Path(path_type=Path), help="What it keeps.")
def server(host: str, port: int, folder: Path) -> None:
    """Run a tracking server for a team: MLflow on PostgreSQL, with names and passwords."""
    from digits.server import Server

    Server(folder).run(host, port)


@commands.command()
@click.argument("target")
def move(target: str) -> None:
    """Copy this machine's record of runs and models, mlflow.db, to the tracking server at TARGET.

    What was copied before is left as it is. Example: digits move http://127.0.0.1:5002
    """
    from digits.tracking import moving, store

    source = store.root() / "mlflow.db"
    if not source.exists():
        raise UserError(f"{source} is not there, so there is nothing to move")
    os.environ["MLFLOW_TRACKING_URI"] = target
    store.connect()
    with store.answering():
        moving.move(f"{store.SQLITE}{source}", store.uri(), print)
    print(f"the record is on {store.shown()}; next: export MLFLOW_TRACKING_URI={store.shown()}")


@commands.group()
def data() -> None:
    """Compare versions of the data, and choose what new data are held against."""


@data.command()
@click.argument("before")
@click.argument("after", required=False)
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    default=Path("reports/data_diff.html"),
    show_default=True,
    help="Where to write the page.",
)
def diff(before: str, after: str | None, page: Path) -> None:
    """Show the pictures added, removed and relabelled from revision BEFORE to AFTER, counts by label, and drift.

    AFTER is the working tree where it is not given. Example: digits data diff HEAD~1
    """
    from digits import diff as data_diff
    from digits import versions
    from digits.params import load

    large = load().validate_.expectations.drift.max
    places = (versions.commit(before), versions.commit(after) if after else None)
    names = (before, after or versions.WORKSPACE)
    difference = data_diff.compare(*map(data_diff.table, places))
    print(f"data of {names[0]} → {names[1]}: {data_diff.told(difference, large)}")
    data_diff.write_page(page, difference, names, places, large)
    print(f"\nopen {page} to see the pictures")


@data.command()
@click.argument("uri", default="models:/digits@champion")
def reference(uri: str) -> None:
    """Hold new data against what the model URI learned from: writes data/reference.json, to be committed."""
    from digits.drift import REFERENCE
    from digits.files import replacing
    from digits.tracking import registry, runs

    version = registry.behind(uri)
    profile = runs.artifact(version.run_id, "validation/profile.json")
    if profile is None:
        raise UserError(
            f"the run {version.run_id} of {uri} holds no validation/profile.json: `make register` enters it"
        )
    with replacing(REFERENCE) as beside:
        beside.write_bytes(profile.read_bytes())
    print(f"{REFERENCE} now describes what version {version.number} learned from; `git add {REFERENCE}` keeps it")


def _canonical(path: Path) -> np.ndarray:
    try:
        return pictures.digit(path.read_bytes())
    except pictures.PictureError as error:
        raise UserError(f"{path}: {error}") from None


def _become_mlflow(*arguments: str) -> None:
    """Replace this process by MLflow's command, so that Ctrl-C and signals reach it."""
    from digits.tracking import store

    environment = {**os.environ, **store.SERVER, "MLFLOW_TRACKING_URI": store.uri()}
    os.execve(sys.executable, [sys.executable, "-m", "mlflow", *arguments], environment)


def main() -> None:
    """Entry point of the `digits` command."""
    errors.run(lambda: commands(standalone_mode=True))
