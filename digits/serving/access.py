"""Who may ask: the names that a request may use for this server, requests from other sites' pages, and API keys."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from digits.serving.problems import ProblemError
from digits.serving.settings import Settings

# Without a key: probes, the page, which asks for the key itself, and the documentation
PROBES = ("/livez", "/readyz", "/v2/health/")  # which ask by any name, as an orchestrator does by the address
OPEN_PREFIXES = (*PROBES, "/static/", "/docs", "/openapi.json")
OPEN_PATHS = ("/",)
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([\w.*-]+))(?::\d{1,5})?", re.ASCII)  # a name or an IPv6 address, and a port


class Access:
    """Checks a request's headers."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = {host.lower() for host in settings.allowed_hosts}
        # Of equal lengths, so that a comparison takes as long for each
        self._keys = [_hash(key.encode()) for key in settings.api_keys]

    def check(self, scope: Mapping[str, Any], headers: dict[bytes, bytes]) -> None:
        """Raises a ProblemError: 400 without a Host, 421 for another one, 403 for another site's page, 401 for no key.

        `headers` are those of the ASGI scope.
        """
        if sum(name == b"host" for name, _ in scope["headers"]) != 1:
            raise ProblemError(400, "expected exactly one header Host")
        host = headers[b"host"].decode("latin-1").lower()
        is_known = "*" in self._hosts or _host_name(host) in self._hosts
        if not is_known and not scope["path"].startswith(PROBES):
            raise ProblemError(
                421, "this server has another name than the request's Host; `digits serve --allowed-host NAME` adds one"
            )
        if _is_cross_site(scope["method"], headers) or _is_foreign(headers.get(b"origin"), host):
            raise ProblemError(403, "a page of another site may not use this server")
        if self._keys and not is_open(scope["path"]) and not self._has_key(headers.get(b"authorization", b"")):
            raise ProblemError(
                401, "an API key is needed: send the header Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
            )

    def _has_key(self, authorization: bytes) -> bool:
        scheme, _, key = authorization.partition(b" ")
        found = _hash(key.strip())
        matches = [hmac.compare_digest(found, known) for known in self._keys]  # all of them: no shorter time for one
        return scheme.lower() == b"bearer" and any(matches)


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def is_open(path: str) -> bool:
    """Whether this path needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def _host_name(host: str) -> str:
    """The name without the port; of an IPv6 address without brackets."""
    found = HOST.fullmatch(host)
    return found[1] or found[2] if found else ""


def _is_cross_site(method: str, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that another site's page asks, other than by a link that somebody follows to this one."""
    link = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")) == (b"navigate", b"document")
    return headers.get(b"sec-fetch-site") == b"cross-site" and not (link and method == "GET")


def _is_foreign(origin: bytes | None, host: str) -> bool:
    """Whether a browser says that the request comes from a page of another server; a command sends no Origin."""
    try:
        return origin is not None and urlsplit(origin.decode("latin-1").lower()).netloc != host
    except ValueError:  # no address at all
        return True
