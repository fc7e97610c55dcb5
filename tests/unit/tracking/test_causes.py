"""Each cause of a store's failure, and what is said about it."""

import sqlite3
from contextlib import closing

import pytest
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from sqlalchemy.exc import OperationalError

from digits.errors import UserError
from digits.tracking import causes

SCHEMA = "Detected out-of-date database schema (found version {}, but expected dc11669786a5). Take a backup"
TABLE = [
    (sqlite3.OperationalError("database is locked"), "is locked by another process", "try again"),
    (sqlite3.OperationalError("attempt to write a readonly database"), "is read-only", "right to write"),
    (sqlite3.DatabaseError("file is not a database"), "is no SQLite database", "move it away"),
    (sqlite3.OperationalError("database or disk is full"), "has no space left", "free some"),
    (OSError(28, "No space left on device"), "has no space left", "free some"),
    (sqlite3.OperationalError("unable to open database file"), "cannot be opened", "folder must exist"),
    (MlflowException(SCHEMA.format("97727af70f4d")), "older MLflow", "`mlflow db upgrade 'http://host/a'`"),
    (MlflowException(SCHEMA.format("ffffffffffff")), "newer MLflow", "pip install --upgrade mlflow"),
    (MlflowException("set `MLFLOW_ALLOW_FILE_STORE=true` to opt out"), "is a folder", "migrate-filestore"),
    (MlflowException("got unsupported URI 'x:y'"), "has an address that MLflow does not know", "set MLFLOW_TRACKING"),
    (ModuleNotFoundError("No module named 'psycopg2'"), "needs a driver", "`pip install -e '.[server]'`"),
    (MlflowException("failed with error code 401 != 200"), "refuses this user", "MLFLOW_TRACKING_USERNAME"),
    (OperationalError("", {}, Exception("password authentication failed for user")), "refuses this user", "MLFLOW"),
    (RestException({"error_code": "PERMISSION_DENIED", "message": "no"}), "does not allow", "MLFLOW_TRACKING_USERNAME"),
    (OSError("certificate verify failed"), "no certificate that is trusted", "MLFLOW_TRACKING_SERVER_CERT_PATH"),
    (MlflowException("Read timed out."), "does not answer in time", "try again"),
    (OperationalError("", {}, Exception("Connection refused")), "does not answer", "start it"),
    (MlflowException("failed with error code 404 != 200"), "is no MLflow server", "correct MLFLOW_TRACKING_URI"),
    (PermissionError(13, "Permission denied", "/a/b"), "cannot be written", "right to write"),
]


@pytest.mark.parametrize(("error", "what", "fix"), TABLE, ids=lambda one: str(one)[:40])
def test_a_cause_is_named_with_the_librarys_words_and_a_fix(error, what, fix):
    said = causes.message(error, "http://me:secret@host/a")
    assert what in said
    assert fix in said
    assert causes.reason(error) in said
    assert "secret" not in said


def test_an_unknown_cause_is_told_in_the_librarys_words():
    said = causes.message(MlflowException("a thing\nand more"), "http://host")
    assert said == "the tracking store http://host failed: a thing"


def test_the_cause_beneath_an_error_is_found():
    with pytest.raises(MlflowException) as caught:
        try:
            raise sqlite3.OperationalError("database is locked")
        except sqlite3.OperationalError as error:
            raise MlflowException("it failed") from error
    assert "is locked by another process (it failed)" in causes.message(caught.value, "x")


def test_a_secret_in_the_librarys_words_is_removed():
    assert causes.reason(OSError("no http://me:secret@host/a or b")) == "no http://host/a or b"


@pytest.mark.parametrize(("found", "what"), [("97727af70f4d", "older"), ("ffffffffffff", "newer")])
def test_a_schema_of_another_version_is_named(store, workspace, found, what):
    with closing(sqlite3.connect(workspace / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (found,))
    with pytest.raises(UserError, match=f"was written by an? {what} MLflow"):
        store.connect()


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        (MlflowException("no such run", error_code=RESOURCE_DOES_NOT_EXIST), True),
        (FileNotFoundError("gone"), True),
        (OSError("404 Client Error: NOT FOUND for url: http://host/api"), True),
        (MlflowException("API request to http://host:4040/ failed with too many 503 error responses"), False),
        (MlflowException("the database is locked"), False),
        (ConnectionError("Connection refused"), False),
    ],
)
def test_only_what_the_store_lacks_is_missing(error, missing):
    """An outage that is taken for a missing file would let a worse model become champion."""
    assert causes.is_missing(error) is missing
