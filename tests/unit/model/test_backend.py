"""The choice of Keras's backend."""

import os
import re
import subprocess
import sys

import pytest

from digits.errors import UserError
from digits.model import backend
from tests.imports import ROOT


def test_a_backend_that_is_not_installed_is_named_with_the_command():
    with pytest.raises(UserError, match=r"train\.backend = 'no_such', but no_such is not installed: `pip install"):
        backend.select("no_such")


def test_the_command_installs_tensorflow_with_the_pipeline(monkeypatch):
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape("tensorflow is not installed: `pip install -e '.[train]'`")):
        backend.select("tensorflow")


def test_the_environments_backend_is_reported_and_does_not_count():
    code = "import os; from digits.model import backend; backend.select('jax'); print(os.environ['KERAS_BACKEND'])"
    clean = {name: value for name, value in os.environ.items() if name != "_DIGITS_ENVIRONMENT"}
    environment = {**clean, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "jax\n"
    assert done.stderr == "warning: KERAS_BACKEND=torch is ignored: set train.backend in params.yaml\n"


def test_tensorflow_does_not_load_jax_which_can_be_imported_all_the_same():
    code = "import sys; import digits.model.keras_backend; print('jax' in sys.modules); import jax; print(jax.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\njax\n", done.stderr
