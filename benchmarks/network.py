"""The network compared with known recipes, on this machine, in one run.

    python -m benchmarks.network [--mnist FOLDER] [--seeds 3] [--only NAME ...] [--resume]

Each row is trained in its own processes, one after the other. Prints the table, and writes it to
docs/reference/benchmarks/network.md and README.md; with --only it measures some rows, and writes nothing. --resume
continues an interrupted run; the page reports how many rows were finished before.
"""

import json
from pathlib import Path
from statistics import mean, median

from benchmarks import mnist, readme
from benchmarks.processes import ROOT, machine, run
from digits.params import load

PEERS = {"keras": "Keras's mnist_convnet", "pytorch": "PyTorch's mnist example"}
OURS = {
    "quick": "Digits, preset `quick`",
    "standard": "Digits, preset `standard`",
    "best": "Digits, preset `best`",
    "little": "Digits, default, 4,000 digits",
}
LIBRARIES = ("tensorflow", "keras", "torch", "onnxruntime")
PAGE = ROOT / "docs/reference/benchmarks/network.md"
FINISHED = ROOT / "benchmarks" / "finished.jsonl"


def finished() -> dict[tuple[str, int], dict]:
    """The rows, by recipe and seed, of the last run, if it was interrupted."""
    if not FINISHED.exists():
        return {}
    rows = map(json.loads, FINISHED.read_text(encoding="utf-8").splitlines())
    return {(row["recipe"], row["seed"]): row["result"] for row in rows}


def trained(names: list[str], seeds: int, originals: Path, known: dict[tuple[str, int], dict]) -> dict[str, list[dict]]:
    """The results of each recipe, one a seed; of a peer one seed only, since it is slow."""
    found: dict[str, list[dict]] = {}
    for name in names:
        for seed in range(1 if name in PEERS else seeds):
            result = known.get((name, seed))
            if result is None:
                result = run("benchmarks.recipes", name, str(seed), "--mnist", str(originals))
                with FINISHED.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps({"recipe": name, "seed": seed, "result": result}) + "\n")
            found.setdefault(name, []).append(result)
            last = result["curve"][-1]
            print(f"{name:10s} seed {seed}  {last['seconds']:7.1f} s  {last['accuracy']:.2%}", flush=True)
    return found


def training_table(found: dict[str, list[dict]]) -> list[str]:
    lines = [
        "| trained | parameters | digits × epochs | training time, median | accuracy on 10,000 test digits |",
        "|---|---|---|---|---|",
    ]
    for name, results in found.items():
        one, finals = results[0], [result["curve"][-1] for result in results]
        scores = [final["accuracy"] for final in finals]
        each = "seed 0"
        if len(scores) > 1:
            each = f"seeds 0 to {len(scores) - 1}: {', '.join(f'{score:.2%}' for score in scores)}"
        lines.append(
            f"| {(PEERS | OURS)[name]} | {one['parameters']:,} | {one['digits']:,} × {one['epochs']} "
            f"| {median(final['seconds'] for final in finals):.0f} s | {mean(scores):.2%} ({each}) |"
        )
    return lines


def comparisons(found: dict[str, list[dict]]) -> list[str]:
    """The comparison of the presets with Keras's recipe, as sentences."""
    if "keras" not in found:
        return []
    peer, lines = found["keras"][0]["curve"][-1], []
    for name in found.keys() & {"quick", "standard"}:
        finals = [result["curve"][-1] for result in found[name]]
        seconds, score = median(final["seconds"] for final in finals), mean(final["accuracy"] for final in finals)
        lines.append(
            f"- `{name}` takes {seconds / peer['seconds']:.0%} of the training time of Keras's recipe, and reaches "
            f"{score:.2%} on average where that reaches {peer['accuracy']:.2%}."
        )
    return sorted(lines)


def inference_table(found: dict[int, dict]) -> list[str]:
    sizes = [int(size) for size in next(iter(found[1].values()))]
    columns = [(threads, size) for threads in found for size in sizes]
    lines = [
        "| µs a call | "
        + " | ".join(f"{size:,}, {threads} thread{'s' * (threads > 1)}" for threads, size in columns)
        + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name in found[1]:
        lines.append(f"| {name} | " + " | ".join(f"{found[t][name][str(size)]:,.0f}" for t, size in columns) + " |")
    exported, predict = (found[1][name]["1"] for name in ("ONNX Runtime", "Keras predict"))
    return [
        *lines,
        "",
        f"One picture, one thread: ONNX Runtime is {predict / exported:,.0f} times as fast as `predict`.",
    ]


def write(results: list[str], inference: list[str], resumed: int) -> None:
    how = f"in one run that was interrupted after {resumed} trainings and resumed," if resumed else "in one run"
    page = [
        "# The network compared with known recipes",
        "",
        f"Measured by `make bench` {how} on: {machine(*LIBRARIES)}.",
        "",
        "The other recipes are implemented in `benchmarks/recipes.py` with their published settings. The time is that",
        "of training, with the validation of the recipe. The presets were chosen on validation digits, as",
        "[designs.md](../../explanation/designs.md) describes, and scored on the test split once per seed.",
        "",
        *results,
        "",
        "## Inference",
        "",
        "The default network, one call with 1, 64 and 1,024 digits; medians.",
        "",
        *inference,
    ]
    readme.write_page(PAGE, "\n".join(page) + "\n")


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="of our own networks: 0, 1, …")
    parser.add_argument("--only", nargs="+", choices=[*PEERS, *OURS, "inference"], help="measure only these")
    parser.add_argument("--resume", action="store_true", help="continue the last run, which was interrupted")
    given = parser.parse_args()
    originals = given.mnist.absolute()
    mnist.require(originals)
    load(ROOT / "params.yaml")  # reports a mistake in it now, not in an hour
    print(f"{machine(*LIBRARIES)}\n", flush=True)
    wanted = given.only or [*PEERS, *OURS, "inference"]
    known = finished() if given.resume else {}
    if not given.resume:
        FINISHED.unlink(missing_ok=True)
    found = trained([name for name in ["keras", *OURS, "pytorch"] if name in wanted], given.seeds, originals, known)
    results = [*training_table(found), "", *comparisons(found)] if found else []
    times = {}
    if "inference" in wanted:
        times = {threads: run("benchmarks.inference", "--threads", str(threads)) for threads in (1, 2)}
    inference = inference_table(times) if times else []
    print("\n".join(["", *results, "", *inference]))
    if not given.only:
        write(results, inference, len(known))
        FINISHED.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
