"""Whether a server can listen on a port, asked before anything slow starts."""

import errno
import socket
from typing import Any

from digits.errors import UserError


def check(host: str, port: int) -> None:
    """Take the port for a moment. Raises UserError with the cause, and the option to change, where that fails."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {host} can't be resolved: {error}; 127.0.0.1 is this machine alone") from None
    errors = [error for each in found for error in _take(*each)]
    # A name may stand for an address that this machine lacks, as `localhost` for ::1 in a container.
    serious = [error for error in errors if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)]
    if serious or len(errors) == len(found):
        raise UserError(explain((serious or errors)[0], host, port))


def _take(family: int, kind: int, protocol: int, _: str, address: tuple[Any, ...]) -> list[OSError]:
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do, after one that has ended
            probe.bind(address)
    except OSError as error:
        return [error]
    return []


def explain(error: OSError, host: str, port: int) -> str:
    """Why a server can't listen on `host` and `port`, and which option to change."""
    place = f"port {port} of {host}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{place} is taken{_holder(port)}: stop that, or choose another port with --port"
        case errno.EACCES | errno.EPERM:
            return f"{place} is reserved for the administrator, as most below 1024: choose one above with --port"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: choose 127.0.0.1, or 0.0.0.0 for all, with --host"
        case _:
            return f"{place} can't be used: {error.strerror}; choose another with --port"


def _holder(port: int) -> str:
    """By whom the port is taken, as far as this user may know."""
    import psutil

    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        pid = min(each.pid for each in listening if each.laddr and each.laddr.port == port and each.pid)
        return f" by process {pid} ({psutil.Process(pid).name()})"
    except (psutil.Error, ValueError):
        return " by another process"
