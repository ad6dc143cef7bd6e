"""Keyed hashes: how Postino recognises people and values without keeping them.

A short keyed BLAKE2b cannot be turned back without the ledger's secret, which is sealed in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from hashlib import blake2b

from services import addresses

VALUE_BYTES = 6
PROFILE_BYTES = 8
EMPTY = bytes(VALUE_BYTES)
"""Stands for "nothing known" where a value's hash would be."""
_REMEMBERED = 20_000  # values whose hash is kept in memory


class Hasher:
    """All hashes of one ledger secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._keyed = blake2b(digest_size=16, key=secret)  # copied for each address, which is faster than made anew

        # First names, cities and the like come again and again.
        @lru_cache(_REMEMBERED)
        def value_of(value: str) -> bytes:
            return blake2b(value.encode(), digest_size=VALUE_BYTES, key=secret, person=b"value").digest()

        self._value = value_of

    def key(self, normalised_address: str) -> bytes:
        """Who somebody is: 16 bytes, the same from the source's spelling and from Mailchimp's."""
        hashed = self._keyed.copy()
        hashed.update(normalised_address.encode())
        return hashed.digest()

    def key_of(self, address: str) -> bytes | None:
        """Whose address this is, however it is spelled; None if it is none."""
        normal = addresses.normal(address)
        return None if normal is None else self.key(normal)

    def value(self, value: str) -> bytes:
        """What a field holds: 6 bytes; an empty value is all zeros."""
        return self._value(value) if value else EMPTY

    def values(self, values: tuple[str, ...]) -> bytes:
        """The hashes of several fields, one after the other."""
        return b"".join(map(self.value, values))

    def profiles(self, workspace_id: int) -> Callable[[str], bytes]:
        """What hashes the profile ids of a workspace's source: 8 bytes each."""
        salt = workspace_id.to_bytes(8, "little")
        fresh = blake2b(digest_size=PROFILE_BYTES, key=self._secret, salt=salt, person=b"profile").copy

        def hashed(profile: str) -> bytes:
            # A copy of one that has the key already takes half the time of a new one.
            state = fresh()
            state.update(profile.encode())
            return state.digest()

        return hashed

    def refusal(self, hashes: bytes, required: Collection[str]) -> bytes:
        """What was refused, all fields together, while contacts needed a value in the ``required`` ones: 8 bytes."""
        refused = hashes + " ".join(sorted(required)).encode()
        return blake2b(refused, digest_size=8, key=self._secret, person=b"refusal").digest()
