"""Commands that run MLflow's own servers on this project's tracking store."""

import os
import sys

import click

from digits.cli import ports

PORT = click.IntRange(1, 65_535)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=5001, show_default=True, help="Port to listen on.")
def serve(host: str, port: int) -> None:
    """Serve the champion over HTTP with MLflow's own scoring server.

    POST {"inputs": [[[0, …], …]]}, canonical digits of 28 x 28 pixel values 0 to 255, to /invocations.
    """
    from digits.tracking import registry, version_checks

    ports.check(host, port)
    # The files that were checked: where the alias moves while the server starts, it loads no other version.
    model = version_checks.served(registry.resolve_alias(registry.CHAMPION_URI))
    _exec_mlflow("models", "serve", "-m", model, "--env-manager", "local", "-h", host, "-p", str(port))


@click.command()
@click.option("--port", type=PORT, default=5000, show_default=True, help="Port to listen on.")
def ui(port: int) -> None:
    """Start MLflow's UI of runs and models on this machine."""
    from digits.tracking import store

    address = store.uri()
    if not address.startswith("http"):
        ports.check("127.0.0.1", port)
    store.connect()
    if address.startswith("http"):
        print(f"the runs are on a tracking server: open {store.redacted_uri()}")
        return
    print(f"open http://127.0.0.1:{port}", flush=True)
    # In the environment: the arguments of a process are shown to every user of the machine.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = address
    _exec_mlflow("server", "--port", str(port), "--workers", "1", *store.QUIET)


def _exec_mlflow(*arguments: str) -> None:
    """Replace this process by MLflow's command, so that Ctrl-C and signals reach it."""
    from digits.tracking import store

    environment = {**os.environ, **store.SERVER, "MLFLOW_TRACKING_URI": store.uri()}
    os.execve(sys.executable, [sys.executable, "-m", "mlflow", *arguments], environment)
