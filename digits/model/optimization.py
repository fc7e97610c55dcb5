"""The optimizer, Muon with AdamW, and its learning rate schedule."""

import numpy as np

from digits.model.keras_backend import Tensor, keras
from digits.params import Train

ops = keras.ops


def optimizer(params: Train, steps: int) -> keras.optimizers.Optimizer:
    """Muon for the kernels and AdamW for the rest, each with its own peak of the schedule over `steps` batches."""
    return Muon(
        OneCycle(params.learning_rate, steps, params.warmup),
        adam_lr_ratio=params.adam_learning_rate / params.learning_rate,
        weight_decay=params.weight_decay,
        adam_weight_decay=params.weight_decay,
        momentum=params.momentum,
    )


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate rises to its peak over the first part of training, then falls to zero along a cosine.

    After Smith and Topin 2018, arXiv 1708.07120.
    """

    def __init__(self, peak: float, steps: int, warmup: float) -> None:
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step: Tensor) -> Tensor:
        done = ops.cast(step, "float32") / self.steps
        rise = done / self.warmup
        fall = 0.5 + 0.5 * ops.cos(np.pi * (done - self.warmup) / (1 - self.warmup))
        return self.peak * ops.where(done < self.warmup, rise, fall)


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which gives every direction of a weight matrix an equal step, for convolutions.

    Keras's own uses Muon for matrices only. Here a kernel is the matrix (size * size * channels in, channels out), and
    every other variable is left to AdamW. After Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4

    def _muon_update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor, momentum: keras.Variable
    ) -> None:
        self.assign_add(momentum, gradient + momentum * (self.momentum - 1))
        ahead = ops.reshape(gradient + self.momentum * momentum, (-1, variable.shape[-1]))  # Nesterov's
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, ops.reshape(learning_rate * step, variable.shape))
