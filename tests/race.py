"""Processes register models at once, paused at random before each call to the registry: who is champion at the end?

    python -m tests.race --rounds 50 --processes 4 [--store postgresql+psycopg2://…] [--champion] [--person]

In each round every process registers a model under a new model name; in each third round two have the same one.
`--champion` begins with a champion that they beat. With `--person`, somebody promotes the best version of all, which no
process registers, at a random moment; it must be champion at the end. The newest entry of the history must name the
champion. The exit status is 1 after a wrong round.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tests.imports import ROOT

PAUSE = 0.05  # seconds, the longest
STEPS = (
    *("create_registered_model", "create_model_version", "search_model_versions", "get_model_version_by_alias"),
    *("set_registered_model_alias", "delete_registered_model_alias", "set_registered_model_tag"),
    *("get_registered_model", "delete_registered_model_tag"),
)


def constant_model(folder: Path, rank: int) -> None:
    """Write a model that always predicts the digit 0; the higher its rank, the higher the probability."""
    from tests import linear_model

    classes = np.full(11, (0.5 - 0.05 * rank) / 9)
    classes[[0, 10]] = 0.5 + 0.05 * rank, 0.5
    linear_model.write(folder / f"rank_{rank}.onnx", np.zeros((28 * 28, 11)), np.log(classes))


def slow_down(client: object, chance: random.Random) -> None:
    """Pause before each call of the client that reads or changes the registry."""
    for name in STEPS:
        call = getattr(client, name)

        def paused(*arguments, call=call, **options):
            time.sleep(chance.uniform(0, PAUSE))
            return call(*arguments, **options)

        setattr(client, name, paused)


def prepare(folder: Path) -> None:
    """Enter the project's folder, which every process shares."""
    os.chdir(folder)
    os.environ["DVC_ROOT"] = str(folder)


def use_model(name: str) -> None:
    """Let this process use the registered model of this name."""
    from digits.tracking import alias_writes, model_files, registry

    for module in (alias_writes, model_files, registry):
        module.NAME = name


def register(rank: int):
    """Register this process's model."""
    from digits.tracking import model_run, registration, runs, tags
    from tests.tracking_store import NOTHING, registered_version

    found = runs.find(_key(rank))
    if found is None:
        return registered_version(Path(f"rank_{rank}.onnx"), learned=NOTHING)
    model, *_ = model_run.logged_models(found)
    known = {tags.PICTURES: _no_pictures(), tags.SPLIT_RULE: "1", "train_md5": "0" * 32}
    return registration.find_or_create(found, model, {tags.ONNX: _key(rank), **known})


def _key(rank: int) -> str:
    from digits.files import digest

    return digest(f"rank_{rank}.onnx", "sha256")


def _no_pictures() -> str:
    from digits.tracking import learned_pictures
    from tests.tracking_store import NOTHING

    return learned_pictures.content_hash(NOTHING)


def worker(folder: Path, barrier, tasks, results) -> None:
    """Register and promote one model a task."""
    prepare(folder)
    from digits.params import Register
    from digits.tracking import promotion, store
    from tests.scratch import NO_FLOORS
    from tests.tracking_store import METRICS

    client = store.connect()
    for model_name, rank, seed in iter(tasks.get, None):
        use_model(model_name)
        slow_down(client, random.Random(seed))
        barrier.wait()
        try:
            version = register(rank)
            promotion.promote(version, METRICS, Register(**NO_FLOORS, confidence=0, min_compared=2))
            results.put(None)
        except Exception as error:  # reported by the main process
            results.put(f"{type(error).__name__}: {error}")
        for name in STEPS:
            delattr(client, name)


def play(number: int, arguments: argparse.Namespace, barrier, queues, results) -> str | None:
    """One round; returns what is wrong at its end."""
    from digits.tracking import alias_writes, choices, history, registry, store

    chance = random.Random(number)
    model_name = f"digits-{os.getpid()}-{number}"
    use_model(model_name)
    ranks = list(range(1, arguments.processes + 1))
    chance.shuffle(ranks)
    if number % 3 == 0:
        ranks[-1] = ranks[0]  # two processes register the same model
    best = max(ranks)
    if arguments.champion:
        registry.set_alias(registry.CHAMPION, register(0))
    if arguments.person:
        best = arguments.processes + 1
        persons = register(best)
    for queue, rank in zip(queues, ranks, strict=True):
        queue.put((model_name, rank, chance.random()))
    barrier.wait()
    if arguments.person:
        time.sleep(chance.uniform(0, 1.5))
        choices.promote(int(persons.number), "")
    errors = [error for error in (results.get(timeout=120) for _ in queues) if error]
    champion = registry.champion()
    found = champion and champion.tags["onnx_sha256"]
    left = [key for key in store.connect().get_registered_model(model_name).tags if key.startswith(alias_writes.PREFIX)]
    if errors:
        return errors[0]
    if left:
        return f"{len(left)} records are left"
    if any(len(registry.find_all(_key(rank))) != 1 for rank in ranks):
        return "a model has several versions"
    log = history.read()
    if log.pending or log.newest != log.champion or any(entry.by == history.UNKNOWN for entry in log.entries[1:]):
        return f"the history is {[(one.before, one.after, one.by, one.done) for one in (*log.entries, *log.pending)]}"
    return None if found == _key(best) else f"champion is version {champion and champion.number}, not the best"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--store", help="address of a database; default: a new SQLite file")
    parser.add_argument("--champion", action="store_true")
    parser.add_argument("--person", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".dvc").mkdir()
        shutil.copy(ROOT / "params.yaml", folder)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        if arguments.store:
            os.environ["MLFLOW_TRACKING_URI"] = arguments.store
        prepare(folder)
        from digits.tracking import store
        from tests.raw import write_processed_splits

        store.connect()
        write_processed_splits(train=[], validation=[0] * 9 + [1], test=[0] * 9 + [1])
        Path("reports/plots").mkdir(parents=True)
        Path("reports/plots/predictions.csv").write_text("label,predicted\n" + "0,0\n" * 9 + "1,0\n")
        for rank in range(arguments.processes + 2):
            constant_model(folder, rank)
        sys.exit(_race(folder, arguments))


def _race(folder: Path, arguments: argparse.Namespace) -> int:
    context = get_context("spawn")
    barrier, results = context.Barrier(arguments.processes + 1), context.Queue()
    queues = [context.Queue() for _ in range(arguments.processes)]
    processes = [context.Process(target=worker, args=(folder, barrier, queue, results)) for queue in queues]
    for process in processes:
        process.start()
    right = 0
    for number in range(arguments.rounds):
        problem = play(number, arguments, barrier, queues, results)
        right += problem is None
        if problem:
            print(f"round {number}: {problem}", flush=True)
    for queue in queues:
        queue.put(None)
    for process in processes:
        process.join()
    print(f"{right} of {arguments.rounds} rounds ended right")
    return int(right != arguments.rounds)


if __name__ == "__main__":
    main()
