"""Blocks in which nothing can be clicked, as HTML."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import markdown2  # type: ignore[import-untyped]  # comes with NiceGUI, without types

from sandbox.page.marks import marked
from sandbox.page.markup import Markup, escaped
from sandbox.slack import emoji
from sandbox.slack.values import Json

TASKS = {"complete": ("✓", "Done"), "in_progress": ("", "In progress"), "pending": ("", "Pending"),
         "error": ("!", "Failed")}  # fmt: skip
ALERTS = {"default": "", "info": "ℹ️", "warning": "⚠️", "error": "⛔", "success": "✅"}


class StillBlocks:
    """Draws such blocks for one person."""

    def __init__(self, markup: Markup) -> None:
        self._markup = markup

    def html(self, block: Json) -> str | None:
        """The block as HTML; None for one that is not of this sort."""
        draw: Callable[[Json], str] | None = getattr(self, f"_{block['type']}", None)
        return draw(block) if draw else None

    def section(self, block: Json) -> str:
        """A section's text and fields, without its accessory."""
        text = f'<div class="text">{self._markup.text(block["text"])}</div>' if block.get("text") else ""
        fields = "".join(f'<div class="text">{self._markup.text(each)}</div>' for each in block.get("fields") or ())
        return text + (f'<div class="fields">{fields}</div>' if fields else "")

    def _header(self, block: Json) -> str:
        return f"<h3>{self._markup.text(block['text'])}</h3>"

    def _divider(self, _block: Json) -> str:
        return "<hr>"

    def _context(self, block: Json) -> str:
        parts = []
        for each in block["elements"]:
            if each["type"] == "image":
                parts.append(f'<img src="{html.escape(each["image_url"])}" alt="{html.escape(each["alt_text"])}">')
            else:
                parts.append(f"<span>{self._markup.text(each)}</span>")
        return f'<div class="context">{"".join(parts)}</div>'

    def _image(self, block: Json) -> str:
        title = f"<figcaption>{self._markup.text(block['title'])}</figcaption>" if block.get("title") else ""
        source = html.escape(block.get("image_url", ""))
        return f'<figure>{title}<img src="{source}" alt="{html.escape(block["alt_text"])}"></figure>'

    def _video(self, block: Json) -> str:
        return (
            f'<figure><figcaption>{self._markup.text(block["title"])}</figcaption><a target="_blank" rel="noopener" '
            f'href="{html.escape(block["video_url"])}">▶ {html.escape(block["alt_text"])}</a></figure>'
        )

    def _alert(self, block: Json) -> str:
        level = block.get("level", "default")
        role = "alert" if level == "error" else "status"
        return (
            f'<div class="alert {level}" role="{role}"><span aria-hidden="true">{marked(ALERTS[level])}</span>'
            f"<span>{self._markup.text(block['text'])}</span></div>"
        )

    def _markdown(self, block: Json) -> str:
        extras = ["tables", "strike", "fenced-code-blocks", "task_list", "cuddled-lists", "break-on-newline"]
        shown = markdown2.markdown(emoji.shown(block["text"]), safe_mode="escape", extras=extras)
        return f'<div class="markdown">{marked(shown)}</div>'

    def _rich_text(self, block: Json) -> str:
        return f'<div class="rich">{self._markup.rich_text(block)}</div>'

    def _table(self, block: Json) -> str:
        settings = block.get("column_settings") or []
        aligned = [(setting or {}).get("align", "left") for setting in settings]
        return self.table(block["rows"], aligned)

    def table(self, rows: list[list[Json]], aligned: list[str] | None = None, caption: str = "") -> str:
        """A table whose first row is its heading."""
        aligned = aligned or []
        lines = []
        for index, row in enumerate(rows):
            tag = "th" if index == 0 else "td"
            cells = [
                f'<{tag} class="{aligned[column] if column < len(aligned) else _side(rows, column)}">'
                f"{self.cell(cell)}</{tag}>"
                for column, cell in enumerate(row)
            ]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        head = f"<caption>{escaped(caption)}</caption>" if caption else ""
        return f'<div class="table"><table>{head}<thead>{lines[0]}</thead><tbody>{"".join(lines[1:])}</tbody></table></div>'

    def cell(self, cell: Json) -> str:
        """A table's cell."""
        if cell["type"] == "rich_text":
            return self._markup.rich_text(cell)
        return escaped(str(cell.get("text", cell.get("value", ""))))

    def _data_visualization(self, block: Json) -> str:
        chart = block["chart"]
        bars = [(each["label"], each["value"]) for each in chart.get("segments") or ()]
        for series in chart.get("series") or ():
            bars += [(f"{series['name']} {each.get('label', '')}", each["value"]) for each in series["data"]]
        most = max((value for _, value in bars), default=1) or 1
        lines = [
            f'<div class="bar"><span>{escaped(label)}</span><i style="width:{60 * value / most:.1f}%"></i>'
            f"<b>{value:,}</b></div>"
            for label, value in bars
        ]
        return f'<div class="chart"><h4>{escaped(block["title"])}</h4>{"".join(lines)}</div>'

    def _plan(self, block: Json) -> str:
        tasks = "".join(self._task_card(task) for task in block["tasks"])
        return f'<div class="plan"><h4>{escaped(block["title"])}</h4>{tasks}</div>'

    def _task_card(self, task: Json) -> str:
        mark, word = TASKS[task["status"]]
        more = "".join(self._markup.rich_text(task[key]) for key in ("details", "output") if task.get(key))
        return (
            f'<div class="task {task["status"]}"><span class="mark" role="img" aria-label="{word}">{mark}</span>'
            f"<div><b>{escaped(task['title'])}</b>{more}</div></div>"
        )

    def _context_actions(self, block: Json) -> str:
        buttons = [
            button
            for each in block["elements"]
            for button in (each, each.get("positive_button"), each.get("negative_button"))
            if button and button.get("text")
        ]
        words = [self._markup.text(each["text"]) for each in buttons]
        return f'<div class="context">{"".join(f"<span>{word}</span>" for word in words)}</div>'

    def card(self, block: Json) -> str:
        """A card's image and texts, without its buttons."""
        hero = block.get("hero_image")
        picture = f'<img src="{html.escape(hero["image_url"])}" alt="{html.escape(hero["alt_text"])}">' if hero else ""
        texts = "".join(
            f'<div class="{key}">{self._markup.text(block[key])}</div>'
            for key in ("title", "subtitle", "body", "subtext")
            if block.get(key)
        )
        return picture + texts


def _side(rows: list[list[Json]], column: int) -> str:
    """Columns of numbers stand at the right."""
    cells: list[Any] = [row[column] for row in rows[1:] if column < len(row)]
    return "right" if cells and all(cell["type"] == "raw_number" for cell in cells) else "left"
