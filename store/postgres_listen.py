"""Hearing from a PostgreSQL server that a ledger has grown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from store.errors import Interrupted
from store.postgres_session import Session

if TYPE_CHECKING:
    from store.place import Server

TELL = """SELECT set_config('synchronous_commit', 'off', true), pg_notify('bo.' || oid, $1)
    FROM pg_namespace WHERE nspname = '{schema}'"""
"""Told after a commit and not in it: there, all ledgers of a server would queue for one lock until the disk and the
standbys have answered, and a listener that hangs could make commits fail. Who was not told looks by himself."""
_CHANNEL = "SELECT 'bo.' || oid, pg_is_in_recovery() FROM pg_namespace WHERE nspname = '{schema}'"


class Listener:
    """A connection that listens. A standby tells nobody: there it only waits."""

    every = 10.0
    """Seconds after which one looks, told or not."""

    def __init__(self, server: Server) -> None:
        self._session, self._schema = Session(server), server.schema
        self._standby = False

    def connect(self) -> None:
        """Listen from now on. Raises Unavailable."""
        self._session.drop()
        with self._session.faults():
            channel, self._standby = self._session.db.execute(_CHANNEL.format(schema=self._schema)).fetchall()[0]
            if not self._standby:
                self._session.db.execute(f'LISTEN "{channel}"')

    def wait(self) -> None:
        """Until something was recorded, or for a while. Raises Interrupted when the connection is gone."""
        if self._standby:
            time.sleep(1.0)
        with self._session.faults():
            if self._session.db_is_gone():
                raise Interrupted(f"{self._session.name}: the connection is gone")
            if not self._standby:
                for _ in self._session.db.notifies(timeout=self.every, stop_after=1):
                    pass
            self._session.db.execute("SELECT 1")

    def close(self) -> None:
        self._session.drop()
