"""Digits: the library that the stages, the command line and the tests share.

Importing it, before any other library, makes the process and its children independent of variables that are in a
user's environment by chance: what these tables clear or pin changes no result and no record.
"""

import os
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from types import TracebackType

# Cleared, but for what KEPT has: whole families, so that the variables of other versions are covered as well.
CLEARED = {
    "MLFLOW_*": "another run, experiment, registry, place of artifacts, or way of logging",
    "_MLFLOW_*": "MLflow's own, for its children",
    "DVC_*": "settings of DVC's tests and daemons",
    "KERAS_*": "another backend, fewer epochs or steps, another configuration file",
    "TF_*": "other kernels, threads, precision, or a cluster",
    "TF2_*": "TensorFlow 1's behaviour",
    "TENSORFLOW_*": "other kernels",
    "AUTOGRAPH_*": "TensorFlow's conversion of functions",
    "XLA_*": "other compiler flags",
    "JAX_*": "other precision, no compilation, other devices",
    "ONEDNN_*": "other kernels",
    "DNNL_*": "the same, by oneDNN's former name",
    "NVIDIA_TF32_OVERRIDE": "another precision",
    "ORT_*": "other kernels of ONNX Runtime",
    "OMP_*": "threads",
    "KMP_*": "threads",
    "MKL_*": "threads and kernels",
    "GOTO_*": "threads",
    "OPENBLAS_*": "threads and kernels",
    "NPY_*": "other kernels of NumPy",
    "OPENCV_*": "limits on the size of pictures, other codecs",
    "PANDAS_*": "other types of columns",
    "GX_*": "Great Expectations' cloud, or another project of it",
    "GIT_*": "another repository, index or working tree, as git sets them for its hooks; other ways to show a diff",
}

KEPT = {
    # The tracking store: its address, credentials, certificates and limits of time
    "MLFLOW_TRACKING_URI": "chooses the tracking store",
    "MLFLOW_ALLOW_FILE_STORE": "chooses a folder as tracking store",
    "MLFLOW_TRACKING_USERNAME": "credential",
    "MLFLOW_TRACKING_PASSWORD": "credential",
    "MLFLOW_TRACKING_TOKEN": "credential",
    "MLFLOW_TRACKING_AUTH": "credential",
    "MLFLOW_TRACKING_AWS_SIGV4": "credential",
    "MLFLOW_TRACKING_*_CERT_PATH": "certificate",
    "MLFLOW_TRACKING_INSECURE_TLS": "certificate",
    "MLFLOW_WORKSPACE": "a part of the store's address",
    "MLFLOW_KERBEROS_*": "credential",
    "MLFLOW_MYSQL_SSL_*": "certificate",
    "MLFLOW_SQLALCHEMYSTORE_POOL*": "connections to a database",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "connections to a database",
    "MLFLOW_S3_*": "how a store of artifacts is reached",
    "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE": "how a store of artifacts is reached",
    "MLFLOW_GCS_*": "how a store of artifacts is reached",
    "MLFLOW_PYARROW_EXTRA_CONF": "how a store of artifacts is reached",
    "MLFLOW_*MULTIPART*": "how a store of artifacts is reached",
    "MLFLOW_HTTP_*": "time-outs and retries",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "how a server is reached",
    "MLFLOW_*TIMEOUT": "time-outs",
    "MLFLOW_LOGGING_LEVEL": "messages only",
    # `digits ui` and `digits serve` behind a proxy
    "MLFLOW_SERVER_ALLOWED_HOSTS": "who may ask a server of this machine",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "who may ask a server of this machine",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "who may show a server of this machine",
    # DVC: what it sets for a stage, its folders, what a user's experiments are shared with, messages
    "DVC_STAGE": "DVC sets it for a stage",
    "DVC_*_DIR": "DVC's configuration and locks",
    "DVC_STUDIO_*": "shares experiments, on purpose",
    "DVC_EXP_AUTO_PUSH": "shares experiments, on purpose",
    "DVC_EXP_GIT_REMOTE": "shares experiments, on purpose",
    "DVC_PAGER": "messages only",
    "DVC_IGNORE_ISATTY": "messages only",
    "DVC_SHOW_TRACEBACK": "messages only",
    # Which device computes, and its memory; what is kept of a compilation
    "TF_CPP_*": "messages only",
    "TF_FORCE_GPU_ALLOW_GROWTH": "memory of a GPU",
    "TF_GPU_ALLOCATOR": "memory of a GPU",
    "XLA_PYTHON_CLIENT_*": "memory of a GPU",
    "JAX_PLATFORMS": "the device, as CUDA_VISIBLE_DEVICES",
    "JAX_COMPILATION_CACHE_DIR": "what is kept of a compilation",
    "JAX_PERSISTENT_CACHE_*": "what is kept of a compilation",
    # git: who commits, how a remote is reached, its configuration (safe.directory in a container)
    "GIT_AUTHOR_*": "who commits",
    "GIT_COMMITTER_*": "who commits",
    "GIT_SSH*": "how a remote is reached",
    "GIT_SSL_*": "how a remote is reached",
    "GIT_HTTP_*": "how a remote is reached",
    "GIT_PROXY_*": "how a remote is reached",
    "GIT_ASKPASS": "credential",
    "GIT_TERMINAL_PROMPT": "credential",
    "GIT_CONFIG_*": "git's configuration, such as safe.directory in a container",
    "GIT_CEILING_DIRECTORIES": "where git looks for a repository",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM": "a repository that is mounted in a container",
    "GIT_EXEC_PATH": "where git is",
    "GIT_TEMPLATE_DIR": "where git is",
    "GIT_PYTHON_*": "where git is",
    "GIT_TRACE*": "messages only",
}

