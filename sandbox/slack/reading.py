"""What a person reads: mrkdwn, dates, mentions and emoji codes as plain text."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sandbox.slack import emoji
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

_ANGLE = re.compile(r"<([^<>]+)>")
_STYLE = re.compile(r"(?<![\w*~])([*_~])(?=\S)(.+?)(?<=\S)\1(?![\w*~])")
_CODE = re.compile(r"```\n?(.*?)```|`([^`\n]+)`", re.DOTALL)
_QUOTE = re.compile(r"^&gt; ?", re.MULTILINE)


class Reader:
    """Turns Slack's markup into what one person sees, in their time zone."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        self._zone = ZoneInfo(workspace.users[user].tz if user in workspace.users else "UTC")

    def text(self, value: Json | str | None) -> str:
        """A text object, or a string of mrkdwn, as plain text."""
        if value is None:
            return ""
        if isinstance(value, str):
            return self.mrkdwn(value)
        if value.get("type") == "plain_text":
            return emoji.shown(str(value.get("text", "")))
        return self.mrkdwn(str(value.get("text", "")))

    def mrkdwn(self, text: str) -> str:
        """Formatted text without its marks; code keeps its content as it is."""
        parts, at = [], 0
        for found in _CODE.finditer(text):
            parts.append(self._plain(text[at : found.start()]))
            parts.append(html.unescape(found[1] if found[1] is not None else found[2]).rstrip("\n"))
            at = found.end()
        return "".join([*parts, self._plain(text[at:])])

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
        day = f"{at:%B} {at.day}"
        words = {
            "date_num": f"{at:%Y-%m-%d}",
            "date_slash": f"{at:%d/%m/%Y}",
            "date_long": f"{at:%A}, {day}, {at.year}",
            "date_short": f"{at:%b} {at.day}, {at.year}",
            "date": f"{day}, {at.year}",
            "time_secs": f"{at:%H:%M:%S}",
            "time": f"{at:%H:%M}",
        }
        return re.sub(r"\{(\w+?)(_pretty)?\}", lambda found: words.get(found[1], found[0]), form)
