"""Slack's markup as HTML: formatting, code, links, mentions, dates, quotes, emoji codes."""

from __future__ import annotations

import html
import re

from sandbox.page.marks import marked
from sandbox.slack import emoji
from sandbox.slack.reading import Reader
from sandbox.slack.values import Json

_CODE = re.compile(r"```\n?(.*?)```|`([^`\n]+)`", re.DOTALL)
_ANGLE = re.compile(r"<([^<>]+)>")
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]")
_KEPT = re.compile("\ue000(\\d+)\ue001")
_STYLES = [
    (re.compile(rf"(?<![\w{sign}]){sign}(?=\S)([^\n]+?)(?<=\S){sign}(?![\w{sign}])"), tag)
    for sign, tag in ((r"\*", "b"), ("_", "i"), ("~", "s"))
]
_SAFE = ("http://", "https://", "mailto:", "tel:")


def escaped(text: str, *, codes: bool = True) -> str:
    """Text as HTML, line breaks kept, with ``codes`` emoji codes as characters."""
    return marked(html.escape(emoji.shown(text) if codes else text)).replace("\n", "<br>")


def link(address: str, label: str | None = None) -> str:
    """A link that opens a new tab; only its label where the address is not one of the web or mail."""
    shown = escaped(label or address.removeprefix("mailto:"))
    if not address.startswith(_SAFE):
        return shown
    return f'<a href="{html.escape(address)}" target="_blank" rel="noopener">{shown}</a>'


class Markup:
    """Markup as one person sees it, in their time zone."""

    def __init__(self, read: Reader) -> None:
        self.read = read

    def text(self, value: Json | str | None) -> str:
        """A text object, or a string of markup, as HTML."""
        if value is None:
            return ""
        if isinstance(value, str):
            return self.mrkdwn(value)
        if value.get("type") == "plain_text":
            return escaped(str(value.get("text", "")), codes=value.get("emoji", True))
        return self.mrkdwn(str(value.get("text", "")))

    def mrkdwn(self, text: str) -> str:
        """Formatted text as HTML."""
        kept: list[str] = []

        def keep(part: str) -> str:
            kept.append(part)
            return f"\ue000{len(kept) - 1}\ue001"

        def code(found: re.Match[str]) -> str:
            if found[1] is not None:
                return keep(f"<pre>{html.escape(html.unescape(found[1].rstrip()))}</pre>")
            return keep(f"<code>{html.escape(html.unescape(found[2]))}</code>")

        text = _CODE.sub(code, text)
        text = _ANGLE.sub(lambda found: keep(self._angle(found[1])), text)
        text = _ADDRESS.sub(lambda found: keep(link(html.unescape(found[0]))), text)
        lines = "".join(self._line(line) for line in text.split("\n")).removesuffix("<br>")
        lines = re.sub(r"(?:<br>)?(<(?:pre|blockquote)>)", r"\1", lines)
        for _ in range(2):  # a label may hold code
            lines = _KEPT.sub(lambda found: kept[int(found[1])], lines)
        return lines.replace("</pre><br>", "</pre>").replace("</blockquote><blockquote>", "<br>")

    def _line(self, line: str) -> str:
        quoted = line.startswith(("&gt;", ">"))
        bare = line.removeprefix("&gt;").removeprefix(">").lstrip() if quoted else line
        shown = html.escape(emoji.shown(html.unescape(bare)), quote=False)
        for pattern, tag in _STYLES:
            shown = pattern.sub(rf"<{tag}>\1</{tag}>", shown)
        shown = marked(shown)
        if quoted:
            return f"<blockquote>{shown}</blockquote>"
        if bare.startswith(("• ", "◦ ")):
            return f'<span class="bullet">{shown}</span>'
        return f"{shown}<br>"

    def _angle(self, inside: str) -> str:
        if inside.startswith("!date^"):
            _, _, fallback = inside.partition("|")
            shown = escaped(self.read.mrkdwn(f"<{inside}>") or fallback)
            parts = inside.partition("|")[0].split("^")
            return link(parts[3], shown) if len(parts) > 3 else f"<time>{shown}</time>"
        if inside.startswith(("@", "#", "!")):
            return f'<span class="mention">{escaped(self.read.mrkdwn(f"<{inside}>"))}</span>'
        address, _, label = inside.partition("|")
        return link(html.unescape(address), html.unescape(label) or None)

    # -- rich text -----------------------------------------------------------------------------------------------

    def rich_text(self, block: Json) -> str:
        """A rich_text object as HTML."""
        return "".join(self._part(part) for part in block["elements"])

    def _part(self, part: Json) -> str:
        kind = part["type"]
        if kind == "rich_text_list":
            tag = "ol" if part.get("style") == "ordered" else "ul"
            items = "".join(f"<li>{self._run(each)}</li>" for each in part["elements"])
            return f'<{tag} style="margin-left:{20 * int(part.get("indent", 0))}px">{items}</{tag}>'
        tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}.get(kind, "p")
        return f"<{tag}>{self._run(part)}</{tag}>"

    def _run(self, part: Json) -> str:
        return "".join(self._piece(each) for each in part["elements"])

    def _piece(self, piece: Json) -> str:
        kind = piece["type"]
        if kind == "link":
            shown = link(piece["url"], piece.get("text"))
        elif kind in ("user", "channel", "usergroup", "broadcast"):
            named = {
                "user": lambda: f"@{self.read.person(piece['user_id'])}",
                "channel": lambda: self.read.place(piece["channel_id"]),
                "usergroup": lambda: f"@{piece['usergroup_id']}",
                "broadcast": lambda: f"@{piece['range']}",
            }[kind]()
            shown = f'<span class="mention">{escaped(named)}</span>'
        elif kind == "emoji":
            shown = escaped(f":{piece['name']}:")
        elif kind == "date":
            shown = escaped(
                self.read.mrkdwn(f"<!date^{piece['timestamp']}^{piece['format']}|{piece.get('fallback', '')}>")
            )
        else:
            shown = escaped(str(piece.get("text", "")))
        for style, tag in (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code")):
            if (piece.get("style") or {}).get(style):
                shown = f"<{tag}>{shown}</{tag}>"
        return shown
