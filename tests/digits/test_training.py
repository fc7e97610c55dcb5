"""Training: it learns, to the same bytes each time, on either backend, on one device or two, interrupted or not."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from digits.files import digest
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train
SMALL = [[8, 5, 2], [16, 3, 2]]

# Trains a small net on 400 digits in a process of its own, since a backend and its devices are chosen once a process.
# Called with the digits' file, the folder to write to, changes to the parameters as JSON, and the epoch to die after.
TRAIN = """
import json, os, sys
from pathlib import Path
import numpy as np
digits, folder, changes, last = np.load(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
if "tensorflow" == os.environ.get("KERAS_BACKEND", "tensorflow") and changes.get("devices", 1) > 1:
    import tensorflow as tf
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
from digits import errors, network, onnx_export, training
from digits.dataset import Digits
from digits.params import load

def main():
    params = load().train.model_copy(update={"epochs": 4, "batch_size": 50, **changes})
    images, labels = digits["images"], digits["labels"]
    train, validation = Digits(images[::12], labels[::12]), Digits(images[5::50], labels[5::50])
    told = []

    def on_epoch(number, metrics, restored):
        told.append([number, metrics, restored])
        if number == last:
            os._exit(9)  # as kill -9 would

    with training.prepared(params):
        net = network.build(params, train.images)
        history = training.fit(net, train, validation, params, on_epoch, folder / "unfinished.npz")
        training.save_weights(net.inference, folder / "a.weights.h5")
        onnx_export.save(net.inference, folder / "a.onnx")
    (folder / "told.json").write_text(json.dumps({"history": history, "told": told}))

errors.run(main)
"""


@pytest.fixture(scope="module")
def train(tmp_path_factory, mnist_digits):
    """A function that trains in a new process and returns the folder with what it wrote."""
    digits = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(digits, **mnist_digits._asdict())

    def run(backend="tensorflow", stop_after=0, into=None, expect=0, **changes):
        folder = into or tmp_path_factory.mktemp("trained")
        environment = {**os.environ, "KERAS_BACKEND": backend}
        if backend == "jax" and changes.get("devices", 1) > 1:
            environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
        command = [
            sys.executable,
            "-c",
            TRAIN,
            str(digits),
            str(folder),
            json.dumps({"convolutions": SMALL, **changes}),
            str(stop_after),
        ]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == expect, done.stderr
        (folder / "stderr").write_text(done.stderr)
        return folder

    return run


@pytest.fixture(scope="module")
def once(train):
    """One finished training for each backend."""
    return {backend: train(backend) for backend in ("tensorflow", "jax")}


def told(folder):
    return json.loads((folder / "told.json").read_text())


def hashes(folder):
    return [digest(folder / name, "sha256") for name in ("a.weights.h5", "a.onnx")]


BACKENDS = pytest.mark.parametrize("backend", ["tensorflow", "jax"])


@BACKENDS
def test_it_learns_and_tells_every_epoch_in_order(once, backend):
    found = told(once[backend])
    history = found["history"]
    assert [sorted(epoch) for epoch in history] == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 4
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["val_accuracy"] > 0.6
    assert found["told"] == [[number, metrics, False] for number, metrics in enumerate(history, start=1)]


@BACKENDS
def test_the_same_seed_gives_the_same_bytes_in_another_process(once, train, backend):
    assert hashes(train(backend)) == hashes(once[backend])


def test_another_seed_gives_other_bytes(once, train):
    assert set(hashes(train(seed=1))).isdisjoint(hashes(once["tensorflow"]))


@BACKENDS
def test_a_killed_training_goes_on_from_its_last_epoch_to_the_same_bytes(once, train, backend):
    folder = train(backend, stop_after=2, expect=9)
    assert (folder / "unfinished.npz").exists()
    assert not (folder / "told.json").exists()
    train(backend, into=folder)
    assert [restored for _, _, restored in told(folder)["told"]] == [True, True, False, False]
    assert told(folder)["history"] == told(once[backend])["history"]
    assert hashes(folder) == hashes(once[backend])


def test_a_training_whose_model_was_lost_in_the_writing_is_not_repeated(once, train):
    folder = train()
    for name in ("a.weights.h5", "a.onnx", "told.json"):
        (folder / name).unlink()
    train(into=folder)
    assert [restored for _, _, restored in told(folder)["told"]] == [True] * 4
    assert hashes(folder) == hashes(once["tensorflow"])


def test_a_training_with_other_parameters_begins_anew(once, train):
    folder = train(stop_after=2, expect=9, learning_rate=0.001)
    train(into=folder)
    assert not any(restored for _, _, restored in told(folder)["told"])
    assert hashes(folder) == hashes(once["tensorflow"])


@BACKENDS
def test_two_devices_learn_as_one_does(train, backend):
    # Float sums in another order part by some 1e-7; norms over half a batch each would part by 1e-3 and more.
    curves = [
        told(train(backend, devices=devices, epochs=3, batch_size=20, learning_rate=0.002))["history"]
        for devices in (1, 2)
    ]
    for one, two in zip(*curves, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-4)


@BACKENDS
def test_more_devices_than_there_are_is_refused(train, backend):
    folder = train(backend, devices=5, expect=1)
    error = (folder / "stderr").read_text()
    assert "train.devices = 5, but this machine shows" in error
    assert "Traceback" not in error


@BACKENDS
def test_half_precision_learns_and_keeps_whole_weights(train, backend):
    folder = train(backend, precision="mixed_bfloat16")
    history = told(folder)["history"]
    assert history[-1]["val_accuracy"] > 0.6
    import h5py

    kinds = set()
    with h5py.File(folder / "a.weights.h5") as file:
        file.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {np.dtype("float32")}


def test_the_weights_hold_the_net_and_nothing_else(once):
    import h5py

    from digits import network

    sizes = []
    with h5py.File(once["tensorflow"] / "a.weights.h5") as file:
        file.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == network.inference(PARAMS.model_copy(update={"convolutions": SMALL})).count_params()


def test_weights_trained_with_jax_say_the_same_in_tensorflow(once, mnist_digits):
    from digits import inference, network, training

    model = network.inference(PARAMS.model_copy(update={"convolutions": SMALL}))
    model.load_weights(once["jax"] / "a.weights.h5")
    images = mnist_digits.images[::50]
    found = inference.answers(once["jax"] / "a.onnx", images).logits
    assert np.abs(training.logits(model, images) - found).max() < 1e-4


@BACKENDS
def test_the_shipped_file_says_the_same_of_the_whole_test_split(once, full_mnist, backend):
    from benchmarks import mnist
    from digits import inference, network, training

    model = network.inference(PARAMS.model_copy(update={"convolutions": SMALL}))
    model.load_weights(once[backend] / "a.weights.h5")
    images = mnist.idx(full_mnist, "t10k").images
    assert len(images) == 10_000
    found = inference.answers(once[backend] / "a.onnx", images).logits
    assert np.abs(training.logits(model, images) - found).max() < 1e-4
