"""Workflows of one step of the app, as somebody builds them in Workflow Builder: started by a person, ended by the app.

A workflow that was started in a channel goes on with a message there, which says what the step gave or why it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import delivery
from sandbox.slack.values import Delivery, Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


def steps(workspace: Workspace) -> dict[str, Json]:
    """The steps that the app's manifest offers, by callback_id."""
    offered: dict[str, Json] = (workspace.manifest or {}).get("functions") or {}
    return offered


def fields(step: Json, kind: str = "input_parameters") -> dict[str, Json]:
    """A step's inputs or outputs by name."""
    declared: dict[str, Json] = (step.get(kind) or {}).get("properties") or {}
    return declared


async def start(
    workspace: Workspace, callback_id: str, inputs: Json, channel: str | None = None
) -> tuple[str, Delivery | None]:
    """Run a step; the id of its execution, and the event sent, None if the app did not subscribe to it."""
    execution_id, token = workspace.new_id("Fx"), f"xwfp-{workspace.new_id('')}"
    workspace.functions[execution_id] = {
        "status": "running", "result": None, "token": token, "callback_id": callback_id, "channel": channel,
    }  # fmt: skip
    event = {
        "type": "function_executed",
        "function": {"id": workspace.new_id("Fn"), "callback_id": callback_id, "type": "app"},
        "inputs": inputs,
        "function_execution_id": execution_id,
        "workflow_execution_id": workspace.new_id("Wx"),
        "event_ts": workspace.next_ts(),
        "bot_access_token": token,
    }
    return execution_id, await delivery.dispatch_event(workspace, event)


def end(workspace: Workspace, execution: Json, status: str, result: Json | str | None) -> None:
    """The app ended a step, with ``success`` and its outputs or with ``error`` and a sentence."""
    execution["status"], execution["result"] = status, result
    channel = workspace.channels.get(execution["channel"] or "")
    if channel is not None:
        workspace.slackbot_posts(channel, _told(workspace, execution))
    workspace.changed()


def _told(workspace: Workspace, execution: Json) -> str:
    step = steps(workspace).get(execution["callback_id"], {})
    title, result = step.get("title", execution["callback_id"]), execution["result"]
    if not isinstance(result, dict):
        return f":x: The workflow *{title}* failed: {result}"
    outputs = fields(step, "output_parameters")
    lines = [f"• {outputs.get(name, {}).get('title', name)}: {value}" for name, value in result.items()]
    return "\n".join([f":white_check_mark: The workflow *{title}* has ended.", *lines])
