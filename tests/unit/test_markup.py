"""Foreign words in Slack's markup: every character of them is read, however they look."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views import blocks
from bot.views.run_facts import linked
from sandbox.page.markup import Markup
from sandbox.slack.reading import Reader
from sandbox.slack.state import Workspace

READ = Reader(Workspace(), "U0ADA")
NAMES = (
    "a*b_c~d",
    "*VIP*",
    "_internal_",
    "~old~",
    "<&>",
    "R&D <!channel>",
    "`raw`",
    ":smile: 🎉",
    "> quoted",
    "A * B",
    "👩‍🚀",
)


def as_shown(name: str) -> str:
    return name.replace("`", blocks.WIDE_BACKTICK)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_whole_in_bold_alone_and_as_a_link(name: str) -> None:
    for markup in (f"*{blocks.escape(name)}*", blocks.escape(name), f"To *{blocks.escape(name)}*: nothing."):
        assert as_shown(name) in READ.mrkdwn(markup)
        assert as_shown(name) in html.unescape(re.sub(r"<[^>]*>", "", Markup(READ).mrkdwn(markup)))
    assert READ.mrkdwn(linked(name, "https://example.com")).startswith(as_shown(name))
    assert READ.text(blocks.plain(name)) == name


PIECES = st.sampled_from([*"ab1*_~`<>&:;é日 ", "smile", "🎉"])


@given(st.lists(PIECES, max_size=20).map(lambda pieces: " ".join("".join(pieces).split())))
def test_no_words_whatever_lose_a_character_in_bold(words: str) -> None:
    assert READ.mrkdwn(f"*{blocks.escape(words)}*") == (as_shown(words) or "**")
    assert READ.mrkdwn(blocks.escape(words)) == as_shown(words)


@pytest.mark.parametrize(
    "words", ["snake_case_name", "2*3*4", "R&D <b>", "at 07:30:00", "POSTINO_SOURCE_URL is not set."]
)
def test_words_that_format_nothing_are_not_written_as_code(words: str) -> None:
    assert "`" not in blocks.escape(words)


def test_nobody_is_called_by_a_name_that_looks_like_a_mention() -> None:
    assert "<!" not in blocks.escape("<!channel>")
    assert blocks.mrkdwn("@here")["verbatim"]
