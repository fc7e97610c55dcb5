"""What a migration does not copy is reported. The rest is tested on a real server, in tests/system."""

import mlflow

from digits.tracking import history, migration, registry
from digits.tracking import store as tracking_store
from tests.tracking_store import client_of, registered_version


def test_running_and_deleted_runs_are_not_copied(store, tmp_path, constant_model, empty_database):
    source, target = tracking_store.connect(), f"sqlite:///{tmp_path}/target.db"
    kept, deleted = (registered_version(constant_model(number)).run_id for number, letter in enumerate("ab"))
    source.delete_run(deleted)
    source.update_model_version("digits", "1", "the card")
    experiment = source.get_experiment_by_name(tracking_store.EXPERIMENT).experiment_id
    running = source.create_run(experiment, run_name="long")
    (tmp_path / "target.db").write_bytes(empty_database.read_bytes())
    mlflow.set_tracking_uri(target)  # as `digits migrate` does
    client = client_of(target)
    copies = client.create_experiment(tracking_store.EXPERIMENT, artifact_location=(tmp_path / "files").as_uri())
    reported = []
    migration.migrate(f"sqlite:///{tmp_path}/mlflow.db", target, reported.append)
    assert "   2/2  long is still running: migrate again when it has ended" in reported
    assert "version 2 is not copied: its run was deleted, or is still running" in reported
    assert [run.data.tags[migration.SOURCE_ID] for run in client.search_runs([copies])] == [kept]
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.description == "the card"
    source.set_terminated(running.info.run_id)
    migration.migrate(f"sqlite:///{tmp_path}/mlflow.db", target, reported.append)
    assert len(client.search_runs([copies])) == 2


def test_the_history_is_copied_with_the_numbers_of_the_new_store(
    store, tmp_path, constant_model, empty_database, monkeypatch
):
    source, target = f"sqlite:///{tmp_path}/mlflow.db", f"sqlite:///{tmp_path}/target.db"
    for label in (1, 2, 3):
        version = registered_version(constant_model(label))
        history.set_champion(version, registry.champion(), history.PROMOTE, f"label {label}")
    store.connect().delete_run(registry.get_version("2").run_id)
    (tmp_path / "target.db").write_bytes(empty_database.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", target)
    store.connect.cache_clear()
    store.connect()
    for _ in range(2):
        migration.migrate(source, target, print)
    found = history.read()
    assert [(one.before, one.after, one.latest) for one in found.entries] == [
        (None, "1", 1),
        ("1", None, 1),  # version 2 is not copied
        (None, "2", 2),
    ]
    assert (found.champion, found.earlier()) == ("2", ["1"])
