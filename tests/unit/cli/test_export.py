"""`digits export` on a registry with one version; some 3 s, most of it MLflow."""

import pytest
from click.testing import CliRunner

from digits.cli.export import export
from digits.errors import UserError
from tests.tracking_store import registered_version


@pytest.fixture
def champion(store, constant_model):
    version = registered_version(constant_model(7))
    store.connect().set_registered_model_alias("digits", "champion", version.number)
    return version


def run(*arguments: str) -> str:
    done = CliRunner().invoke(export, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_champion_or_a_version_is_exported_after_all_checks(champion, workspace):
    printed = run("triton", "--out", "repository", "--instances", "2")
    assert printed == "version 1: repository is a model repository; its README.md says how to use it\n"
    assert "count: 2" in (workspace / "repository" / "digits" / "config.pbtxt").read_text()
    printed = run("kserve", "1")
    assert "replace s3://BUCKET/digits in the first" in printed
    assert "s3://BUCKET/digits" in (workspace / "exports" / "kserve" / "inference_service.yaml").read_text()
    for name, message in (
        ("a b", "is no version: expected an alias"),
        ("7", "models:/digits/7 is not in the registry"),
    ):
        with pytest.raises(UserError, match=message):
            run("triton", name, "--out", "other")
    (path,) = workspace.glob("mlartifacts/**/model.onnx")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"model\.onnx of version 1 of digits was altered"):
        run("triton", "--out", "other")
    assert not (workspace / "other").exists()
