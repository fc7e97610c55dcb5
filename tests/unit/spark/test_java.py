"""Java is looked for before Spark starts; a script takes the place of `java -version`."""

from pathlib import Path

import pytest

from digits.errors import UserError
from digits.params import Spark
from digits.spark import java
from digits.spark.session import session

INSTALL = r"Debian's package: openjdk-17-jre-headless\), or set JAVA_HOME$"


def make_java(home: Path, printed: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{printed}' >&2\n")
    program.chmod(0o755)
    return home


@pytest.mark.parametrize("version", ["17.0.15", "21"])
def test_java_17_or_later_is_taken_from_java_home(tmp_path, monkeypatch, version):
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path, f'openjdk version "{version}" 2025-04-15')))
    java.require()


def test_without_java_home_it_is_looked_for_on_the_path(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(make_java(tmp_path, 'openjdk version "17.0.15"') / "bin"))
    java.require()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=f"needs Java 17 or later, and java does not exist: .*{INSTALL}"):
        java.require()


def test_a_java_home_without_java_is_an_error_that_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UserError, match=f"{tmp_path}/bin/java does not exist: .*{INSTALL}"):
        java.require()


@pytest.mark.parametrize(
    ("printed", "version"),
    [('openjdk version "11.0.2"', "11"), ('java version "1.8.0_392"', "8"), ("no JVM", "no JVM"), ("", "unknown")],
)
def test_another_java_is_an_error_with_its_version(tmp_path, monkeypatch, printed, version):
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path, printed)))
    with pytest.raises(UserError, match=f"needs Java 17 or later, and {tmp_path}/bin/java is version {version}: "):
        java.require()


def test_without_pyspark_the_error_names_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs PySpark.*`make spark`"), session(Spark.model_construct()):
        pass
