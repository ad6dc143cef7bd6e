"""What Mailchimp makes of merge field values: which it takes, in which form it keeps them, what it says otherwise.

Recorded: ``Please enter a number``; all fields are always returned; unknown keys are dropped. Reported in public issues:
the texts for dates and birthdays, and that a birthday is read in the field's own order. The other texts are not known and
follow that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox.mailchimp.answers import invalid, kind_of

if TYPE_CHECKING:
    from sandbox.mailchimp.audiences import Audience
    from sandbox.mailchimp.records import Member, MergeField

REFUSED = "Your merge fields were invalid."
NO_DATE = "Please enter the date"  # ibericode/mailchimp-for-wordpress#662
NO_BIRTHDAY = (
    "Please enter a month (01-12) and a day (01-31)"  # mailchimp/mc-magento2#987, solspace/craft-freeform#2615
)
REFUSED_VALUE = "This value is not accepted"  # text unknown
LONGEST = 255  # bytes; folk limit
DEFAULT_OPTIONS: dict[str, dict[str, Any]] = {
    "text": {"size": 25},
    "phone": {"phone_format": "none"},
    "date": {"date_format": "MM/DD/YYYY"},
    "birthday": {"date_format": "MM/DD"},
    "address": {"default_country": 164},
    "dropdown": {"choices": []},
    "radio": {"choices": []},
}


def sent_fields(sent: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """``merge_fields`` of a body, or none. Raises Problem (400) for what the schema does not allow: null, booleans."""
    fields = sent.get("merge_fields")
    if fields is None and "merge_fields" not in sent:
        return {}
    if not isinstance(fields, dict):
        raise invalid((f"{path}merge_fields", f"Schema describes object, {kind_of(fields)} found instead"))
    for tag, value in fields.items():
        if type(value) is not str and (value is None or isinstance(value, bool | list)):
            raise invalid((f"{path}merge_fields.{tag}", f"Schema describes string, {kind_of(value)} found instead"))
    return fields


def check(
    audience: Audience, sent: Mapping[str, Any], member: Member | None, *, skip_required: bool
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The values to keep, by tag, and what is wrong with the others as ``errors`` of a problem.

    "" erases, an omitted key keeps, a key the audience lacks is dropped. Fields that are required must not be empty
    afterwards, unless ``skip_required`` (skip_merge_validation).
    """
    kept: dict[str, Any] = {}
    errors = []
    switches = audience.world.switches
    for tag, value in sent.items():
        field = audience.fields.get(tag)
        if field is None:
            continue
        if value == "":
            kept[tag] = ""
            continue
        try:
            if switches.refused_values and re.search(switches.refused_values, str(value)):
                raise ValueError(REFUSED_VALUE)
            kept[tag] = _FORMS[field.type](_short(value, switches.long_merge_value), field)
        except ValueError as refusal:
            errors.append({"field": tag, "message": str(refusal)})
    if not skip_required:
        wrong = {error["field"] for error in errors}
        for tag, field in audience.fields.items():
            if field.required and tag not in wrong and _empty_afterwards(field, kept, member):
                errors.append({"field": tag, "message": "Please enter a value"})
    return kept, errors


def _empty_afterwards(field: MergeField, kept: Mapping[str, Any], member: Member | None) -> bool:
    if field.tag in kept:
        return bool(kept[field.tag] == "")
    return member is None or field.position >= len(member.values) or member.values[field.position] == ""


def _short(value: Any, too_long: str) -> Any:
    """A value of at most 255 bytes (switch long_merge_value). Raises ValueError."""
    if isinstance(value, str) and len(value) * 4 > LONGEST and len(raw := value.encode()) > LONGEST:
        if too_long == "error":
            raise ValueError(f"Please enter a value of at most {LONGEST} characters")
        return raw[:LONGEST].decode(errors="ignore")
    return value


def _text(value: Any, _field: MergeField | None = None) -> str:
    if isinstance(value, dict):
        raise ValueError("Please enter a text")
    return str(value)


def _number(value: Any, _field: MergeField) -> int | float:
    text = str(value).strip()
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
        raise ValueError("Please enter a number")
    number = float(text)
    return int(number) if number.is_integer() else number


def _date(value: Any, field: MergeField) -> str:
    text = str(value)
    if found := re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)([T ].*)?", text):
        parts = [int(part) for part in found.group(1, 2, 3)]
    elif found := re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", text):
        first, second, year = (int(part) for part in found.groups())
        british = field.options.get("date_format") == "DD/MM/YYYY"
        parts = [year, second, first] if british else [year, first, second]
    else:
        raise ValueError(NO_DATE)
    try:
        return date(*parts).isoformat()
    except ValueError:
        raise ValueError(NO_DATE) from None


def _birthday(value: Any, field: MergeField) -> str:
    found = re.fullmatch(r"(\d\d?)/(\d\d?)", str(value))
    if not found:
        raise ValueError(NO_BIRTHDAY)
    first, second = int(found[1]), int(found[2])
    month, day = (second, first) if field.options.get("date_format") == "DD/MM" else (first, second)
    try:
        date(2000, month, day)
    except ValueError:
        raise ValueError(NO_BIRTHDAY) from None
    return f"{first:02}/{second:02}"


def _phone(value: Any, field: MergeField) -> str:
    text = _text(value)
    if field.options.get("phone_format") != "US":
        return text
    found = re.fullmatch(r"\D*1?\D*(\d{3})\D*(\d{3})\D*(\d{4})", text)
    if not found:
        raise ValueError("Please enter a phone number")
    return f"({found[1]}) {found[2]}-{found[3]}"


def _zip(value: Any, _field: MergeField) -> str:
    text = str(value)
    if not re.fullmatch(r"\d{5}(-\d{4})?", text):
        raise ValueError("Please enter a zip code (5 digits)")
    return text


def _choice(value: Any, field: MergeField) -> str:
    text = _text(value)
    if text not in field.options.get("choices", ()):
        raise ValueError("Please choose one of the options")
    return text


def _url(value: Any, _field: MergeField) -> str:
    text = _text(value)
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("Please enter a URL")
    return text


def _address(value: Any, _field: MergeField) -> dict[str, str]:
    needed = ("addr1", "city", "state", "zip")
    if not isinstance(value, dict) or not all(isinstance(value.get(part), str) and value[part] for part in needed):
        raise ValueError("Please enter a complete address")
    return {part: str(value.get(part, "")) for part in ("addr1", "addr2", "city", "state", "zip", "country")}


_FORMS: dict[str, Callable[[Any, MergeField], Any]] = {
    "text": _text,
    "number": _number,
    "address": _address,
    "phone": _phone,
    "date": _date,
    "url": _url,
    "imageurl": _url,
    "radio": _choice,
    "dropdown": _choice,
    "birthday": _birthday,
    "zip": _zip,
}
