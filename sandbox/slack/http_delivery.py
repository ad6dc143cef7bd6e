"""The other way to reach an app: signed POST requests to its request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from sandbox.slack.delivery import EVENTS, SLASH
from sandbox.slack.values import Delivery, Json

if TYPE_CHECKING:
    from sandbox.slack.state import Workspace


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's request signature: ``v0=`` and HMAC-SHA256 of ``v0:timestamp:body``."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


class HttpDelivery:
    """Delivers every request to one URL; set it as ``workspace.delivery_by_http``."""

    def __init__(self, request_url: str) -> None:
        self.request_url = request_url

    async def verify(self, workspace: Workspace) -> bool:
        """Slack: a request URL for events is accepted once it echoes the challenge of ``url_verification``."""
        challenge = workspace.new_id("challenge")
        body = {"type": "url_verification", "token": workspace.verification_token, "challenge": challenge}
        answer = await self._post(workspace, json.dumps(body).encode(), "application/json", {})
        return answer is not None and answer.status_code == 200 and challenge in answer.text

    async def deliver(self, workspace: Workspace, delivery: Delivery) -> None:
        """POST the request, signed, in the form of its kind, and read the answer."""
        headers = {"X-Slack-Retry-Num": str(delivery.attempt), "X-Slack-Retry-Reason": "http_timeout"}
        if delivery.kind == EVENTS:
            body, form = json.dumps(delivery.payload).encode(), "application/json"
        else:
            fields = delivery.payload if delivery.kind == SLASH else {"payload": json.dumps(delivery.payload)}
            body, form = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        started = time.monotonic()
        try:
            answer = await self._post(workspace, body, form, headers if delivery.attempt else {})
        except httpx.TimeoutException:
            delivery.outcome = "timeout"
            return
        delivery.latency = time.monotonic() - started
        if answer is None:
            delivery.outcome = "no_connection"
        elif answer.status_code != 200:
            delivery.outcome = "refused"
        else:
            delivery.outcome, delivery.response = "acked", _body(answer)

    async def _post(
        self, workspace: Workspace, body: bytes, form: str, headers: dict[str, str]
    ) -> httpx.Response | None:
        timestamp = int(workspace.now())
        signed = {
            "Content-Type": form,
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(workspace.signing_secret, timestamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        async with httpx.AsyncClient(timeout=workspace.ack_seconds, trust_env=False) as client:
            try:
                return await client.post(self.request_url, content=body, headers={**signed, **headers})
            except httpx.TimeoutException:
                raise
            except httpx.TransportError:
                return None


def _body(answer: httpx.Response) -> Json | None:
    if not answer.content:
        return None
    if answer.headers.get("content-type", "").startswith("application/json"):
        parsed = answer.json()
        return parsed if isinstance(parsed, dict) else {"text": answer.text}
    return {"text": answer.text}
