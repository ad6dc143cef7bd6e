"""The Workflow Builder step "Export to Mailchimp": it is completed or fails when its run ends (``bot.notifier``)."""

from __future__ import annotations

from typing import Any

from slack_bolt import Ack, App, BoltContext, Fail
from slack_sdk import WebClient

from bot import texts
from bot.people import People
from bot.wiring import Application
from services import workflows
from services.errors import NotAllowed, PostinoError
from storage import workspaces

CALLBACK = "export_to_mailchimp"


def register(app: App, application: Application, people: People) -> None:  # noqa: ARG001 - every feature registers alike
    """The listener of the step."""

    @app.function(CALLBACK, auto_acknowledge=False)
    def export(ack: Ack, inputs: dict[str, Any], event: dict[str, Any], context: BoltContext, fail: Fail) -> None:
        ack()
        t, execution = texts.of(None), str(event["function_execution_id"])
        name = str(inputs.get("destination") or "").strip()
        try:
            workspace_id = _workspace(application, context.team_id or "")
            t = texts.of(workflows.language(application.destinations, workspace_id, name))
            workflows.export(application.destinations, application.runs, workspace_id, name, execution)
        except PostinoError as error:
            fail(t.error(error))


def _workspace(application: Application, team_id: str) -> int:
    database = application.database
    with database.write() as session:
        found = workspaces.of_team(session, team_id, team_id, database.now(session))
        if found is None:
            raise NotAllowed("Postino serves another Slack workspace. Ask the person who runs it to install it here.")
        return found.id


def end_step(client: WebClient, execution: str, outputs: dict[str, Any] | None, error: str) -> None:
    """Tell Slack that a step has ended: with its outputs, or with why it failed. Raises SlackApiError."""
    if outputs is not None:
        client.functions_completeSuccess(function_execution_id=execution, outputs=outputs)
    else:
        client.functions_completeError(function_execution_id=execution, error=error)
