"""Training: reproducible, on either backend, on one device or two, interrupted or not."""

import json
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from digits.errors import UserError
from digits.files import digest
from digits.model.classifier import Classifier
from digits.model.streaming import BATCHES_AHEAD, BYTES_IN_BATCH, BYTES_IN_BUFFER, READING_BYTES
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train
SMALL = [[8, 5, 2], [16, 3, 2]]

# Trains small networks on 400 digits, one after the other, in a process of its own: a backend and its devices are
# chosen once a process. With `max_memory_mib` the digits are streamed. Called with the digits' file and, as JSON, a
# list of [folder to write to, changed parameters, what happens after the second epoch: nothing, "killed" or
# "interrupted"].
TRAIN = """
import json, os, sys
from pathlib import Path
import numpy as np
data, trainings = np.load(sys.argv[1]), json.loads(sys.argv[2])
from digits.model import backend
backend.select(sys.argv[3])
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + sys.argv[4]
if sys.argv[3] == "tensorflow" and any("devices" in changes for _, changes, _ in trainings):
    import tensorflow as tf
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
from digits import errors
from digits.data.dataset import Digits
from digits.model import classifier, export, network, streaming, training
from digits.model.keras_backend import keras
from digits.params import load
from tests.numbered import write_table

def train(folder, changes, event):
    keras.utils.clear_session()  # layers are named as in a new process
    params = load().train.model_copy(update={"backend": sys.argv[3], "epochs": 4, "batch_size": 50, **changes})
    images, labels = data["images"], data["labels"]
    train, validation = Digits(images[::12], labels[::12]), Digits(images[5::50], labels[5::50])
    seen, epochs = validation, []
    if "max_memory_mib" in changes:
        train = streaming.Stream([write_table(folder / "train", train, 4)], params)
        validation = write_table(folder / "validation", validation, 40)

    def on_epoch(number, metrics, restored):
        epochs.append([number, metrics, restored])
        if number == 2 and event == "killed":
            os._exit(9)  # as kill -9 would
        if number == 2 and event == "interrupted":
            raise KeyboardInterrupt

    with training.reproducible(params):
        net = network.build(params, train.images)
        history = training.fit(net, train, validation, params, on_epoch, folder / "checkpoint.npz")
        training.save_weights(net.inference, folder / "a.weights.h5")
        export.save(net.inference, folder / "a.onnx")
        exported = classifier.Classifier(folder / "a.onnx").predict(seen.images).logits
        trained = training.logits(training.full_precision(net.inference, params), seen.images)
        difference = float(np.abs(exported - trained[:, :10]).max())
    written = {"history": history, "epochs": epochs, "difference": difference}
    (folder / "epochs.json").write_text(json.dumps(written))

def main():
    for folder, changes, event in trainings:
        try:
            train(Path(folder), changes, event)
        except KeyboardInterrupt:
            pass

errors.run(main)
"""


class Training(NamedTuple):
    """A training of TRAIN; with `resumes` it begins with a copy of the files of another one but for its results."""

    name: str
    changes: dict
    event: str | None = None
    resumes: str | None = None


# Room for 100 of the digits, apart from what streaming takes itself
STREAMED = {"max_memory_mib": (READING_BYTES + BATCHES_AHEAD * 50 * BYTES_IN_BATCH + 100 * BYTES_IN_BUFFER) / 2**20}
PLAIN = [
    Training("plain", {}),
    Training("streamed", STREAMED),
    Training("stream interrupted", STREAMED, "interrupted"),
    Training("half", {"precision": "mixed_bfloat16"}),
    Training("other seed", {"seed": 1}),
    Training("killed", {}, "killed"),
]
AGAIN = {
    backend: [
        Training("again", {}),
        Training("stream resumed", STREAMED, resumes="stream interrupted"),
        Training("resumed", {}, resumes="killed"),
        *others,
    ]
    for backend, others in {
        # Which checkpoint counts knows nothing of the backend.
        "tensorflow": (
            Training("complete", {}, resumes="plain"),
            Training("other parameters", {"seed": 1}, resumes="killed"),
        ),
        "jax": (),
    }.items()
}
# Float sums in another order differ by some 1e-7; norms over half a batch each would differ by 1e-3 and more.
FEW_STEPS = {"epochs": 2, "batch_size": 20, "learning_rate": 0.002}
DEVICES = {
    backend: [
        *(Training(f"{devices} devices", {**FEW_STEPS, "devices": devices}) for devices in (1, 2)),
        *(
            Training(f"{devices} devices, streamed", {**FEW_STEPS, **STREAMED, "devices": devices})
            for devices in streamed
        ),
        Training("5 devices", {**FEW_STEPS, "devices": 5}),
    ]
    for backend, streamed in {"tensorflow": (), "jax": (1, 2)}.items()  # on one backend only, as it costs some seconds
}


