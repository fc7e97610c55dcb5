"""API keys from a file, which addresses only this machine reaches, and those of proxies. 10 ms in all."""

import pytest

from digits.errors import UserError
from digits.serving.settings import Settings, checked_proxies, is_loopback, read_api_keys
from tests.serving import settings

KEYS = ("first-key-0123456789", "second-key-0123456789")


def test_keys_are_the_lines_of_a_file_but_for_comments(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text(f"# of the page\n{KEYS[0]}\n\n  {KEYS[1]}  \r\n")
    assert read_api_keys(path) == KEYS


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "has no API key"),
        (b"# only a comment\n\n", "has no API key"),
        (b"first-key-0123456789\nshort\n", "line 2: a key has at least 16"),
        ("schlüssel-0123456789".encode(), "line 1: .* printable ASCII"),
        (b"key with \x1b[31m 0123456789", "line 1: .* printable ASCII"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
    ],
)
def test_a_wrong_file_is_named_with_its_line_but_no_key_is_shown(tmp_path, content, words):
    path = tmp_path / "keys.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"keys.txt.*{words}") as raised:
        read_api_keys(path)
    assert "0123456789" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UserError, match=f"{path.name} can't be read"):
            read_api_keys(path)


def test_the_settings_do_not_show_their_keys(tmp_path):
    chosen = settings(tmp_path, KEYS)
    assert isinstance(chosen, Settings)
    assert not any(key in text for key in KEYS for text in (repr(chosen), str(chosen)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_loopback_is_reached_from_this_machine_alone(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.2", "127.evil.example", "localhost.evil", "example.org"]
)
def test_everything_else_may_be_reached_from_others(host):
    assert not is_loopback(host)


def test_a_proxy_is_an_address_or_a_network():
    assert checked_proxies(("10.0.0.5", "10.0.0.0/8", "::1")) == ("10.0.0.5", "10.0.0.0/8", "::1")
    for wrong in ("proxy.example.org", "10.0.0.1/8", "*", ""):
        with pytest.raises(UserError, match=r"--trusted-proxy .*; expected an address such as"):
            checked_proxies((wrong,))
