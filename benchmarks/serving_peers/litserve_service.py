"""The ONNX file behind LitServe, with batching: python litserve_service.py PORT"""

import sys

import litserve
import net
import numpy as np


class Digits(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.session = net.session()

    def decode_request(self, request: dict) -> np.ndarray:
        return net.decode(request["images"])

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        return inputs

    def predict(self, stacks: list[np.ndarray]) -> list[np.ndarray]:
        found = net.probabilities(self.session, np.concatenate(stacks))
        return np.split(found, np.cumsum([len(one) for one in stacks])[:-1])

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        return output

    def encode_response(self, output: np.ndarray) -> list[list[float]]:
        return output.tolist()


if __name__ == "__main__":
    api = Digits(max_batch_size=16, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=net.WORKERS)
    server.run("127.0.0.1", int(sys.argv[1]), generate_client_file=False, log_level="warning", access_log=False)
