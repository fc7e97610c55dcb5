"""Logging of a run to MLflow during training. It does not affect the outputs of the training."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from digits.params import Params
from digits.tracking import causes, run_locks, runs, store, tags, values


class LiveRun:
    """A run that is logged to while a network is trained.

    A failure of the store does not stop the training: it is reported once, and nothing more is logged.
    `digits.tracking.model_run` logs what is missing.
    """

    def __init__(self, run_id: str, epochs: set[int]) -> None:
        self.run_id = run_id
        self.epochs = epochs  # logged already, by the process that was interrupted
        self.network: dict[str, str] | None = None  # tags.of_network, once the training has come to its end
        self.lost = False

    def set_network(self) -> None:
        """Name the network that the training came to: the files in models/."""
        self.network = tags.of_network()

    def log_epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log an epoch's metrics, unless the run has them."""
        import mlflow

        if number not in self.epochs:
            self.attempt(mlflow.log_metrics, metrics, step=number)

    def attempt(self, log: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call `log`, and return its result; None where the store fails, or has failed before."""
        if self.lost:
            return None
        try:
            return log(*arguments, **options)
        except Exception as error:  # of the store's driver, network, disk or server
            self.lost = True
            print(
                f"warning: the log of this run is incomplete, since {store.redacted_uri()} failed: "
                f"{causes.reason(error)}\n"
                "         the training continues; the next `dvc repro` or `digits sync` logs what is missing",
                file=sys.stderr,
                flush=True,
            )
            return None


@contextmanager
def training_run(
    params: Params, *, name: str | None = None, parent: str | None = None, extra_tags: dict[str, str] | None = None
) -> Iterator[LiveRun]:
    """Start a run, log system metrics while the block runs, and end it.

    A run of the same task that was interrupted is resumed. The run ends FINISHED, KILLED on Ctrl-C, or FAILED. Where
    another run has the same network, this one is deleted. Raises UserError where the store cannot be reached at the
    start.
    """
    client = store.connect()
    import mlflow

    mlflow.set_system_metrics_sampling_interval(2)
    mlflow.set_system_metrics_samples_before_logging(1)
    run_tags, status = {**tags.of_training(params), **(extra_tags or {})}, "FAILED"
    with run_locks.held() as lock:
        with store.wrap_store_errors():
            run_locks.end_orphans()
            interrupted = runs.find_interrupted(run_tags[tags.TASK])
            active = mlflow.start_run(
                run_id=interrupted,
                run_name=name or tags.run_name(params),
                tags=values.tag_values({**run_tags, tags.LOCK: lock}),
                parent_run_id=None if interrupted else parent,
                log_system_metrics=True,
            )
            run_id = active.info.run_id
            live = LiveRun(run_id, runs.logged_epochs(run_id) if interrupted else set())
            runs.log_params(run_id, params.flat())
        try:
            live.attempt(runs.log_inputs)
            yield live
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            duplicate = _tag_network(live)
            # Also where the store has failed: else MLflow would try again when the process exits.
            with suppress(Exception):
                mlflow.end_run(status)
            if duplicate:
                live.attempt(client.delete_run, run_id)


def _tag_network(live: LiveRun) -> bool:
    """Tag the run with its network; True where another run has it, which gets this run's parent and experiment."""
    if live.network is None:
        return False
    known = live.attempt(runs.find_network, live.network[tags.NETWORK])
    if known in (None, live.run_id):
        for key, sha256 in live.network.items():
            live.attempt(store.connect().set_tag, live.run_id, key, sha256)
        return False
    live.attempt(_copy_membership, live.run_id, known)
    return True


def _copy_membership(duplicate: str, known: str) -> None:
    client = store.connect()
    ours, theirs = (client.get_run(run_id).data.tags for run_id in (duplicate, known))
    if tags.PARENT in ours and tags.PARENT not in theirs:
        client.set_tag(known, tags.PARENT, ours[tags.PARENT])
    if not ours[tags.EXPERIMENT].startswith(tags.NO_EXPERIMENT):
        client.set_tag(known, tags.EXPERIMENT, ours[tags.EXPERIMENT])
