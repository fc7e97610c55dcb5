"""The run that MLflow shows during training. It observes the training, and changes none of its outputs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from digits.params import Params
from digits.tracking import run_locks, runs, store, tags


class LiveRun:
    """A run that is logged to while a network is trained.

    What the store refuses is missing in the run, and never stops the training: it is reported once, and nothing more
    is sent. `digits.tracking.model_run` logs what is missing.
    """

    def __init__(self, run_id: str, epochs: set[int]) -> None:
        self.run_id = run_id
        self.epochs = epochs  # logged already, by the process that was interrupted
        self.weights: str | None = None
        self.lost = False

    def log_epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log an epoch's metrics, unless the run holds them."""
        import mlflow

        if number not in self.epochs:
            self.attempt(mlflow.log_metrics, metrics, step=number)

    def set_model(self, weights: str) -> None:
        """Say that the training came to a model whose weights have this SHA-256."""
        self.weights = weights

    def attempt(self, log: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What `log` returns for these arguments; None where the store fails, now or before."""
        if self.lost:
            return None
        try:
            return log(*arguments, **options)
        except Exception as error:  # whatever the store's driver, network, disk or server raises
            self.lost = True
            print(
                f"warning: the log of this run is incomplete, since {store.redacted_uri()} failed: "
                f"{store.reason(error)}\n"
                "         the training continues; the next `dvc repro` or `digits sync` logs what is missing",
                file=sys.stderr,
                flush=True,
            )
            return None


@contextmanager
def training_run(
    params: Params, *, name: str | None = None, parent: str | None = None, extra_tags: dict[str, str] | None = None
) -> Iterator[LiveRun]:
    """Begin a run, log the system's load while the block runs, and end it.

    A run of the same task that was interrupted is resumed. The run ends FINISHED, KILLED on Ctrl-C, or FAILED. A model
    has one run: where another run has the same weights, this one is deleted. Raises UserError where the store cannot
    be reached at the start.
    """
    client = store.connect()
    import mlflow

    mlflow.set_system_metrics_sampling_interval(2)
    mlflow.set_system_metrics_samples_before_logging(1)
    with store.wrap_store_errors():
        run_locks.end_orphans()
        found = {**tags.of_training(params), **(extra_tags or {})}
        interrupted = runs.find_interrupted(found[tags.TASK])
        active = mlflow.start_run(
            run_id=interrupted,
            run_name=name or tags.run_name(params),
            tags=found,
            parent_run_id=None if interrupted else parent,
            log_system_metrics=True,
        )
        run_id = active.info.run_id
        live = LiveRun(run_id, runs.logged_epochs(run_id) if interrupted else set())
        runs.log_params(run_id, params.flat())
    status = "FAILED"
    with run_locks.held(live):
        try:
            live.attempt(runs.log_inputs)
            yield live
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            duplicate = _tag_weights(live)
            # Also where the store was lost: else MLflow would try again when the process exits.
            with suppress(Exception):
                mlflow.end_run(status)
            if duplicate:
                live.attempt(client.delete_run, run_id)


def _tag_weights(live: LiveRun) -> bool:
    """Tag the run with its weights; True where another run has them, which then takes over what this one belongs to."""
    if live.weights is None:
        return False
    known = live.attempt(runs.find, live.weights)
    if known in (None, live.run_id):
        live.attempt(store.connect().set_tag, live.run_id, tags.WEIGHTS, live.weights)
        return False
    live.attempt(_take_over, live.run_id, known)
    return True


def _take_over(duplicate: str, known: str) -> None:
    client = store.connect()
    ours, theirs = (client.get_run(run_id).data.tags for run_id in (duplicate, known))
    if tags.PARENT in ours and tags.PARENT not in theirs:
        client.set_tag(known, tags.PARENT, ours[tags.PARENT])
    if theirs.get(tags.EXPERIMENT, tags.NO_EXPERIMENT).startswith(tags.NO_EXPERIMENT):
        client.set_tag(known, tags.EXPERIMENT, ours[tags.EXPERIMENT])
