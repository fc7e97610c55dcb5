"""The files of the page and their headers; tests/system/test_page.py has the page in a browser. 0.1 s."""

import re

import pytest
import requests

from digits.serving import page
from tests.serving import running, settings, write_constant

FILES = sorted(path.name for path in page.FOLDER.iterdir())


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running(settings(write_constant(tmp_path_factory.mktemp("page")))) as address:
        yield address


@pytest.mark.parametrize("path", ["/", *(f"/static/{name}" for name in FILES)])
def test_a_browser_asks_for_every_file_again_and_gets_what_has_changed(address, path):
    response = requests.get(address + path)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    again = requests.get(address + path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/static/", "/static/other.js", "/static/..%2Fpage.py", "/static/%2e%2e%2fpage.py"])
def test_only_the_files_of_the_page_are_served(address, path):
    assert requests.get(address + path).status_code == 404


def test_the_page_is_no_part_of_the_api(address):
    paths = requests.get(f"{address}/openapi.json").json()["paths"]
    assert [path for path in paths if path == "/" or path.startswith("/static")] == []


def test_the_page_has_no_inline_script_or_style():
    html = (page.FOLDER / "index.html").read_text()
    assert re.findall(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", html) == []
