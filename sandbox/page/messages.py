"""Messages of a conversation as rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from sandbox.page import blocks, faces
from sandbox.page.markup import escaped
from sandbox.page.nodes import Live, Node, Row, markup
from sandbox.page.surfaces import Surface
from sandbox.page.words import word
from sandbox.slack.errors import NotThereError
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.page.desk import Desk

TOGETHER = 300  # seconds within which one author's messages stand below one name
PREVIEWED = 6  # lines of a file
PICTURES = ("png", "jpg", "gif")


class Messages:
    """Draws the messages of one conversation for the person at the desk."""

    def __init__(self, desk: Desk, channel: str, open_thread: Callable[[str], Any] | None) -> None:
        self._desk = desk
        self._channel = channel
        self._open_thread = open_thread
        self._zone = ZoneInfo(desk.person.user.tz)
        self._surfaces: dict[str, Surface] = {}
        self._previews: dict[str, list[list[str]]] = {}
        self._known: dict[str, tuple[object, Row]] = {}

    async def rows(self, messages: list[Json]) -> list[Row]:
        """The rows for these messages, oldest first, with a line at each new day."""
        found: list[Row] = []
        before: Json | None = None
        for each in messages:
            for file in each["files"]:
                await self._preview(file)
            day = self._at(each).date()
            if before is None or self._at(before).date() != day:
                found.append(Row(f"day {day}", self._day(day), _day, classes="day"))
                before = None
            found.append(self._message(each, before))
            before = each
        return found

    def _at(self, message: Json) -> datetime:
        return datetime.fromtimestamp(float(message["ts"]), self._zone)

    def _day(self, day: date) -> str:
        user = self._desk.person.user
        today = datetime.fromtimestamp(self._desk.town.workspace.now(), self._zone).date()
        if day in (today, today - timedelta(days=1)):
            return word(user, "Today" if day == today else "Yesterday")
        return str(format_date(day, word(user, "EEEE, d MMMM y"), locale=user.locale.replace("-", "_")))

    def _message(self, message: Json, before: Json | None) -> Row:
        follows = (
            before is not None
            and not self._is_broadcast(message)
            and before["user"] == message["user"]
            and before["ephemeral"] == message["ephemeral"]
            and float(message["ts"]) - float(before["ts"]) < TOGETHER
        )
        state = (message["updated"], message["reply_count"], follows)
        known = self._known.get(message["ts"])
        if known is not None and known[0] == state:
            return known[1]
        surface = self._surfaces.setdefault(
            message["ts"], Surface(self._desk.person, self._desk.layers, channel=self._channel, ts=message["ts"])
        )
        classes = "message" + (" ephemeral" if message["ephemeral"] else "") + (" follows" if follows else "")
        attributes = {"data-testid": "message", "data-ts": message["ts"], "role": "article"}
        row = Row(message["ts"], classes=classes, attributes=attributes, rows=self._parts(surface, message, follows))
        self._known[message["ts"]] = (state, row)
        return row

    def _is_broadcast(self, message: Json) -> bool:
        """A reply that is also shown in the channel."""
        return bool(self._open_thread and message["thread_ts"] and message["thread_ts"] != message["ts"])

    def _parts(self, surface: Surface, message: Json, follows: bool) -> list[Row]:
        parts = []
        if message["ephemeral"]:
            parts.append(
                Row("only you", word(self._desk.person.user, "Only visible to you"), _plain, classes="only-you")
            )
        author = (message["user"], message["user_name"], message["by_app"], f"{self._at(message):%H:%M}")
        draw = _short_head if follows else _head
        parts.append(Row("brief" if follows else "head", author, draw, classes="brief" if follows else "head"))
        if self._is_broadcast(message):
            parts.append(Row("broadcast", message["thread_ts"], self._broadcast, classes="broadcast"))
        if message["blocks"]:
            parts += blocks.rows(surface, message["blocks"], blocks.by_key(message["inputs"]))
        elif message["text"]:
            parts.append(Row("text", surface.words.mrkdwn(message["text"]), _still, classes="kit text"))
        if message["edited"]:
            parts.append(Row("edited", word(self._desk.person.user, "(edited)"), _plain, classes="edited"))
        parts += [Row(f"file {file['id']}", file, self._file, classes="files") for file in message["files"]]
        if message["reactions"]:
            parts.append(Row("reactions", message["reactions"], _reactions, classes="reactions"))
        if self._open_thread:
            parts.append(Row("thread", (message["ts"], message["reply_count"]), self._thread, classes="thread-line"))
            # A reply that is also shown in the channel belongs to its thread: it has none of its own.
            thread = message["thread_ts"] or message["ts"]
            parts.append(Row("tools", (message["ts"], thread), self._tools, classes="tools"))
        return parts

    def _broadcast(self, live: Live) -> None:
        opening = self._open_thread
        user = self._desk.person.user
        Node("span", "", f"{word(user, 'replied to')} ")
        if opening is not None:
            Node("button", "link", word(user, "a thread"), type="button").clicked(lambda: opening(live.data))

    def _thread(self, live: Live) -> None:
        ts, count = live.data
        if count and self._open_thread:
            opening = self._open_thread
            user = self._desk.person.user
            words = word(user, "1 reply") if count == 1 else f"{count} {word(user, 'replies')}"
            Node("button", "replies", words, type="button").clicked(lambda: opening(ts))

    def _tools(self, live: Live) -> None:
        ts, thread = live.data
        opening = self._open_thread
        if opening is not None:
            reply = Node("button", "tool", type="button", aria_label="Reply in thread", title="Reply in thread")
            with reply:
                markup(faces.BUBBLE, tag="span")
            reply.clicked(lambda: opening(thread))
        for each in self._desk.town.workspace.declared("shortcuts") or ():
            if each["type"] == "message":
                tool = Node("button", "tool words", each["name"], type="button")
                tool.on("click", lambda _, name=each["callback_id"]: self._shortcut(name, ts), [])

    async def _shortcut(self, callback_id: str, ts: str) -> None:
        surface = self._surfaces[ts]
        await surface.act(self._desk.person.message_shortcut(callback_id, self._channel, ts))

    # -- files ---------------------------------------------------------------------------------------------------

    async def _preview(self, file: Json) -> None:
        if file["id"] in self._previews or file["filetype"] != "csv":
            return
        try:
            _, content = await self._desk.person.download(file["id"])
        except NotThereError:
            return
        lines = io.StringIO(content.decode("utf-8-sig", "replace"))
        self._previews[file["id"]] = [row for row, _ in zip(csv.reader(lines), range(PREVIEWED), strict=False)]

    def _file(self, live: Live) -> None:
        file: Json = live.data
        address = f"/files/{self._desk.person.user.id}/{file['id']}"
        with Node(classes="file", data_testid="file"):
            with Node(classes="file-head"):
                Node("span", "file-icon", file["filetype"].upper()[:4], aria_hidden=True)
                with Node("span", "file-name"):
                    Node("b", "", file["title"] or file["name"])
                    Node("small", "", f"{file['name']} · {_size(file['size'])}")
                Node(
                    "a", "button", word(self._desk.person.user, "Download"), href=address, download=file["name"],
                    aria_label=f"Download {file['name']}",
                )  # fmt: skip
            if file["filetype"] in PICTURES:
                Node("img", "picture", src=address, alt=file["alt_txt"] or file["name"])
            rows = self._previews.get(file["id"])
            if rows:
                lines = [
                    "".join(f"<{tag}>{escaped(cell)}</{tag}>" for cell in row)
                    for tag, row in zip(["th"] + ["td"] * PREVIEWED, rows, strict=False)
                ]
                markup(f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>", "preview")


def _head(live: Live) -> None:
    user_id, name, by_app, time = live.data
    if by_app:
        faces.app_icon()
    elif user_id == "USLACKBOT":
        faces.bot_avatar(name)
    else:
        faces.avatar(user_id, name)
    Node("b", "author", name)
    if by_app:
        Node("span", "app-badge", "APP")
    Node("time", "", time)


def _short_head(live: Live) -> None:
    Node("time", "", live.data[3])


def _day(live: Live) -> None:
    Node("span", "", live.data)


def _plain(live: Live) -> None:
    Node("span", "", live.data)


def _still(live: Live) -> None:
    markup(live.data)


def _reactions(live: Live) -> None:
    for each in live.data:
        markup(f"{escaped(':' + each['name'] + ':')} <b>{each['count']}</b>", "reaction", tag="span")


def _size(length: int) -> str:
    return (
        f"{length} B"
        if length < 1000
        else f"{length / 1000:.1f} kB"
        if length < 1_000_000
        else f"{length / 1e6:.1f} MB"
    )
