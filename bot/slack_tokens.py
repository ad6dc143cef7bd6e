"""Whether Slack accepts the tokens: asked when Postino starts, and by the doctor."""

from __future__ import annotations

from typing import cast

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack_calls import NO_ANSWER
from services.errors import InvalidInput, PostinoError, Unavailable


def workspace(client: WebClient) -> str:
    """The name of the workspace that the bot token belongs to.

    Raises InvalidInput if Slack refuses the token, Unavailable if Slack does not answer.
    """
    try:
        return str(client.auth_test()["team"])
    except (SlackApiError, *NO_ANSWER) as error:
        raise refusal(error, "SLACK_BOT_TOKEN") from None


def try_app_token(client: WebClient, token: str) -> None:
    """Ask for an address to connect to, which only a good app-level token is given. Raises like ``workspace``."""
    try:
        client.apps_connections_open(app_token=token)
    except (SlackApiError, *NO_ANSWER) as error:
        raise refusal(error, "SLACK_APP_TOKEN") from None


def refusal(error: Exception, setting: str) -> PostinoError:
    """What an error of a call that needs the token in ``setting`` means."""
    if not isinstance(error, SlackApiError):
        return Unavailable("Slack cannot be reached: {problem}. Check the network, then try again.", problem=str(error))
    code = str(cast("dict[str, object]", error.response).get("error", ""))
    if code in ("ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"):
        return Unavailable("Slack does not answer now ({problem}). Try again in a minute.", problem=code)
    return InvalidInput(
        "Slack does not accept {setting} ({problem}). Copy the token again from the app's settings at api.slack.com/apps.",
        field=setting,
        setting=setting,
        problem=code,
    )
