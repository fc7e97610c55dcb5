"""How much feedback is taken, of one client and of all, counted over all processes that share the queue's database."""

import hashlib
import ipaddress
import os
import sqlite3
import time
from pathlib import Path

from digits.feedback.database import database

MINUTE, DAY = 60.0, 86_400.0  # seconds
MAX_REMEMBERED = 10_000  # clients that are refused from memory: some MB
SHARES = 10  # of what all may send in a day: the most of one client
IPV6_PREFIX = 64  # bits of an IPv6 address that count: a subscriber has all addresses that begin so


class Rates:
    """At most so many of one client within a minute, and of all within 24 hours; what is refused does not count.

    Within 24 hours a client may send one in SHARES of what all may, and at least what it may in a minute, so that none
    alone uses up what all may. A client is known by a keyed hash of its address, with a random key of the database; the
    hash is removed after 24 hours, at the latest by `Queue.expire`. Raises what the queue raises.
    """

    def __init__(self, folder: Path, per_minute: int, per_day: int) -> None:
        self._database = database(folder)
        self._per_minute, self._per_day = per_minute, per_day
        self._client_per_day = max(per_minute, per_day // SHARES)
        self._refused: dict[str, float] = {}  # until when, by the client's network

    def known_wait(self, client: str) -> float:
        """The seconds for which this object has refused a client, 0.0 if it has not: it looks at no disk."""
        return max(0.0, self._refused.get(_network(client), 0.0) - time.time())

    def admit(self, client: str) -> float:
        """Count one from a client's address; 0.0, or the seconds after which it would be taken, and it is not counted.

        Only what is taken writes to the disk.
        """
        now = time.time()
        seconds = self._count(client, now)
        if seconds:
            self._remember(_network(client), now, now + seconds)
        return seconds

    def _count(self, client: str, now: float) -> float:
        with self._database.read() as connection:
            key = _key(connection)
            seconds = self._wait(connection, _hash(key, client), now) if key else 0.0
        if seconds:
            return seconds
        with self._database.change() as connection:
            hashed = _hash(_key(connection) or _create_key(connection), client)
            seconds = self._wait(connection, hashed, now)  # again: others have come meanwhile
            if not seconds:
                connection.execute("INSERT INTO admitted VALUES (?, ?)", [now, hashed])
                expire(connection)
            return seconds

    def _remember(self, network: str, now: float, until: float) -> None:
        if len(self._refused) >= MAX_REMEMBERED:
            self._refused = {one: end for one, end in self._refused.items() if end > now}
        if len(self._refused) < MAX_REMEMBERED:  # what is not remembered is counted again
            self._refused[network] = until

    def _wait(self, connection: sqlite3.Connection, hashed: bytes, now: float) -> float:
        of_client = "SELECT at FROM admitted WHERE at > ? AND client = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
        of_all = "SELECT at FROM admitted WHERE at > ? ORDER BY at DESC LIMIT 1 OFFSET ?"
        bounds: list[tuple[str, float, list[bytes], int]] = [
            (of_client, MINUTE, [hashed], self._per_minute),
            (of_client, DAY, [hashed], self._client_per_day),
            (of_all, DAY, [], self._per_day),
        ]
        waits = [0.0]
        for query, span, client, most in bounds:
            waits += [at + span - now for (at,) in connection.execute(query, [now - span, *client, most - 1])]
        return max(waits)


def expire(connection: sqlite3.Connection) -> None:
    """Remove the hashes and times that count no more."""
    connection.execute("DELETE FROM admitted WHERE at <= ?", [time.time() - DAY])


def _key(connection: sqlite3.Connection) -> bytes | None:
    found = connection.execute("SELECT key FROM client_key").fetchone()
    return found[0] if found else None


def _create_key(connection: sqlite3.Connection) -> bytes:
    key = os.urandom(32)
    connection.execute("INSERT INTO client_key VALUES (?)", [key])
    return key


def _hash(key: bytes, client: str) -> bytes:
    return hashlib.blake2b(_network(client).encode(), key=key, digest_size=16).digest()


def _network(client: str) -> str:
    """Of an IPv6 address its network, of an IPv4 address itself, also where it is mapped; of other text none.

    All clients without an address count as one: what a proxy passes on of them could be any text of any length.
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address.packed, IPV6_PREFIX), strict=False))
    return str(address)
