"""What a move leaves out, and says so. That it brings the rest is seen on a real server, in tests/test_server.py."""

import mlflow

from digits.tracking import moving, registry, runs
from digits.tracking import store as record
from tests.recorded import client_of, recorded


def test_what_runs_yet_and_what_was_deleted_stays_behind(store, tmp_path, constant_model):
    source, target = record.connect(), f"sqlite:///{tmp_path}/target.db"
    kept, gone = (recorded(letter * 64, constant_model(number)) for number, letter in enumerate("ab"))
    for run_id, letter in ((kept, "a"), (gone, "b")):
        registry.register(run_id, {runs.WEIGHTS: letter * 64})
    source.delete_run(gone)
    origin = source.get_experiment_by_name(record.EXPERIMENT).experiment_id
    under_way = source.create_run(origin, run_name="under way")
    mlflow.set_tracking_uri(target)  # as `digits move` does
    goal = client_of(target)
    experiment = goal.create_experiment(record.EXPERIMENT, artifact_location=(tmp_path / "files").as_uri())
    told = []
    moving.move(f"sqlite:///{tmp_path}/mlflow.db", target, told.append)
    assert "   2/2  under way is running yet: move again when it has ended" in told
    assert "version 2 stays behind: its run was deleted, or is running yet" in told
    assert [run.data.tags[moving.MOVED] for run in goal.search_runs([experiment])] == [kept]
    assert len(goal.search_model_versions("name = 'digits'")) == 1
    source.set_terminated(under_way.info.run_id)
    moving.move(f"sqlite:///{tmp_path}/mlflow.db", target, told.append)
    assert len(goal.search_runs([experiment])) == 2
