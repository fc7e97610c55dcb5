"""The ONNX file behind BentoML, with adaptive batching; `bentoml serve` starts it."""

import bentoml
import net
import numpy as np


@bentoml.service(workers=net.WORKERS, logging={"access": {"enabled": False}})
class Digits:
    def __init__(self) -> None:
        self.session = net.session()

    @bentoml.api(batchable=True, max_batch_size=256)
    def predict(self, images: list[str]) -> np.ndarray:
        return net.probabilities(self.session, net.decode(images))
