"""Where the stages put what they write, as paths from the project's root, for all who name it."""

from pathlib import Path

WEIGHTS = Path("models/digits.weights.h5")  # its SHA-256 is the model's name everywhere
ONNX = Path("models/digits.onnx")  # the same network, for inference
UNFINISHED = Path("models/unfinished.npz")  # the state after each epoch of training, until all is written

TRAINED = Path("metrics/train.json")
HISTORY = Path("reports/plots/history.csv")
CURVES = Path("reports/figures/learning_curves.png")

EVALUATED = Path("metrics/evaluate.json")
CONFUSION = Path("reports/figures/confusion_matrix.png")
MISTAKES = Path("reports/figures/mistakes.png")

PROFILE = Path("data/profile.json")
VALIDATION = (Path("metrics/validate.json"), Path("reports/validation.html"), PROFILE)
