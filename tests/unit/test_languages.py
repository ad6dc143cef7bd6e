"""Every language is complete, says the same with the same values, and stays within what Slack shows of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message

from bot import audit_trail, collecting, texts
from bot.command_line import words
from bot.views import (
    audit_details,
    blocks,
    outcomes,
    previews,
    run_facts,
    runs,
    statement,
    wizard,
    wizard_connect,
    wizard_matching,
)
from bot.views import wizard_segments as segments_step
from services import addresses, fields, reasons, rejects
from services.destinations import CONSENT_VERSION, Policies
from services.errors import InvalidInput, LimitExceeded
from services.forms import Brake
from services.mailing import Status
from services.rules import Class

OTHERS = [language for language in texts.languages() if language != texts.DEFAULT]
MARKS = re.compile(
    r"[*`]|:[a-z_]+:|/postino(?:-[a-z]+)?|/invite|postino [a-z]+|--[a-z-]+|POSTINO_[A-Z_]+|[A-Z]+_[A-Z_]+"
)
"""What a translation must leave as it is: markup, emoji, commands, options, settings."""

LIMITS = {
    ("button", 0): blocks.BUTTON,
    ("button", "label"): blocks.BUTTON,
    ("option", 0): blocks.OPTION,
    ("option", 2): blocks.DESCRIPTION,
    ("select", 2): blocks.PLACEHOLDER,
    ("multi_select", 2): blocks.PLACEHOLDER,
    ("external_select", 1): blocks.PLACEHOLDER,
    ("multi_external_select", 1): blocks.PLACEHOLDER,
    ("header", 0): blocks.HEADER,
    ("alert", 0): blocks.ALERT,
    ("modal", 0): blocks.TITLE,
    ("modal", "submit"): blocks.TITLE,
    ("modal", "close"): blocks.TITLE,
    ("frame", "submit"): blocks.TITLE,
    ("confirmation", 0): blocks.CONFIRM_TITLE,
    ("confirmation", 1): blocks.CONFIRM_TEXT,
    ("confirmation", 2): blocks.CONFIRM_BUTTON,
    ("confirmation", 3): blocks.CONFIRM_BUTTON,
}
"""How long a text may be that is handed to a function of ``bot.views`` at a place."""


@pytest.fixture(scope="module")
def template() -> Catalog:
    return collecting.collect()


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_without_translation(language: str, template: Catalog) -> None:
    catalog = collecting.brought_up_to_date(language, template)
    missing = [one.id for one in collecting.untranslated(catalog)]
    assert missing == [], "make catalog, then translate these"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_the_markup_and_the_commands_of_its_text(language: str) -> None:
    pairs = [(one, form) for one in _messages(language) for form in collecting.forms(one.string)]
    wrong = [(one.id, form) for one, form in pairs if _kept(form) != _kept(collecting.forms(one.id)[-1])]
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_ends_as_its_text_does(language: str) -> None:
    """A sentence stays one: texts are put together by their ends."""
    ends = (".", ":", "?", "…")
    for one in _messages(language):
        expected = [collecting.forms(one.id)[-1].endswith(end) for end in ends]
        assert all([form.endswith(end) for end in ends] == expected for form in collecting.forms(one.string)), one.id


def test_every_sentence_kept_in_a_table_is_collected(template: Catalog) -> None:
    known = {text for one in template for text in collecting.forms(one.id)}
    shown = {
        *(reason.sentence for reason in (*reasons.Reason, *rejects.Problem)),
        *(problem.value for problem in (*addresses.Problem, *fields.Problem)),
        *run_facts.WORDS.values(),
        *audit_trail.WORDS.values(),
        *audit_details.KEYS.values(),
        *(words for codes in audit_details.CODES.values() for words in codes.values()),
        *runs.STEPS.values(),
        *previews.HELD.values(),
        *previews.SUPPRESSED.values(),
        *previews.INVALID.values(),
        *outcomes.CHANNEL_LOST.values(),
        *wizard.STEP_NAMES.values(),
        *(part for wording in statement.WORDINGS.values() for part in wording),
        *wizard_connect.SHARED_WITH.values(),
        *wizard_matching.WELL_KNOWN.values(),
        *segments_step.SCHEDULES.values(),
        *segments_step.WEEKDAYS.values(),
    }
    assert shown - known == set()


def test_every_action_that_is_recorded_has_words_in_the_audit_trail() -> None:
    recorded, keys = set[str](), set(Policies.model_fields)
    for path in collecting.ROOT.glob("services/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values: dict[str, list[ast.expr]] = {}
        for one in ast.walk(tree):
            if isinstance(one, ast.Assign):
                for target in one.targets:
                    values.setdefault(ast.unparse(target), []).append(one.value)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("audit.record", "record"):
                action = call.args[3]
                for value in values.get(ast.unparse(action), [action]):
                    recorded |= {str(one.value) for one in ast.walk(value) if isinstance(one, ast.Constant)}
                for value in [one for given in call.args[5:] for one in values.get(ast.unparse(given), [given])]:
                    keys |= _keys_in(value)
            if isinstance(call, ast.FunctionDef) and call.name == "_recorded":
                keys |= _keys_in(call)
    keys |= {*Policies.model_fields, *Brake.model_fields}  # written down as a whole
    recorded = {one for one in recorded if "." in one}
    assert len(recorded) > 20
    assert recorded - set(audit_trail.WORDS) == set()
    assert {"run", "people", "skip_required_fields", "share", "mentions", "users"} <= keys
    assert keys - set(audit_details.KEYS) == set()


def _keys_in(tree: ast.AST) -> set[str]:
    """The keys of every dictionary written there."""
    written = [key for one in ast.walk(tree) if isinstance(one, ast.Dict) for key in one.keys]
    return {str(key.value) for key in written if isinstance(key, ast.Constant)}


def test_the_command_line_has_a_word_for_every_class_state_and_reason() -> None:
    names = {
        *(one.word for one in Class),
        *(one.name.lower() for one in Status),
        *map(str, (*reasons.Reason, *rejects.Problem)),
    }
    assert names - set(words.WORDS) == set()


def test_every_error_is_made_with_its_sentence_so_that_it_is_collected() -> None:
    without = []
    for path in (*collecting.ROOT.glob("bot/**/*.py"), *collecting.ROOT.glob("services/**/*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and collecting.name_of(call.func) in collecting.ERRORS and call.args:
                without += [] if list(collecting.called(ast.Expr(call))) else [f"{path}:{call.lineno}"]
    assert without == []


def test_a_text_is_collected_from_wherever_it_is_written() -> None:
    tree = ast.parse(
        """
