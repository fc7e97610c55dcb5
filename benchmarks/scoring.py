"""Batch scoring on Spark: an ONNX session in each Python process, against mlflow.pyfunc.spark_udf, on the same digits.

    python -m benchmarks.scoring [--digits 50000] [--rounds 2] [--cores 2] [--model FILE] [--mnist FOLDER]

Both read PNG pictures from Parquet, decode them by the same function, and write label and probabilities to Parquet, in
one session; they take turns, after a first run on few pictures. Prints a Markdown table: pictures per second of wall
time and of CPU time of all processes, the fastest round of each.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import mnist
from digits import paths
from digits.data import pictures, shards
from digits.model.classifier import Classifier
from digits.params import Spark
from digits.prediction import parts
from digits.prediction.inputs import Listing
from digits.spark import scoring, session

WARM_UP_PICTURES = 2000  # in the first run: processes start, libraries are imported
ROWS_PER_GROUP = 1000
PICTURES_PER_PART = 5000
RESULT_TYPE = "logits array<float>, probabilities array<float>, score float, accepted boolean"


def write_pictures(images: np.ndarray, path: Path) -> Path:
    """PNG pictures in a Parquet file, as ingest writes them."""
    data = [{"bytes": pictures.encode_png(image), "path": None} for image in images]
    pq.write_table(pa.table({"image": data}), path, row_group_size=ROWS_PER_GROUP)
    return path


def decode(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """In an executor: the pictures as canonical digits, of 784 values each."""
    for batch in batches:
        digits = pictures.decode_canonical_batch(batch["data"])
        yield pd.DataFrame({"digit": list(digits.reshape(len(digits), -1))})


def with_spark_udf(spark, model: Path, source: Path, out: Path) -> None:
    """By the model as MLflow has it, which Spark's own reader and writer feed."""
    import mlflow

    predict = mlflow.pyfunc.spark_udf(spark, str(model), result_type=RESULT_TYPE, env_manager="local")
    table = spark.read.parquet(str(source)).selectExpr("image.bytes as data").mapInPandas(decode, "digit array<short>")
    table.select(predict(table["digit"]).alias("answer")).select("answer.*").write.parquet(str(out))


def with_onnx_sessions(spark, model: Path, source: Path, out: Path) -> None:
    """By `digits predict --engine spark`."""
    out.mkdir()
    scoring.score(spark, parts.divide(Listing([str(source)]), PICTURES_PER_PART), model, 0.0, out)


def save(onnx_file: Path, folder: Path) -> Path:
    """A model that casts Spark's arrays to uint8, which the registered one takes and Spark does not have."""
    import mlflow

    class Model(mlflow.pyfunc.PythonModel):
        def load_context(self, context) -> None:
            self._classifier = Classifier(Path(context.artifacts["onnx"]), threads=1)

        def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
            digits = np.stack(model_input.iloc[:, 0].to_list()).astype(np.uint8).reshape(-1, 28, 28)
            found = self._classifier.predict(digits)
            return pd.DataFrame({name: list(column) for name, column in found._asdict().items()})

    mlflow.pyfunc.save_model(folder, python_model=Model(), artifacts={"onnx": str(onnx_file)}, pip_requirements=[])
    return folder


def cpu_seconds() -> float:
    """CPU time of this process and of all below it, also of those that have ended."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def measure(function: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU time of a call, in seconds."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    function()
    return time.perf_counter() - begin, cpu_seconds() - cpu


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--digits", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--model", type=Path, default=paths.ONNX)
    arguments = parser.parse_args()
    params = Spark(
        master=f"local[{arguments.cores}]",
        storage=None,
        pictures_per_shard=PICTURES_PER_PART,
        driver_memory="1g",
        executor_memory="1g",
    )
    images = mnist.idx(arguments.mnist, "train").images[: arguments.digits]
    with tempfile.TemporaryDirectory() as temporary, session.session(params) as spark:
        folder = Path(temporary)
        few, all_of_them = (
            write_pictures(images[:n], folder / f"{n}.parquet") for n in (WARM_UP_PICTURES, len(images))
        )
        functions = {
            "spark_udf": (with_spark_udf, save(arguments.model, folder / "model")),
            "ONNX sessions": (with_onnx_sessions, arguments.model),
        }
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in functions}
        for turn in range(arguments.rounds + 1):
            for name, (function, model) in functions.items():
                source, out = all_of_them if turn else few, folder / f"{name} {turn}"
                taken = measure(partial(function, spark, model, source, out))
                print(f"{name}, round {turn}: {taken[0]:.1f} s, CPU {taken[1]:.1f} s", flush=True)
                if turn:
                    seconds[name].append(taken)
        check(folder, arguments.rounds)
    print(f"| {len(images):,} pictures | pictures/s | pictures/s of CPU time |\n|---|---:|---:|")
    for name, taken in seconds.items():
        wall, cpu = map(min, zip(*taken, strict=True))
        print(f"| {name} | {len(images) / wall:,.0f} | {len(images) / cpu:,.0f} |")


def check(folder: Path, turn: int) -> None:
    """Both have predicted the same label of each picture."""
    ours = shards.read(folder / f"ONNX sessions {turn}")["label"].to_numpy(zero_copy_only=False)
    theirs = pq.read_table(folder / f"spark_udf {turn}")["probabilities"].to_pylist()
    differing = np.flatnonzero(ours.astype(int) != np.argmax(theirs, axis=1))
    if len(differing):
        raise SystemExit(f"{len(differing)} labels differ, the first of them of picture {differing[0]}")


if __name__ == "__main__":
    main()
