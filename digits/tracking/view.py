"""What MLflow's page shows of the runs when it is opened: the columns and charts that tell them apart.

MLflow keeps a view that somebody shared as a tag of the experiment, and opens it by a key in the address; so does this.
"""

import base64
import hashlib
import json
import zlib

from digits.tracking import store

SHARED = "mlflow.sharedViewState."  # the tag's name, before the key
CHARTED = "&compareRunsMode=CHART"  # behind the address: charts beside the names of the runs, instead of the table
METRICS = ("test_accuracy", "val_accuracy", "val_loss", "test_log_loss")
PARAMS = ("ingest.source", "train.epochs", "train.learning_rate", "train.batch_size", "train.seed")
TAGS = ("dvc_experiment", "git_dirty")
CHARTS = {"By epoch": ("val_accuracy", "val_loss", "loss"), "On the test split": ("test_accuracy", "test_log_loss")}


def address(root: str) -> str:
    """The address of the runs of this project on MLflow's page at `root`, seen through the view."""
    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    state = json.dumps(_state(), sort_keys=True)
    key = hashlib.sha256(state.encode()).hexdigest()
    packed = base64.b64encode(zlib.compress(state.encode(), 9)).decode()
    client.set_experiment_tag(experiment, SHARED + key, f"deflate;{packed}")
    return f"{root.rstrip('/')}/#/experiments/{experiment}/runs?viewStateShareKey={key}"


def _state() -> dict[str, object]:
    columns = [f"metrics.`{name}`" for name in METRICS] + [f"params.`{name}`" for name in PARAMS]
    columns += [f"tags.`{name}`" for name in TAGS]
    return {"selectedColumns": columns, "orderByKey": "attributes.start_time", "orderByAsc": False, **_charts()}


def _charts() -> dict[str, object]:
    sections = [
        {"uuid": name, "name": name, "display": True, "isReordered": True, "deleted": False, "isGenerated": False}
        for name in CHARTS
    ]
    charts = [
        {
            "uuid": f"{section}: {metric}",
            "type": "LINE" if section == "By epoch" else "BAR",
            "metricKey": metric,
            "selectedMetricKeys": [metric],
            "lineSmoothness": 0,
            "metricSectionId": section,
            "deleted": False,
            "isGenerated": False,
            "runsCountToCompare": 20,
        }
        for section, metrics in CHARTS.items()
        for metric in metrics
    ]
    return {"compareRunCharts": charts, "compareRunSections": sections, "isAccordionReordered": True}
