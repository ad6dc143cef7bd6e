"""Submitting and closing a modal, and what the app's answer makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.slack import delivery, inputs, modals, objects
from sandbox.slack.errors import NotThereError, SlackError
from sandbox.slack.interactions import DONE, ERRORS, Outcome, common
from sandbox.slack.values import Emitted, Json, View

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

TROUBLE = "We had some trouble connecting. Try again?"  # the words of Slack's client


async def submit(workspace: Workspace, view: View) -> Outcome:
    """Press the modal's submit button: the client's own checks first, then ``view_submission`` and its answer."""
    if not view.source.get("submit"):
        raise NotThereError("This view has no submit button.")
    view.failure, view.errors = "", inputs.mistakes(view)
    workspace.touch(view)
    if view.errors:
        return Outcome(False, "invalid_input", " ".join(view.errors.values()))
    payload = {
        **common(workspace, view.user, "view_submission"),
        "trigger_id": workspace.new_trigger(view.user, view.channel, in_modal=True),
        "view": objects.view_json(workspace, view),
        "response_urls": _response_urls(workspace, view),
    }
    sent = await delivery.deliver(workspace, delivery.INTERACTIVE, payload)
    problem = TROUBLE
    if sent.acked:
        try:
            return _after_submit(workspace, view, sent.response)
        except SlackError as refusal:
            problem = f"{TROUBLE} ({refusal.code})"
    view.failure = TROUBLE
    workspace.touch(view)
    return Outcome(False, ERRORS.get(sent.outcome, "invalid_response"), problem)


def _after_submit(workspace: Workspace, view: View, answer: Json | None) -> Outcome:
    action = (answer or {}).get("response_action")
    if not answer:
        modals.remove(workspace, view)
    elif action == "clear":
        workspace.stacks[view.user] = []
        workspace.changed()
    elif action == "errors":
        return _errors(workspace, view, answer.get("errors"))
    elif action in ("update", "push"):
        kept = modals.accept(workspace, answer.get("view"), f"response_action {action}", "modal", replacing=view)
        if action == "push":
            modals.stack(workspace, view.user, kept, view.channel)
        else:
            modals.replace(workspace, view, kept)
    else:
        # Observed: any other body than an empty one or a known response_action shows the trouble message.
        raise SlackError("invalid_response")
    return DONE


def _errors(workspace: Workspace, view: View, errors: Any) -> Outcome:
    """Slack: errors are keyed by the block_id of an input block; anything else fails."""
    allowed = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    workspace.emitted.append(Emitted("response_action errors", "modal", {"errors": errors}, workspace.now()))
    if not isinstance(errors, dict) or not errors or not set(errors) <= allowed:
        workspace.emitted[-1].error = "invalid_errors"
        raise SlackError("invalid_errors")
    view.errors = {block_id: str(text) for block_id, text in errors.items()}
    workspace.touch(view)
    return Outcome(False, "errors", " ".join(view.errors.values()))


def _response_urls(workspace: Workspace, view: View) -> list[Json]:
    urls = []
    for field in inputs.fields(view.blocks):
        if field.is_input and field.element.get("response_url_enabled"):
            channel = inputs.content(view.values[field.key])
            if channel:
                block_id, action_id = field.key
                url = workspace.new_response_url(view.user, channel)
                urls.append({"block_id": block_id, "action_id": action_id, "channel_id": channel, "response_url": url})
    return urls


async def close(workspace: Workspace, view: View, everything: bool = False) -> Outcome:
    """Close the top view, or the whole stack (the cross, or a view with ``clear_on_close``); tells the app if asked to.

    Slack: ``view_closed`` is sent for views with ``notify_on_close``; ``is_cleared`` says that the stack went with it.
    """
    everything = everything or bool(view.source.get("clear_on_close"))
    gone = list(reversed(workspace.stacks.get(view.user, []))) if everything else [view]
    for each in gone:
        modals.remove(workspace, each)
    for each in gone:
        if each.source.get("notify_on_close"):
            payload = {
                **common(workspace, each.user, "view_closed"),
                "view": objects.view_json(workspace, each),
                "is_cleared": everything,
            }
            await delivery.deliver(workspace, delivery.INTERACTIVE, payload)
    return DONE
