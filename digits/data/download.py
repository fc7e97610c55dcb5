"""A file read over HTTP: through a user's proxies, with their certificates and `~/.netrc`, as `requests` does it."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digits.addresses import redact
from digits.errors import UserError

if TYPE_CHECKING:
    import requests

ELSEWHERE = "set ingest.mirror to a folder or address that has it"
NETWORK = "check the network, or set ingest.mirror to another address or a local folder"
CHUNK = 1 << 18  # bytes
PROGRESS_AFTER = 2  # seconds: a download that takes longer shows its progress


def read(address: str, timeout: float) -> bytes:
    """The bytes of the file, as the server has it. Raises UserError where it can't be had, with the cause.

    `timeout` is how many seconds to wait for a connection, and then for each part of the response.
    """
    import requests
    from tqdm import tqdm
    from urllib3.exceptions import HTTPError

    content = bytearray()
    try:
        # Some servers would send a .gz file as a packed plain one; its checksum is that of the .gz file.
        with requests.get(address, timeout=timeout, stream=True, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            size = int(response.headers.get("Content-Length", 0))
            bar = tqdm(total=size or None, unit="B", unit_scale=True, disable=None, delay=PROGRESS_AFTER, leave=False)
            with bar:
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    content += chunk
                    bar.update(len(chunk))
    except (requests.RequestException, HTTPError, OSError) as error:
        raise UserError(redact(f"{address} {_cause(error, address, timeout)}")) from None
    return bytes(content)


def _cause(error: Exception, address: str, timeout: float) -> str:
    """What went wrong, as the end of a sentence that begins with the address, and what to do."""
    import requests
    import urllib3.exceptions as urllib3

    last = _innermost(error)
    match error:
        case requests.HTTPError():
            return _status(error.response, address)
        case requests.exceptions.ProxyError():
            return (
                f"can't be reached through the proxy {_proxy(address)}: {last}; correct {_proxy_variable(address)} "
                "(http://user:password@host:port), or add the host to NO_PROXY"
            )
        case requests.exceptions.SSLError():
            return (
                f"has a certificate that can't be verified: {last}; where your network has an authority of its own, "
                "set REQUESTS_CA_BUNDLE to the file with its certificate"
            )
        case requests.Timeout() | urllib3.TimeoutError():
            return f"did not answer within ingest.mirror_timeout = {timeout:g} seconds: raise it, or {NETWORK}"
        case urllib3.ProtocolError():
            return f"broke off: {last}; run it again, or {NETWORK}"
        case requests.exceptions.InvalidURL():
            return f"is no address: {last}; {ELSEWHERE}"
        case OSError() if not isinstance(error, requests.RequestException):
            return f"can't be verified: {last}; correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
        case _:
            return f"did not answer: {type(last).__name__} {last}; {NETWORK}"


def _status(response: "requests.Response", address: str) -> str:
    """What the server's or the proxy's status means."""
    found = f"{response.status_code} {response.reason}"
    match response.status_code:
        case 404 | 410:
            return f"does not exist; {ELSEWHERE}"
        case 401 | 403:
            return f"was refused ({found}): put a user and a password for its host into ~/.netrc, or {ELSEWHERE}"
        case 407:
            return (
                f"was refused by the proxy {_proxy(address)} ({found}): put a user and a password into "
                f"{_proxy_variable(address)}, http://user:password@host:port"
            )
        case _:
            return f"was answered with {found}; run it again, or {NETWORK}"


def _innermost(error: BaseException) -> BaseException:
    """The first cause: requests and urllib3 wrap it several times, each with all of the text before."""
    inner = getattr(error, "reason", None) or getattr(error, "original_error", None) or error.__context__
    inner = inner or next(iter(error.args), None)
    return _innermost(inner) if isinstance(inner, BaseException) else error


def _proxy(address: str) -> str:
    from requests.utils import get_environ_proxies, select_proxy

    return redact(select_proxy(address, get_environ_proxies(address)) or "of this system")


def _proxy_variable(address: str) -> str:
    return f"{urlsplit(address).scheme.upper()}_PROXY"
