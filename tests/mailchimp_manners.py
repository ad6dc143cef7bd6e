"""Watches every call that Postino makes to a local Mailchimp, whichever test makes it, and judges it twice.

By what Postino may do at all: a short list of writes, and within them nothing that could subscribe, unsubscribe, archive or
delete somebody or take other people's tags away. And by Mailchimp's own OpenAPI document, if MAILCHIMP_OPENAPI names it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft4Validator
from starlette.requests import Request

from sandbox.mailchimp.handling import Endpoint
from services.mailchimp.client import USER_AGENT

Json = dict[str, Any]

AUDIENCE = "/lists/{list_id}"
MEMBER = "/lists/{list_id}/members/{member}"
TAGS = "/lists/{list_id}/segments"
TAG = "/lists/{list_id}/segments/{segment_id}"
WRITES = {
    ("POST", AUDIENCE): "insert",
    ("PATCH", MEMBER): "change merge fields",
    ("POST", TAGS): "create a tag",
    ("POST", TAG): "put a tag on and take it off",
    ("DELETE", TAG): "delete a tag of its own, with the destination, when somebody asks for it",
}
"""All that Postino ever writes. Forbidden is the rest: DELETE of a member, delete-permanent, PATCH of a segment, PUT."""

DEVIATIONS = {
    "POST /lists/{list_id} body.members[].tags is not documented": (
        "Tags in the bulk call stand in no specification, but connectors rely on them and Mailchimp shows them in the answer. "
        "Postino looks whether it does, with one contact, before it relies on it."
    ),
}
"""Where Postino knowingly sends what Mailchimp's document does not have, and why."""

ENOUGH = 5
"""Of long lists so many items are held against the document: they are all made by the same line of code."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as it arrived. ``path`` is the local Mailchimp's template."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Witness:
    """Every call seen so far by method and path, and what is wrong with any of them."""

    document: OpenApi | None
    seen: Counter[str] = field(default_factory=Counter)
    deviations: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def look_at(self, sent: Sent) -> None:
        """Judge one call."""
        self.seen[str(sent)] += 1
        self.complaints += forbidden(sent)
        for problem in self.document.problems(sent) if self.document else ():
            if problem in DEVIATIONS:
                self.deviations[problem] += 1
            else:
                self.complaints.append(problem)

    def hear_out(self) -> list[str]:
        """The complaints since the last time."""
        heard, self.complaints = self.complaints, []
        return heard


@contextmanager
def watching(witness: Witness) -> Iterator[None]:
    """Show ``witness`` every call of Postino's own client that any local Mailchimp in this process serves meanwhile."""
    serve = Endpoint._serve

    async def seen(self: Endpoint, request: Request, path: str, line: Any, raw: bytes, *rest: Any) -> None:
        if request.headers.get("User-Agent") == USER_AGENT:
            body = orjson.loads(raw) if raw else None
            witness.look_at(Sent(request.method, self.template, dict(request.query_params), body))
        await serve(self, request, path, line, raw, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_serve", seen)
        yield


def forbidden(sent: Sent) -> list[str]:
    """What Postino must never do, whatever Mailchimp would make of it."""
    if sent.method != "GET" and (sent.method, sent.path) not in WRITES:
        return [f"{sent}: Postino never calls this"]
    body = sent.body if isinstance(sent.body, dict) else {}
    found = []
    if "sync_tags" in body:
        found.append(f"{sent}: sync_tags takes other people's tags away")
    if sent.path == AUDIENCE and body.get("update_existing", False) is not False:
        found.append(f"{sent}: update_existing subscribes people again who have left")
    if any(member.get("status") != "subscribed" for member in body.get("members", ())):
        found.append(f"{sent}: a new contact is subscribed and nothing else")
    if sent.path == MEMBER and {"status", "status_if_new"} & body.keys():
        found.append(f"{sent}: a known member's status is not Postino's business")
    return found


class OpenApi:
    """Mailchimp's document. Bodies may only hold what it names, and no query parameter is unknown to it."""

    def __init__(self, path: Path) -> None:
        self._paths: dict[str, Json] = {
            _bare(template): operations for template, operations in orjson.loads(path.read_bytes())["paths"].items()
        }
        self._validators: dict[str, Draft4Validator] = {}

    def problems(self, sent: Sent) -> list[str]:
        """What the document says against a call."""
        operation = self._paths.get(_bare(sent.path), {}).get(sent.method.lower())
        if operation is None:
            return [f"{sent} is not documented"]
        return [f"{sent} {problem}" for problem in (*_in_query(operation, sent.query), *self._in_body(operation, sent))]

    def _in_body(self, operation: Json, sent: Sent) -> Iterator[str]:
        described = operation.get("requestBody")
        if described is None or sent.body is None:
            if described is not None or sent.body is not None:
                yield "has a body, or none, against the document"
            return
        if str(sent) not in self._validators:
            schema = described["content"]["application/json"]["schema"]
            self._validators[str(sent)] = Draft4Validator(_closed(schema))
        for error in self._validators[str(sent)].iter_errors(_shortened(sent.body)):
            where = "body" + "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
            if error.validator == "additionalProperties":
                known = error.schema["properties"]
                yield from (f"{where}.{name} is not documented" for name in error.instance if name not in known)
            else:
                yield f"{where} fails {error.validator}"


@cache
def the_document() -> OpenApi | None:
    """The document that MAILCHIMP_OPENAPI names, read once."""
    path = os.environ.get("MAILCHIMP_OPENAPI")
    return OpenApi(Path(path)) if path else None


def _in_query(operation: Json, query: Mapping[str, str]) -> Iterator[str]:
    known = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
    yield from (f"?{name} is missing" for name, one in known.items() if one.get("required") and name not in query)
    for name, value in query.items():
        if name not in known:
            yield f"?{name} is not documented"
            continue
        for error in Draft4Validator(known[name]["schema"]).iter_errors(_typed(value, known[name]["schema"])):
            yield f"?{name} fails {error.validator}"


def _typed(value: str, schema: Json) -> Any:
    """A parameter's text as the type the document gives it; the text itself if it is none."""
    match schema.get("type"):
        case "boolean":
            return {"true": True, "false": False}.get(value, value)
        case "integer":
            return int(value) if re.fullmatch(r"-?\d+", value) else value
        case "array":
            return value.split(",")
    return value


def _closed(schema: Any) -> Any:
    """The schema, where an object has the properties it names and no others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _shortened(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: value[:ENOUGH] if isinstance(value, list) else value for name, value in body.items()}
    return body


def _bare(template: str) -> str:
    """A path template without the names of its parameters, which differ."""
    return re.sub(r"\{[^}]*\}", "{}", template)
