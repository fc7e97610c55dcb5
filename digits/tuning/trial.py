"""One trial: a process of its own that trains with its parameters, and reports to Optuna and to MLflow."""

import math
import os
import signal
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import optuna
from optuna.trial import TrialState

from digits import paths
from digits.errors import UserError
from digits.model import backend
from digits.params import Params
from digits.processes import exit_with_parent
from digits.tracking import live, store, tags
from digits.tuning.study import ERROR, open_study


class Task(NamedTuple):
    """A trial of the search `search`: Optuna's number and id of it, its parameters, and the id of the parent run."""

    search: str
    number: int
    trial_id: int
    params: Params
    parent: str

    @property
    def name(self) -> str:
        return f"{self.search}-{self.number}"


def run(task: Task) -> None:
    """Train until the end, or until the trial is pruned, and report it to Optuna; the main function of the process.

    Ctrl-C is blocked in this process: the search ends it by SIGTERM, which is a KeyboardInterrupt here and leaves the
    trial RUNNING in Optuna. An error that the user can fix is stored as the trial's attribute ERROR.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        exit_with_parent()
        study = open_study(task.search, task.params)
        trial = optuna.trial.Trial(study, task.trial_id)
        try:
            # The client of a tracking server prints the address of each run.
            with Path(os.devnull).open("w") as null, redirect_stdout(null):
                value = _train(trial, task)
            study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)
        except (UserError, OSError) as error:
            trial.set_user_attr(ERROR, str(error))
            study.tell(trial, state=TrialState.FAIL)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # so that the exit code names the signal


def _train(trial: optuna.Trial, task: Task) -> float | None:
    """The metric after the last epoch; None where the trial is pruned, as it also is where its metric is no number."""
    params, metric = task.params.train, task.params.tune.metric
    backend.select(params.backend)
    from digits.model import export, network, streaming, training

    train, validation = streaming.load(params)

    def on_epoch(number: int, metrics: dict[str, float], restored: bool) -> None:
        live_run.log_epoch(number, metrics)
        trial.report(metrics[metric], number)
        if math.isnan(metrics[metric]) or (number < params.epochs and trial.should_prune()):
            raise optuna.TrialPruned

    # A task of its own: the trial keeps no checkpoint from which another process could resume this run.
    extra_tags = {tags.EXPERIMENT: f"{tags.NO_EXPERIMENT}digits tune", tags.TASK: f"{task.parent}-{task.number}"}
    with (
        live.training_run(task.params, name=task.name, parent=task.parent, extra_tags=extra_tags) as live_run,
        training.reproducible(params),
        TemporaryDirectory() as folder,
    ):
        net = network.build(params, train.images)
        try:
            history = training.fit(net, train, validation, params, on_epoch, checkpoint=None)
        except optuna.TrialPruned:
            live_run.attempt(store.connect().set_tag, live_run.run_id, "pruned", "yes")
            return None
        exported, weights = (Path(folder) / path.name for path in (paths.NETWORK, paths.WEIGHTS))
        training.save_weights(net.inference, weights)
        export.save(net.inference, exported)
        live_run.network = tags.of_network(exported, weights)
        trial.set_user_attr(tags.NETWORK, live_run.network[tags.NETWORK])
    return history[-1][metric]
