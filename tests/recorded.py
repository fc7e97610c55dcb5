"""A run in the record with a model of its own, as training would leave it."""

from pathlib import Path


def recorded(weights: str, model: Path, task: str | None = None) -> str:
    """Enter a run whose model, an ONNX file, has these weights; returns its id."""
    from digits.tracking import runs

    with runs.training("recorded", {}, {runs.TASK: task or weights}) as recording:
        recording(runs.log_model, model)
        recording.weights = weights
    assert not recording.lost
    return recording.run_id
