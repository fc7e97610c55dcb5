"""deploy/kubernetes: each object against the schemas of Kubernetes, strictly, and what a pod may do and needs. 2 s.

What needs no kustomize is read from the files: Debian's kubectl, 1.20, can't make the objects of this folder.
"""

import re
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from digits.errors import UserError
from digits.params import load
from digits.serving.settings import read_api_keys
from tests.imports import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
COMMAND = ["kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", "deploy/kubernetes"]
FILES = [path for path in FOLDER.rglob("*.yaml") if path.name not in ("kustomization.yaml", "servicemonitor.yaml")]
PATCHES = [
    FOLDER / "replicas" / "deployment.yaml",
    FOLDER / "feedback" / "deployment.yaml",
    FOLDER / "base" / "deployment.yaml",
]
INSTANCES = ["digits-replicas", "digits-feedback"]
INGRESS = yaml.safe_load((FOLDER / "ingress.yaml").read_text())
BASE, REPLICA, FEEDBACK = (
    yaml.safe_load((FOLDER / one / "deployment.yaml").read_text())["spec"] for one in ("base", "replicas", "feedback")
)
POD = BASE["template"]["spec"]
ALERTS = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
SERVE = load(ROOT / "params.yaml").serve


@pytest.fixture(scope="module")
def objects():
    """What `kubectl apply` is given, by kind and name."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: it makes the objects of the folder")
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True)
    if "unknown flag: --load-restrictor" in done.stderr:
        pytest.skip("this kubectl is too old: 1.21 or later has the kustomize that makes the objects of the folder")
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}


def pod(objects, name: str) -> dict:
    return objects["Deployment", name]["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "path", sorted(set(FILES) - set(PATCHES)), ids=lambda path: path.relative_to(FOLDER).as_posix()
)
def test_a_file_has_the_fields_that_kubernetes_knows(path):
    for one in yaml.safe_load_all(path.read_text()):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_every_object_has_the_fields_that_kubernetes_knows(objects):
    assert {kind for kind, _ in objects} == {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress"),
        *("PersistentVolumeClaim", "PodDisruptionBudget", "Service"),
    }
    for one in objects.values():
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found(objects):
    wrong = yaml.safe_load(yaml.safe_dump(objects["Deployment", "digits-replicas"]))
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_a_pod_has_no_rights_and_is_the_images_user():
    user = re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert POD["securityContext"]["runAsUser"] == POD["securityContext"]["fsGroup"] == int(user)
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["automountServiceAccountToken"] is False
    assert POD["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(POD["containers"][0]["resources"]["limits"]) == {"cpu", "memory"}
    assert "securityContext" not in f"{REPLICA} {FEEDBACK}"  # the patches leave it


def test_the_probes_ask_for_life_and_readiness_and_a_stop_is_waited_for():
    container = POD["containers"][0]
    asked = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    _, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert POD["terminationGracePeriodSeconds"] > int(seconds) + SERVE.drain_seconds


def test_feedback_is_written_by_one_pod_to_which_the_ingress_sends_it():
    mounted = ["/srv/digits/feedback" in str(one) for one in (BASE, REPLICA, FEEDBACK)]
    assert mounted == [False, False, True]
    assert (FEEDBACK["replicas"], FEEDBACK["strategy"]) == (1, {"type": "Recreate", "rollingUpdate": None})
    backends = {
        path["path"]: path["backend"]["service"]["name"] for path in INGRESS["spec"]["rules"][0]["http"]["paths"]
    }
    assert backends == {"/v1/feedback": "digits-feedback", "/": "digits-replicas"}


def test_what_a_pod_mounts_and_names_exists(objects):
    secrets = [one["metadata"]["name"] for one in yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())]
    for name in INSTANCES:
        spec = pod(objects, name)
        kinds = {"configMap": ("ConfigMap", "name"), "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName")}
        for volume in spec["volumes"]:
            for key, (kind, field) in kinds.items():
                if key in volume:
                    assert (kind, volume[key][field]) in objects
            assert "secret" not in volume or volume["secret"]["secretName"] in secrets
        labels = objects["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert objects["Service", name]["spec"]["selector"].items() <= labels.items()
        assert objects["Service", name]["metadata"]["labels"] == labels
    keys = {source["configMapRef"]["name"] for source in spec["containers"][0]["envFrom"] if "configMapRef" in source}
    assert all(objects["ConfigMap", key]["data"].keys() == {"MLFLOW_TRACKING_URI"} for key in keys)


def test_the_autoscaler_scales_the_replicas_which_set_no_number(objects):
    target = objects["HorizontalPodAutoscaler", "digits-replicas"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "digits-replicas")
    assert "replicas" not in objects["Deployment", "digits-replicas"]["spec"]


def test_the_pods_have_the_projects_parameters(objects):
    (content,) = (one["data"]["params.yaml"] for one in objects.values() if "params.yaml" in one.get("data", {}))
    assert content == (ROOT / "params.yaml").read_text()


def test_a_body_that_the_service_takes_passes_the_ingress():
    annotations = INGRESS["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{SERVE.max_body_mib}m"
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > SERVE.read_seconds


def test_the_job_of_the_monitor_is_that_of_the_alert_rules():
    monitor = yaml.safe_load((FOLDER / "monitoring" / "servicemonitor.yaml").read_text())["spec"]
    for folder in ("replicas", "feedback"):
        (labels,) = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())["labels"]
        assert monitor["selector"]["matchLabels"].items() <= labels["pairs"].items()
        assert {labels["pairs"].get(monitor.get("jobLabel"))} == set(re.findall(r'job="(\w+)"', ALERTS))
    service = yaml.safe_load((FOLDER / "base" / "service.yaml").read_text())["spec"]
    assert [one["port"] for one in monitor["endpoints"]] == [one["name"] for one in service["ports"]]
    secret, _ = yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())
    credentials = monitor["endpoints"][0]["authorization"]["credentials"]
    assert secret["metadata"]["name"] == credentials["name"] and credentials["key"] in secret["stringData"]


def test_the_command_of_the_docs_makes_an_object_of_the_alert_rules():
    docs = (ROOT / "docs/how-to/deploy-on-kubernetes.md").read_text()
    (command,) = re.findall(r"```sh\n(\{ printf .*?) \| kubectl apply -f -\n", docs, re.DOTALL)
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    rule = yaml.safe_load(done.stdout)
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(ALERTS)


def test_the_service_refuses_the_keys_of_the_example(tmp_path):
    secret, _ = yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text())
    keys = secret["stringData"]["digits_api_keys"]
    for key in keys.splitlines():
        (tmp_path / "keys").write_text(key)
        with pytest.raises(UserError, match="a key has at least 16"):
            read_api_keys(tmp_path / "keys")
    assert secret["stringData"]["metrics_key"] in keys.splitlines()
