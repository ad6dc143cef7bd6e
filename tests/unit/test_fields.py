from datetime import date, datetime
from decimal import Decimal

import pytest

from services import fields
from services.fields import Problem, clean
from services.mailing import MergeField


def field(type_: str, **options: object) -> MergeField:
    return MergeField("TAG", "Name", type_, False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("Jane", "Jane"),
        ("  Jane\t", "Jane"),
        ("Jane\x00\r\nDoe\x1f", "Jane Doe"),
        ("Zoë 👩‍👩‍👧", "Zoë 👩‍👩‍👧"),
        ("half \ud83d", "half"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (12, "12"),
        (12.50, "12.5"),
        (1e16, "10000000000000000"),
        (Decimal("3.10"), "3.1"),
        (Decimal("100"), "100"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),  # noqa: DTZ001
    ],
)
def test_text_is_sent_printable_and_trimmed(value: object, sent: str) -> None:
    assert clean(value, field("text")) == (sent, None)


@pytest.mark.parametrize("type_", ["text", "number", "date", "url", "dropdown", "address"])
@pytest.mark.parametrize("value", [None, "", "   ", "\t\x00"])
def test_an_empty_value_is_never_sent(value: object, type_: str) -> None:
    assert clean(value, field(type_)) == (None, None)


@pytest.mark.parametrize(("letter", "kept"), [("x", 255), ("é", 127), ("語", 85), ("👩", 63)])
def test_a_long_value_is_cut_at_255_bytes_between_characters(letter: str, kept: int) -> None:
    assert clean(letter * 300, field("text")) == (letter * kept, Problem.CUT)
    assert clean(letter * kept, field("text")) == (letter * kept, None)


@pytest.mark.parametrize(
    ("type_", "options", "value", "sent"),
    [
        ("number", {}, "12", "12"),
        ("number", {}, " -12.50 ", "-12.5"),
        ("number", {}, "1e3", "1000"),
        ("number", {}, ".5", "0.5"),
        ("number", {}, 7, "7"),
        ("number", {}, "100", "100"),
        ("date", {}, "2026-02-03", "2026-02-03"),
        ("date", {}, "2026-02-03T10:00:00Z", "2026-02-03"),
        ("date", {}, "2026-02-03 10:00:00", "2026-02-03"),
        ("date", {}, "20260203", "2026-02-03"),
        ("date", {}, "2026/02/03", "2026-02-03"),
        ("date", {"date_format": "MM/DD/YYYY"}, "2/3/2026", "2026-02-03"),
        ("date", {"date_format": "DD/MM/YYYY"}, "2/3/2026", "2026-03-02"),
        ("date", {}, date(2026, 2, 3), "2026-02-03"),
        ("date", {}, datetime(2026, 2, 3, 4, 5), "2026-02-03"),  # noqa: DTZ001
        ("birthday", {}, "1992-02-29", "02/29"),
        ("birthday", {"date_format": "MM/DD"}, "2/3", "02/03"),
        ("birthday", {"date_format": "DD/MM"}, "2/3", "02/03"),
        ("birthday", {"date_format": "DD/MM"}, "1992-12-31", "31/12"),
        ("birthday", {}, "--02-29", "02/29"),
        ("phone", {}, "+39 06 1234 567", "+39 06 1234 567"),
        ("phone", {"phone_format": "US"}, "+1 (404) 555-0100", "404-555-0100"),
        ("phone", {"phone_format": "US"}, 4045550100, "404-555-0100"),
        ("zip", {}, "30308", "30308"),
        ("zip", {}, "30308-1234", "30308"),
        ("dropdown", {"choices": ("Gold", "Silver")}, "gold", "Gold"),
        ("radio", {"choices": ("true", "false")}, True, "true"),
        ("url", {}, "https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("imageurl", {}, "http://example.com/a.png", "http://example.com/a.png"),
    ],
)  # fmt: skip
def test_a_value_takes_the_form_of_its_field(type_: str, options: dict[str, object], value: object, sent: str) -> None:
    assert clean(value, field(type_, **options)) == (sent, None)


@pytest.mark.parametrize(
    ("type_", "options", "value", "problem"),
    [
        ("number", {}, "1,234", Problem.NOT_A_NUMBER),
        ("number", {}, "about 5", Problem.NOT_A_NUMBER),
        ("number", {}, "1e999", Problem.NOT_A_NUMBER),
        ("number", {}, "１２", Problem.NOT_A_NUMBER),
        ("date", {}, "soon", Problem.NOT_A_DATE),
        ("date", {}, "2026-02-30", Problem.NOT_A_DATE),
        ("date", {"date_format": "MM/DD/YYYY"}, "13/12/2026", Problem.NOT_A_DATE),
        ("birthday", {}, "02/30", Problem.NOT_A_BIRTHDAY),
        ("birthday", {}, "May", Problem.NOT_A_BIRTHDAY),
        ("phone", {"phone_format": "US"}, "+39 06 1234", Problem.NOT_A_PHONE),
        ("zip", {}, "SW1A 1AA", Problem.NOT_A_ZIP),
        ("dropdown", {"choices": ("Gold",)}, "Bronze", Problem.NOT_A_CHOICE),
        ("url", {}, "example.com", Problem.NOT_A_URL),
        ("url", {}, "javascript:alert(1)", Problem.NOT_A_URL),
        ("url", {}, "https://[bad", Problem.NOT_A_URL),
        ("url", {}, "https://example.com/" + "x" * 255, Problem.NOT_A_URL),
        ("address", {}, "Via Roma 1", Problem.UNSUPPORTED),
    ],
)
def test_what_does_not_fit_is_left_out_with_its_reason(
    type_: str, options: dict[str, object], value: object, problem: Problem
) -> None:
    assert clean(value, field(type_, **options)) == (None, problem)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("Infinity")])
@pytest.mark.parametrize("type_", ["text", "number"])
def test_what_is_not_a_finite_number_is_empty(value: object, type_: str) -> None:
    assert clean(value, field(type_)) == (None, None)


def test_every_problem_is_a_sentence() -> None:
    assert all(problem.value.endswith(".") for problem in fields.Problem)
