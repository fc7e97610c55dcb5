"""What a server process has to know, as one value that can be sent to it."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from digits.errors import UserError, printable
from digits.params import Serve

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's variable: the folder of all server processes' figures
MIN_KEY_LENGTH = 16  # characters: a shorter key can be guessed


@dataclass(frozen=True)
class Settings:
    """Where the local copy of the champion is, the limits, and who may ask.

    Without `api_keys` no key is needed. `allowed_hosts` are the names of this server that a request may have in its
    header Host, "*" for any. `feedback` is the folder that keeps what people correct; without it nothing is taken. The
    address of a client is believed from the header X-Forwarded-For where `trusted_proxies`, addresses and networks,
    send it.
    """

    folder: Path
    limits: Serve
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    allowed_hosts: tuple[str, ...] = LOOPBACK_HOSTS
    feedback: Path | None = None
    trusted_proxies: tuple[str, ...] = ()

    @property
    def takes_feedback(self) -> bool:
        """Whether people can send corrections."""
        return self.feedback is not None and self.limits.feedback.keep_days > 0


def read_api_keys(path: Path) -> tuple[str, ...]:
    """The keys of a file, one a line; empty lines and those that begin with # don't count. Raises UserError."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"{printable(path)} can't be read: {reason}; expected API keys, one a line") from None
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise UserError(f"{printable(path)} has no API key; expected keys, one a line")
    for number, line in enumerate(lines, 1):
        if line in keys and (len(line) < MIN_KEY_LENGTH or not (line.isascii() and line.isprintable())):
            raise UserError(
                f"{printable(path)}, line {number}: a key has at least {MIN_KEY_LENGTH} printable ASCII characters, "
                'such as `python -c "import secrets; print(secrets.token_urlsafe())"` prints'
            )
    return keys


def allowed_hosts(host: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a server that listens on this address; any where others reach it and no other name is given."""
    return (*LOOPBACK_HOSTS, host, *others) if is_loopback(host) or others else ("*",)


def checked_proxies(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks of proxies. Raises UserError for anything else: it would be trusted nowhere, silently."""
    for address in addresses:
        try:
            ipaddress.ip_network(address)
        except ValueError as error:
            raise UserError(
                f"--trusted-proxy {printable(address)}: {printable(error)}; expected an address such as 10.0.0.5, or a "
                "network such as 10.0.0.0/24"
            ) from None
    return addresses


def is_loopback(host: str) -> bool:
    """Whether a server that listens on this address is reached from its own machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
