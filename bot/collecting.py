"""Collects every text people read and brings the catalogs of all languages up to date: ``make catalog``.

``python -m bot.collecting de`` begins a new language. Texts still to be translated are listed.

A text is found by how it is written: the arguments of ``t(…)``, ``t.plural(…)``, ``mark(…)`` and of errors, wherever they stand;
and in ``services``, which know no language, every string that reads as a sentence.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from bot import texts
from services import errors

ROOT = Path(__file__).parent.parent
SHOWN = frozenset({"t", "texts", "mark"})
ERRORS = frozenset(
    name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.PostinoError)
)

Text = str | tuple[str, str]


def collect() -> Catalog:
    """The template: every text of the product, with the files it stands in."""
    template = Catalog(project="Postino", charset="utf-8")
    for folder in ("bot", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found = [*called(tree), *(sentences(tree) if folder == "services" else ())]
            for text in found:
                template.add(text, locations=[(path.relative_to(ROOT).as_posix(), 1)])
    return template


def untranslated(catalog: Catalog) -> list[Message]:
    """The texts of a catalog that have no translation, or not one for each number."""

    def whole(one: Message) -> bool:
        translations = forms(one.string)
        return all(translations) and len(translations) == (catalog.num_plurals if one.pluralizable else 1)

    return [one for one in catalog if one.id and (one.fuzzy or not whole(one))]


def stored(language: str) -> Catalog:
    """A language's catalog as it is; an empty one if there is none."""
    path = texts.catalog_file(language)
    if not path.exists():
        return Catalog(language, project="Postino", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def brought_up_to_date(language: str, template: Catalog) -> Catalog:
    """A language's catalog with the template's texts: new ones are empty, those that are gone are gone."""
    catalog = stored(language)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def main(languages: list[str]) -> int:
    """Update the catalogs of these languages, or of all there are, and list what is to be translated."""
    template, left = collect(), 0
    for language in languages or texts.languages()[1:]:
        catalog = brought_up_to_date(language, template)
        path = texts.catalog_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=110, sort_output=True, include_lineno=False)
        missing = untranslated(catalog)
        left += len(missing)
        for one in missing:
            print(f"{language}: {one.id!r}")  # noqa: T201 - a program of the command line
    print(f"{len(template)} texts, {left} to be translated.")  # noqa: T201
    return 1 if left else 0


def called(tree: ast.AST) -> Iterator[Text]:
    """The texts that are handed over to be shown, or with an error."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not call.args:
            continue
        name = name_of(call.func)
        if name == "plural":
            one, many = (argument.value for argument in call.args[:2] if isinstance(argument, ast.Constant))
            yield str(one), str(many)
        elif name in SHOWN or name in ERRORS or name == "__init__":
            yield from _literals(call.args[0])


def name_of(function: ast.expr) -> str:
    """What a called function is called: ``t`` for ``t``, ``asked.t`` and ``t()``."""
    if isinstance(function, ast.Call):
        return name_of(function.func)
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _literals(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.IfExp):
        yield from _literals(argument.body)
        yield from _literals(argument.orelse)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def sentences(tree: ast.AST) -> Iterator[str]:
    """Strings from a letter or a placeholder to a full stop, docstrings left out."""
    beside = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in beside:
            text = one.value
            if " " in text and text.endswith(".") and (text[0].isalpha() or text[0] == "{"):
                yield text


def forms(text: object) -> tuple[str, ...]:
    """A message's text or translation: one, or one for each number."""
    return tuple(str(one) for one in text) if isinstance(text, list | tuple) else (str(text or ""),)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
