"""Commands that run servers: the project's own, and MLflow's on this project's tracking store."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from digits.cli import ports
from digits.errors import UserError

if TYPE_CHECKING:
    from digits.serving.settings import Settings

PORT = click.IntRange(1, 65_535)
# A registry that is slow or gone is asked again soon, and a database that was moved away and put back is opened anew
REGISTRY_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=5001, show_default=True, help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Server processes.")
@click.option(
    "--api-key-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="API keys, one a line: a request needs one of them. Needed where other machines can ask.",
)
@click.option("--allowed-host", metavar="NAME", multiple=True, help="Another name of this server in a request's Host.")
@click.option(
    "--trusted-proxy",
    metavar="ADDRESS",
    multiple=True,
    help="Address or network of a proxy whose X-Forwarded-For names the client.",
)
@click.option("--mlflow", is_flag=True, help="MLflow's own scoring server, at /invocations: it follows no alias.")
def serve(
    host: str,
    port: int,
    workers: int,
    api_key_file: Path | None,
    allowed_host: tuple[str, ...],
    trusted_proxy: tuple[str, ...],
    mlflow: bool,
) -> None:
    """Serve the champion over HTTP: a page to draw on, an API, and metrics. A new champion answers within 5 s.

    The registry's champion is checked and copied to .served/PORT; where the registry can't be reached the copy answers.
    The limits are in params.yaml, section `serve`.

    \b
    Examples:
      digits serve
      curl -F file=@seven.png http://127.0.0.1:5001/v1/predict
      digits serve --host 0.0.0.0 --workers 2 --api-key-file keys.txt --allowed-host digits.example.org
    """
    if mlflow:
        _check_mlflow(host, workers != 1 or api_key_file or allowed_host or trusted_proxy)
    ports.check(host, port)
    if mlflow:
        _serve_with_mlflow(host, port)
    from digits.params import load
    from digits.paths import FEEDBACK, PARAMS, SERVED, project_root
    from digits.serving import local_copy
    from digits.serving.settings import Settings, allowed_hosts, checked_proxies, is_loopback, read_api_keys
    from digits.tracking import store

    if api_key_file is None and not is_loopback(host):
        raise UserError(
            f"with --host {host} other machines can ask: give --api-key-file FILE, with one key a line, such as "
            '`python -c "import secrets; print(secrets.token_urlsafe())"` prints'
        )
    store.check_packages()
    root = project_root()
    keys = read_api_keys(api_key_file) if api_key_file else ()
    names = allowed_hosts(host, allowed_host)
    limits, proxies = load(root / PARAMS).serve, checked_proxies(trusted_proxy)
    settings = Settings(root / SERVED / str(port), limits, keys, names, root / FEEDBACK, proxies)
    if local_copy.read(settings.folder) is None:
        print("fetching the champion from the registry", flush=True)
    address = f"http://{_browser_host(host)}:{port}"
    print(f"open {address} to draw, {address}/docs for the API", flush=True)
    from digits.serving import server

    server.run(settings, host, port, workers, partial(_follow, settings))


def _check_mlflow(host: str, other_options: object) -> None:
    """Raise UserError where MLflow's server could not do what the options ask for."""
    from digits.serving.settings import is_loopback

    if not is_loopback(host):
        raise UserError(
            f"with --host {host} other machines can ask, and MLflow's server knows no API key: leave out --mlflow"
        )
    if other_options:
        raise UserError(
            "MLflow's server has no --workers, --api-key-file, --allowed-host or --trusted-proxy: leave out --mlflow"
        )


def _follow(settings: "Settings") -> None:
    """Follow the registry, with MLflow, which is imported here."""
    for name, value in REGISTRY_LIMITS.items():
        os.environ.setdefault(name, value)
    from digits.serving.following.champion import Follower

    Follower(settings).run()


def _browser_host(host: str) -> str:
    """The address that a browser on this machine opens."""
    if ":" in host:
        return f"[{host}]"
    return "127.0.0.1" if host == "0.0.0.0" else host


def _serve_with_mlflow(host: str, port: int) -> NoReturn:
    from digits.tracking import registry, version_checks

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


def _exec_mlflow(*arguments: str) -> NoReturn:
    """Replace this process by MLflow's command, so that Ctrl-C and signals reach it."""
    from digits.tracking import store

    environment = {**os.environ, **store.SERVER, "MLFLOW_TRACKING_URI": store.uri()}
    os.execve(sys.executable, [sys.executable, "-m", "mlflow", *arguments], environment)
