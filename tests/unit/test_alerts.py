"""The alert rules of deploy/prometheus, by promtool, and their runbooks. A second."""

import pytest
import yaml

from tests.imports import ROOT
from tests.prometheus import promtool

FOLDER = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DOCS = (ROOT / "docs/reference/alerts.md").read_text()


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_finds_nothing_wrong_with_the_rules_and_each_fires_when_it_should(command):
    done = promtool(*command[:2], FOLDER / command[2])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_summary_a_description_and_a_runbook(rule):
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/reference/alerts.md#{rule['alert'].lower()}"
    assert f"\n## {rule['alert']}\n" in DOCS
    (row,) = (line for line in DOCS.splitlines() if line.startswith(f"| [{rule['alert']}]("))
    assert row.endswith(f"| {rule['for'].removesuffix('m')} min | {rule['labels']['severity']} |")
