"""The search: it trains each proposal in a process of its own, and runs the best one as a DVC experiment.

The state of a search is in tuning.db and in the tracking store: the same command resumes it.
"""

import json
import shlex
import signal
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from digits import paths
from digits.errors import Interrupted, UserError
from digits.files import digest
from digits.model import training_data
from digits.params import Params, Range, Train
from digits.processes import ctrl_c_blocked
from digits.tracking import runs, store, tags
from digits.tuning import report, trial
from digits.tuning.study import ERROR, STARTUP_TRIALS, direction, open_study
from digits.vcs import dvc_files, experiments

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
MAX_KILLED = 4  # trials in a row: two proposals, each tried twice
STOP_TIMEOUT = 15  # seconds that a trial has to end its run in MLflow when it is stopped


def run(name: str, params: Params, trials: int, jobs: int, apply: bool, echo: Callable[[str], None]) -> None:
    """Bring the search to `trials` ended trials, `jobs` at a time, and run the best one as a DVC experiment.

    Call it in the project's root. `echo` prints a line. Without `apply` the experiment's command is printed, not run.
    Raises UserError where the data are outdated, a trial fails, or the name is that of a search whose results cannot be
    compared with these.
    """
    outdated = experiments.outdated_stages("preprocess")
    if outdated:
        raise UserError(f"the data are outdated ({', '.join(outdated)}): run `dvc repro preprocess`")
    store.connect()
    try:
        with FileLock(f"{paths.TUNING_DATABASE}.lock", blocking=False):
            search = Search(name, params, echo)
            search.run(trials, jobs)
    except Timeout:
        raise UserError("another search is running in this project: wait until it ends, or stop it") from None
    if not search.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise UserError(f"every trial of the search {name!r} was pruned: is train.learning_rate too high?")
    figures = report.write_figures(search.study, params.tune.metric)
    with store.wrap_store_errors():
        runs.log_artifacts(search.parent, "search", figures)
    table = report.outcome_table(search.study, search.baseline, params.tune.metric)
    echo(f"\n{table}\n\nsee {', '.join(map(str, figures))}")
    best = search.study.best_trial
    if best.params == search.baseline:
        echo("no trial is better than the baseline, so params.yaml stays as it is")
    else:
        _make_experiment(name, best, apply, echo)


def _make_experiment(search: str, best: FrozenTrial, apply: bool, echo: Callable[[str], None]) -> None:
    """Train the best trial again as the DVC experiment `<search>-best`, which replaces an earlier one of this name."""
    name, trial_name = f"{search}-best", f"{search}-{best.number}"
    # JSON keeps every digit of a number, and quotes a string, as `-S` needs it.
    changes = [word for key, value in best.params.items() for word in ("-S", f"{key}={json.dumps(value)}")]
    command = ["exp", "run", "--name", name, *changes]
    if not apply:
        echo(f"next: this trains {trial_name} again, evaluates and registers it:\n{shlex.join(['dvc', *command])}")
        return
    echo(f"{trial_name} is trained again, evaluated and registered as the experiment {name}")
    if name in experiments.run_dvc("exp", "list", "--name-only").split():
        experiments.run_dvc("exp", "remove", name)
    experiments.run_dvc(*command)
    if digest(paths.NETWORK, "sha256") != best.user_attrs.get(tags.NETWORK):
        echo(
            f"warning: {trial_name} gave another network, so the code, the libraries or the machine changed since: "
            "compare the metrics"
        )
    echo(
        f"{name} is in params.yaml and models/; next: `git diff params.yaml`, then commit it with dvc.lock and metrics/"
    )