# DVC's, for a stage that it runs: kept with DVC_STAGE, and left over from an earlier one without
OF_A_STAGE = ("DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV")

PINNED = {
    "KERAS_HOME": os.devnull,  # ~/.keras/keras.json is neither read nor written
    "OPENBLAS_NUM_THREADS": "1",  # the same sums on any number of cores; the work is shared among processes
    "MATPLOTLIBRC": os.devnull,  # a user's style changes no figure
    "MPLBACKEND": "agg",  # no window
    # No library sends usage statistics.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "true",
}

# What a user may have set on purpose, and what to do instead; reported by whoever would have obeyed it
INSTEAD = {
    "KERAS_BACKEND": "set train.backend in params.yaml",
    "KERAS_MAX_EPOCHS": "set train.epochs in params.yaml",
    "MLFLOW_RUN_ID": "a training continues its own interrupted run only, and overwrites no other",
    "MLFLOW_EXPERIMENT_NAME": "all runs are in the experiment 'digits' of the tracking store",
    "MLFLOW_EXPERIMENT_ID": "all runs are in the experiment 'digits' of the tracking store",
    "MLFLOW_REGISTRY_URI": "the registry is that of the tracking store, MLFLOW_TRACKING_URI",
}

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_APPLIED = "_DIGITS_ENVIRONMENT"  # set in children too: what a library set in the parent is no user's

ignored: dict[str, str] = {}  # what a user set of INSTEAD, until it is reported


def report_ignored(prefix: str, shown: Callable[[str], str] = str) -> None:
    """Print, once, a line for each variable of this prefix that a user set and that counts for nothing.

    `shown` makes of a value what is printed, such as an address without its password.
    """
    for name in [name for name in ignored if name.startswith(prefix)]:
        print(f"warning: {name}={shown(ignored.pop(name))} is ignored: {INSTEAD[name]}", file=sys.stderr, flush=True)


def is_cleared(name: str) -> bool:
    """Whether the variable of this name counts for nothing here."""
    if name in OF_A_STAGE:
        return "DVC_STAGE" not in os.environ
    return any(fnmatchcase(name, p) for p in CLEARED) and not any(fnmatchcase(name, p) for p in KEPT)


def _apply() -> None:
    first = _APPLIED not in os.environ
    for name in [name for name in os.environ if is_cleared(name)]:
        value = os.environ.pop(name)
        if first and name in INSTEAD:
            ignored[name] = value
    os.environ.update(PINNED)
    os.environ[_APPLIED] = "1"
    _bypass_proxies_on_loopback()


def _bypass_proxies_on_loopback() -> None:
    # Only where there is a proxy: with no_proxy alone urllib would no longer ask macOS for the system's.
    if not any(value for name, value in os.environ.items() if name.lower() in PROXIES):
        return
    named = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    hosts = [host.strip() for host in named if host.strip()]
    if hosts != ["*"]:
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(dict.fromkeys([*hosts, *LOOPBACK]))


_apply()


def _print_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Ctrl-C while the libraries are imported, before `digits.errors.run`, prints no traceback either."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        _excepthook(kind, error, traceback)


_excepthook, sys.excepthook = sys.excepthook, _print_exception
