"""What a handler gets and gives back, and Mailchimp's problem documents."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.mailchimp.audiences import Audience
    from sandbox.mailchimp.state import Account, World

GLOSSARY = "https://mailchimp.com/developer/marketing/docs/errors/"  # the type in every recording
UNTYPED = frozenset({"Member Exists", "Member In Compliance State", "Forgotten Email Not Subscribed"})  # recorded
INVALID = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."


@dataclass(slots=True)
class Answer:
    """``body`` is JSON to be; None with 204. ``counts`` go to the call log."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class Problem(Exception):
    """An error answer: problem+json, whose ``instance`` is also the X-Request-Id."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.instance = request_id()

    def document(self) -> dict[str, Any]:
        """The body. Three titles carry no type (recorded)."""
        body: dict[str, Any] = {} if self.title in UNTYPED else {"type": GLOSSARY}
        body |= {"title": self.title, "status": self.status, "detail": self.detail, "instance": self.instance}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def request_id() -> str:
    """What X-Request-Id and ``instance`` look like."""
    return str(uuid.uuid4())


def not_found(detail: str = "The requested resource could not be found.") -> Problem:
    """404 as recorded."""
    return Problem(404, "Resource Not Found", detail)


def invalid(*errors: tuple[str, str], detail: str = INVALID) -> Problem:
    """400 Invalid Resource with (field, message) pairs."""
    listed = [{"field": name, "message": message} for name, message in errors]
    return Problem(400, "Invalid Resource", detail, errors=listed or None)


def forbidden(detail: str = "User does not have access to the requested operation.") -> Problem:
    """403 Forbidden."""
    return Problem(403, "Forbidden", detail)


def too_many_connections(limit: int) -> Problem:
    """429 as documented; there are no rate headers."""
    return Problem(429, "Too Many Requests", f"You have exceeded the limit of {limit} simultaneous connections.")


def internal_error() -> Problem:
    """500 in the words of the glossary."""
    text = "An unexpected internal error has occurred. Please contact Support for more information."
    return Problem(500, "Internal Server Error", text)


@dataclass(slots=True)
class Call:
    """One authenticated call: who, where (``params`` from the path), and with what. ``caller`` is an IP address."""

    world: World
    account: Account
    method: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    base: str
    caller: str

    @property
    def audience(self) -> Audience:
        """The audience named in the path. Raises Problem (404)."""
        if (found := self.account.audiences.get(self.params["list_id"])) is None:
            raise not_found()
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean of the query. Raises Problem (400) for anything but true, false, 1, 0."""
        text = self.query.get(name, "").lower()
        if text in ("", "true", "1", "false", "0"):
            return text in ("true", "1") if text else default
        raise invalid((name, "Schema describes boolean, string found instead"))

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """A word of the query out of ``allowed``. Raises Problem (400)."""
        word = self.query.get(name, default)
        if word and word not in allowed:
            raise invalid((name, "Value must be one of: " + ", ".join(allowed)))
        return word

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises Problem (400)."""
        if not isinstance(self.body, dict):
            raise invalid(("", f"Schema describes object, {kind_of(self.body)} found instead"))
        return self.body

    def links(self, *parts: str) -> list[dict[str, str]]:
        """The ``_links`` of a resource: to itself only."""
        return [{"rel": "self", "href": "/".join((f"{self.base}/3.0", *parts)), "method": "GET"}]


def kind_of(value: Any) -> str:
    """A JSON value's kind in the words of Mailchimp's validator."""
    if value is None:
        return "NULL"
    for kind, name in ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "double"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def require(body: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    """A field of a body that must be there and of one kind. Raises Problem (400)."""
    field_path = f"{path}{name}"
    if name not in body:
        raise invalid((field_path, f"Required fields were not provided: {name}"))
    return optional(body, name, kind, path)


def optional(body: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    """A field of a body that must be of one kind if it is there; None if not. Raises Problem (400)."""
    if name not in body:
        return None
    value = body[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        described = {str: "string", list: "array", dict: "object", bool: "boolean", int: "integer"}[kind]
        raise invalid((f"{path}{name}", f"Schema describes {described}, {kind_of(value)} found instead"))
    return value
