"""Credentials and secrets, encrypted at rest with MultiFernet.

The first key seals, every listed key opens: to rotate, put a new key first, run ``postino migrate`` (which seals everything
again), then drop the old one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Connection, Draft, SealedSecret

LEDGER_SECRET = "ledger"  # noqa: S105 - the row's name, not a secret


class SealBrokenError(Exception):
    """No listed key opens what was sealed: the key was lost or replaced instead of rotated."""


class Vault:
    """Seals and opens small secrets with the keys given, newest first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @staticmethod
    def new_key() -> str:
        """A fresh key in the form ``POSTINO_SECRET_KEY`` takes."""
        return Fernet.generate_key().decode()

    def seal(self, secret: str) -> bytes:
        return self._fernet.encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """The secret. Raises ``SealBrokenError`` if none of the keys opens it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise SealBrokenError from None

    def reseal(self, sealed: bytes) -> bytes:
        """The same secret under the newest key. Raises ``SealBrokenError``."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise SealBrokenError from None

    def ledger_secret(self, session: Session) -> bytes:
        """The random 32 bytes that key all hashes of the ledger; made on first use, sealed in the database."""
        row = session.get(SealedSecret, LEDGER_SECRET)
        if row is None:
            row = SealedSecret(name=LEDGER_SECRET, sealed=self.seal(secrets.token_hex(32)))
            session.add(row)
            session.flush()
        return bytes.fromhex(self.open(row.sealed))

    def reseal_all(self, session: Session) -> int:
        """Seal every stored secret again under the newest key; how many there were. Raises ``SealBrokenError``."""
        rows: list[SealedSecret] = list(session.scalars(select(SealedSecret)))
        for row in rows:
            row.sealed = self.reseal(row.sealed)
        connections = list(session.scalars(select(Connection)))
        for connection in connections:
            connection.sealed_credential = self.reseal(connection.sealed_credential)
        drafts = [draft for draft in session.scalars(select(Draft)) if draft.values.get("sealed_credential")]
        for draft in drafts:
            sealed = self.reseal(draft.values["sealed_credential"].encode()).decode()
            draft.values = {**draft.values, "sealed_credential": sealed}
        return len(rows) + len(connections) + len(drafts)
