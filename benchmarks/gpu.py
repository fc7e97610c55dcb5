"""The network on an NVIDIA GPU, compared with the same network in plain PyTorch on the same GPU, in one run.

    python -m benchmarks.gpu [--mnist FOLDER] [--preset best] [--precision mixed_bfloat16]

Trains with Keras on the backend `train.backend`, prints digits per second, the share of the GPU's peak, the time to
99.5 % on the validation split, and the time and the test accuracy at the end; then runs the train stage in a clone and
prints MLflow's system metrics of the GPU. `--cpu` runs the same without a GPU, to test the benchmark.
"""

import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks import mnist, recipes
from benchmarks.mnist import Splits
from benchmarks.processes import ROOT, clone, environment, run, set_params
from digits.model import backend
from digits.params import Train, load

GOAL = 0.995  # of the validation split


def flops(params: Train) -> int:
    """Floating-point operations of one digit in training: two per multiplication, times three for both passes."""
    side, channels, multiplications = 28, 1, 0
    for width, size, stride in params.convolutions:
        side = (side - size) // stride + 1
        multiplications += side**2 * size**2 * channels * width
        channels = width
    return 3 * 2 * (multiplications + side**2 * channels * 10)


def with_keras(params: Train, splits: Splits, most: float) -> None:
    """Train as the train stage does, and print speed, time and accuracy."""
    backend.select(params.backend)
    from digits.model import network, training

    with training.reproducible(params), tempfile.TemporaryDirectory() as folder:
        net = network.build(params, splits.train.images)
        ends, scores = [], []

        def on_epoch(number: int, metrics: dict[str, float], restored: bool) -> None:
            ends.append(time.perf_counter())
            scores.append(metrics["val_accuracy"])

        began = time.perf_counter()
        training.fit(net, splits.train, splits.validation, params, on_epoch, Path(folder) / "checkpoint.npz")
        right = recipes.accuracy(net.inference, splits.test)
    digits = len(splits.train.labels) // params.batch_size * params.batch_size
    epochs = [end - start for start, end in pairwise([began, *ends])]
    print_speed(f"Keras on {training.BACKEND}", params, digits / min(epochs), most)
    reached = next((end - began for end, score in zip(ends, scores, strict=True) if score >= GOAL), None)
    print(f"  to {GOAL:.1%} of the validation split: {f'{reached:.1f} s' if reached else 'not reached'}")
    print(
        f"  to the end of {params.epochs} epochs: {ends[-1] - began:.1f} s, {right:.2%} of the test split", flush=True
    )


def print_speed(name: str, params: Train, speed: float, most: float) -> None:
    """Print a speed, in digits per second in the fastest epoch, and its share of `most`, FLOP/s."""
    share = speed * flops(params) / most
    print(f"{name}: {speed:,.0f} digits/s in its fastest epoch, {share:.1%} of the peak", flush=True)


def train_stage(params: Train, folder: Path) -> None:
    """Run the stages up to train in a clone, and print MLflow's system metrics of the GPU."""
    with tempfile.TemporaryDirectory() as temporary:
        project = clone(Path(temporary, "digits"))
        set_params(project, ingest={"sources": ["mnist"], "mirror": str(folder)}, train=params.model_dump())
        for stage in ("ingest", "validate", "preprocess", "train"):
            subprocess.run([sys.executable, "-m", f"pipeline.{stage}"], cwd=project, env=environment(), check=True)
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
        (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()], max_results=1)
        sampled = {name: value for name, value in run.data.metrics.items() if name.startswith("system/")}
        for name in sorted(name for name in sampled if "gpu" in name) or sorted(sampled):
            most = max(metric.value for metric in client.get_metric_history(run.info.run_id, name))
            print(f"  {name}: at most {most:,.1f}")


def card() -> str | None:
    """The name of the first NVIDIA GPU, or None."""
    try:
        return subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True
        ).stdout.splitlines()[0]
    except (FileNotFoundError, subprocess.CalledProcessError, IndexError):
        return None


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--preset", default="best")
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--steps-per-execution", type=int, default=20)
    parser.add_argument("--epochs", type=int, help="fewer than the preset's, for a short test")
    parser.add_argument("--cpu", action="store_true", help="run the same without a GPU")
    given = parser.parse_args()
    name = card()
    if name is None and not given.cpu:
        sys.exit("error: nvidia-smi shows no NVIDIA GPU; --cpu runs the benchmark without one")
    whole = load(ROOT / "params.yaml")
    params = whole.preset(given.preset)
    changes = {"precision": given.precision, "steps_per_execution": given.steps_per_execution}
    params = params.model_copy(update={**changes, "epochs": given.epochs or params.epochs})
    splits = mnist.full(given.mnist, whole)
    device = "cpu" if given.cpu else "cuda"
    pytorch = run("benchmarks.gpu_pytorch", params.model_dump_json(), str(given.mnist.absolute()), device)
    print(f"{name or 'CPU'}: {pytorch['peak'] / 1e12:.2f} TFLOP/s in a large matrix product, {given.precision}")
    print(f"preset {given.preset}: {flops(params) / 1e6:.1f} MFLOP a digit", flush=True)
    with_keras(params, splits, pytorch["peak"])
    print_speed("plain PyTorch, AdamW", params, pytorch["speed"], pytorch["peak"])
    print("MLflow's system metrics of the train stage:", flush=True)
    train_stage(params, given.mnist.absolute())


if __name__ == "__main__":
    main()
