"""Which traffic fires the alerts of deploy/prometheus: a real Prometheus scrapes a `digits serve` for each kind of it.

Each server has the champion of this project, and gets test digits as they are, changed, or what is no digit. Alerts
fire at once here, without the minutes of the rules. Takes two minutes; Debian's package `prometheus` is needed:

    python -m benchmarks.served_drift
"""

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import yaml
from scipy import ndimage

from benchmarks.processes import ROOT, set_params
from benchmarks.replicas import Replica
from benchmarks.serving_servers import free_port
from digits.client import Client
from digits.data import processed_tables, training_tables
from digits.data.pictures import encode_png
from digits.params import load
from digits.serving.drift import traffic, watch
from tests import prometheus

COUNT, PER_REQUEST = 600, 20
RATE = 400  # pictures/s of which image statistics are computed: all
KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "test digits": lambda digit: digit,
    "inverted": lambda digit: 255 - digit,
    "thick": lambda digit: ndimage.grey_dilation(digit, (3, 3)),
    "cut off below": lambda digit: np.where(np.arange(28)[:, None] < 14, digit, 0).astype(np.uint8),
}
LETTERS = "letters"


def main() -> None:
    from digits.tracking import store

    digits = processed_tables.read_processed("test").images
    digits = digits[np.random.default_rng(0).permutation(len(digits))[:COUNT]]
    letters = training_tables.read_non_digits("test")
    sent = {name: [change(digit) for digit in digits] for name, change in KINDS.items()}
    sent[LETTERS] = list(islice(cycle(letters.images[letters.kinds == LETTERS]), COUNT))  # there are some hundred
    drift = load(ROOT / "params.yaml").serve.drift.model_dump() | {"pictures_per_second": RATE}
    port = free_port()
    hosts = {name: f"127.0.0.{place}" for place, name in enumerate(sent, 11)}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rules = _rules(Path(folder))
        targets = [f"{host}:{port}" for host in hosts.values()]
        server = stack.enter_context(prometheus.running(Path(folder) / "prometheus", targets, [rules], "1s"))
        for name, pictures in sent.items():
            replica = Replica(Path(folder) / hosts[name], hosts[name], port, 1, store.uri())
            set_params(Path(folder) / hosts[name], serve={"drift": drift})
            replica.start()
            stack.callback(replica.kill)
            replica.wait_until_ready()
            _send(f"http://{hosts[name]}:{port}", pictures)
        time.sleep(traffic.FLUSH_SECONDS + 2 * watch.MEASURE_SECONDS + 5)
        for name, pictures in sent.items():
            print(f"\n{name}, {len(pictures)} pictures:")
            _report(server, f"{hosts[name]}:{port}")


def _rules(folder: Path) -> Path:
    """The rules of deploy/prometheus, whose alerts fire at once."""
    content = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    for rule in content["groups"][0]["rules"]:
        rule["for"] = "0s"
    path = folder / "alerts.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def _send(address: str, pictures: list[np.ndarray]) -> None:
    with Client(address) as client:
        for first in range(0, len(pictures), PER_REQUEST):
            client.predict([encode_png(one) for one in pictures[first : first + PER_REQUEST]])


def _report(server: prometheus.Prometheus, instance: str) -> None:
    """The alerts that fire for a server, and the statistics whose index is above its bound."""
    alerts = [one for one in server.get("alerts")["alerts"] if one["labels"].get("instance") == instance]
    for one in alerts:
        print(f"  {one['state']}: {one['labels']['alertname']}: {one['annotations']['summary']}")
    if not alerts:
        print("  no alert")
    only = f'{{instance="{instance}"}}'
    index, bound = (
        {found["statistic"]: value for found, value in server.query(f"{name}{only}")}
        for name in ("digits_drift", "digits_drift_bound")
    )
    judged = {name: [round(index[name], 3), round(bound[name], 3)] for name in index if bound[name] == bound[name]}
    print(f"  index and bound: {json.dumps(judged)}")
    print(f"  refused: {server.value(f'digits_served_refused_share{only}')}")


if __name__ == "__main__":
    main()
