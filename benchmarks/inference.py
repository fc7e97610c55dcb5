"""Measure a prediction of the default network in each runtime; the last line printed is the result, as JSON.

    python -m benchmarks.inference --threads 1

Run it once for each number of threads, since TensorFlow takes that once per process. The weights are untrained, which
does not affect the time.
"""

import contextlib
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.processes import ROOT, option_parser
from digits.params import load

BATCHES = (1, 64, 1024)
SECONDS = 1.0  # of calls for each figure, after a few warm-up calls


def timed(call: Callable[[np.ndarray], object], images: np.ndarray) -> float:
    """Median time of a call, in microseconds."""
    for _ in range(3):
        call(images)
    taken, began = [], time.perf_counter()
    while len(taken) < 5 or time.perf_counter() - began < SECONDS:
        start = time.perf_counter()
        call(images)
        taken.append(time.perf_counter() - start)
    return median(taken) * 1e6


def onnx_runtime(path: Path, threads: int) -> Callable[[np.ndarray], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})  # all outputs, as the project asks for them


def lite_rt(model, path: Path, threads: int, batch: int) -> Callable[[np.ndarray], object]:
    """LiteRT allocates memory for one shape, so that each batch size has its own file."""
    import keras
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    shaped = keras.Input(batch_shape=(batch, 28, 28), dtype="uint8")
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(shaped, model(shaped))).convert())
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call(images: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, images)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return call


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    warnings.simplefilter("ignore")
    from digits.model import export, network, training

    import tensorflow as tf  # isort: skip  # after digits.model, which suppresses its warnings

    params = load(ROOT / "params.yaml").train.model_copy(update={"threads": threads})
    random = np.random.default_rng(0)
    found: dict[str, dict[int, float]] = {}
    with training.reproducible(params), tempfile.TemporaryDirectory() as folder:
        model = network.inference(params)
        export.save(model, Path(folder) / "a.onnx")
        graph = tf.function(lambda images: model(images, training=False), jit_compile=False)
        for batch in BATCHES:
            images = random.integers(0, 256, (batch, 28, 28), dtype=np.uint8)
            calls = {
                "ONNX Runtime": onnx_runtime(Path(folder) / "a.onnx", threads),
                "LiteRT": lite_rt(model, Path(folder) / f"{batch}.tflite", threads, batch),
                "tf.function": lambda images: graph(tf.constant(images)).numpy(),
                "Keras predict": lambda images, size=batch: model.predict(images, batch_size=size, verbose=0),
            }
            for name, call in calls.items():
                found.setdefault(name, {})[batch] = timed(call, images)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
