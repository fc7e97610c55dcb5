"""The page of `digits drift`: the distribution of each statistic, as served and in the reference."""

from pathlib import Path
from typing import Any

from digits.params import ServedDrift
from digits.serving.drift import text
from digits.serving.drift.measurement import Drift, Statistic, format_hour
from digits.serving.drift.reference import LABEL, OUTCOME, PROBABILITY
from digits.visualization import pages

NEGLIGIBLE = 0.0005  # of the pictures: 0.0 % where it is shown
TITLES = {
    LABEL: "predicted label",
    PROBABILITY: "probability of the predicted label",
    OUTCOME: "accepted or refused",
}


def write(path: Path, found: dict[int, Drift], params: ServedDrift) -> None:
    """Write the page of servers, by their ports."""
    servers = [_server(port, one, params) for port, one in found.items()]
    pages.write(path, "served_drift.html", servers=servers, params=params)


def _server(port: int, found: Drift, params: ServedDrift) -> dict[str, Any]:
    return {
        "port": port,
        "found": found,
        "since": format_hour(found.since),
        "verdict": text.verdict(found, params),
        "shares": text.shares(found),
        "statistics": [_chart(one, one.name in found.drifted) for one in text.ordered(found.statistics)],
        "next": text.NEXT if found.drifted else "",
    }


def _chart(one: Statistic, has_drifted: bool) -> dict[str, Any]:
    """The bins that are not negligible, with both shares, 0 to 1, and the largest of them."""
    totals = [max(1, sum(counts)) for counts in (one.served, one.expected)]
    rows = [
        (name, served / totals[0], expected / totals[1])
        for name, served, expected in zip(one.bins, one.served, one.expected, strict=True)
        if max(served / totals[0], expected / totals[1]) >= NEGLIGIBLE
    ]
    largest = max((share for _, *both in rows for share in both), default=1.0) or 1.0
    return {
        "name": one.name,
        "title": TITLES.get(one.name, one.name.replace("_", " ")),
        "pictures": one.pictures,
        "psi": one.psi,
        "bound": one.bound,
        "state": one.state,
        "has_drifted": has_drifted,
        "rows": rows,
        "largest": largest,
    }
