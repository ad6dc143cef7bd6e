"""Keyed hashes: how Postino recognises people and values without keeping them.

A short keyed BLAKE2b cannot be turned back without the ledger's secret, which is sealed in the database.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b

from services import addresses

VALUE_BYTES = 6
EMPTY = bytes(VALUE_BYTES)
"""Stands for "nothing known" where a value's hash would be."""


class Hasher:
    """All hashes of one ledger secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._value = partial(blake2b, digest_size=VALUE_BYTES, key=secret, person=b"value")

    def key(self, normalised_address: str) -> bytes:
        """Who somebody is: 16 bytes, the same from the source's spelling and from Mailchimp's."""
        return addresses.key(self._secret, normalised_address)

    def value(self, value: str) -> bytes:
        """What a field holds: 6 bytes; an empty value is all zeros."""
        return self._value(value.encode()).digest() if value else EMPTY

    def values(self, values: tuple[str, ...]) -> bytes:
        """The hashes of several fields, one after the other."""
        return b"".join(map(self.value, values))

    def refusal(self, hashes: bytes) -> bytes:
        """What was refused, all fields together: 8 bytes."""
        return blake2b(hashes, digest_size=8, key=self._secret, person=b"refusal").digest()
