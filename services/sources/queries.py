"""What a database source asks, and how the answers become text."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CHAR,
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    case,
    distinct,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy import cast as sql_cast

from services import errors
from services.sources import Membership, Unreadable, database

BATCH = 5_000
"""Rows per batch."""


@dataclass(frozen=True, slots=True)
class Members:
    """A segment as it can be selected from."""

    name: str
    display_name: str
    description: str
    relation: database.Relation
    key: str


class Reader:
    """A ``SegmentReader`` over a server-side cursor."""

    def __init__(self, source: database.Database, query: Select[Any], booleans: Sequence[bool]) -> None:
        self.broken = 0
        self.unreadable_profiles: Unreadable | None = None
        self._source = source
        self._query = query
        self._booleans = booleans

    def __iter__(self) -> Iterator[Sequence[Membership]]:
        """Batches of rows, all of one snapshot where the database can."""
        with self._source.snapshot() as connection:
            result = connection.execution_options(stream_results=True, yield_per=BATCH).execute(self._query)
            for rows in result.partitions():
                batch = [one for row in rows if (one := self._membership(row)) is not None]
                self.broken += len(rows) - len(batch)
                if batch:
                    yield batch

    def _membership(self, row: Sequence[Any]) -> Membership | None:
        profile_id = text_of(row[0])
        values = texts(row[2:], self._booleans)
        if not profile_id or not profile_id.strip() or "\0" in profile_id or values is None:
            return None
        return (profile_id, bool(row[1]), *values)


def reading(
    profiles: database.Relation, profile_key: str, members: Members, attributes: Sequence[str]
) -> tuple[Select[Any], list[bool]]:
    """The query for a segment's rows (key, in_profiles, values), and which values are booleans."""
    own = members.relation.clause.alias("members")
    own_names = [members.relation.find(name) for name in attributes]
    if all(own_names):
        names = [name for name in own_names if name]
        flags = [is_boolean(members.relation, name) for name in names]
        return select(_key(own, members.relation, members.key), literal(1), *(own.c[name] for name in names)), flags
    joined = profiles.clause.alias("profiles")
    columns: list[ColumnElement[Any]] = []
    flags = []
    for name, own_name in zip(attributes, own_names, strict=True):
        if own_name:
            columns.append(own.c[own_name])
            flags.append(is_boolean(members.relation, own_name))
        else:
            found = required(name, profiles)
            columns.append(joined.c[found])
            flags.append(is_boolean(profiles, found))
    known = case((joined.c[profile_key].is_not(None), 1), else_=0)
    here: ColumnElement[Any] = own.c[members.key]
    there: ColumnElement[Any] = joined.c[profile_key]
    if not _comparable(members.relation.types.get(members.key), profiles.types.get(profile_key)):
        here, there = sql_cast(here, String), sql_cast(there, String)
    pairs = own.outerjoin(joined, here == there)
    return select(_key(own, members.relation, members.key), known, *columns).select_from(pairs), flags


def _key(own: FromClause, relation: database.Relation, key: str) -> ColumnElement[Any]:
    """A key as it is read: without the blanks that fill up a column of fixed width."""
    column: ColumnElement[Any] = own.c[key]
    return sql_cast(column, String) if isinstance(relation.types.get(key), CHAR) else column


def _comparable(one: Any, other: Any) -> bool:
    """Whether columns declared so can be compared as they are: both numbers, or both the same. PostgreSQL refuses others."""
    try:
        kinds = {one.python_type, other.python_type}
    except (AttributeError, NotImplementedError):
        return False
    return len(kinds) == 1 or kinds <= {int, float, decimal.Decimal}


def count_distinct(connection: Connection, segments: Sequence[Members]) -> int:
    """How many different profile keys the segments hold together."""
    keys = [
        select(sql_cast(one.relation.clause.c[one.key], String).label("profile")).where(
            has_value(one.relation.clause.c[one.key])
        )
        for one in segments
    ]
    every = union_all(*keys).subquery("every") if len(keys) > 1 else keys[0].subquery("every")
    return connection.scalar(select(func.count(distinct(every.c.profile)))) or 0


def matching(
    relation: database.Relation, key: str, attribute: str | None, value: str, profile_ids: Sequence[str]
) -> Select[Any]:
    """The keys of rows whose attribute is ``value`` (trimmed, without case), or whose key is one of those given."""
    columns = relation.clause.c
    wanted: list[ColumnElement[bool]] = [sql_cast(columns[key], String).in_(profile_ids)] if profile_ids else []
    if attribute:
        wanted.append(func.lower(func.trim(sql_cast(columns[attribute], String))) == func.lower(value.strip()))
    keyed = _key(relation.clause, relation, key)
    return select(keyed).where(or_(literal(1) == 0, *wanted), has_value(columns[key])).distinct()


def values(relation: database.Relation, key: str, attribute: str, profile_ids: Sequence[str]) -> Select[Any]:
    """The attribute in the rows whose key is one of those given."""
    columns = relation.clause.c
    return select(columns[attribute]).where(sql_cast(columns[key], String).in_(profile_ids))


def has_value(one: ColumnElement[Any]) -> ColumnElement[bool]:
    """True for a value that is neither NULL nor blank."""
    return func.coalesce(func.trim(sql_cast(one, String)), "") != ""


def required(name: str, relation: database.Relation) -> str:
    """The column of that name. Raises ``InvalidInput(field="attributes")`` without one."""
    found = relation.find(name)
    if found is None:
        raise errors.InvalidInput(
            "The source has no attribute {attribute}; choose another one.", field="attributes", attribute=name
        )
    return found


def is_boolean(relation: database.Relation, name: str) -> bool:
    """Whether a column is declared boolean: SQLite and MySQL keep such values as 0 and 1."""
    return isinstance(relation.types.get(name), Boolean)


def data_type(declared: Any) -> str:
    """The CDM data type that comes nearest to a column's declared one."""
    try:
        python_type = declared.python_type
    except (AttributeError, NotImplementedError):
        return "string"
    names = {
        bool: "boolean",
        int: "int64",
        float: "double",
        decimal.Decimal: "decimal",
        datetime.date: "date",
        datetime.datetime: "dateTime",
        datetime.time: "time",
    }
    return names.get(python_type, "guid" if python_type.__name__ == "UUID" else "string")


def texts(values: Sequence[Any], booleans: Sequence[bool]) -> tuple[str | None, ...] | None:
    """Values as text, the same as a file would show them; None if one of them cannot be text."""
    found: list[str | None] = []
    for value, boolean in zip(values, booleans, strict=True):
        one = str(bool(value)).lower() if boolean and isinstance(value, int) else text_of(value)
        if value is not None and (one is None or "\0" in one):
            return None
        found.append(one)
    return tuple(found)


def text_of(value: Any) -> str | None:
    """One value as text: dates in ISO 8601, moments with a zone in UTC, true and false; None for NULL and bytes."""
    if type(value) is str or value is None:
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="seconds")
        return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return None
    return str(value)


def moment(value: Any) -> datetime.datetime | None:
    """A date and time, or its ISO 8601 text, with its zone (UTC if it has none); None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime.datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
