"""What Mailchimp means: the one place where its statuses, titles and texts become errors and reasons.

Real titles are spaced ("Resource Not Found"), the documented ones are not: they are compared without case and spaces.
Contact-level problems carry no ``type``, and errors on Mailchimp's edge are HTML or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson

from services import errors, mailing
from services.mailing import Reason
from services.masking import mask_text

_TEXTS: tuple[tuple[Reason, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        (Reason.COMPLIANCE, r"compliance state"),
        (Reason.FORGOTTEN, r"permanently deleted"),
        (Reason.TOO_MANY_LISTS, r"signed up to a lot of lists"),
        (Reason.CLEANED, r"status is \W?cleaned"),
        (Reason.EXISTS, r"already a list member|already in this list"),
        (Reason.INVALID, r"looks fake or invalid|provide a valid email address|enter a real email"),
        (Reason.DUPLICATE, r"duplicate|more than once"),
        (Reason.MERGE_FIELD, r"merge fields?\b|please enter (?:a|the)\b|\bcharacters?\b"),
    )
)
_ACCOUNT = re.compile(r"\b(?:limits?|plans?|upgrad\w+|billing|payment|over\b.*\bquota)\b", re.IGNORECASE)
_DISABLED = re.compile(r"\b(?:disabled|deactivated|wrong datacenter)\b", re.IGNORECASE)
_NO_SUCH_TAG = re.compile(r"static segment with an id of .* does not exist", re.IGNORECASE)
_LONGEST_TEXT = 300  # characters of Mailchimp's own words that are kept


def classify(text: str, code: str = "", *, secrets: Iterable[str] = (), merge_field: str = "") -> Reason:
    """Why Mailchimp refused a contact, from its text and the bulk answer's ``error_code``.

    ``secrets`` are the values that were sent: what they say is not what Mailchimp says.
    """
    if code == "ERROR_CONTACT_EXISTS":
        return Reason.EXISTS
    words = mask_text(text)
    for reason, pattern in _TEXTS:
        if pattern.search(words):
            return reason
    if merge_field and merge_field.casefold() not in {"email", "email address", "email_address"}:
        return Reason.MERGE_FIELD
    return Reason.ACCOUNT if _ACCOUNT.search(mask_text(text, secrets)) else Reason.UNKNOWN


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Mailchimp's own words without addresses and values, short enough to keep."""
    shown = " ".join(mask_text(text, secrets).split())
    return shown if len(shown) <= _LONGEST_TEXT else shown[: _LONGEST_TEXT - 1] + "…"


def quoted(text: str, secrets: Iterable[str] = ()) -> str:
    """Mailchimp's own words, masked, as a sentence of their own within one of ours."""
    shown = masked(text, secrets)
    return shown if shown.endswith((".", "!", "?", "…")) else f"{shown}."


def failure(status: int, body: bytes, *, secrets: Iterable[str] = ()) -> errors.PostinoError:
    """The error that an HTTP answer other than 2xx means. ``secrets`` are the values that were sent, to be masked."""
    problem = _problem(body)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and problem is None):
        return errors.Unavailable("Mailchimp throttles. The next try goes on where this one stopped.")
    title = "".join(str((problem or {}).get("title", "")).split()).casefold()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _server_failure(status, title)
    secrets = tuple(secrets)
    text, merge_field = _words(problem or {})
    shown = quoted(text or f"HTTP {status}", secrets)
    if status == HTTPStatus.UNAUTHORIZED or title in {"userdisabled", "wrongdatacenter"}:
        return _reconnect(shown)
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return _account_limit(shown)
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(mask_text(text, secrets), shown)
    if status == HTTPStatus.NOT_FOUND or _NO_SUCH_TAG.search(text):
        return errors.NotFound("Mailchimp does not have this (any more): {text}", text=shown)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        reason = classify(text, secrets=secrets, merge_field=merge_field)
        if reason is Reason.ACCOUNT:
            return _account_limit(shown)
        return mailing.ContentRefused(reason=reason, text=masked(text, secrets), merge_field=merge_field or None)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return mailing.TimedOut()
    return errors.Refused("Mailchimp refused the call: {text}", text=shown)


def member_error(entry: dict[str, Any], secrets: Iterable[str] = ()) -> mailing.MemberError:
    """One entry of a bulk answer's ``errors``."""
    merge_field = str(entry.get("field") or "")
    said = str(entry.get("error") or "")
    detail = str(entry.get("field_message") or "")
    text = said if detail in said else f"{said} {detail}"
    secrets = tuple(secrets)
    return mailing.MemberError(
        address=str(entry.get("email_address") or ""),
        reason=classify(text, str(entry.get("error_code") or ""), secrets=secrets, merge_field=merge_field),
        text=masked(text, secrets),
        field=merge_field or None,
    )


def _problem(body: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _words(problem: dict[str, Any]) -> tuple[str, str]:
    """The problem's text with its field messages, and the first field named."""
    text = str(problem.get("detail") or problem.get("title") or "")
    named = [entry for entry in problem.get("errors") or () if isinstance(entry, dict)]
    messages = [f"{entry.get('field') or ''}: {entry.get('message') or ''}".strip(": ") for entry in named]
    fields = [str(entry["field"]) for entry in named if entry.get("field")]
    return " ".join([text, *messages]), fields[0] if fields else ""


def _server_failure(status: int, title: str) -> errors.PostinoError:
    if title == "compliancerelated":
        return errors.Refused("Mailchimp has disabled this for the account. Ask Mailchimp's compliance team about it.")
    if status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}:
        return mailing.TimedOut()  # Mailchimp: after its own 120 s the edge may answer 502 with HTML
    return errors.Unavailable("Mailchimp has a problem. The next try goes on where this one stopped.")


def _forbidden(text: str, shown: str) -> errors.PostinoError:
    if _DISABLED.search(text):
        return _reconnect(shown)
    if _ACCOUNT.search(text):
        return _account_limit(shown)
    return errors.Refused(
        "Mailchimp does not allow this to the user who is connected: {text} Connect as a manager, admin or owner.",
        text=shown,
    )


def _reconnect(shown: str) -> errors.ReconnectNeeded:
    return errors.ReconnectNeeded(
        "Mailchimp no longer accepts the authorisation: {text} Connect the account again.", text=shown
    )


def _account_limit(shown: str) -> errors.AccountLimit:
    return errors.AccountLimit(
        "Mailchimp refuses because of the account's plan or billing: {text} "
        "Look at the plan and billing in Mailchimp, then export again.",
        text=shown,
    )
