"""A source's value in the form the mailing service takes for one merge field.

What cannot be brought into that form is left out and reported: the value is dropped, never the person.
"""

from __future__ import annotations

import decimal
import enum
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from services import mailing

LONGEST = 255  # bytes; Mailchimp's own limit is undocumented, this is what is known to be kept
_CERTAINLY_SHORT = LONGEST // 4  # no character takes more than four bytes in UTF-8


class Problem(enum.Enum):
    """What was wrong with a value. The value is a sentence for people, a gettext message id."""

    CUT = "The value was longer than 255 bytes and was cut."
    NOT_A_NUMBER = "The value is not a number and was left out."
    NOT_A_DATE = "The value is not a date and was left out."
    NOT_A_BIRTHDAY = "The value is not a day and month and was left out."
    NOT_A_PHONE = "The value is not a United States phone number, as the field asks, and was left out."
    NOT_A_ZIP = "The value is not a United States ZIP code and was left out."
    NOT_A_CHOICE = "The value is none of the field's choices and was left out."
    NOT_A_URL = "The value is not a web address and was left out."
    UNSUPPORTED = "Fields of this type cannot be filled, so the value was left out."


class Cleaned(NamedTuple):
    """``value`` is what to send, None to leave the field as it is; ``problem`` is what to report, if anything."""

    value: str | None
    problem: Problem | None = None


_NOTHING = Cleaned(None)


def clean(value: object, merge_field: mailing.MergeField) -> Cleaned:
    """``value`` in the form ``merge_field`` takes.

    An empty value is never sent, since Mailchimp erases a field for "". Booleans become ``true`` and ``false``,
    dates ISO.
    """
    text = _text(value)
    if not text:
        return _NOTHING
    if merge_field.type == "text":
        return _cut(text)
    form = _FORMS.get(merge_field.type)
    if form is None:
        return Cleaned(None, Problem.UNSUPPORTED)
    return form(text, merge_field)


def can_fill(merge_field: mailing.MergeField) -> bool:
    """Whether there is a form for the field's type: an address, which has several parts, cannot be filled by one value."""
    return merge_field.type == "text" or merge_field.type in _FORMS


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip() if value.isprintable() else _printable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | decimal.Decimal):
        return _plain_number(decimal.Decimal(str(value)))
    return _printable(str(value))


def _printable(text: str) -> str:
    """Control characters and broken halves of characters become spaces; runs of blanks become one."""
    kept = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return " ".join(kept.split())


def _cut(text: str) -> Cleaned:
    if len(text) <= _CERTAINLY_SHORT:
        return Cleaned(text)
    encoded = text.encode()
    if len(encoded) <= LONGEST:
        return Cleaned(text)
    return Cleaned(encoded[:LONGEST].decode(errors="ignore").rstrip(), Problem.CUT)


def _plain_number(number: decimal.Decimal) -> str:
    """Without exponent and superfluous zeros; "" for what is not finite."""
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return ""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(text: str, _: mailing.MergeField) -> Cleaned:
    if re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", text, re.ASCII):
        plain = _plain_number(decimal.Decimal(text))
        if plain:
            return Cleaned(plain)
    return Cleaned(None, Problem.NOT_A_NUMBER)


def _date(text: str, merge_field: mailing.MergeField) -> Cleaned:
    found = _read_date(text, day_first=merge_field.date_format.upper().startswith("DD"))
    return Cleaned(found.isoformat()) if found else Cleaned(None, Problem.NOT_A_DATE)


def _read_date(text: str, *, day_first: bool) -> date | None:
    """ISO, with or without a time, year first with slashes, or in the order the field itself shows."""
    numbers = re.fullmatch(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:[T ].*)?", text, re.ASCII)
    if numbers:
        year, month, day = (int(part) for part in numbers.group(1, 3, 4))
    elif numbers := re.fullmatch(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[T ].*)?", text, re.ASCII):
        first, second, year = (int(part) for part in numbers.groups())
        day, month = (first, second) if day_first else (second, first)
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _birthday(text: str, merge_field: mailing.MergeField) -> Cleaned:
    day_first = merge_field.date_format.upper().startswith("DD")
    if short := re.fullmatch(r"--(\d{2})-?(\d{2})", text, re.ASCII):  # ISO 8601:2000, a day without its year
        text = f"2000-{short[1]}-{short[2]}"
    elif short := re.fullmatch(r"(\d{1,2})[-/.](\d{1,2})", text, re.ASCII):
        text = f"{short[1]}/{short[2]}/2000"
    found = _read_date(text, day_first=day_first)
    if found is None:
        return Cleaned(None, Problem.NOT_A_BIRTHDAY)
    # Mailchimp reads a birthday in the field's own order: the other one is refused from the 13th on, and swapped before.
    return Cleaned(f"{found:%d/%m}" if day_first else f"{found:%m/%d}")


def _phone(text: str, merge_field: mailing.MergeField) -> Cleaned:
    if merge_field.phone_format.upper() != "US":
        return _cut(text)
    digits = re.sub(r"[\s().+-]", "", text).removeprefix("1")
    if not re.fullmatch(r"\d{10}", digits, re.ASCII):
        return Cleaned(None, Problem.NOT_A_PHONE)
    return Cleaned(f"{digits[:3]}-{digits[3:6]}-{digits[6:]}")  # Mailchimp: NPA-NXX-LINE


def _zip(text: str, _: mailing.MergeField) -> Cleaned:
    found = re.fullmatch(r"(\d{5})(?:[- ]?\d{4})?", text, re.ASCII)
    return Cleaned(found[1]) if found else Cleaned(None, Problem.NOT_A_ZIP)


def _choice(text: str, merge_field: mailing.MergeField) -> Cleaned:
    for choice in merge_field.choices:
        if choice.strip().casefold() == text.casefold():
            return Cleaned(choice)
    return Cleaned(None, Problem.NOT_A_CHOICE)


def _url(text: str, _: mailing.MergeField) -> Cleaned:
    try:
        parts = urlsplit(text)
    except ValueError:
        return Cleaned(None, Problem.NOT_A_URL)
    # one that was cut would lead elsewhere
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text or len(text.encode()) > LONGEST:
        return Cleaned(None, Problem.NOT_A_URL)
    return Cleaned(text)


_FORMS: dict[str, Callable[[str, mailing.MergeField], Cleaned]] = {
    "number": _number,
    "date": _date,
    "birthday": _birthday,
    "phone": _phone,
    "zip": _zip,
    "dropdown": _choice,
    "radio": _choice,
    "url": _url,
    "imageurl": _url,
}
