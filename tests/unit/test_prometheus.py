"""deploy/prometheus/prometheus.yml, by promtool: with its rules, and a file in the place of the secret. Some 0.1 s."""

import shutil

import yaml

from tests.imports import ROOT
from tests.prometheus import promtool

FOLDER = ROOT / "deploy" / "prometheus"
SECRET = "/run/secrets/metrics_key"


def test_promtool_finds_nothing_wrong_with_the_configuration(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    key = tmp_path / "key"
    key.write_text("secret")
    config = tmp_path / "prometheus.yml"
    assert config.read_text().count(SECRET) == 1
    config.write_text(config.read_text().replace(SECRET, str(key)))
    done = promtool("check", "config", "--lint-fatal", config)
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout
    assert "1 rule files found" in done.stdout


def test_it_scrapes_every_replica_and_the_balancer():
    content = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    digits, balancer = content["scrape_configs"]
    (found,) = digits["dns_sd_configs"]
    assert (found["names"], found["type"]) == (["digits"], "A")
    assert digits["authorization"]["credentials_file"] == SECRET
    assert services["prometheus"]["secrets"] == [SECRET.rpartition("/")[2]]
    assert services.keys() >= {"digits", "balancer"}
    text = (ROOT / "deploy" / "haproxy.cfg").read_text()
    assert f"DIGITS_SERVICE  digits:{found['port']}" in text
    (target,) = balancer["static_configs"][0]["targets"]
    assert target.startswith("balancer:")
    assert f"BALANCER_STATS  {target.removeprefix('balancer')}" in text
