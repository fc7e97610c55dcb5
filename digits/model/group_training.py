"""Training in several processes on this machine, each with its part of every batch; this one writes what they make."""

import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from digits import process_group
from digits.files import remove
from digits.model import distribution
from digits.params import Train
from digits.process_group import LostProcessError, Member

INDENT = " " * len("error: ")  # of a message's second line
Metrics = dict[str, float]


def fit(
    params: Train, on_start: Callable[[int], None], on_epoch: Callable[[int, Metrics, bool], None], checkpoint: Path
) -> tuple[list[np.ndarray], list[Metrics]]:
    """Train in `train.processes` new processes; returns the network's weights, and the metrics by epoch.

    `on_start` is called with the count of the network's parameters; `on_epoch`, `checkpoint` and the metrics are those
    of `training.fit`. The batches are those of one process, so the results differ by the order of sums only.

    Raises UserError where a process is lost. The others are then ended, and the next call resumes from `checkpoint`.
    """
    finished = 0

    def on_message(message: tuple[Any, ...]) -> None:
        nonlocal finished
        kind, *content = message
        if kind == "start":
            on_start(*content)
        else:
            finished = content[0]
            on_epoch(*content)

    arguments = params, _free_port(), checkpoint
    try:
        weights, history = process_group.run(_fit_part, arguments, params.processes, on_message)
    except LostProcessError as error:
        then = f"resumes after epoch {finished} of {params.epochs}" if finished else "begins again"
        raise LostProcessError(f"training: {error}\n{INDENT}the others were ended; the same command {then}") from error
    finally:
        remove(checkpoint.with_name(f".partial-{checkpoint.name}"))  # where process 0 was ended while it wrote
    return weights, history


def _fit_part(
    member: Member, params: Train, port: int, checkpoint: Path
) -> tuple[list[np.ndarray], list[Metrics]] | None:
    """What each of the processes does; process 0 sends what the others compute as well."""
    distribution.connect(params, member.number, port)
    from digits.model import network, streaming, training  # Keras: once connected

    train, validation = streaming.load(params, member.number, member.processes)
    with training.reproducible(params, member.processes):
        net = network.build(params, train.images)
        member.send(("start", net.inference.count_params()))

        def on_epoch(number: int, metrics: Metrics, restored: bool) -> None:
            member.send(("epoch", number, metrics, restored))

        history = training.fit(net, train, validation, params, on_epoch, checkpoint, member.number, member.processes)
        return (net.inference.get_weights(), history) if member.number == 0 else None


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind((distribution.LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port
