"""Bringing a request to the app and waiting for its acknowledgement: over a socket, or over HTTP."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from typing import TYPE_CHECKING

from sandbox.slack.values import Delivery, Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace

SLASH, INTERACTIVE, EVENTS = "slash_commands", "interactive", "events_api"


async def deliver(workspace: Workspace, kind: str, payload: Json, attempt: int = 0) -> Delivery:
    """Send one request and wait at most ``ack_seconds`` for the answer; never raises.

    Slack: an app acknowledges within three seconds; a later answer is ignored (its latency is still noted).
    """
    delivery = Delivery(str(uuid.uuid4()), kind, copy.deepcopy(payload), workspace.now(), attempt=attempt)
    workspace.deliveries.append(delivery)
    refused = kind == INTERACTIVE and not workspace.is_interactive
    if refused or not workspace.installed or workspace.now() < workspace.faults.down_until:
        delivery.outcome = "no_connection"
    elif workspace.delivery_by_http is not None:
        await workspace.delivery_by_http.deliver(workspace, delivery)
    else:
        await _over_socket(workspace, delivery)
    return delivery


async def _over_socket(workspace: Workspace, delivery: Delivery) -> None:
    ready = [connection for connection in workspace.connections if connection.ready]
    ready = [connection for connection in ready if not connection.draining] or ready
    if not ready:
        delivery.outcome = "no_connection"
        return
    times = 1
    if workspace.faults.duplicate_next > 0:
        workspace.faults.duplicate_next -= 1
        times = 2
    answered = asyncio.Event()
    started = time.monotonic()

    def on_ack(answer: Json | None) -> None:
        if delivery.latency is None:
            delivery.latency = time.monotonic() - started
        if delivery.outcome == "pending":
            delivery.outcome, delivery.response = "acked", answer
            answered.set()

    for _ in range(times):
        # Slack: with several sockets each request goes to one of them, any one.
        await workspace.random.choice(ready).send_request(delivery, on_ack)
    try:
        await asyncio.wait_for(answered.wait(), workspace.ack_seconds)
    except TimeoutError:
        delivery.outcome = "timeout"


async def dispatch_event(workspace: Workspace, event: Json, subscribed: bool = False) -> Delivery | None:
    """Send an event of the Events API, if the app subscribed to its type; None otherwise.

    Slack: an event that is not acknowledged comes again at once, after one and after five minutes, same event_id.
    """
    if not subscribed and not workspace.listens_to(str(event["type"])):
        return None
    payload = {
        "token": workspace.verification_token,
        "team_id": workspace.team_id,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(workspace.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
    }
    first = await deliver(workspace, EVENTS, payload)
    if not first.acked:
        workspace.in_background(_again(workspace, payload))
    return first


async def _again(workspace: Workspace, payload: Json) -> None:
    for attempt, delay in enumerate(workspace.event_retry_delays, start=1):
        await asyncio.sleep(delay)
        if (await deliver(workspace, EVENTS, payload, attempt)).acked:
            return
