"""Help: what each command does, in the words of a person who reads it for the first time."""

from __future__ import annotations

from bot.texts import Texts, mark
from bot.views import blocks, sharing
from bot.views.run_facts import Message

SHARE = "help.share"

HELP = {
    "hub": (mark("/postino"), mark("Your destinations with their last result, and buttons for everything below.")),
    "connect": (
        mark("/postino-connect"),
        mark("Make a destination: connect Mailchimp, choose audience, fields and segments."),
    ),
    "segments": (
        mark("/postino-segments [search]"),
        mark("Segments with profile counts, change, state and last refresh. Search by words of the name."),
    ),
    "export": (
        mark("/postino-export [destination]"),
        mark("Show what an export would change, then send it when you say so."),
    ),
    "status": (mark("/postino-status"), mark("What is running, queued or waiting for approval, and the last exports.")),
    "history": (mark("/postino history [destination]"), mark("The last exports, of all destinations or of one.")),
    "destinations": (
        mark("/postino destinations [search]"),
        mark("All destinations: last and next export, connection, what you may do, and buttons to do it."),
    ),
    "connections": (
        mark("/postino connections"),
        mark("The Mailchimp accounts that you may use; administrators share, reconnect and remove them here."),
    ),
    "schedules": (
        mark("/postino schedules"),
        mark("When each destination is exported next; pause, resume or run them all now."),
    ),
    "policies": (
        mark("/postino policies [destination]"),
        mark("Its brake, who else approves its exports, who is called where there is trouble. For administrators."),
    ),
    "administrators": (
        mark("/postino administrators"),
        mark("Who is an administrator besides the admins and owners of this workspace. For administrators."),
    ),
    "why": (
        mark("/postino why EMAIL"),
        mark(
            "In which segments somebody is, when they were sent, and why not. For administrators; only you see the answer."
        ),
    ),
    "forget": (
        mark("/postino forget EMAIL"),
        mark("Remove every trace that Postino has of somebody, after a question. For administrators."),
    ),
    "doctor": (mark("/postino doctor"), mark("What is missing or wrong, each with what to do. For administrators.")),
    "audit": (mark("/postino audit"), mark("Who did what when, sent to you as a file. For administrators.")),
    "help": (mark("/postino help"), mark("This list. Every command answers help too, such as /postino-export help.")),
}
"""By word: how the command is written and what it does."""


def everything(t: Texts, *, shared: bool = False) -> Message:
    """All commands; ``shared`` leaves out the button of the asker."""
    lines = [_line(t, word) for word in HELP]
    head = t("What Postino can do")
    also = t("/postino with one of these words does the same: {words}.", words="connect, segments, export, status")
    content = [blocks.section(f"*{head}*"), blocks.section("\n".join(lines)), blocks.context(also)]
    if not shared:
        content.append(blocks.actions(sharing.button(t, SHARE)))
    return Message("\n".join([head, *lines, also]), content)


def of(t: Texts, word: str, *, shared: bool = False) -> Message:
    """One command; ``shared`` leaves out the button of the asker."""
    line = _line(t, word)
    return Message(line, [blocks.section(line, None if shared else sharing.button(t, SHARE, word))])


def unknown(t: Texts, typed: str, nearest: str | None) -> Message:
    """For words Postino does not know: the nearest command, and where to see all."""
    said = blocks.code(blocks.shorten(typed, 100))
    if nearest is None:
        text = t("Postino does not know {typed}. Type /postino help to see what it can do.", typed=said)
    else:
        written = HELP[nearest][0]
        text = t(
            "Postino does not know {typed}. Did you mean {nearest}? Type /postino help to see what it can do.",
            typed=said,
            nearest=f"`{t(written)}`",
        )
    return Message(text, [blocks.section(text)])


def _line(t: Texts, word: str) -> str:
    written, does = HELP[word]
    return f"`{t(written)}` {t(does)}"