class Search:
    """One study, and the run in MLflow that the runs of its trials are nested in.

    Raises UserError where the study was started with settings whose results cannot be compared with these.
    """

    def __init__(self, name: str, params: Params, echo: Callable[[str], None]) -> None:
        self.name, self.params, self.echo = name, params, echo
        self.ranges = {f"train.{key}": one for key, one in params.tune.ranges.items()}
        self.baseline = {key: value for key, value in params.flat().items() if key in self.ranges}
        self.study = open_study(name, params)
        self._check_settings()
        # Another seed each time that the search is resumed, else the first values would be sampled again.
        seed = params.tune.seed + len(self.study.trials)
        self.study.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True
        )
        with store.wrap_store_errors():
            self.parent = runs.create_parent(name, self._space(), self.study.user_attrs.get("parent"))
        self.study.set_user_attr("parent", self.parent)
        self.running: dict[Any, tuple[int, SpawnProcess]] = {}  # each trial's number and process, by its sentinel
        self.retried: list[dict[str, Any]] = []  # the values of killed trials
        self.killed = 0  # trials in a row

    def _check_settings(self) -> None:
        for key, one in self.ranges.items():
            if one.choices is not None and self.baseline[key] not in one.choices:
                raise UserError(f"params.yaml: tune.ranges: the choices of {key} lack its value {self.baseline[key]!r}")
        settings = self._settings()
        known = self.study.user_attrs.get("settings", {}) if self._ended() else settings
        if self.study.direction != direction(self.params.tune.metric):
            known = {**known, "tune.metric": ""}
        if known != settings:
            changed = sorted(key for key in known | settings if known.get(key) != settings.get(key))
            raise UserError(
                f"the search {self.name!r} was started with another {', '.join(changed)}: choose another --name"
            )
        self.study.set_user_attr("settings", settings)

    def _settings(self) -> dict[str, str]:
        """What a trial's result depends on, apart from the searched values."""
        settings = training_data.settings(self.params.train)
        fixed = {f"train.{key}": str(value) for key, value in settings.items() if key != "processes"}
        data = [paths.PROCESSED / f"{split}.parquet" for split in tags.TRAINED_ON]
        return {
            **self._space(),
            **{key: value for key, value in fixed.items() if key not in self.ranges},
            **{path.as_posix(): dvc_files.hash_of(path) for path in data},
        }

    def _space(self) -> dict[str, str]:
        ranges = {f"tune.{key}": json.dumps(one.model_dump(exclude_none=True)) for key, one in self.ranges.items()}
        return {"tune.metric": self.params.tune.metric, **ranges}

    def run(self, trials: int, jobs: int) -> None:
        """Bring the study to so many ended trials, `jobs` at a time, the baseline among them."""
        if self.resume():
            trials = max(trials, self._ended() + 1)
        try:
            while (ended := self._ended()) < trials:
                while len(self.running) < min(jobs, trials - ended):
                    self.start()
                for sentinel in connection.wait(list(self.running)):
                    self._close(*self.running.pop(sentinel), trials)
        except KeyboardInterrupt:
            raise Interrupted("interrupted: nothing is lost, the same command resumes the search") from None
        finally:
            self._stop()

    def _ended(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=ENDED))

    def resume(self) -> bool:
        """Queue the baseline where it is new, and again what an interrupted search left; True where it is new."""
        interrupted = self.study.get_trials(states=(TrialState.RUNNING,))
        for left in interrupted:
            self.study.tell(left.number, state=TrialState.FAIL)
        known = self.study.get_trials(states=(*ENDED, TrialState.WAITING))
        tried = [one.params or one.system_attrs.get("fixed_params") for one in known]
        new = self.baseline not in tried
        for values in [self.baseline, *(left.params for left in interrupted)]:
            if values and values not in tried:
                self.study.enqueue_trial(values)
                tried.append(values)
        return new

    def start(self) -> None:
        """Ask the study for the next values, and start the process of their trial. Raises UserError."""
        asked = self.study.ask()
        searched = {key: suggest(asked, f"train.{key}", one) for key, one in self.params.tune.ranges.items()}
        try:
            # A trial is one process, whatever trains the model: --jobs are several of them
            train = Train.model_validate({**self.params.train.model_dump(), "processes": 1, **searched})
        except ValueError as error:
            self.study.tell(asked, state=TrialState.FAIL)
            raise UserError(f"params.yaml: tune.ranges: {error}") from None
        params = self.params.model_copy(update={"train": train})
        task = trial.Task(self.name, asked.number, asked._trial_id, params, self.parent)
        process = get_context("spawn").Process(target=trial.run, args=(task,), daemon=True)
        with ctrl_c_blocked():
            process.start()
            self.running[process.sentinel] = asked.number, process

    def _close(self, number: int, process: SpawnProcess, trials: int) -> None:
        """Print the result of a trial whose process has ended. Raises UserError where the search cannot continue."""
        process.join()
        exitcode = process.exitcode or 0
        ended = self.study.trials[number]
        name, values = f"{self.name}-{number}", report.format_params(ended.params)
        if ended.state in ENDED:
            self.killed = 0
            pruned, metric = ended.state == TrialState.PRUNED, self.params.tune.metric
            result = f"pruned after epoch {ended.last_step}" if pruned else f"{metric} {ended.value:.5f}"
            self.echo(f"{name}  {self._ended()} of {trials}  {result}  {values}")
            return
        if ended.state == TrialState.RUNNING:
            self.study.tell(number, state=TrialState.FAIL)
        if exitcode >= 0:
            reason = ended.user_attrs.get(ERROR, f"its process ended with exit code {exitcode}")
            raise UserError(f"{name} failed: {reason}")
        again = ended.params not in self.retried
        if again:
            self.retried.append(ended.params)
            self.study.enqueue_trial(ended.params)
        self.killed += 1
        reason = f"killed by {signal.Signals(-exitcode).name}"
        self.echo(f"{name}  failed: {reason}; {'tried again' if again else 'not tried again'}  {values}")
        if self.killed == MAX_KILLED:
            raise UserError(f"{MAX_KILLED} trials in a row were {reason}; where memory is short, lower --jobs")

    def _stop(self) -> None:
        """Stop the trials that run; the study has them as running, so that the next search tries them again."""
        processes = [process for _, process in self.running.values()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(STOP_TIMEOUT)
            process.kill()


def suggest(asked: optuna.Trial, key: str, one: Range) -> Any:
    """The study's proposal for a parameter: a whole number where both bounds are, a float, or a choice."""
    if one.choices is not None:
        return asked.suggest_categorical(key, one.choices)
    number: Any = asked.suggest_int if isinstance(one.low, int) and isinstance(one.high, int) else asked.suggest_float
    return number(key, one.low, one.high, log=one.log)
