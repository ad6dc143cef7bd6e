"""The source that is a database: any that SQLAlchemy can read."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, literal, select

from services import errors
from services.sources import (
    Attribute,
    Hidden,
    RefreshMarker,
    Segment,
    SegmentReader,
    choosing,
    database,
    mapping,
    queries,
    vocabulary,
)


@dataclass(frozen=True, slots=True)
class _Schema:
    """What one look at the database has found."""

    profiles: database.Relation
    key: str
    segments: dict[str, queries.Members]
    hidden: tuple[Hidden, ...]

    def segment(self, name: str) -> queries.Members:
        if name not in self.segments:
            raise errors.NotFound("The segment {segment} is no longer in the source.", segment=name)
        return self.segments[name]


class SqlSource:
    """A ``ProfileSource`` over a database. Thread-safe; remembers counts per refresh, never a value of a profile.

    Which refresh the database shows is told by the mapping's ``refreshed_at``. Without it the marker is made of the row
    counts and the highest ``changed_at``: a value that changes in place goes unnoticed then, unless that column moves.
    """

    def __init__(
        self, url: str, *, declared: mapping.Mapping | None = None, segments_pattern: str | None = None
    ) -> None:
        self._database = database.Database(url)
        self._declared = declared or mapping.Mapping()
        self._pattern = segments_pattern
        self._lock = threading.Lock()
        self._known: tuple[str, list[Segment]] | None = None
        self._filled: tuple[str, list[Attribute]] | None = None

    @property
    def name(self) -> str:
        """The database's name."""
        return self._database.name

    def segments(self) -> list[Segment]:
        """All segments with exact counts, all of one snapshot, by display name."""
        with self._lock, self._database.snapshot() as connection:
            schema = self._schema(connection)
            marker = self._marker(connection, schema)
            if self._known is None or self._known[0] != marker.id:
                self._known = (marker.id, [self._describe(connection, one, marker) for one in schema.segments.values()])
            return sorted(self._known[1], key=lambda one: (one.display_name.casefold(), one.name))

    def hidden(self) -> list[Hidden]:
        """Tables and views that are no segments, by name."""
        with self._database.snapshot() as connection:
            return sorted(self._schema(connection).hidden, key=lambda one: one.table)

    def attributes(self) -> list[Attribute]:
        """The profile table's columns but its key, with the share of profiles that have a value."""
        with self._lock, self._database.snapshot() as connection:
            schema = self._schema(connection)
            marker = self._marker(connection, schema)
            if self._filled is None or self._filled[0] != marker.id:
                self._filled = (marker.id, self._fill(connection, schema))
            return list(self._filled[1])

    def sample(self, attributes: Sequence[str], limit: int) -> list[tuple[str | None, ...]]:
        """The values of ``attributes`` of the ``limit`` profiles with the lowest keys."""
        with self._database.snapshot() as connection:
            schema = self._schema(connection)
            names = [queries.required(name, schema.profiles) for name in attributes]
            columns = schema.profiles.clause.c
            key = columns[schema.key]
            query = select(literal(1), *(columns[name] for name in names)).where(queries.has_value(key))
            flags = [queries.is_boolean(schema.profiles, name) for name in names]
            rows = connection.execute(query.order_by(key).limit(limit))
            return [values for row in rows if (values := queries.texts(row[1:], flags)) is not None]

    def count_distinct(self, segments: Sequence[str]) -> int:
        """How many distinct profile keys the segments hold together."""
        if not segments:
            return 0
        with self._database.snapshot() as connection:
            schema = self._schema(connection)
            return queries.count_distinct(connection, [schema.segment(name) for name in sorted(set(segments))])

    def read(self, segment: str, attributes: Sequence[str]) -> SegmentReader:
        """Open one segment for streaming by a server-side cursor; attributes it lacks come from the profile table."""
        with self._database.snapshot() as connection:
            schema = self._schema(connection)
            members = schema.segment(segment)
        return queries.Reader(self._database, *queries.reading(schema.profiles, schema.key, members, attributes))

    def find(self, attribute: str, value: str, segments: Collection[str] | None = None) -> list[tuple[str, list[str]]]:
        """Profiles whose ``attribute`` is ``value``, in the profile table or a segment, and which segments hold them."""
        with self._database.snapshot() as connection:
            schema = self._schema(connection)
            name = queries.required(attribute, schema.profiles)
            found: dict[str, list[str]] = {}
            for key in connection.scalars(queries.matching(schema.profiles, schema.key, name, value, [])):
                found[queries.text_of(key) or ""] = []
            for one in schema.segments.values():
                if segments is not None and one.name not in segments:
                    continue
                keys = connection.scalars(
                    queries.matching(one.relation, one.key, one.relation.find(attribute), value, list(found))
                )
                for key in keys:
                    found.setdefault(queries.text_of(key) or "", []).append(one.name)
            return sorted(found.items())

    def values(self, attribute: str, members: Mapping[str, Collection[str]]) -> list[str | None]:
        """What stands in ``attribute`` of a few members of segments: in the segment's own column, else the profile table's."""
        with self._database.snapshot() as connection:
            schema = self._schema(connection)
            asked, lacking = [], set()
            for one in (schema.segments[name] for name in members if name in schema.segments):
                if one.relation.find(attribute):
                    asked.append((one.relation, one.key, set(members[one.name])))
                else:
                    lacking |= set(members[one.name])
            if lacking:
                asked.append((schema.profiles, schema.key, lacking))
            found: list[str | None] = []
            for relation, key, wanted in asked:
                name = queries.required(attribute, relation)
                flags = [queries.is_boolean(relation, name)]
                rows = connection.execute(queries.values(relation, key, name, sorted(wanted)))
                found += [value for row in rows for value in queries.texts(row, flags) or ()]
            return found

    def refresh_marker(self) -> RefreshMarker:
        """The refresh shown now."""
        with self._database.snapshot() as connection:
            return self._marker(connection, self._schema(connection))

    def _schema(self, connection: Connection) -> _Schema:
        declared = self._declared.profiles
        schema, _, profile_table = declared.table.rpartition(".")
        relations = self._database.relations(connection, schema or None)
        profiles = _named(relations, profile_table)
        if profiles is None:
            raise errors.InvalidInput(
                "The database “{source}” has no table {table}, which holds the profiles. A file that POSTINO_SOURCE_MAPPING "
                "names can say which one does.",
                field="source",
                source=self.name,
                table=declared.table,
            )
        key = profiles.find(declared.key)
        if key is None:
            raise errors.InvalidInput(
                "The table {table} has no column {column}.", field="source", table=declared.table, column=declared.key
            )
        if connection.scalar(select(literal(1)).where(queries.has_value(profiles.clause.c[key])).limit(1)) is None:
            raise errors.InvalidInput(
                "The table {table} is empty: it holds no profile.", field="source", table=declared.table
            )
        if self._declared.segments is None:
            candidates, hidden = self._found(relations, profiles)
        else:
            candidates, hidden = self._listed(connection, self._declared.segments)
        candidates.sort(key=lambda one: one.name)
        shown = {one.name: one for one in candidates if choosing.is_chosen(one.name, self._pattern)}
        hidden += [Hidden(one.name, choosing.LEFT_OUT) for one in candidates if one.name not in shown]
        return _Schema(profiles, key, shown, tuple(hidden))

    def _found(
        self, relations: dict[tuple[str | None, str], database.Relation], profiles: database.Relation
    ) -> tuple[list[queries.Members], list[Hidden]]:
        members, hidden = [], []
        for relation in relations.values():
            key = relation.find(self._declared.profiles.key)
            if relation is profiles:
                continue
            if key is None:
                hidden.append(Hidden(relation.name, "This table lacks the column with the profile key."))
            else:
                members.append(queries.Members(relation.name, relation.name, "", relation, key))
        return members, hidden

    def _listed(
        self, connection: Connection, segments: Sequence[mapping.DeclaredSegment]
    ) -> tuple[list[queries.Members], list[Hidden]]:
        members, hidden = [], []
        looked: dict[str, dict[tuple[str | None, str], database.Relation]] = {}
        for one in segments:
            if one.query is not None:
                relation = self._database.relation_of_query(connection, one.name, one.query)
            else:
                schema, _, name = (one.table or "").rpartition(".")
                if schema not in looked:
                    looked[schema] = self._database.relations(connection, schema or None)
                found = _named(looked[schema], name)
                if found is None:
                    hidden.append(Hidden(one.name, "The mapping names a table or view that is not in the database."))
                    continue
                relation = found
            key = relation.find(one.key or self._declared.profiles.key)
            if key is None:
                hidden.append(Hidden(one.name, "The mapping names a key column that is not there."))
            else:
                members.append(queries.Members(one.name, one.display_name or one.name, one.description, relation, key))
        return members, hidden

    def _describe(self, connection: Connection, one: queries.Members, marker: RefreshMarker) -> Segment:
        return Segment(
            one.name,
            one.display_name,
            queries.count_distinct(connection, [one]),
            one.description,
            last_refreshed=marker.finished_at,
        )

    def _fill(self, connection: Connection, schema: _Schema) -> list[Attribute]:
        names = [name for name in schema.profiles.types if name != schema.key]
        columns = schema.profiles.clause.c
        counts = [func.count(case((queries.has_value(columns[name]), 1))) for name in names]
        query = select(func.count(), *counts).where(queries.has_value(columns[schema.key]))
        total, *filled = connection.execute(query).one()
        return [
            Attribute(
                name, queries.data_type(schema.profiles.types[name]), count / max(total, 1), vocabulary.semantic(name)
            )
            for name, count in zip(names, filled, strict=True)
        ]

    def _marker(self, connection: Connection, schema: _Schema) -> RefreshMarker:
        finished = None
        if self._declared.refreshed_at:
            mark = self._database.refreshed_at(connection, self._declared.refreshed_at)
            finished = queries.moment(mark)
            marks = [str(mark), *sorted(schema.segments)]
        else:
            relations = [("", schema.profiles), *((one.name, one.relation) for one in schema.segments.values())]
            marks = [
                f"{name}={connection.scalar(select(func.count()).select_from(relation.clause))}"
                for name, relation in sorted(relations, key=lambda pair: pair[0])
            ]
            if self._declared.changed_at:
                changed = queries.required(self._declared.changed_at, schema.profiles)
                mark = connection.scalar(select(func.max(schema.profiles.clause.c[changed])))
                finished = queries.moment(mark)
                marks.append(str(mark))
        return RefreshMarker(hashlib.blake2b("\0".join(marks).encode(), digest_size=16).hexdigest(), finished)


def _named(relations: dict[tuple[str | None, str], database.Relation], name: str) -> database.Relation | None:
    """The relation of that name, exactly or else without case."""
    exact = next((one for one in relations.values() if one.name == name), None)
    return exact or next((one for one in relations.values() if one.name.casefold() == name.casefold()), None)
