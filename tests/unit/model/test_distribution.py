"""Processes that cannot connect are reported as an error that the user can act on. Four seconds."""

import socket
import subprocess
import sys

from tests.imports import ROOT

# In a process of its own: JAX is imported, and can be connected once a process
CONNECT = """
import sys
from digits.errors import UserError
from digits.model import distribution
from digits.params import load
params = load().train.model_copy(update={"backend": "jax", "processes": 2})
try:
    distribution.connect(params, 0, int(sys.argv[1]))
except UserError as error:
    print(error)
"""


def test_a_port_that_another_program_took_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-c", CONNECT, str(port)]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout
    assert printed.startswith(f"the processes of the training could not connect on port {port} of 127.0.0.1 (")
    assert printed.endswith("): run the same command again\n")
