"""A user's error in a project that is trained: a message, an exit status that is not 0, and nothing lost."""

from digits.files import digest


def test_a_typo_in_the_parameters(trained):
    text = (trained.root / "params.yaml").read_text()
    (trained.root / "params.yaml").write_text(text.replace("  epochs:", "  epoch:"))
    printed = trained.run("python", "-m", "pipeline.ingest", fails=True)
    (trained.root / "params.yaml").write_text(text)
    assert "train.epoch = 15 is an unknown key; did you mean epochs?" in printed
    assert "Traceback" not in printed


def test_a_read_only_database(trained):
    database = trained.root / "mlflow.db"
    before = digest(database, "md5")
    database.chmod(0o444)
    try:
        printed = trained.run("python", "-m", "pipeline.train", fails=True)
    finally:
        database.chmod(0o644)
    assert f"error: {database} is read-only, and every run is logged there: `chmod u+w {database}`" in printed
    assert "Traceback" not in printed
    assert digest(database, "md5") == before


def test_a_database_that_is_none(trained, tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to be taken for one " * 10)
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    for stage in ("train", "register"):
        printed = trained.run("python", "-m", f"pipeline.{stage}", fails=True, env=uri)
        assert f"error: {tmp_path}/mlflow.db is no SQLite database" in printed
        assert "Traceback" not in printed


def test_no_git_repository(trained):
    (trained.root / ".git").rename(trained.root / ".nogit")
    try:
        assert "is not a git repository" in trained.run("dvc", "repro", fails=True)
    finally:
        (trained.root / ".nogit").rename(trained.root / ".git")


def test_the_message_for_a_new_store_suggests_make_register(trained, tmp_path):
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/other.db"}
    picture = next((trained.root / "data" / "external" / "0").iterdir())
    printed = trained.run("digits", "predict", str(picture), fails=True, env=uri)
    assert "models:/digits@champion is not in the registry" in printed
    assert "make register" in printed
