"""Who may ask: names in Host, pages of other sites, keys. 10 ms in all."""

from hmac import compare_digest
from pathlib import Path

import pytest

from digits.serving import access
from digits.serving.access import Access
from digits.serving.problems import ProblemError
from tests.serving import settings

KEYS = ("first-key-0123456789", "second-key-0123456789")
LOCAL = "127.0.0.1:5001"


def status(checked: Access, *headers: tuple[str, str], path: str = "/v1/predict", method: str = "POST") -> int:
    """What a request with these headers is answered, as far as access goes."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    try:
        checked.check({"method": method, "path": path, "headers": raw}, dict(raw))
    except ProblemError as problem:
        return problem.status
    return 200


@pytest.fixture
def local() -> Access:
    return Access(settings(Path()))


@pytest.fixture
def guarded() -> Access:
    return Access(settings(Path(), KEYS))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5001", LOCAL, "127.0.0.1", "[::1]:5001", "[::1]", "127.0.0.1:80"]
)
def test_the_names_of_this_server_are_known(local, host):
    assert status(local, ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:5001", "127.0.0.1.evil.example", "localhost.", "localhost.evil.example"),
        *("evil.example@127.0.0.1", "127.0.0.1/evil", "127.0.0.1:5001:80", "127.0.0.1:port", "[::2]", "[::1", "::1"),
        *(
            "",
            " ",
            "127.0.0.1\x00",
            "lócalhost",
            "*",
            "0x7f000001",
            "2130706433",
            "[::1]evil",
            "127.0.0.1#",
            "a" * 9999,
        ),
    ],
)
def test_another_name_is_refused_so_that_no_page_reaches_it_under_a_name_of_its_own(local, host):
    assert status(local, ("host", host)) == 421


def test_exactly_one_host_is_expected(local):
    assert status(local) == 400
    assert status(local, ("host", LOCAL), ("host", "evil.example")) == 400
    assert status(local, ("host", "evil.example"), ("host", LOCAL)) == 400


@pytest.mark.parametrize(
    "origin", ["null", "", "http://evil.example", "https://127.0.0.1:5002", "http://[", "file://", "127.0.0.1:5001"]
)
def test_the_page_of_another_site_is_refused(local, origin):
    assert status(local, ("host", LOCAL), ("origin", origin)) == 403


def test_the_own_page_and_commands_may_ask(local):
    assert status(local, ("host", LOCAL), ("origin", f"http://{LOCAL}")) == 200
    for site in ("same-origin", "none"):
        assert status(local, ("host", LOCAL), ("sec-fetch-site", site)) == 200


def test_another_site_may_have_a_link_but_nothing_else(local):
    cross = ("host", LOCAL), ("sec-fetch-site", "cross-site")
    link = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
    assert status(local, *cross, *link, path="/", method="GET") == 200
    assert status(local, *cross, *link) == 403  # a form that is sent here
    assert status(local, *cross, path="/", method="GET") == 403
    assert status(local, *cross, link[0], ("sec-fetch-dest", "iframe"), path="/", method="GET") == 403


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Bearer", "Bearer ", f"Basic {KEYS[0]}", KEYS[0], f"Bearer {KEYS[0]}x", f"Bearer {KEYS[0][:-1]}"),
        *("Bearer \xff\xfe", f"Bearer {' '.join(KEYS)}", "Bearer " + "k" * 100_000),
    ],
)
def test_a_wrong_key_is_refused(guarded, authorization):
    assert status(guarded, ("host", LOCAL), ("authorization", authorization)) == 401


def test_each_of_the_keys_opens_and_without_keys_everybody_may_ask(guarded, local):
    assert status(guarded, ("host", LOCAL)) == 401
    assert status(local, ("host", LOCAL)) == 200
    for key in KEYS:
        for scheme in ("Bearer", "bearer"):
            assert status(guarded, ("host", LOCAL), ("authorization", f"{scheme} {key}")) == 200


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/v2/health/live", "/static/page.js", "/docs"])
def test_probes_the_page_and_the_documentation_need_no_key(guarded, path):
    assert status(guarded, ("host", LOCAL), path=path, method="GET") == 200


@pytest.mark.parametrize("path", ["/metrics", "/v1/model", "/v2", "//livez", "/v1/../livez", "/LIVEZ", "/v2/health"])
def test_everything_else_needs_a_key(guarded, path):
    assert status(guarded, ("host", LOCAL), path=path, method="GET") == 401


def test_keys_are_compared_in_constant_time_with_all_of_them(guarded, monkeypatch):
    compared = []

    def compare(*pair: bytes) -> bool:
        compared.append(tuple(map(len, pair)))
        return compare_digest(*pair)

    monkeypatch.setattr(access.hmac, "compare_digest", compare)
    assert status(guarded, ("host", LOCAL), ("authorization", f"Bearer {KEYS[0]}")) == 200
    assert compared == [(32, 32)] * len(KEYS)
