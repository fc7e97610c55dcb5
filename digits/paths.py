"""Where the project's files are, as paths from its root."""

import os
from pathlib import Path

from digits.errors import UserError

PARAMS = Path("params.yaml")
DVC_YAML = Path("dvc.yaml")
DVC_LOCK = Path("dvc.lock")
REQUIREMENTS = Path("requirements.txt")

# Inputs, which no stage writes
EXTERNAL = Path("data/external")
CORRECTIONS = EXTERNAL / "corrections.csv"
PROVENANCE = EXTERNAL / "provenance.csv"  # of the pictures that came as feedback
SOURCES = Path("data/sources")
REFERENCE_PROFILE = Path("data/reference.json")

# ingest
RAW = Path("data/raw")
# Only where there is something to list
DROPPED = RAW / "dropped.csv"  # pictures that are, or nearly are, a published test picture
CORRECTION_EFFECTS = RAW / "corrections.csv"  # what each of CORRECTIONS did

# validate
STATISTICS = Path("data/interim/statistics.parquet")
PROFILE = Path("data/interim/profile.json")
QUARANTINE = Path("data/interim/quarantine.csv")
VALIDATION = Path("metrics/validate.json")
VALIDATION_REPORT = Path("reports/validation.html")
DATA_DOCS = Path("reports/data_docs")
DATA_CARD = Path("data/README.md")

# preprocess
PROCESSED = Path("data/processed")
NON_DIGITS = Path("data/interim/non_digits.parquet")
PAGE_CUTS = Path("data/interim/page_cuts.parquet")
SAMPLES = Path("reports/figures/samples.png")
NON_DIGIT_SAMPLES = Path("reports/figures/non_digits.png")
PAGE_CUT_SAMPLES = Path("reports/figures/page_cuts.png")

# train
WEIGHTS = Path("models/digits.weights.h5")
NETWORK = Path("models/network.onnx")  # as trained: it refuses nothing
CHECKPOINT = Path("models/checkpoint.npz")  # the state after each epoch, until all outputs are written
TRAINING = Path("metrics/train.json")
HISTORY = Path("reports/plots/history.csv")
LEARNING_CURVES = Path("reports/figures/learning_curves.png")

# evaluate
ONNX = Path("models/digits.onnx")  # the network with its temperature and the bounds of what it accepts
EVALUATION = Path("metrics/evaluate.json")
PREDICTIONS = Path("reports/plots/predictions.csv")
RELIABILITY_CURVE = Path("reports/plots/reliability.csv")
RISK_COVERAGE_CURVE = Path("reports/plots/risk_coverage.csv")
CONFUSION_MATRIX = Path("reports/figures/confusion_matrix.png")
MISTAKES = Path("reports/figures/mistakes.png")
RELIABILITY = Path("reports/figures/reliability.png")
RISK_COVERAGE = Path("reports/figures/risk_coverage.png")
SLICES = Path("reports/figures/slices.png")
MODEL_CARD = Path("models/README.md")
EVALUATION_REPORT = Path("reports/evaluation.html")

# register
REGISTERED = Path("models/registered.json")

# Commands
DATA_DIFF = Path("reports/data_diff.html")
COMPARISON = Path("reports/comparison.html")
TUNING_FIGURES = Path("reports/tuning")
LABEL_ISSUES = Path("reports/labels.csv")
LABEL_PAGE = Path("reports/labels.html")
SERVED_DRIFT = Path("reports/served_drift.html")
FOLDS = Path("models/folds")  # checkpoints of `digits labels find`

PLOTS_PAGE = Path(".dvc/plots.html")  # the template of DVC's plots

# Stores, in the project's root also where DVC runs a stage in a temporary copy
TRACKING_DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
TUNING_DATABASE = Path("tuning.db")
FEEDBACK = Path("feedback")  # pictures that people corrected, and the queue of those that wait for a label
SERVED = Path(".served")  # by port, the copy of the champion that the service there answers with
LIVE_RUNS = Path(".live_runs")  # a lock file for each run that a training of this project writes to


def project_root() -> Path:
    """The project's root, absolute: the nearest folder with `.dvc`, or DVC_ROOT in a temporary copy that DVC made.

    DVC sets DVC_ROOT for a stage; one of another project, left in the environment, counts for nothing. Raises UserError
    where the working directory is in no project.
    """
    working_directory = Path.cwd()
    root = Path(os.environ.get("DVC_ROOT", "")).absolute()
    if "DVC_ROOT" in os.environ and working_directory.is_relative_to((root / ".dvc" / "tmp").resolve()):
        return root
    for folder in (working_directory, *working_directory.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise UserError(f"{working_directory} is not inside the project; change to its folder, or set MLFLOW_TRACKING_URI")
