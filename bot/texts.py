"""Every text a person can read, in their language: translations by gettext, numbers and dates by Babel.

Texts are written in English in the code; ``pybabel`` collects them from calls of ``t(…)``, ``t.plural(…)``, ``mark(…)`` and from
the first argument of errors. A language needs only a catalog under ``bot/locales``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

from services.errors import PostinoError, Value

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "en"


def mark(message: str) -> str:
    """Mark a text for translation where it is defined rather than shown."""
    return message


class Texts:
    """One language. Call it with an English text and its values to get the text people read."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = Locale.parse(language)
        self._catalog: NullTranslations = Translations.load(LOCALES, [language], domain="postino")

    def __call__(self, message: str, /, **values: Value) -> str:
        """The translation of ``message`` with its placeholders filled; whole numbers are written the language's way."""
        return self._fill(self._catalog.gettext(message), values)

    def plural(self, one: str, many: str, count: int, /, **values: Value) -> str:
        """The form for ``count``, which is also the placeholder ``{count}``."""
        return self._fill(self._catalog.ngettext(one, many, count), {"count": count, **values})

    def error(self, error: PostinoError) -> str:
        """An error as a sentence."""
        return self(error.message, **error.values)

    def number(self, number: float) -> str:
        """A number with the language's separators, such as ``12,345``."""
        return str(format_decimal(number, locale=self._locale))

    def percent(self, share: float) -> str:
        """A share between 0 and 1 as whole percent."""
        return str(format_percent(share, locale=self._locale))

    def moment(self, moment: datetime, zone: str = "UTC") -> str:
        """A date with its time in a zone, short."""
        return str(format_datetime(moment.astimezone(ZoneInfo(zone)), "short", locale=self._locale))

    def duration(self, seconds: float) -> str:
        """A length of time in words, rounded: ``3 minutes``."""
        return str(format_timedelta(timedelta(seconds=seconds), locale=self._locale, threshold=1.2))

    def _fill(self, text: str, values: dict[str, Value]) -> str:
        shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return text.format(**shown)


@cache
def _of(language: str) -> Texts:
    return Texts(language)


def languages() -> list[str]:
    """English, and every language there is a catalog for."""
    return [DEFAULT, *sorted(path.name for path in LOCALES.iterdir() if (path / "LC_MESSAGES").is_dir())]


def of(locale: str | None) -> Texts:
    """The texts for a Slack locale such as ``it-IT``: its language if there is a catalog for it, else English."""
    language = (locale or DEFAULT).replace("_", "-").split("-")[0].lower()
    return _of(language if language in languages() else DEFAULT)
