"""Block Kit as rows of the page."""

from __future__ import annotations

from typing import Any

from sandbox.page import elements, tables, words
from sandbox.page.nodes import Live, Node, Row, markup
from sandbox.page.surfaces import Part, Shown, Surface
from sandbox.slack import inputs
from sandbox.slack.values import Json

Inputs = dict[tuple[str, str], Json]


def by_key(listed: list[Json]) -> Inputs:
    """The ``inputs`` of a message or view by (block_id, action_id)."""
    return {(each["block_id"], each["action_id"]): each for each in listed}


def rows(surface: Surface, blocks: list[Json], entered: Inputs) -> list[Row]:
    """The rows that show these blocks. Input blocks are known by their block_id, others by type and position."""
    seen: dict[str, int] = {}
    found = []
    for block in blocks:
        kind = block["type"]
        seen[kind] = seen.get(kind, 0) + 1
        key = f"input {block['block_id']}" if kind == "input" else f"{kind} {seen[kind]}"
        found.append(_row(surface, key, block, entered))
    return found


def _row(surface: Surface, key: str, block: Json, entered: Inputs) -> Row:
    classes = f"kit kit-{block['type']}"
    shown = Shown(
        block, {action: each for (block_id, action), each in entered.items() if block_id == block["block_id"]}
    )
    kind = block["type"]
    if kind == "input":
        return _input(surface, key, shown)
    if kind == "container":
        return Row(key, classes=classes, rows=_container(surface, block, entered))
    if kind == "carousel":
        cards = [_row(surface, f"card {index}", card, entered) for index, card in enumerate(block["elements"])]
        return Row(key, classes=classes, rows=cards)
    if kind == "data_table":
        return Row(key, shown, lambda live: tables.DataTable(surface, live), classes=classes, signature=_look(shown))
    if kind in ("section", "actions", "card"):
        return Row(key, shown, lambda live: _interactive(surface, live), classes=classes, signature=_look(shown))
    content = surface.still.html(block) or ""
    return Row(key, content, lambda live: _still(live), classes=classes)


def _still(live: Live) -> None:
    markup(live.data)


def _interactive(surface: Surface, live: Live) -> None:
    block = live.data.block
    if block["type"] == "section":
        markup(surface.still.section(block), "section-body")
        if block.get("accessory"):
            with Node(classes="accessory"):
                elements.draw(surface, Part(live, lambda now: now["accessory"]))
        return
    if block["type"] == "card":
        markup(surface.still.card(block))
    with Node(classes="row"):
        for index in range(len(block["elements" if block["type"] == "actions" else "actions"] or ())):
            elements.draw(surface, _nth(live, "elements" if block["type"] == "actions" else "actions", index))


def _nth(live: Live, key: str, index: int) -> Part:
    return Part(live, lambda now: now[key][index])


def _container(surface: Surface, block: Json, entered: Inputs) -> list[Row]:
    title = f"<h4>{surface.words.text(block['title'])}</h4>" if block.get("title") else ""
    if block.get("subtitle"):
        title += f'<div class="subtitle">{surface.words.text(block["subtitle"])}</div>'
    return [Row("title", title, _still), *rows(surface, block["child_blocks"], entered)]


def _input(surface: Surface, key: str, shown: Shown) -> Row:
    block = shown.block
    entry = next(iter(shown.inputs.values()), {})
    said = words.word(surface.person.user, "(optional)")
    optional = f' <span class="optional">{said}</span>' if block.get("optional") else ""
    parts = [
        Row("label", f"{surface.words.text(block['label'])}{optional}", _still, classes="label"),
        Row(
            "field", shown, lambda live: elements.draw(surface, Part(live, lambda now: now["element"])),
            signature=_look(shown),
        ),
    ]  # fmt: skip
    if entry.get("error"):
        parts.append(
            Row(
                "error",
                words.word(surface.person.user, entry["error"]),
                _error,
                classes="error",
                attributes={"role": "alert", "data-testid": "field-error"},
            )
        )
    if block.get("hint"):
        parts.append(Row("hint", surface.words.text(block["hint"]), _still, classes="hint"))
    wrong = " wrong" if entry.get("error") else ""
    return Row(key, rows=parts, classes=f"kit kit-input{wrong}", attributes={"data-block": block["block_id"]})


def _error(live: Live) -> None:
    Node("span", "", live.data)


def _look(shown: Shown) -> Any:
    """What is to be seen of a block: not its identifiers, not what is just being typed, not its error."""
    values = [
        (entry["type"], None if entry["type"] in inputs.TYPED else entry["value"], entry["options"])
        for entry in shown.inputs.values()
    ]
    return shown.block if shown.block["type"] == "input" else _bare(shown.block), values


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key not in ("block_id", "action_id")}
    return [_bare(each) for each in value] if isinstance(value, list) else value