class Trained:
    """The trainings of one backend, each list in one process, when a test needs it first."""

    def __init__(self, backend, digits, folder):
        self.backend, self.digits, self.folder = backend, digits, folder

    def run(self, trainings, exit_code=0):
        """Run the trainings, if they did not run yet; returns what the process wrote to standard error."""
        log = self.folder / f"{trainings[0].name}.stderr"
        if not log.exists():
            for one in trainings:
                if one.resumes:
                    results = shutil.ignore_patterns("a.*", "epochs.json")
                    shutil.copytree(self.folder / one.resumes, self.folder / one.name, ignore=results)
                (self.folder / one.name).mkdir(exist_ok=True)
            asked = json.dumps(
                [(str(self.folder / one.name), {"convolutions": SMALL, **one.changes}, one.event) for one in trainings]
            )
            environment = {
                **os.environ,
                # Within the process JAX compiles what the trainings have in common once.
                "JAX_COMPILATION_CACHE_DIR": str(self.folder / f"{trainings[0].name}.cache"),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            }
            halved = self.backend == "jax" and trainings is DEVICES["jax"]
            flags = " --xla_force_host_platform_device_count=2" if halved else ""
            command = [sys.executable, "-c", TRAIN, str(self.digits), asked, self.backend, flags]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            assert done.returncode == exit_code, done.stderr
            log.write_text(done.stderr)
        return log.read_text()

    def plain(self):
        self.run(PLAIN, exit_code=9)
        return self

    def again(self):
        self.plain().run(AGAIN[self.backend])
        return self

    def devices(self):
        """The trainings on some devices; returns the error of the last one, which has too few."""
        return self.run(DEVICES[self.backend], exit_code=1)

    def history(self, name):
        return self._read(name)["history"]

    def epochs(self, name):
        return self._read(name)["epochs"]

    def difference(self, name):
        return self._read(name)["difference"]

    def hashes(self, name):
        return [digest(self.folder / name / file, "sha256") for file in ("a.weights.h5", "a.onnx")]

    def _read(self, name):
        return json.loads((self.folder / name / "epochs.json").read_text())


@pytest.fixture(scope="module")
def backends(tmp_path_factory, mnist_digits):
    digits = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(digits, **mnist_digits._asdict())
    return {name: Trained(name, digits, tmp_path_factory.mktemp(name)) for name in ("tensorflow", "jax")}


@pytest.fixture(params=["tensorflow", "jax"])
def trained(backends, request):
    return backends[request.param]


def test_it_learns_and_reports_every_epoch_in_order(trained):
    history = trained.plain().history("plain")
    assert [sorted(epoch) for epoch in history] == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 4
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["val_accuracy"] > 0.6
    assert trained.epochs("plain") == [[number, metrics, False] for number, metrics in enumerate(history, start=1)]


def test_the_same_seed_gives_the_same_bytes_in_another_process(trained):
    assert trained.again().hashes("again") == trained.hashes("plain")


def test_another_seed_gives_other_bytes(trained):
    assert set(trained.plain().hashes("other seed")).isdisjoint(trained.hashes("plain"))


def test_a_killed_training_is_resumed_after_its_last_epoch_and_ends_with_the_same_bytes(trained):
    trained.plain()
    assert (trained.folder / "killed" / "checkpoint.npz").exists()
    assert not (trained.folder / "killed" / "epochs.json").exists()
    trained.again()
    assert [restored for _, _, restored in trained.epochs("resumed")] == [True, True, False, False]
    assert trained.history("resumed") == trained.history("plain")
    assert trained.hashes("resumed") == trained.hashes("plain")


def test_a_complete_training_without_its_outputs_is_not_repeated(backends):
    trained = backends["tensorflow"].again()
    assert [restored for _, _, restored in trained.epochs("complete")] == [True] * 4
    assert trained.hashes("complete") == trained.hashes("plain")


