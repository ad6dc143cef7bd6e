"""From a source's address to the source."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services import errors
from services.sources import ProfileSource, files, mapping, sql


def open_source(
    url: str,
    *,
    scratch_folder: Path,
    segments_pattern: str | None = None,
    mapping_file: Path | None = None,
    clock: Callable[[], float] = time.time,
) -> ProfileSource:
    """The source at ``url``: ``file:///folder`` or any SQLAlchemy URL. Nothing is read yet.

    ``scratch_folder`` is for temporary files, all gone afterwards. ``segments_pattern`` is the setting
    POSTINO_SEGMENTS, ``mapping_file`` that of POSTINO_SOURCE_MAPPING (databases only), ``clock`` gives seconds since
    1970 (folders only). Raises ``InvalidInput(field="source")`` for an address or a mapping that cannot work.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or not path.startswith("/"):
            raise errors.InvalidInput(
                "The address of a source folder looks like file:///path/to/folder.", field="source"
            )
        return files.FolderSource(
            Path(path), scratch_folder=scratch_folder, segments_pattern=segments_pattern, clock=clock
        )
    return sql.SqlSource(url, declared=mapping.read(mapping_file), segments_pattern=segments_pattern)
