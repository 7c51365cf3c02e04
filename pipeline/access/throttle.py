"""Sign-ins that are refused wait longer and longer: by name, so that one account is not tried with many passwords, and
by address, so that one password is not tried on many accounts.

The first `FREE` tries cost nothing, then the wait doubles from one second up to a bound; it is kept in the database, so
that starting anew does not forget it. Nobody is locked out for good: the bound for a name is low, because whoever knows
a name could otherwise keep its owner out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, select, update

from pipeline.access.accounts import name_key
from pipeline.database import Database
from pipeline.tables import attempts

__all__ = ["Throttle"]

FREE = 5
NAME_WAIT, ADDRESS_WAIT = 60.0, 900.0  # seconds, at most
FORGOTTEN = 24 * 3600.0
_LOCK = 0x74687274


class Throttle:
    """See the module's docstring; from any thread of any process."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def enter(self, name: str, address: str) -> float:
        """Count a try before its password is looked at; the seconds it must wait instead, 0 when it may go on.

        Counting first means that a hundred tries at once are a hundred tries.
        """
        keys = ((_of_name(name), NAME_WAIT), (_of_address(address), ADDRESS_WAIT))
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)
            waits = [self._left(connection, key, most) for key, most in keys]
            if max(waits) > 0:
                return max(waits)
            for key, _ in keys:
                self._count(connection, key)
        return 0.0

    def passed(self, name: str, address: str) -> None:
        """The try was right: the name begins anew. The address is given back this try only: whoever has an account
        of their own could else wipe away what was tried on others."""
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)
            connection.execute(delete(attempts).where(attempts.c.key == _of_name(name)))
            mine = update(attempts).where(attempts.c.key == _of_address(address), attempts.c.refused > 0)
            connection.execute(mine.values(refused=attempts.c.refused - 1))
            connection.execute(delete(attempts).where(attempts.c.last < self._now() - FORGOTTEN))

    def _left(self, connection: Connection, key: str, most: float) -> float:
        row = connection.execute(select(attempts).where(attempts.c.key == key)).first()
        if row is None or row.refused < FREE:
            return 0.0
        wait = min(most, 2.0 ** min(row.refused - FREE, 60))
        return max(0.0, float(row.last + wait - self._now()))

    def _count(self, connection: Connection, key: str) -> None:
        row = {"key": key, "refused": 0, "last": self._now()}
        self._database.insert_new(connection, attempts, row)
        old = select(attempts.c.last).where(attempts.c.key == key)
        forgotten = connection.execute(old).scalar_one() < self._now() - FORGOTTEN
        refused = 1 if forgotten else attempts.c.refused + 1
        connection.execute(update(attempts).where(attempts.c.key == key).values(refused=refused, last=self._now()))


def _of_name(name: str) -> str:
    return hashlib.sha256(f"name {name_key(name)}".encode()).hexdigest()


def _of_address(address: str) -> str:
    """One household of IPv6 has 2⁶⁴ addresses, which count as one."""
    try:
        known = ipaddress.ip_address(address)
        network = ipaddress.ip_network((known, 64), strict=False) if known.version == 6 else known
    except ValueError:
        return hashlib.sha256(f"address {address[:200]}".encode(errors="replace")).hexdigest()
    return hashlib.sha256(f"address {network}".encode()).hexdigest()