def test_a_training_with_other_parameters_starts_at_the_first_epoch(backends):
    trained = backends["tensorflow"].again()
    assert (trained.folder / "killed" / "checkpoint.npz").exists()
    assert not any(restored for _, _, restored in trained.epochs("other parameters"))
    assert trained.hashes("other parameters") == trained.hashes("other seed")


def test_a_stream_learns_as_much_as_the_digits_in_memory(trained):
    streamed, plain = (trained.plain().history(name)[-1] for name in ("streamed", "plain"))
    assert streamed["loss"] == pytest.approx(plain["loss"], rel=0.1)
    assert streamed["val_accuracy"] == pytest.approx(plain["val_accuracy"], abs=0.1)
    assert streamed != plain


def test_an_interrupted_stream_is_resumed_and_ends_with_the_same_bytes(trained):
    trained.again()
    assert [restored for _, _, restored in trained.epochs("stream resumed")] == [True, True, False, False]
    assert trained.history("stream resumed") == trained.history("streamed")
    assert trained.hashes("stream resumed") == trained.hashes("streamed") != trained.hashes("plain")


def test_two_devices_have_the_losses_of_one(trained):
    trained.devices()
    assert_same_losses(trained.history("1 devices"), trained.history("2 devices"))


def test_two_devices_have_the_losses_of_one_on_a_stream(backends):
    trained = backends["jax"]
    trained.devices()
    assert_same_losses(trained.history("1 devices, streamed"), trained.history("2 devices, streamed"))


def assert_same_losses(ones, twos):
    for one, two in zip(ones, twos, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-4)


def test_more_devices_than_there_are_is_refused(trained):
    error = trained.devices()
    assert f"train.devices = 5, but {trained.backend} finds " in error
    assert "Traceback" not in error


def test_processes_without_their_gpus_are_refused(monkeypatch):
    from digits.model import training

    def fail():
        raise RuntimeError("Unable to initialize backend 'cuda': no device 1\nmore")

    monkeypatch.setattr(training.keras.distribution, "list_devices", fail)
    words = r"in each of 2 processes, but \w+ cannot use them \(.*no device 1\); lower it or train\.processes"
    with pytest.raises(UserError, match=words), training._other(PARAMS, 2):
        pass


def test_half_precision_learns_and_keeps_weights_in_full_precision(trained):
    assert trained.plain().history("half")[-1]["val_accuracy"] > 0.6
    assert trained.difference("half") < PARAMS.max_logit_difference  # of the exported file and the network
    import h5py

    types = set()
    with h5py.File(trained.folder / "half" / "a.weights.h5") as file:
        file.visititems(lambda _, item: types.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert types == {np.dtype("float32")}


def test_without_a_checkpoint_none_is_written(mnist_digits, tmp_path, monkeypatch):
    from digits.data.dataset import Digits
    from digits.model import network, training

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training.checkpoints, "key", None)  # it reads all data
    digits = Digits(mnist_digits.images[::50], mnist_digits.labels[::50])
    params = PARAMS.model_copy(update={"convolutions": SMALL, "epochs": 1})
    net = network.build(params, digits.images)
    assert len(training.fit(net, digits, digits, params, lambda *_: None, None)) == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def inference():
    """A function that returns the TensorFlow network for inference with the weights of a file."""
    from digits.model import network

    def load(path):
        model = network.inference(PARAMS.model_copy(update={"convolutions": SMALL}))
        model.load_weights(path)
        return model

    return load


def test_the_weights_file_has_the_network_and_nothing_else(backends, inference):
    import h5py

    path = backends["tensorflow"].plain().folder / "plain" / "a.weights.h5"
    sizes = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == inference(path).count_params()


def test_weights_trained_with_jax_predict_the_same_in_tensorflow(backends, inference, mnist_digits):
    from digits.model import training

    folder, images = backends["jax"].plain().folder / "plain", mnist_digits.images[::50]
    found = Classifier(folder / "a.onnx").predict(images).logits
    assert np.abs(training.logits(inference(folder / "a.weights.h5"), images)[:, :10] - found).max() < 1e-4


def test_the_exported_file_predicts_the_same_for_the_whole_test_split(trained, inference, full_mnist):
    from benchmarks import mnist
    from digits.model import training

    folder, images = trained.plain().folder / "plain", mnist.idx(full_mnist, "t10k").images
    assert len(images) == 10_000
    found = Classifier(folder / "a.onnx").predict(images).logits
    assert np.abs(training.logits(inference(folder / "a.weights.h5"), images)[:, :10] - found).max() < 1e-4
