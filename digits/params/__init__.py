"""The keys, types and ranges of params.yaml."""

from digits.params.data import Ingest, Preprocess, Validate
from digits.params.evaluation import Evaluate, Register
from digits.params.expectations import Expectations
from digits.params.file import OF_NO_RUN, Params, flatten, load
from digits.params.service import Challenger, Serve, ServedDrift
from digits.params.spark import Spark
from digits.params.training import Range, Train

__all__ = [
    "OF_NO_RUN",
    "Challenger",
    "Evaluate",
    "Expectations",
    "Ingest",
    "Params",
    "Preprocess",
    "Range",
    "Register",
    "Serve",
    "ServedDrift",
    "Spark",
    "Train",
    "Validate",
    "flatten",
    "load",
]
