"""Every text a person can read, in their language: translations by gettext, numbers and dates by Babel.

Texts are written in English in the code; ``bot.collecting`` finds them there. A language needs only a catalog under
``bot/locales``: ``make catalog LANGUAGE=de`` begins one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from services.errors import PostinoError, Value

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "en"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def mark(message: str) -> str:
    """Mark a text for translation where it is defined rather than shown."""
    return message


QUOTED = mark("“{name}”")
WHOM_TO_ASK = mark("Ask whoever runs Postino to put it right.")


class Texts:
    """One language. Call it with an English text and its values to get the text people read.

    A value called ``path``, a file of the machine, stands in quotation marks and is told without the folders it lies in,
    because everybody in a channel may read it; ``whole_paths`` is for the terminal.
    """

    def __init__(self, language: str, *, whole_paths: bool = False) -> None:
        self.language = language
        self._whole_paths = whole_paths
        self._locale = Locale.parse(language)
        self._catalog = _catalog(language)

    def __call__(self, message: str, /, **values: Value) -> str:
        """The translation of ``message`` with its placeholders filled; whole numbers are written the language's way."""
        return self._fill(self._catalog.gettext(message), values) if message else ""

    def plural(self, one: str, many: str, count: int, /, **values: Value) -> str:
        """The form for ``count``, which is also the placeholder ``{count}``."""
        return self._fill(self._catalog.ngettext(one, many, count), {"count": count, **values})

    def known(self, words: str) -> str:
        """Somebody else's words, translated if there is a translation; they have no placeholders."""
        return self._catalog.gettext(words) if words else ""

    def error(self, error: PostinoError) -> str:
        """An error as a sentence, as ``cause`` tells it."""
        return self.cause(error.message, error.values)

    def cause(self, message: str, values: Mapping[str, Value]) -> str:
        """Why something failed, and whom to ask where it takes a setting or a file of the machine to put it right.

        In the terminal the reader is the one who can.
        """
        sentence = self(message, **values)
        if self._whole_paths or not message or not ("POSTINO_" in message or "path" in values):
            return sentence
        return f"{sentence} {self(WHOM_TO_ASK)}"

    def number(self, number: float) -> str:
        """A number with the language's separators, such as ``12,345``."""
        return str(format_decimal(number, locale=self._locale))

    def percent(self, share: float) -> str:
        """A share between 0 and 1 as whole percent."""
        return str(format_percent(share, locale=self._locale))

    def moment(self, moment: datetime, zone: str = "UTC") -> str:
        """A date with its time in a zone, its month as a word, which no reader takes for the day: ``Nov 30, 2026, 7:00 AM``."""
        time = format_time(moment.astimezone(ZoneInfo(zone)), "short", locale=self._locale)
        return f"{self.date(moment, zone)}, {time}"

    def date(self, moment: datetime, zone: str) -> str:
        """A date in a zone, its month as a word: ``Nov 25, 2026``."""
        return str(format_date(moment.astimezone(ZoneInfo(zone)), "medium", locale=self._locale))

    def spoken_moment(self, moment: datetime, zone: str) -> str:
        """A date with its time in a zone, for those who hear it: ``November 25, 2026, 7:05 PM``."""
        there = moment.astimezone(ZoneInfo(zone))
        time = format_time(there, "short", locale=self._locale)
        return f"{format_date(there, 'long', locale=self._locale)}, {time}"

    def weekday(self, day: str) -> str:
        """A weekday, given as ``mon``, as it is written within a sentence."""
        return str(get_day_names("wide", locale=self._locale)[WEEKDAYS.index(day)])

    def weekday_moment(self, moment: datetime, zone: str) -> str:
        """The same with its weekday: ``Mon, Nov 30, 2026, 7:00 AM``."""
        there = moment.astimezone(ZoneInfo(zone))
        return f"{format_datetime(there, 'EEE', locale=self._locale)}, {self.moment(moment, zone)}"

    def duration(self, seconds: float) -> str:
        """A length of time in words, rounded: ``3 minutes``."""
        return str(format_timedelta(timedelta(seconds=seconds), locale=self._locale, threshold=1.2))

    def _fill(self, text: str, values: dict[str, Value]) -> str:
        if "path" in values:
            path = str(values["path"])
            values = values | {"path": self._quoted(path if self._whole_paths else Path(path).name)}
        return text.format(**{name: self._shown(value) for name, value in values.items()})

    def _quoted(self, name: str) -> str:
        return self._catalog.gettext(QUOTED).format(name=name)

    def _shown(self, value: Value) -> str:
        """Numbers the language's way; a sentence inside a sentence in the same language."""
        if not isinstance(value, str):
            return self.number(value)
        return self.known(value) if value.endswith(".") else value


def catalog_file(language: str) -> Path:
    """Where a language's translations are."""
    return LOCALES / language / "LC_MESSAGES" / "postino.po"


def _catalog(language: str) -> NullTranslations:
    """A language's translations, compiled in memory: there is no step between a catalog and its use."""
    if not catalog_file(language).exists():
        return NullTranslations()
    compiled = BytesIO()
    with catalog_file(language).open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


@cache
def _of(language: str, whole_paths: bool) -> Texts:
    return Texts(language, whole_paths=whole_paths)


def languages() -> list[str]:
    """English, and every language there is a catalog for."""
    return [DEFAULT, *sorted(path.name for path in LOCALES.iterdir() if catalog_file(path.name).exists())]


def of(locale: str | None, *, whole_paths: bool = False) -> Texts:
    """The texts for a locale such as ``it-IT``: its language if there is a catalog for it, else English."""
    language = (locale or DEFAULT).replace("_", "-").split("-")[0].lower()
    return _of(language if language in languages() else DEFAULT, whole_paths)
