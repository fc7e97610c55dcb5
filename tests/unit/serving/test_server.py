"""What the supervising process prepares. Milliseconds."""

from digits.serving import server
from digits.serving.settings import METRICS_FOLDER
from tests.serving import settings


def test_states_of_an_earlier_start_are_removed_and_counts_stay(tmp_path, monkeypatch):
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv(METRICS_FOLDER, str(folder))
    for name in ("gauge_livemax_1.db", "gauge_livesum_2.db", "counter_1.db"):
        (folder / name).touch()
    server._provide_metrics_folder(settings(tmp_path / "served"))
    assert [path.name for path in folder.iterdir()] == ["counter_1.db"]
