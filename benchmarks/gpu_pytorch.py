"""The speed of a preset's network in plain PyTorch, and the peak of the GPU; printed as a line of JSON.

benchmarks/gpu.py calls it in its own process: PyTorch and TensorFlow each load an LLVM, and a process can have one.
Called with the parameters of `train` as JSON, the folder of MNIST's files and the device, `cuda` or `cpu`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks import mnist
from digits.data.dataset import Digits
from digits.params import Train

HALF = {"mixed_bfloat16": torch.bfloat16, "mixed_float16": torch.float16}


def peak(device: str, kind: torch.dtype) -> float:
    """FLOP/s of a large matrix product: the peak that the GPU reaches in practice."""
    side = 8192 if device == "cuda" else 1024
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10):
            product = left @ right
        float(product[0, 0])  # waits for the GPU
        best = max(best, 10 * 2 * side**3 / (time.perf_counter() - began))
    return best


def speed(params: Train, digits: Digits, device: str) -> float:
    """Digits per second in the fastest of up to three epochs."""
    torch.manual_seed(params.seed)
    layers, channels = [], 1
    for width, size, stride in params.convolutions:
        layers += [nn.Conv2d(channels, width, size, stride, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    model = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(10)).to(device)
    model(torch.zeros(2, 1, 28, 28, device=device))  # sets the last layer's size
    images, labels = (torch.from_numpy(array).to(device) for array in digits)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    half, steps, taken = HALF.get(params.precision), len(labels) // params.batch_size, []
    for _ in range(min(3, params.epochs)):
        began = time.perf_counter()
        for rows in torch.randperm(len(labels), device=device)[: steps * params.batch_size].view(steps, -1):
            with torch.autocast(device, half or torch.bfloat16, enabled=half is not None):
                found = model(warped(images[rows], params))
                loss = functional.cross_entropy(found, labels[rows], label_smoothing=params.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        float(loss.detach())
        taken.append(time.perf_counter() - began)
    return steps * params.batch_size / min(taken)


def warped(images: torch.Tensor, params: Train) -> torch.Tensor:
    """An affine warp within the bounds of `params`; without the elastic one, which is to PyTorch's advantage."""
    augmentation = torch.rand(6, len(images), device=images.device) * 2 - 1
    angle, slant = augmentation[0] * np.deg2rad(params.rotation), torch.tan(augmentation[1] * np.deg2rad(params.shear))
    wide, high, shift = (
        1 + augmentation[2] * params.zoom,
        1 + augmentation[3] * params.zoom,
        augmentation[4:] * params.shift / 14,
    )
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [wide * cos, wide * (cos * slant - sin), shift[0], high * sin, high * (sin * slant + cos), shift[1]]
    grid = functional.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), (len(images), 1, 28, 28), align_corners=False)
    return functional.grid_sample(images[:, None].float() / 255, grid, align_corners=False)


def main() -> None:
    params, folder, device = Train.model_validate_json(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    found = {
        "peak": peak(device, HALF.get(params.precision, torch.float32)),
        "speed": speed(params, mnist.idx(folder, "train"), device),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
