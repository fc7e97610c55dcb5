"""Addresses and paths are converted without loss, and secrets are removed."""

from pathlib import Path

import pytest

from digits import addresses

NAMES = ["plain", "a b", "q?x", "a%2Fb", "a#b", "über", "50%", "a+b&c=d;e", "[x]"]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_the_same_after_both_conversions(tmp_path, name):
    path = tmp_path / name / "file.db"
    path.parent.mkdir()
    assert addresses.file_path(addresses.file_address(path)) == path
    assert addresses.sqlite_path(addresses.sqlite_address(path)) == path


@pytest.mark.parametrize("name", NAMES)
def test_within_the_folder_no_character_is_escaped(tmp_path, name, monkeypatch):
    """MLflow creates the folder of the escaped path."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    found = addresses.sqlite_address(tmp_path / name / "mlflow.db")
    assert found in ("sqlite:///mlflow.db", f"sqlite:///{tmp_path / name}/mlflow.db")
    assert "%" not in found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("sqlite:///mlflow.db", "sqlite:////project/mlflow.db"),
        ("sqlite:////other/mlflow.db?timeout=5", "sqlite:////other/mlflow.db?timeout=5"),
        ("mlruns", "file:///project/mlruns"),
        ("./x", "file:///project/x"),
        ("file:./a%20b", "file:///project/a%20b"),
        ("file:///other", "file:///other"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("databricks", "databricks"),
    ],
)
def test_a_relative_address_is_relative_to_the_root(address, expected):
    assert addresses.absolute(address, Path("/project")) == expected


@pytest.mark.parametrize("address", ["http://host/x", "s3://bucket/x", "relative/x"])
def test_what_is_no_local_file_has_no_path(address):
    assert addresses.file_path(address) is None
    assert addresses.sqlite_path(address) is None


@pytest.mark.parametrize("secret", ["plain", "p@ss", "a:b", "a%40b", "p/ss", "p?s#s", "p'w", "@@"])
@pytest.mark.parametrize(
    "address",
    [
        "http://me:{}@host:5000/a",
        "could not reach https://me:{}@host:5000/a, twice",
        "postgresql+psycopg2://me:{}@host:5000/a",
        "s3://KEYKEY:{}@host:5000/a",
    ],
)
def test_a_user_and_a_password_are_removed(address, secret):
    shown = addresses.redact(address.format(secret))
    assert shown == address.replace("me:{}@", "").replace("KEYKEY:{}@", "")


@pytest.mark.parametrize(
    "name", ["password", "sslpassword", "access_token", "X-Amz-Signature", "X-Amz-Credential", "sig", "api_key", "PWD"]
)
def test_a_secret_of_a_query_is_removed(name):
    assert addresses.redact(f"https://host/a?x=1&{name}=hush&y=2") == f"https://host/a?x=1&{name}=***&y=2"


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:5000/a@b", "https://host/pkg@1.2/file", "see http://host:5000, or a@b", "a@b", "x=key=1"]
)
def test_other_text_stays(text):
    assert addresses.redact(text) == text
