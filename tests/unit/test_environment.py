"""What a user's environment holds by chance changes no result and no record; what was set on purpose is reported."""

import json
import os
import subprocess
import sys

import pytest

import digits
from tests.imports import ROOT

CLEARED = [
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_DIR"),
    *("MLFLOW_ENABLE_ASYNC_LOGGING", "MLFLOW_ACTIVE_MODEL_ID", "MLFLOW_TRUNCATE_LONG_VALUES", "MLFLOW_PORT"),
    *("MLFLOW_BACKEND_STORE_URI", "MLFLOW_OF_A_LATER_VERSION", "_MLFLOW_ACTIVE_MODEL_ID"),
    *("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_TEST", "DVC_DAEMON"),
    *("KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED"),
    *("TF_CONFIG", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_USE_LEGACY_KERAS", "TF_XLA_FLAGS"),
    *("TF2_BEHAVIOR", "XLA_FLAGS", "JAX_ENABLE_X64", "JAX_DISABLE_JIT", "ONEDNN_MAX_CPU_ISA", "NVIDIA_TF32_OVERRIDE"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "GOTO_NUM_THREADS", "KMP_AFFINITY", "ORT_ANYTHING"),
    *("NPY_DISABLE_CPU_FEATURES", "OPENCV_IO_MAX_IMAGE_PIXELS", "PANDAS_FUTURE_INFER_STRING"),
    *("GX_HOME", "GX_CLOUD_ACCESS_TOKEN", "GX_CLOUD_ORGANIZATION_ID"),
    *("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_EXTERNAL_DIFF"),
]
KEPT = [
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("MLFLOW_TRACKING_INSECURE_TLS", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_HTTP_REQUEST_TIMEOUT"),
    *("MLFLOW_S3_ENDPOINT_URL", "MLFLOW_WORKSPACE", "MLFLOW_SERVER_ALLOWED_HOSTS"),
    *("DVC_STUDIO_TOKEN", "DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_EXP_AUTO_PUSH"),
    *("TF_CPP_MIN_LOG_LEVEL", "TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE", "JAX_PLATFORMS"),
    *("GIT_AUTHOR_NAME", "GIT_COMMITTER_EMAIL", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0"),
    *("CUDA_VISIBLE_DEVICES", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "AWS_PROFILE", "SLURM_JOB_ID", "LD_PRELOAD_NOT"),
]


def after_import(code: str = "", **variables: str) -> tuple[dict[str, str], str]:
    """The environment of a process, and what it printed to standard error, after `import digits` and `code`."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    script = f"import json, os, digits\n{code}\nprint(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**clean, **variables}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def imported():
    return after_import(**dict.fromkeys([*CLEARED, *KEPT], "0"), **dict.fromkeys(digits.PINNED, "user's"))


@pytest.mark.parametrize("name", CLEARED)
def test_what_changes_a_result_or_a_record_is_cleared(imported, name):
    assert name not in imported[0]


@pytest.mark.parametrize("name", KEPT)
def test_what_says_who_and_how_is_kept(imported, name):
    assert imported[0][name] == "0"


@pytest.mark.parametrize("name", digits.PINNED)
def test_what_has_one_right_value_is_pinned(imported, name):
    assert imported[0][name] == digits.PINNED[name] != "user's"


def test_the_import_prints_nothing(imported):
    assert imported[1] == ""


def test_the_experiment_of_a_stage_is_kept():
    of_a_stage = dict.fromkeys(digits.OF_A_STAGE, "0")
    found, _ = after_import(DVC_STAGE="train", **of_a_stage)
    assert of_a_stage.items() <= found.items()


def test_every_table_has_a_reason():
    assert all({**digits.CLEARED, **digits.KEPT, **digits.INSTEAD}.values())


class TestReport:
    def test_what_was_set_on_purpose_is_reported_once_by_who_would_have_obeyed(self):
        report = "digits.report_ignored('MLFLOW_'); digits.report_ignored('MLFLOW_')"
        given = {"KERAS_BACKEND": "jax", "MLFLOW_RUN_ID": "abc", "MLFLOW_DFS_TMP": "/tmp", "OMP_NUM_THREADS": "1"}
        assert after_import(report, **given)[1] == (
            "warning: MLFLOW_RUN_ID=abc is ignored: "
            "a training continues its own interrupted run only, and overwrites no other\n"
        )

    def test_the_password_of_an_address_is_not_shown(self):
        report = "from digits.addresses import redact; digits.report_ignored('MLFLOW_', redact)"
        printed = after_import(report, MLFLOW_REGISTRY_URI="postgresql://u:hush@host/db")[1]
        assert printed.startswith("warning: MLFLOW_REGISTRY_URI=postgresql://host/db is ignored: ")

    def test_what_a_library_set_in_the_parent_is_no_users(self):
        parent, _ = after_import("os.environ['MLFLOW_EXPERIMENT_ID'] = '1'")
        assert after_import("digits.report_ignored('MLFLOW_')", **parent)[1] == ""


NO_PROXY = [
    ({}, None),
    ({"HTTPS_PROXY": "http://proxy:1"}, "localhost,127.0.0.1,::1"),
    ({"http_proxy": "http://proxy:1", "no_proxy": ".corp, localhost"}, ".corp,localhost,127.0.0.1,::1"),
    ({"ALL_PROXY": "http://proxy:1", "NO_PROXY": "*"}, "*"),
    ({"NO_PROXY": ".corp"}, ".corp"),
]


@pytest.mark.parametrize(("variables", "expected"), NO_PROXY)
def test_a_proxy_is_never_asked_for_loopback(variables, expected):
    assert after_import(**variables)[0].get("NO_PROXY") == expected


def test_a_request_to_loopback_does_not_go_through_a_proxy():
    ask = "import requests.utils as u; assert not any(u.get_environ_proxies(f'http://{h}:5000') for h in {})"
    code = ask.replace("{}", str((*digits.LOOPBACK[:2], "[::1]")))
    after_import(code, HTTP_PROXY="http://proxy:1", ALL_PROXY="http://proxy:1")


@pytest.mark.slow
def test_keras_reads_and_writes_no_configuration_of_its_own(tmp_path):
    """keras.json sets the defaults of every layer, and an invalid one ends in a traceback; ~/.keras is its default."""
    folder = tmp_path / "keras"
    folder.mkdir()
    settings = {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "torch"}
    (folder / "keras.json").write_text(json.dumps(settings))
    code = (
        "from digits.model.keras_backend import keras, BACKEND as backend\n"
        "c = keras.config; print(backend, c.floatx(), c.epsilon(), c.image_data_format(), c.max_epochs())\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "KERAS_HOME": str(folder), "KERAS_MAX_EPOCHS": "1"}
    for name in ("_DIGITS_ENVIRONMENT", "KERAS_BACKEND"):
        environment.pop(name, None)
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert printed.stdout == "tensorflow float32 1e-07 channels_last None\n", printed.stderr
    assert not (tmp_path / ".keras").exists()


# Set for the train and the register stage all at once: each alone changed a file, a run, or ended in a traceback.
HARMFUL = {
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_CONFIG": '{"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}',
    "TF2_BEHAVIOR": "0",
    "XLA_FLAGS": "--no_such_flag",
    "OMP_NUM_THREADS": "1",
    "MLFLOW_EXPERIMENT_NAME": "elsewhere",
    "MLFLOW_REGISTRY_URI": "sqlite:////nowhere/registry.db",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
    "MPLBACKEND": "no_such_backend",
    "GX_CLOUD_ACCESS_TOKEN": "x",
}


@pytest.mark.slow
def test_a_stage_gives_the_same_bytes_in_a_harmful_environment(trained, tmp_path):
    style = tmp_path / "matplotlibrc"
    style.write_text("figure.facecolor: black\nfont.size: 30\n")
    lock = trained.lock()
    champion = trained.run("digits", "lineage")
    harmful = {**HARMFUL, "MATPLOTLIBRC": str(style), "MLFLOW_RUN_ID": "f" * 32}
    found = trained.run("dvc", "repro", "--force", env=harmful)
    assert trained.lock() == lock
    assert trained.run("digits", "lineage") == champion
    assert found.count("warning: MLFLOW_RUN_ID=") == 1
    assert found.count("KERAS_BACKEND=jax is ignored: set train.backend in params.yaml") == 1
