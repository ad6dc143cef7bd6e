"""What a person reads: mrkdwn, dates, mentions and emoji codes as plain text."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel.dates import format_date

from sandbox.slack import emoji
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

_ANGLE = re.compile(r"<([^<>]+)>")
_STYLE = re.compile(r"(?<![\w*~])([*_~])(?=\S)(.+?)(?<=\S)\1(?![\w*~])")
_CODE = re.compile(r"```\n?(.*?)```|`([^`\n]+)`", re.DOTALL)
_KEPT = re.compile("\ue000(\\d+)\ue001")
_QUOTE = re.compile(r"^&gt; ?", re.MULTILINE)


class Reader:
    """Turns Slack's markup into what one person sees, with dates in their time zone and language."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        known = workspace.users.get(user)
        self._zone = ZoneInfo(known.tz if known else "UTC")
        self._locale = (known.locale if known else "en-US").replace("-", "_")

    def text(self, value: Json | str | None) -> str:
        """A text object, or a string of mrkdwn, as plain text."""
        if value is None:
            return ""
        if isinstance(value, str):
            return self.mrkdwn(value)
        if value.get("type") == "plain_text":
            text = str(value.get("text", ""))
            return emoji.shown(text) if value.get("emoji", True) else text
        return self.mrkdwn(str(value.get("text", "")))

    def mrkdwn(self, text: str) -> str:
        """Formatted text without its marks; code keeps its content as it is."""
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            kept.append(html.unescape(found[1] if found[1] is not None else found[2]).rstrip("\n"))
            return f"\ue000{len(kept) - 1}\ue001"

        return _KEPT.sub(lambda found: kept[int(found[1])], self._plain(_CODE.sub(keep, text)))

    def _plain(self, text: str) -> str:
        text = _QUOTE.sub("| ", text)
        text = _ANGLE.sub(lambda found: self._angle(found[1]), text)
        for _ in range(3):
            text = _STYLE.sub(r"\2", text)
        return emoji.shown(html.unescape(text))

    def _angle(self, inside: str) -> str:
        target, _, label = inside.partition("|")
        if target.startswith("@"):
            return f"@{self.person(target[1:])}"
        if target.startswith("#"):
            return (label and f"#{label}") or self.place(target[1:])
        if target.startswith("!date^"):
            return self._date(target, label)
        if target.startswith("!"):
            return label or "@" + target[1:].partition("^")[0]
        return label or target.removeprefix("mailto:")

    def person(self, user_id: str) -> str:
        """A person's name."""
        user = self._workspace.users.get(user_id)
        return user.real_name if user else user_id

    def place(self, channel_id: str) -> str:
        """A channel's name with ``#``."""
        channel = self._workspace.channels.get(channel_id)
        return f"#{channel.name}" if channel else f"#{channel_id}"

    def _date(self, target: str, fallback: str) -> str:
        _, stamp, form, *_ = [*target.split("^"), "", ""]
        if not stamp.lstrip("-").isdigit():
            return fallback
        at = datetime.fromtimestamp(int(stamp), self._zone)
        words = {
            "date_num": f"{at:%Y-%m-%d}",
            "date_slash": f"{at:%d/%m/%Y}",
            "date_long": format_date(at, "full", locale=self._locale),
            "date_short": format_date(at, "medium", locale=self._locale),
            "date": format_date(at, "long", locale=self._locale),
            "time_secs": f"{at:%H:%M:%S}",
            "time": f"{at:%H:%M}",
        }
        return re.sub(r"\{(\w+?)(_pretty)?\}", lambda found: words.get(found[1], found[0]), form)
