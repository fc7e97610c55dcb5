"""Search for better parameters: Optuna proposes, DVC's queue trains, MLflow keeps. The one module that knows Optuna.

Each trial is a DVC experiment of its own, up to the train stage, so that no trial is chosen by the test split, and an
MLflow run under one parent. A trial whose curve on the validation split is worse than the median of the earlier ones
is interrupted. All that is known of the search stands in `tuning.db`, beside MLflow's: started again, it goes on.
"""

import csv
import io
import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from digits import experiments, versions
from digits.errors import UserError
from digits.files import replacing
from digits.outputs import HISTORY
from digits.params import Params, Range
from digits.tracking import record, runs, store

STAGE = "train"
POLL = 2.0  # seconds between two looks at what runs
PATIENCE = 10  # looks between two at whether anybody works on the queue
PICTURES = Path("reports/tuning")


class Search:
    """One study: its trials, and the MLflow run that is their parent."""

    def __init__(self, name: str, params: Params) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.name, self.params = name, params
        self.ranges = {f"train.{key}": one for key, one in params.tune.ranges.items()}
        self.today = {key: value for key, value in params.flat().items() if key in self.ranges}
        self.study = optuna.create_study(
            study_name=name,
            storage=f"{store.SQLITE}{store.root() / 'tuning.db'}",
            direction="minimize" if params.tune.metric.endswith("loss") else "maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=params.train.epochs // 3),
            load_if_exists=True,
        )
        self._must_match()
        # Another seed each time that the search goes on, or the first values would be drawn again.
        seed = params.tune.seed + len(self.study.trials)
        self.study.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=4, multivariate=True, constant_liar=True
        )
        self.parent = runs.parent(name, self._described(), self.study.user_attrs.get("parent"))
        self.study.set_user_attr("parent", self.parent)
        self.running: dict[str, optuna.Trial] = {}
        self.looks, self.stood = 0, 0  # at what runs, and how often running that nobody worked on it

    def _must_match(self) -> None:
        """Refuse to go on with a search for something else, or with experiments that this study knows nothing of."""
        for key, one in self.ranges.items():
            if one.choices is not None and self.today[key] not in one.choices:
                raise UserError(f"params.yaml: tune.ranges: choices of {key} lack today's value {self.today[key]!r}")
        if not self.study.trials and experiments.revision(self._experiment(0)):
            raise UserError(
                f"experiments of a search {self.name!r} are there, but tuning.db knows nothing of it: give --name "
                f"another, or `dvc exp remove` those that `dvc exp list` shows"
            )
        now = self._fixed()
        known = self.study.user_attrs.get("fixed", now) if self._ended() else now
        other = ", ".join(sorted(key for key in known.keys() | now.keys() if known.get(key) != now.get(key)))
        if other:
            raise UserError(f"the search {self.name!r} was begun with another {other}: give --name another")
        self.study.set_user_attr("fixed", now)

    def _fixed(self) -> dict[str, str]:
        """What a trial's result hangs on, but for what is searched: results of different ones can't be compared."""
        stages = tuple(f"{name}." for name in ("ingest", "validate", "preprocess", STAGE))
        given = {key: str(value) for key, value in self.params.flat().items() if key.startswith(stages)}
        return self._described() | {key: value for key, value in given.items() if key not in self.ranges}

    def _described(self) -> dict[str, str]:
        """What is searched for, and where."""
        ranges = {f"tune.{key}": json.dumps(one.model_dump(exclude_none=True)) for key, one in self.ranges.items()}
        return {"tune.metric": self.params.tune.metric, **ranges}

    def run(self, trials: int, jobs: int, tell: Callable[[str], None]) -> None:
        """Bring the study to so many ended trials, `jobs` at a time."""
        self._take_up(tell)
        if not self._tried(self.today):  # what there is comes first: the rest is held against it
            self.study.enqueue_trial(self.today)
            trials = max(trials, self._ended() + 1)
        try:
            while self._ended() < trials:
                while len(self.running) < jobs and self._ended() + len(self.running) < trials:
                    self._begin(jobs)
                time.sleep(POLL)
                self._look(jobs, tell)
        except KeyboardInterrupt:
            raise UserError("interrupted: nothing is lost, the same command goes on with the search") from None
        finally:
            if self.running:
                experiments.stop(self.running)

    def _tried(self, values: dict[str, Any]) -> bool:
        """Whether a trial of these values has ended, or waits for its turn."""
        trials = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING))
        return values in [trial.params or trial.system_attrs.get("fixed_params") for trial in trials]

    def _ended(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))

    def _take_up(self, tell: Callable[[str], None]) -> None:
        """What an interrupted search left running has ended by now, or is tried again with the same values."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            if not self._complete(trial, tell):
                self.study.tell(trial.number, state=TrialState.FAIL)
                self.study.enqueue_trial(trial.params)

    def _begin(self, jobs: int) -> None:
        trial = self.study.ask()
        changes = {key: _suggest(trial, key, one) for key, one in self.ranges.items()}
        name = self._experiment(trial.number)
        self.running[name] = trial
        experiments.queue(name, changes, STAGE)
        experiments.start(jobs)

    def _experiment(self, number: int) -> str:
        return f"{self.name}-{number}"

    def _look(self, jobs: int, tell: Callable[[str], None]) -> None:
        statuses = experiments.statuses()
        self.looks += 1
        if self.looks % PATIENCE == 0:
            self.stood = 0 if experiments.working() else self.stood + 1
            if self.stood == 2:
                self._revive(statuses, jobs, tell)
                return
        for name, trial in list(self.running.items()):
            match statuses.get(name):
                case experiments.DONE:
                    if not self._complete(trial, tell):
                        raise UserError(f"experiment {name} is done, but DVC shows no result of it: `dvc exp show`")
                    del self.running[name]
                case experiments.FAILED | None as status:
                    # DVC looks at the parts of its queue in turn: what moves on in the meantime is in none of them.
                    if experiments.statuses().get(name) != status:
                        continue
                    del self.running[name]
                    self.study.tell(trial, state=TrialState.FAIL)
                    raise UserError(f"experiment {name} failed, or was removed; `dvc queue logs {name}` shows why")
                case experiments.RUNNING:
                    self._watch(name, trial, tell)

    def _revive(self, statuses: dict[str, str], jobs: int, tell: Callable[[str], None]) -> None:
        """Nobody works on the queue: a worker of DVC can end just as it takes a task, which then never ends."""
        self.stood = 0
        for name, trial in list(self.running.items()):
            if statuses.get(name) == experiments.RUNNING:
                del self.running[name]
                self.study.tell(trial, state=TrialState.FAIL)
                self.study.enqueue_trial(trial.params)
                tell(f"{name}  was lost by the queue, and is tried again")
        experiments.start(jobs)

    def _watch(self, name: str, trial: optuna.Trial, tell: Callable[[str], None]) -> None:
        try:
            with store.answering():
                run_id = runs.of_running(name)
                curve = runs.curve(run_id, self.params.tune.metric) if run_id else {}
        except UserError:
            return  # what trains goes on without the record: so does the search
        self._report(trial, curve)
        if curve and trial.should_prune():
            experiments.stop([name])
            runs.adopt(run_id, self.parent, {"pruned": "yes"})
            self.study.tell(trial, state=TrialState.PRUNED)
            del self.running[name]
            tell(f"{name}  pruned after epoch {max(curve)}  {self._said(trial.params)}")

    def _report(self, trial: optuna.Trial, curve: dict[int, float]) -> None:
        known = self.study.trials[trial.number].intermediate_values
        for epoch in sorted(curve.keys() - known.keys()):
            trial.report(curve[epoch], epoch)

    def _complete(self, trial: optuna.Trial | FrozenTrial, tell: Callable[[str], None]) -> bool:
        """Take in the result of an experiment that is done; False where there is none."""
        name = self._experiment(trial.number)
        revision = experiments.revision(name)
        if revision is None:
            return False
        with versions.opened(str(HISTORY), revision) as file:
            history = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
        curve = {int(row["epoch"]): float(row[self.params.tune.metric]) for row in history}
        if isinstance(trial, optuna.Trial):  # the last epochs passed between two looks; one taken up can't be told them
            self._report(trial, curve)
        value = curve[max(curve)]
        run_id = runs.find(versions.weights(revision)) or record.enter_experiment(name, revision)
        runs.adopt(run_id, self.parent, {})
        self.study.tell(trial.number, value)
        tell(f"{name}  {self.params.tune.metric} {value:.5f}  {self._said(trial.params)}")
        return True

    def _said(self, params: dict[str, Any]) -> str:
        return " ".join(f"{key.removeprefix('train.')}={_short(value)}" for key, value in params.items())

    def outcome(self) -> str:
        """What was found beside today's parameters, in lines."""
        metric, best = self.params.tune.metric, self.study.best_trial
        first = next((one for one in self.study.trials if one.params == self.today and one.value is not None), None)
        lines = [f"{'':28}{'today':>14}{'best':>14}"]
        lines += [f"{key:28}{_short(value):>14}{_short(best.params[key]):>14}" for key, value in self.today.items()]
        lines.append(f"{metric:28}{f'{first.value:.5f}' if first else 'unknown':>14}{best.value:14.5f}")
        return "\n".join(lines)

    def best(self) -> str | None:
        """The name of the best experiment, or None where nothing beat today's parameters."""
        best = self.study.best_trial
        return None if best.params == self.today else self._experiment(best.number)

    def draw(self) -> list[Path]:
        """Write the pictures of the search: the history of its trials, and which parameter mattered how much."""
        os.environ.setdefault("MPLBACKEND", "agg")  # no window
        from optuna.visualization import matplotlib as plots

        kinds = {"history": plots.plot_optimization_history}
        if len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) > 2:
            kinds["importance"] = plots.plot_param_importances
        made = []
        for kind, plot in kinds.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                figure = plot(self.study, target_name=self.params.tune.metric).figure
            made.append(PICTURES / f"{kind}.png")
            with replacing(made[-1]) as beside:
                figure.savefig(beside, dpi=120, bbox_inches="tight")
        runs.keep(self.parent, "search", tuple(made))
        return made


def _suggest(trial: optuna.Trial, key: str, one: Range) -> Any:
    if one.choices is not None:
        return trial.suggest_categorical(key, one.choices)
    suggest = trial.suggest_int if isinstance(one.low, int) and isinstance(one.high, int) else trial.suggest_float
    return suggest(key, one.low, one.high, log=one.log)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
