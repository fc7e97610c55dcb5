"""Keras's data parallelism over several processes: each trains on its part of every batch, on the JAX backend."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from digits.arrays import Floats
from digits.errors import UserError
from digits.model import backend
from digits.params import Train

LOOPBACK = "127.0.0.1"
HEARTBEAT_SECONDS = 30  # a process that is silent for so long, stopped but not ended, is lost: the others end
START_SECONDS = 300  # until all processes have imported Keras, also on a busy machine


def whole_batches(rows: int, params: Train, processes: int = 1) -> tuple[int, int]:
    """The pictures of a batch, which devices and processes share equally, and an epoch's steps of whole batches.

    Raises UserError where there is not a picture for each device.
    """
    shared_by = params.devices * processes
    batch = min(params.batch_size, rows) // shared_by * shared_by
    if batch == 0:
        raise UserError(
            f"there are {rows:,} pictures to train on, and train.devices x train.processes = {shared_by} share each "
            "batch: lower one of the two in params.yaml, or add pictures"
        )
    return batch, rows // batch  # an incomplete last batch is dropped


def connect(params: Train, process: int, port: int) -> None:
    """Connect this process to the others, before Keras is imported; process 0 listens at the port, on loopback.

    Each process takes its part of `train.threads`, and of the GPUs. Raises UserError where they cannot connect.
    """
    os.environ["NPROC"] = str(max(1, params.threads // params.processes))  # XLA's threads on a CPU
    backend.select(params.backend)
    import jax

    # What keras.distribution.initialize calls, which has neither timeouts nor a choice of where to listen.
    try:
        jax.distributed.initialize(
            f"{LOOPBACK}:{port}",
            params.processes,
            process,
            local_device_ids=range(process * params.devices, (process + 1) * params.devices),
            coordinator_bind_address=f"{LOOPBACK}:{port}",
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except RuntimeError as error:  # such as a port that another program took since it was chosen
        reason = str(error).splitlines()[0]
        raise UserError(
            f"the processes of the training could not connect on port {port} of {LOOPBACK} ({reason}): run the same "
            "command again"
        ) from None


@contextmanager
def local() -> Iterator[None]:
    """What is built and run inside the block is this process's own, not shared with the others."""
    from digits.model.keras_backend import keras

    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)


def total(values: Floats) -> Floats:
    """The sum of each process's (n,) float64, the same in all of them; all have to call this."""
    from jax.experimental import multihost_utils

    gathered = multihost_utils.process_allgather(values.view(np.uint8))  # JAX would make float32 of them
    found: Floats = np.ascontiguousarray(gathered).view(np.float64).sum(axis=0)
    return found
