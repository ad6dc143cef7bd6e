"""Views: taking one from the app, opening, pushing, replacing and closing it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from sandbox.slack import inputs, rules
from sandbox.slack.errors import SlackError
from sandbox.slack.values import Emitted, Json, Trigger, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

MOST_VIEWS = 3  # Slack: after a modal is opened, at most two further views are pushed


def accept(workspace: Workspace, source: Any, method: str, expected: str, replacing: View | None = None) -> Json:
    """Record what the app sent and return it completed as Slack would keep it.

    Raises SlackError ``view_too_large``, ``invalid_arguments`` (with pointers) or ``duplicate_external_id``.
    """
    body = source if isinstance(source, dict) else {"view": source}
    emitted = Emitted(method, expected, copy.deepcopy(body), workspace.now())
    workspace.emitted.append(emitted)
    problems = [str(problem) for problem in rules.check_view(source, expected)]
    external_id = body.get("external_id")
    taken = external_id and any(
        view is not replacing and view.source.get("external_id") == external_id for view in open_views(workspace)
    )
    if rules.view_too_large(source):
        emitted.error = "view_too_large"
    elif problems:
        emitted.error, emitted.problems = "invalid_arguments", problems
    elif taken:
        emitted.error = "duplicate_external_id"
    if emitted.error:
        raise SlackError(emitted.error, explain(problems))
    kept = copy.deepcopy(body)
    kept["blocks"] = inputs.complete(body["blocks"], workspace.new_id)
    for key in ("title", "submit", "close"):
        if kept.get(key):
            kept[key].setdefault("emoji", True)
    return kept


def explain(problems: list[str]) -> Json:
    """The ``response_metadata`` in which Slack says what is wrong."""
    return {"response_metadata": {"messages": [f"[ERROR] {each}" for each in problems]}} if problems else {}


def open_views(workspace: Workspace) -> list[View]:
    """Every view anyone has before them."""
    return [view for stack in workspace.stacks.values() for view in stack] + list(workspace.homes.values())


def top(workspace: Workspace, user: str) -> View | None:
    """The modal the person sees."""
    stack = workspace.stacks.get(user)
    return stack[-1] if stack else None


def redeem(workspace: Workspace, trigger_id: Any) -> Trigger:
    """Use a trigger up. Raises SlackError ``invalid_trigger_id``, ``expired_trigger_id``, ``exchanged_trigger_id``."""
    trigger = workspace.triggers.get(trigger_id) if isinstance(trigger_id, str) else None
    if trigger is None:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if workspace.now() - trigger.created > workspace.trigger_seconds:
        raise SlackError("expired_trigger_id")
    trigger.used = True
    return trigger


def stack(workspace: Workspace, user: str, kept: Json, channel: str | None = None) -> View:
    """Put a view on top of what the person has open. Raises SlackError ``push_limit_reached``."""
    below = workspace.stacks.setdefault(user, [])
    if len(below) >= MOST_VIEWS:
        raise SlackError("push_limit_reached")
    view_id = workspace.new_id("V")
    root = below[0].id if below else view_id
    view = View(view_id, user, kept, _hash(workspace), root, below[-1].id if below else None, channel)
    inputs.start(view)
    below.append(view)
    workspace.touch(view)
    return view


def replace(workspace: Workspace, view: View, kept: Json) -> None:
    """Show other content in the same view; what was entered under equal ids stays (Slack: same block_id, action_id)."""
    view.source, view.hash = kept, _hash(workspace)
    view.errors, view.failure = {}, ""
    inputs.start(view, view.values)
    workspace.touch(view)


def publish(workspace: Workspace, user: str, kept: Json) -> View:
    """Show a Home tab to that person."""
    view = workspace.homes.get(user)
    if view is None:
        view_id = workspace.new_id("V")
        view = View(view_id, user, kept, _hash(workspace), view_id)
        inputs.start(view)
        workspace.homes[user] = view
        workspace.touch(view)
    else:
        replace(workspace, view, kept)
    return view


def find(workspace: Workspace, view_id: Any, external_id: Any) -> View:
    """An open view by id or external id. Raises SlackError ``not_found``."""
    for view in open_views(workspace):
        if (view_id and view.id == view_id) or (external_id and view.source.get("external_id") == external_id):
            return view
    raise SlackError("not_found")


def expect_hash(view: View | None, expected: Any) -> None:
    """Raises SlackError ``hash_conflict`` if the app's ``hash`` is not the view's."""
    if expected and view is not None and view.hash != expected:
        raise SlackError("hash_conflict")


def remove(workspace: Workspace, view: View) -> None:
    """Take a view off its person's stack, if it is still there."""
    views = workspace.stacks.get(view.user, [])
    if view in views:
        views.remove(view)
        workspace.changed()


def _hash(workspace: Workspace) -> str:
    return f"{int(workspace.now())}.{workspace.random.randbytes(4).hex()}"