asked.t("a", x=1); texts()("b"); t("c" if x else "d"); t.plural("e", "f", 2); mark("g"); errors.Refused("h", n=1)
class Mine(errors.Refused):
    def __init__(self): super().__init__("i")
log.info("not this"); t(variable)
"""
    )
    assert set(collecting.called(tree)) == {"a", "b", "c", "d", ("e", "f"), "g", "h", "i"}
    tree = ast.parse('''"""Not a docstring."""\nTABLE = {1: "A sentence with {value}."}\nSQL = "SELECT 1 FROM t"''')
    assert list(collecting.sentences(tree)) == ["A sentence with {value}."]


@pytest.mark.parametrize("language", texts.languages())
def test_no_text_is_longer_than_its_place_in_slack_allows(language: str) -> None:
    t = texts.of(language)
    found = list(_placed())
    assert len(found) > 100
    shown = [(place, t(text, **dict.fromkeys(_names(text), "Newsletter"))) for place, text in found]
    too_long = [(place, text) for place, text in shown if len(text) > LIMITS[place]]
    assert too_long == []


@pytest.mark.parametrize("language", texts.languages())
def test_the_consent_text_is_there_whole(language: str) -> None:
    t = texts.of(language)
    assert list(statement.WORDINGS) == [*range(1, CONSENT_VERSION + 1)]
    first = [t(part, source="Contoso") for part in statement.WORDINGS[1]]
    assert all(len(part) > 60 for part in first)
    assert "Mailchimp" in first[0]
    assert first[0].count("Contoso") == 2
    english = [part.format(source="Contoso") for part in statement.WORDINGS[1]]
    assert (first == english) == (language == texts.DEFAULT)


def test_a_version_that_may_have_been_agreed_to_is_never_reworded() -> None:
    """Whoever changes the wording adds a version and its digest here; those that are here stay."""
    digests = {version: sha256("\n".join(parts).encode()).hexdigest() for version, parts in statement.WORDINGS.items()}
    assert digests == {1: "1d715932b62e7db136ee3a8beb07f5769beafc752fa2fcdb65794e8e58ac88cd"}


def test_numbers_dates_and_plurals_are_written_the_languages_way() -> None:
    t = texts.of("it-IT")
    assert t.number(1_234_567) == "1.234.567"
    assert t.percent(0.25) == "25%"
    assert t.duration(180) == "3 minuti"
    assert t.moment(datetime(2026, 3, 2, 8, 5, tzinfo=UTC), "Europe/Rome") == "2 mar 2026, 09:05"
    assert run_facts.number_of_people(t, 1) == "1 persona"
    assert run_facts.number_of_people(t, 1204) == "1.204 persone"
    assert "1,9 GB" in t("{home} has {free} GB free.", home="/home", free=1.9)


def test_an_error_is_a_sentence_in_the_readers_language() -> None:
    t = texts.of("it-IT")
    error = LimitExceeded(
        "The segments hold {count} distinct profiles, {over} more than the {limit} an export may have. Nothing was sent. "
        "Choose fewer or smaller segments, or split them over several destinations.",
        count=1_000_001,
        limit=1_000_000,
        over=1,
    )
    assert t.error(error).startswith(
        "I segmenti contengono 1.000.001 profili distinti: 1 in più del massimo di 1.000.000"
    )
    assert t.error(InvalidInput("Give the destination a name.", field="x")) == "Dai un nome alla destinazione."


def test_a_third_language_needs_only_a_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(texts, "LOCALES", tmp_path)
    assert texts.of("de-DE").language == "en"
    assert collecting.main(["de"]) == 1
    assert "de: 'Save'" in capsys.readouterr().out
    catalog = texts.catalog_file("de")
    content = catalog.read_text(encoding="utf-8")
    catalog.write_text(content.replace('msgid "Save"\nmsgstr ""', 'msgid "Save"\nmsgstr "Speichern"'), encoding="utf-8")
    t = texts.of("de-DE")
    assert (t.language, t("Save"), t("Next"), t.number(1204)) == ("de", "Speichern", "Next", "1.204")
    collecting.main([])
    assert "de: 'Save'" not in capsys.readouterr().out
    assert "Speichern" in catalog.read_text(encoding="utf-8")


def test_a_sentence_within_an_error_is_translated_too_and_names_are_not() -> None:
    error = InvalidInput(
        "The source folder {path} has no table Customer, which holds the profiles. {reason}",
        field="source",
        path="Segments",
        reason="There are two tables of this name; keep one of them.",
    )
    assert texts.of("it-IT").error(error) == (
        "La cartella della fonte «Segments» non ha la tabella Customer, che contiene i profili. "
        "Ci sono due tabelle con questo nome; tienine una. "
        "Chiedi a chi gestisce Postino di rimediare."
    )


@pytest.mark.parametrize(
    ("locale", "language"),
    [("it-IT", "it"), ("it_IT.UTF-8", "it"), ("en-GB", "en"), ("de-DE", "en"), ("C.UTF-8", "en"), (None, "en")],
)
def test_the_language_of_a_locale_is_used_where_there_is_a_catalog_for_it(locale: str | None, language: str) -> None:
    assert texts.of(locale).language == language


def _messages(language: str) -> list[Message]:
    return [one for one in collecting.stored(language) if one.id]


def _names(text: str) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(text) if name})


def _kept(text: str) -> tuple[list[str], list[str]]:
    return _names(text), sorted(MARKS.findall(text))


def _placed() -> Iterator[tuple[tuple[str, int | str], str]]:
    """Every text that is handed to a builder as it is, with its place."""
    for path in sorted((collecting.ROOT / "bot").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = collecting.name_of(call.func)
            given: list[tuple[int | str, ast.expr]] = [
                *enumerate(call.args),
                *((one.arg, one.value) for one in call.keywords if one.arg),
            ]
            for place, argument in given:
                if (name, place) in LIMITS and isinstance(argument, ast.Call | ast.IfExp):
                    inner = ast.Module([ast.Expr(argument)], [])
                    yield from (((name, place), text) for text in collecting.called(inner) if isinstance(text, str))
