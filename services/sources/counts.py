"""How many profiles each table of a folder holds, kept in a small file so that a later look need not count again.

Only digests of file names, sizes and times are kept, with numbers: a changed file has another digest.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Set
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

FILE_NAME = "segment-counts.json"

_Numbers = TypeAdapter(dict[str, int])


class Counts:
    """Counts by a table's signature, which another word may precede. Thread-safe.

    A file that cannot be read or written only costs counting again.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        self._changed = False
        with suppress(OSError, ValidationError):
            self._known = _Numbers.validate_json(self._file.read_bytes())

    def of(self, signature: str, count: Callable[[], int]) -> int:
        """The count kept for a signature, else what ``count`` says."""
        known = self._known.get(signature)
        if known is None:
            known = count()
            with self._lock:
                self._known[signature] = known
                self._changed = True
        return known

    def keep(self, signatures: Set[str]) -> None:
        """Write down what was counted of these tables, and drop all others."""
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            current = {key: count for key, count in self._known.items() if key.rpartition("-")[2] in signatures}
            self._known = current
            content = _Numbers.dump_json(self._known)
        with suppress(OSError):
            self._replace(content)

    def _replace(self, content: bytes) -> None:
        """Put a whole file in the place of the old one; nothing half-written is left if that fails."""
        handle, path = tempfile.mkstemp(prefix="counts-", dir=self._file.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(path).replace(self._file)
        except OSError:
            Path(path).unlink(missing_ok=True)
            raise
