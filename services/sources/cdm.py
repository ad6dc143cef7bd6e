"""Reads ``model.json``, the Common Data Model's description of a folder of tables.

Format: https://learn.microsoft.com/common-data-model/model-json, as Customer Insights writes it beside its snapshots.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services import errors

FILE_NAME = "model.json"


@dataclass(frozen=True, slots=True)
class Format:
    """How a CSV partition is written. ``header`` is None if the model does not say."""

    header: bool | None = None
    delimiter: str | None = None
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class NamedPartition:
    """A data file the model names by an absolute address."""

    location: str
    refreshed: datetime | None
    format: Format


@dataclass(frozen=True, slots=True)
class Column:
    """An attribute as the model declares it; ``meaning`` is its semantic type, if annotated."""

    name: str
    data_type: str
    meaning: str | None


@dataclass(frozen=True, slots=True)
class Entity:
    """A table as the model declares it."""

    name: str
    display_name: str
    description: str
    state: str
    columns: tuple[Column, ...]
    partitions: tuple[NamedPartition, ...]
    format: Format


@dataclass(frozen=True, slots=True)
class Model:
    """What one ``model.json`` declares, entities by name."""

    name: str
    entities: dict[str, Entity]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class _Annotation(_Part):
    name: str
    value: str | None = None


class _FileFormat(_Part):
    column_headers: bool | None = Field(default=None, alias="columnHeaders")
    delimiter: str | None = None
    quote_style: str | None = Field(default=None, alias="quoteStyle")


class _Partition(_Part):
    location: str | None = None
    refresh_time: str | None = Field(default=None, alias="refreshTime")
    file_format: _FileFormat | None = Field(default=None, alias="fileFormatSettings")


class _Attribute(_Part):
    name: str
    data_type: str = Field(default="unclassified", alias="dataType")
    annotations: list[_Annotation] = []


class _Entity(_Part):
    name: str
    display_name: str | None = Field(default=None, alias="displayName")
    description: str | None = None
    attributes: list[_Attribute] = []
    partitions: list[_Partition] = []
    annotations: list[_Annotation] = []


class _Model(_Part):
    name: str = ""
    entities: list[_Entity] = []


def read(folder: Path) -> Model | None:
    """The model of ``folder``, or None without one. Raises ``InvalidInput(field="source")`` if it is not readable."""
    path = folder / FILE_NAME
    try:
        parsed = _Model.model_validate_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except FileNotFoundError:
        return None
    except ValidationError:
        raise errors.InvalidInput(
            "{path} is not a model.json that can be read; export it again, or remove it.",
            field="source",
            path=str(path),
        ) from None
    except PermissionError:
        raise errors.InvalidInput(
            "{path} may not be read by this account; give it the right to read.", field="source", path=str(path)
        ) from None
    return Model(parsed.name, {entity.name: _entity(entity) for entity in parsed.entities})


def locate(location: str, root: Path) -> Path | None:
    """The local file under ``root`` that an absolute ``location`` means: its longest tail that exists there.

    The address names the place in the lake, so only its end can be the same here. None if no tail exists; a tail with
    ``..`` in it, or one that a symbolic link leads out of ``root``, raises ``InvalidInput(field="source")``.
    """
    parts = PurePosixPath(unquote(urlsplit(location).path)).parts
    if ".." in parts:
        raise _outside(location)
    parts = tuple(part for part in parts if part != "/")
    for start in range(len(parts)):
        candidate = root.joinpath(*parts[start:])
        if candidate.is_file():
            if not candidate.resolve().is_relative_to(root.resolve()):
                raise _outside(location)
            return candidate
    return None


def _outside(location: str) -> errors.InvalidInput:
    name = PurePosixPath(urlsplit(location).path).name
    return errors.InvalidInput("model.json names the file {file} outside the source folder.", field="source", file=name)


def _entity(entity: _Entity) -> Entity:
    notes = _notes(entity.annotations)
    formats = [_format(partition.file_format) for partition in entity.partitions]
    return Entity(
        name=entity.name,
        display_name=entity.display_name or notes.get("displayname") or notes.get("friendlyname") or entity.name,
        description=entity.description or "",
        state=notes.get("state") or "Active",
        columns=tuple(
            Column(attribute.name, attribute.data_type, _notes(attribute.annotations).get("semantictype"))
            for attribute in entity.attributes
        ),
        partitions=tuple(
            NamedPartition(partition.location, _time(partition.refresh_time), _format(partition.file_format))
            for partition in entity.partitions
            if partition.location
        ),
        format=formats[0] if formats else Format(),
    )


def _notes(annotations: list[_Annotation]) -> dict[str, str]:
    return {note.name.rsplit(":")[-1].casefold(): note.value for note in annotations if note.value}


def _format(settings: _FileFormat | None) -> Format:
    if settings is None:
        return Format()
    return Format(settings.column_headers, settings.delimiter or None, settings.quote_style != "QuoteStyle.None")


def _time(text: str | None) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed and parsed.tzinfo is None else parsed
