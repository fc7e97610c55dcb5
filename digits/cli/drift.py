"""The command that says whether what a server answers still is what the champion learned."""

import re
import secrets
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits.cli.pages import enter_project, page_option
from digits.errors import UserError, printable
from digits.files import atomic_write
from digits.paths import SERVED, SERVED_DRIFT

if TYPE_CHECKING:
    from digits.params import ServedDrift
    from digits.serving.drift.measurement import Drift

HOURS = {"h": 1, "d": 24}
SERVER_ID = "server_id"  # the file of a server's folder with the id of its tag in the registry


@click.command()
@click.option("--since", metavar="TIME", help="Such as 24h, 7d, 2026-11-01; default: serve.drift.window_hours.")
@click.option("--port", type=click.IntRange(1, 65_535), default=5001, show_default=True, help="Of the server.")
@click.option("--all", "all_ports", is_flag=True, help="Every server that has run in this project.")
@click.option(
    "--forget", "gone", metavar="SERVER", help="End what a server that is gone withdraws; nothing is measured."
)
@page_option(SERVED_DRIFT)
def drift(since: str | None, port: int, all_ports: bool, gone: str | None, page: Path | None) -> None:
    """Compare what `digits serve` answered with the champion's training pictures and its predictions of test digits.

    Without --since the champion's certificate follows: it is withdrawn in the registry while what is served has
    drifted, and valid again when that is measured again and has not. The server need not run.

    \b
    Examples:
      digits drift
      digits drift --since 7d --page drift.html
    """
    from digits.params import load
    from digits.serving.drift import page as drift_page
    from digits.serving.drift import text

    path, shown = enter_project(page, SERVED_DRIFT)
    if gone is not None:
        print(_forget(gone))
        return
    params = load().serve.drift
    start = _start(since, params.window_hours, time.time())
    found, problems = _measure_all(_ports() if all_ports else [port], params, start, since is None)
    if found:
        print("\n\n".join(text.format_drift(number, one, params) for number, one in found.items()))
        for note in [] if since else _follow(found):
            print(note)
        drift_page.write(path, found, params)
        print(f"\nopen {shown} to see the distributions")
    if problems:
        raise UserError("; ".join(problems))


def _start(since: str | None, window_hours: int, now: float) -> float:
    """Seconds since 1970 of what --since says. Raises UserError."""
    from digits.serving.drift.measurement import format_hour, window_start

    if since is None:
        return window_start(window_hours, now)
    if found := re.fullmatch(r"(\d{1,5})([hd])", since, re.ASCII):
        hours = int(found[1]) * HOURS[found[2]]
        if hours:
            return window_start(hours, now)
    try:
        moment = datetime.fromisoformat(since)
        start = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        format_hour(start)  # it can be before the first year in UTC
    except (ValueError, OverflowError):
        start = None
    if start is None or start > now:
        expected = "expected hours such as 24h, days such as 7d, or a date that has been, such as 2026-11-01, in UTC"
        raise UserError(f"--since is {printable(since)!r}; {expected}")
    return start


def _ports() -> list[int]:
    from digits.serving.drift import counts

    found = sorted(int(one.parent.name) for one in SERVED.glob(f"*/{counts.NAME}") if one.parent.name.isdigit())
    if not found:
        raise UserError(f"no server has answered in this project: {SERVED}/ has no counts; `digits serve` starts one")
    return found


def _measure_all(
    ports: list[int], params: "ServedDrift", since: float, is_usual_window: bool
) -> tuple[dict[int, "Drift"], list[str]]:
    """What was measured, by port, and what is wrong with the folders of the others."""
    found, problems = {}, []
    for port in ports:
        try:
            found[port] = _measure(port, params, since, is_usual_window)
        except UserError as error:
            problems.append(str(error))
    return found, problems


def _measure(port: int, params: "ServedDrift", since: float, is_usual_window: bool) -> "Drift":
    from digits.serving.drift import watch

    try:
        found = watch.measure_folder(SERVED / str(port), params, since, is_usual_window)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"the reference in {SERVED}/{port} is damaged: {error!r}; stop the server, remove that folder, and start it"
        ) from None
    if found is None:
        raise UserError(f"{SERVED}/{port} has no champion: no server has run on port {port}; --port names another one")
    return found


def _follow(found: dict[int, "Drift"]) -> Iterator[str]:
    """Let the champion's certificate follow; returns what to say of it. Raises UserError where the store fails."""
    from digits.serving.drift import measurement, watch
    from digits.tracking import certificate, registry, store, tags

    champion = registry.resolve_alias(registry.CHAMPION_URI)
    servers = {port: _server_id(port, bool(one.drifted)) for port, one in found.items()}
    with store.wrap_store_errors():
        for port, one in found.items():
            champion = registry.get_version(champion.number)  # with what was said of the other servers
            if one.sha256 != champion.tags.get(tags.ONNX):
                yield f"port {port}: version {one.version} answers there, and champion is version {champion.number}"
                note = certificate.forget_served(champion, servers[port])
            else:
                known = watch.read(SERVED / str(port), one.sha256) or {}
                since = measurement.format_hour(known.get("drifted_since") or time.time())
                note = certificate.follow_served(champion, servers[port], one.drifted, one.judged, since)
            if note:
                yield note
        for server, text in certificate.served_drift(registry.get_version(champion.number)).items():
            if server not in servers.values():
                yield f"server {server}: {text}; where it is gone, `digits drift --forget {server}` ends that"


def _forget(server: str) -> str:
    from digits.tracking import certificate, registry, store

    champion = registry.resolve_alias(registry.CHAMPION_URI)
    known = certificate.served_drift(champion)
    if server not in known:
        named = f"those with drift are {', '.join(known)}" if known else "no server has drift"
        raise UserError(f"--forget is {printable(server)!r}; of the champion, version {champion.number}, {named}")
    with store.wrap_store_errors():
        return certificate.forget_served(champion, server) or f"server {server} withdraws the certificate no more"


def _server_id(port: int, needed: bool) -> str:
    """The id of a server in the registry, which servers of many machines share: kept in its folder.

    It is made where it is `needed`; else it is empty where the folder has none.
    """
    path = SERVED / str(port) / SERVER_ID
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    if not needed:
        return ""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)
    name = f"{host}-{port}-{secrets.token_hex(4)}"
    with atomic_write(path) as temporary:
        temporary.write_text(f"{name}\n", encoding="utf-8")
    return name
