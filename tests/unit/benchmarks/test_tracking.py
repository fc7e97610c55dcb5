"""The benchmark of tracking runs the train stage with and without MLflow. A few ms, after the imports."""

import inspect
import re

from benchmarks import tracking
from pipeline import train


def test_a_run_that_logs_nothing_has_what_the_train_stage_calls():
    called = set(re.findall(r"live_run\.(\w+)", inspect.getsource(train)))
    assert called and called <= set(dir(tracking.NoRun))
