"""An epoch's batches as arguments of `keras.Model.fit`: of digits in memory, or of a stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from digits.data.dataset import NO_DIGIT, Digits
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.model.augmentation_values import AUGMENTATION_PARAMETERS, sample_augmentation
from digits.model.distribution import whole_batches
from digits.model.keras_backend import BACKEND
from digits.model.shuffling import epoch_rows
from digits.model.streaming import BATCHES_AHEAD, Stream
from digits.params import Train
from digits.processes import prefetch


class InMemory:
    """Batches by their rows in the training split, which is on the device."""

    def __init__(self, digits: Digits, params: Train) -> None:
        self.params, self.rows = params, len(digits.labels)
        self.batch, self.steps = whole_batches(self.rows, params)
        self.one_hot = np.eye(NO_DIGIT + 1, dtype=np.float32)[digits.labels]

    @contextmanager
    def epoch(self, epoch: int) -> Iterator[dict[str, Any]]:
        rows = epoch_rows(self.params.seed, epoch, self.rows)[: self.steps * self.batch]
        inputs = rows.astype(np.int32), sample_augmentation(self.params.seed, epoch, len(rows))
        if BACKEND == "tensorflow":
            import tensorflow as tf

            # As Keras would make it, but without the thread that tunes it
            yield {"x": _untuned(tf.data.Dataset.from_tensor_slices((inputs, self.one_hot[rows])).batch(self.batch))}
        else:
            yield {"x": list(inputs), "y": self.one_hot[rows], "batch_size": self.batch}


class Streamed:
    """Batches of a stream, made in a thread while the network is trained."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.steps = stream, stream.steps

    @contextmanager
    def epoch(self, epoch: int) -> Iterator[dict[str, Any]]:
        error = None

        def batches() -> Iterator[Any]:
            nonlocal error
            try:
                for images, augmentation, one_hot in self.stream.batches(epoch):
                    yield (images, augmentation), one_hot
            except (UserError, OSError) as found:  # TensorFlow would make another error of it
                error = found
                raise

        try:
            if BACKEND == "tensorflow":
                yield {"x": self._dataset(batches)}
            else:
                yield {"x": prefetch(batches(), BATCHES_AHEAD), "steps_per_epoch": self.steps}
        except Exception:
            if error is not None:
                raise error from None
            raise

    def _dataset(self, batches: Any) -> Any:
        import tensorflow as tf

        size = self.stream.batch // self.stream.processes
        inputs = (
            tf.TensorSpec((size, DIGIT_SIZE, DIGIT_SIZE), tf.uint8),
            tf.TensorSpec((size, AUGMENTATION_PARAMETERS), tf.float32),
        )
        signature = (inputs, tf.TensorSpec((size, NO_DIGIT + 1), tf.float32))
        made = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return _untuned(made.apply(tf.data.experimental.assert_cardinality(self.steps)).prefetch(BATCHES_AHEAD))


def _untuned(batches: Any) -> Any:
    """Without the thread that tunes a pipeline: every third epoch waited a second for it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
