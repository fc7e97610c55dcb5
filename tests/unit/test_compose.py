"""A team's server: compose.yaml and the commands of docs/experiments.md start the same one, without open passwords.

No test machine has a container engine; tests/system/test_server.py runs the commands.
"""

import re

import yaml

from tests.imports import ROOT

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
    docs = (ROOT / "docs" / "experiments.md").read_text()
    for text in (AUTH, ENVIRONMENT, COMMAND):
        assert text in docs


def test_compose_starts_the_same_server():
    content = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert content["configs"]["basic_auth"]["content"] == AUTH.replace("127.0.0.1", "database")
    names = {line.partition("=")[0] for line in ENVIRONMENT.splitlines()}
    assert set(SERVICES["mlflow"]["environment"]) == names
    command = COMMAND.replace(" --env-file server.env", "").replace("127.0.0.1", "0.0.0.0").replace(" art", " /art")
    assert SERVICES["mlflow"]["command"] == command


def test_compose_has_no_password_and_is_open_to_this_machine_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:5002:5002"]
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET", name):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value), name


def test_compose_pins_its_images_and_installs_what_the_lock_has():
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", SERVICES["database"]["image"])
    dockerfile = SERVICES["mlflow"]["build"]["dockerfile_inline"]
    assert re.search(r"^FROM python:\d+\.\d+-", dockerfile)
    locked = (ROOT / "requirements.txt").read_text()
    for package, version in re.findall(r"([\w-]+)(?:\[auth\])?==([\w.]+)", dockerfile):
        assert f"{package}=={version} \\" in locked
    assert dockerfile.count("==") == 2
