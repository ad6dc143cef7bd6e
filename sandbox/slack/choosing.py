"""Finding the element a person means and turning what they enter into its value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox.slack import inputs
from sandbox.slack.errors import NotThereError
from sandbox.slack.inputs import Field
from sandbox.slack.rendering import Lines
from sandbox.slack.values import Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


def find(lines: Lines, blocks: list[Json], target: str, block_id: str | None, value: str | None = None) -> list[Field]:
    """The elements meant by ``target``: an action_id, a block_id, or what is written on or beside the element."""
    listed = [field for field in inputs.fields(blocks) if block_id in (None, field.key[0])]
    if value is not None:
        listed = [field for field in listed if field.element.get("value") == value]
    wanted = target.casefold().strip()
    tests = (
        lambda field: field.key[1] == target,
        lambda field: field.key[0] == target,
        lambda field: lines.label(field).casefold() == wanted,
        lambda field: lines.label(field).casefold().startswith(wanted),
        lambda field: wanted in lines.label(field).casefold(),
    )
    for test in tests:
        found = [field for field in listed if test(field)]
        if found:
            return found
    return []


def one(lines: Lines, blocks: list[Json], target: str, block_id: str | None, value: str | None = None) -> Field:
    """The one element meant. Raises NotThereError, naming what there is, if there is none or several."""
    found = find(lines, blocks, target, block_id, value)
    if len(found) == 1:
        return found[0]
    shown = [f"{lines.label(field)!r} ({'/'.join(field.key)})" for field in found or inputs.fields(blocks)]
    many = "several" if found else "no"
    raise NotThereError(f"There is {many} {target!r} here: {', '.join(shown) or 'nothing to use'}.")


def listed_options(element: Json) -> list[Json]:
    """The options of a static element, groups flattened."""
    groups = element.get("option_groups") or ()
    return list(element.get("options") or ()) + [option for group in groups for option in group["options"]]


def option(lines: Lines, options: Iterable[Json], wanted: Any) -> Json:
    """The option meant by its value or by what it says. Raises NotThereError, naming what there is."""
    options = list(options)
    said = str(wanted).casefold().strip()
    tests = (
        lambda each: each["value"] == wanted,
        lambda each: lines.read.text(each["text"]).casefold() == said,
        lambda each: lines.read.text(each["text"]).casefold().startswith(said),
        lambda each: said in lines.read.text(each["text"]).casefold(),
    )
    for test in tests:
        found = [each for each in options if test(each)]
        if len(found) == 1:
            return found[0]
        if found:
            break
    shown = ", ".join(repr(lines.read.text(each["text"])) for each in options[:20])
    raise NotThereError(f"There is no single option {wanted!r}: {shown or 'no options'}.")


def entered(workspace: Workspace, lines: Lines, field: Field, value: Any, options: list[Json]) -> Json:
    """What the element holds after the person entered ``value``; None or nothing empties it.

    Options are meant by value or label, people and channels by id or name. Raises NotThereError.
    """
    key, _, several = inputs.SHAPES[field.kind]
    if value in (None, "", []):
        return {"type": field.kind, key: [] if several else None}
    each = value if isinstance(value, (list, tuple)) else [value]
    if "users" in field.kind:
        chosen: list[Any] = [_person(workspace, name) for name in each]
    elif "conversations" in field.kind or "channels" in field.kind:
        chosen = [_place(workspace, field, str(name)) for name in each]
    elif key in ("selected_option", "selected_options"):
        chosen = [option(lines, options, name) for name in each]
    elif field.kind == "rich_text_input":
        section = {"type": "rich_text_section", "elements": [{"type": "text", "text": str(value)}]}
        chosen = [{"type": "rich_text", "elements": [section]}]
    else:
        chosen = [str(value)]
    most = field.element.get("max_selected_items")
    if several and most and len(chosen) > most:
        raise NotThereError(f"At most {most} can be chosen here.")
    if not several and len(chosen) != 1:
        raise NotThereError("Only one can be chosen here.")
    return {"type": field.kind, key: chosen if several else chosen[0]}


def _person(workspace: Workspace, named: Any) -> str:
    wanted = str(named).removeprefix("@")
    for user in workspace.users.values():
        if wanted in (user.id, user.name, user.real_name):
            return user.id
    raise NotThereError(f"There is no person {named!r}.")


def _place(workspace: Workspace, field: Field, named: str) -> str:
    """Slack: conversations_select shows what its ``filter`` includes; archived channels are not offered."""
    channel = workspace.channel(named)
    if channel is None or channel.archived:
        raise NotThereError(f"There is no channel {named!r} to choose.")
    kind = "im" if channel.is_dm else "private" if channel.is_private else "public"
    included = (field.element.get("filter") or {}).get("include")
    if included and kind not in included:
        raise NotThereError(f"#{channel.name} is not offered here.")
    return channel.id
