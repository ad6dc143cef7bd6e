"""The setting POSTINO_SOURCE_MAPPING: a TOML file that says where a database keeps profiles and segments.

    refreshed_at = "SELECT max(finished_at) FROM refreshes"   # optional: changes with every refresh
    changed_at = "ModifiedOn"                                 # optional: a column of the profile table

    [profiles]
    table = "crm.people"
    key = "person_id"

    [[segments]]
    name = "HighValueCustomers"
    display_name = "High-value customers"
    table = "crm.high_value"            # a table or view with the key, or
    # query = "SELECT person_id FROM crm.orders WHERE total > 500"

Without ``[[segments]]`` every other table and view that has the key column is a segment.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services import errors
from services.sources import PROFILE_KEY


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profiles(_Declared):
    """The table or view that holds one row per profile, as ``table`` or ``schema.table``."""

    table: str = "Customer"
    key: str = PROFILE_KEY


class DeclaredSegment(_Declared):
    """A segment: a table or view, or a query, that yields the key column (and perhaps attributes)."""

    name: str = Field(min_length=1)
    display_name: str = ""
    description: str = ""
    table: str | None = None
    query: str | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _has_one_origin(self) -> DeclaredSegment:
        if (self.table is None) == (self.query is None):
            raise ValueError("A segment needs either table or query.")
        return self


class Mapping(_Declared):
    """What the file declares; its defaults are Customer Insights' own names."""

    profiles: Profiles = Profiles()
    segments: tuple[DeclaredSegment, ...] | None = None
    refreshed_at: str | None = None
    changed_at: str | None = None

    @model_validator(mode="after")
    def _names_each_segment_once(self) -> Mapping:
        names = [one.name for one in self.segments or ()]
        if len(set(names)) < len(names):
            raise ValueError("Two segments have the same name.")
        return self


_PROBLEMS = {
    "missing": "This is required and not there.",
    "extra_forbidden": "This word is not known here.",
    "string_type": "This must be a text in quotation marks.",
    "string_too_short": "This must not be empty.",
    "model_type": "This must be a table with a heading in brackets, such as [profiles].",
    "tuple_type": "These must be tables with a heading in double brackets: [[segments]].",
}
"""What pydantic finds, in sentences for people."""


def read(path: Path | None) -> Mapping:
    """The mapping in ``path``, or the default one. Raises ``InvalidInput(field="source")`` naming the first mistake."""
    if path is None:
        return Mapping()
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise errors.InvalidInput(
            "The mapping file {path} cannot be read; check POSTINO_SOURCE_MAPPING.", field="source", path=str(path)
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise errors.InvalidInput(
            "The mapping file {path} is not TOML: {problem}.", field="source", path=str(path), problem=str(broken)
        ) from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise errors.InvalidInput(
            "The mapping file {path} is wrong at {place}. {problem}",
            field="source",
            path=str(path),
            place=_place(first["loc"]),
            problem=_PROBLEMS.get(first["type"], first["msg"].removeprefix("Value error, ")),
        ) from None


def _place(steps: tuple[int | str, ...]) -> str:
    """Where in the file: the first segment is number 1."""
    return " ".join(f"#{step + 1}" if isinstance(step, int) else step for step in steps) or "[[segments]]"
