"""Grafana's dashboard, Prometheus's alert rules and the reference have the figures and labels of the service."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from prometheus_client import REGISTRY

from digits.serving import metrics
from tests.imports import ROOT

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "digits.json").read_text())
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
ADDED = {"instance", "job", "le"}  # by Prometheus, and of a histogram
NAME = r"digits_\w+"


def exposed() -> dict[str, set[str]]:
    """The labels of each figure of the service, by the name that Prometheus gives it."""
    collectors = [one for one in vars(metrics).values() if hasattr(one, "_labelnames")]
    kinds = {family.name: family.type for family in REGISTRY.collect()}
    return {
        one._name + suffix: {*one._labelnames, *ADDED} for one in collectors for suffix in SUFFIXES[kinds[one._name]]
    }


def dashboard_queries() -> list[str]:
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return targets + [one["expr"] for one in DASHBOARD["annotations"]["list"]]


def alert_queries() -> list[str]:
    return [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_queries()])
def test_a_query_asks_for_what_the_service_has(query):
    known, names = exposed(), set(re.findall(NAME, query))
    assert names - set(known) == set()
    labels = {
        word
        for group in re.findall(r"\b(?:by|on|without|ignoring) ?\(([^)]*)\)", query)
        for word in re.findall(r"\w+", group)
    }
    labels |= set(re.findall(r"(\w+) ?(?:=~|!~|!=|=)\"", query))
    assert labels <= set.union(ADDED, *(known[name] for name in names))


def test_promtool_reads_every_query(tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: `apt-get install prometheus`")
    queries = [query.replace("$__rate_interval", "1m") for query in dashboard_queries()]
    rules = [{"record": f"panel{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def test_the_dashboard_shows_every_figure_of_the_service():
    asked = set(re.findall(NAME, " ".join(dashboard_queries())))
    figures = {name for name in exposed() if not name.endswith(("_count", "_sum"))}
    assert figures - asked == set()


def test_the_reference_has_every_figure_of_the_service_with_its_labels():
    reference = (ROOT / "docs/reference/service.md").read_text()
    rows = re.findall(r"^\| `(digits_\w+)` \| (.*?) \|", reference, re.MULTILINE)
    known = {re.sub("_(bucket|count|sum)$", "", name): labels - ADDED for name, labels in exposed().items()}
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == known


def test_every_panel_says_what_it_shows_and_none_covers_another():
    panels = DASHBOARD["panels"]
    assert all(panel.get("description") for panel in panels if panel["type"] != "row")
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) == 23


def test_the_dashboard_asks_the_source_that_is_provisioned():
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())
    queries = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    named = [one for one in (*DASHBOARD["panels"], *queries, *DASHBOARD["annotations"]["list"]) if "datasource" in one]
    uids = {one["datasource"]["uid"] for one in named}
    assert uids == {source["uid"] for source in sources["datasources"]}
