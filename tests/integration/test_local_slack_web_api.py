"""The local Slack's Web API through slack-sdk's WebClient, signed HTTP through Bolt, and people's clients."""

from __future__ import annotations

import asyncio
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sandbox.serving import serve
from sandbox.slack.app import create_app
from sandbox.slack.client import Person
from sandbox.slack.remote import RemotePerson
from sandbox.slack.state import Workspace

Json = dict[str, Any]


class Place:
    """A served workspace, the app's WebClient and Ada at her client."""

    def __init__(self, workspace: Workspace, address: str, ada: RemotePerson) -> None:
        self.workspace, self.address, self.ada = workspace, address, ada
        self.client = WebClient(token=workspace.bot_token, base_url=f"{address}/api/", timeout=5)

    def refusal(self, method: str, **arguments: Any) -> Json:
        """The answer of a call that must fail."""
        with pytest.raises(SlackApiError) as refused:
            self.client.api_call(method, json=arguments)
        answer: Json = refused.value.response.data
        return answer

    def control(self, what: str, **body: Any) -> Json:
        answer: Json = requests.post(f"{self.address}/control/{what}", json=body, timeout=30).json()
        assert answer["ok"], answer
        return answer


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Workspace, str]]:
    workspace = Workspace()
    # Below a path, as the page serves it: the addresses Slack hands out must follow.
    with serve(Starlette(routes=[Mount("/slack", create_app(workspace))])) as address:
        yield workspace, f"{address}/slack"


@pytest.fixture
def place(served: tuple[Workspace, str]) -> Iterator[Place]:
    workspace, address = served
    workspace.reset()
    workspace.ack_seconds = 3.0
    workspace.delivery_by_http = None
    with RemotePerson(address, "U0ADA") as ada:
        yield Place(workspace, address, ada)


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("A view"), "blocks": list(blocks or [section("Hi")]), **more}


# -- tokens and scopes -----------------------------------------------------------------------------------------------


def test_auth_test_comes_as_json_with_an_empty_body(place: Place) -> None:
    headers = {"Authorization": f"Bearer {place.workspace.bot_token}", "Content-Type": "application/json"}
    answer = requests.post(f"{place.address}/api/auth.test", headers=headers, timeout=5)
    assert answer.json()["bot_id"] == place.workspace.bot_id
    assert "chat:write" in answer.headers["X-OAuth-Scopes"]


def test_tokens_are_checked(place: Place) -> None:
    anyone = requests.post(f"{place.address}/api/auth.test", timeout=5).json()
    wrong = requests.post(f"{place.address}/api/auth.test", data={"token": "xoxb-no"}, timeout=5).json()
    bot = place.client.token
    assert (anyone["error"], wrong["error"]) == ("not_authed", "invalid_auth")
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        place.client.apps_connections_open(app_token=str(bot))


def test_a_missing_scope_is_named(place: Place) -> None:
    place.workspace.scopes.discard("files:write")
    refusal = place.refusal("files.getUploadURLExternal", filename="a.csv", length=3)
    assert (refusal["error"], refusal["needed"]) == ("missing_scope", "files:write")


def test_after_uninstalling_the_token_is_dead(place: Place) -> None:
    place.control("uninstall")
    assert place.refusal("auth.test")["error"] == "account_inactive"


# -- messages --------------------------------------------------------------------------------------------------------


def test_a_message_is_read_edited_and_answered_in_its_thread(place: Place) -> None:
    posted = place.client.chat_postMessage(channel="C0GENERAL", text="Hello <@U0ADA> :tada: &amp; all")
    assert place.ada.messages("general")[0]["lines"] == ["Hello @Ada Lovelace 🎉 & all"]
    place.client.chat_update(channel="C0GENERAL", ts=posted["ts"], text="Changed")
    place.client.chat_postMessage(channel="C0GENERAL", text="Detail", thread_ts=posted["ts"])
    message = place.ada.messages("general")[0]
    assert (message["text"], message["reply_count"], message["edited"]) == ("Changed", 1, True)
    assert [each["text"] for each in place.ada.messages("general", posted["ts"])] == ["Changed", "Detail"]


def test_an_edit_keeps_blocks_that_are_not_given_and_an_empty_list_removes_them(place: Place) -> None:
    ts = place.client.chat_postMessage(channel="C0GENERAL", text="a", blocks=[section("block")])["ts"]
    kept = place.client.chat_update(channel="C0GENERAL", ts=ts, text="b")
    assert kept["message"]["blocks"][0]["text"]["text"] == "block"
    assert "blocks" not in place.client.chat_update(channel="C0GENERAL", ts=ts, text="b", blocks=[])["message"]


@pytest.mark.parametrize(
    ("channel", "error"),
    [("C0NOWHERE", "channel_not_found"), ("C0OLD", "is_archived"), ("C0MARKETING", "not_in_channel")],
)
def test_a_channel_that_cannot_be_written_to_is_refused(place: Place, channel: str, error: str) -> None:
    place.workspace.scopes.discard("chat:write.public")
    assert place.refusal("chat.postMessage", channel=channel, text="Hi")["error"] == error


def test_with_chat_write_public_a_public_channel_needs_no_invitation(place: Place) -> None:
    assert place.client.chat_postMessage(channel="#marketing", text="Hi")["channel"] == "C0MARKETING"


def test_a_channel_that_was_deleted_is_not_found(place: Place) -> None:
    ts = place.client.chat_postMessage(channel="C0EXPORTS", text="Hi")["ts"]
    place.control("channel", id="C0EXPORTS", deleted=True)
    assert place.refusal("chat.update", channel="C0EXPORTS", ts=ts, text="Hi")["error"] == "channel_not_found"


def test_bad_blocks_are_refused_with_a_pointer(place: Place) -> None:
    refusal = place.refusal("chat.postMessage", channel="C0GENERAL", text="x", blocks=[section("")])
    assert refusal["error"] == "invalid_blocks"
    wanted = "[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    assert refusal["response_metadata"]["messages"] == [wanted]
    assert place.workspace.emitted[-1].error == "invalid_blocks"


def test_texts_have_their_limits(place: Place) -> None:
    long = place.client.chat_postMessage(channel="C0GENERAL", text="x" * 40_001)
    assert (long["warning"], len(long["message"]["text"])) == ("message_truncated", 40_000)
    edited = place.refusal("chat.update", channel="C0GENERAL", ts=long["ts"], text="&" * 1_000)
    assert edited["error"] == "msg_too_long"
    blocks = [section("x" * 3000) for _ in range(5)]
    assert place.refusal("chat.postMessage", channel="C0GENERAL", blocks=blocks)["error"] == "msg_blocks_too_long"
    assert place.refusal("chat.postMessage", channel="C0GENERAL")["error"] == "no_text"


def test_only_the_addressee_sees_an_ephemeral_message_and_it_cannot_be_edited(place: Place) -> None:
    ts = place.client.chat_postEphemeral(channel="C0GENERAL", user="U0ADA", text="psst")["message_ts"]
    assert [each["text"] for each in place.ada.messages("general")] == ["psst"]
    with RemotePerson(place.address, "U0BEN") as ben:
        assert ben.messages("general") == []
    assert place.refusal("chat.update", channel="C0GENERAL", ts=ts, text="x")["error"] == "message_not_found"
    gus = place.refusal("chat.postEphemeral", channel="C0GENERAL", user="U0GUS", text="x")
    assert gus["error"] == "user_not_in_channel"


def test_someone_elses_message_cannot_be_edited(place: Place) -> None:
    ts = place.ada.act("say", channel="general", text="Mine")["message"]["ts"]
    refusal = place.refusal("chat.update", channel="C0GENERAL", ts=ts, text="Yours")
    assert refusal["error"] == "cant_update_message"


def test_a_user_id_as_channel_writes_a_direct_message(place: Place) -> None:
    place.client.chat_postMessage(channel="U0ADA", text="Done.")
    (direct,) = place.ada.read("dms")
    assert place.ada.messages(direct["id"])[0]["text"] == "Done."


def test_a_response_url_takes_five_answers_within_thirty_minutes(place: Place) -> None:
    # The first request of an app fixes the address it reaches us by.
    place.client.auth_test()
    url = place.workspace.new_response_url("U0ADA", "C0GENERAL")
    webhook = WebhookClient(url)
    assert [webhook.send(text="x").body for _ in range(5)] == ["ok"] * 5
    assert webhook.send(text="x").status_code == 404
    late = WebhookClient(place.workspace.new_response_url("U0ADA", "C0GENERAL"))
    place.control("clock", advance=31 * 60)
    assert late.send(text="x").body == "expired_url"


def test_a_file_is_uploaded_into_a_thread_and_downloaded_by_a_member(place: Place) -> None:
    ts = place.client.chat_postMessage(channel="C0EXPORTS", text="Done")["ts"]
    place.client.files_upload_v2(
        channel="C0EXPORTS", thread_ts=ts, filename="rejects.csv", content="id\n7\n", initial_comment="Rejected: 1"
    )
    reply = place.ada.messages("exports", ts)[1]
    assert reply["lines"] == ["Rejected: 1", "📎 rejects.csv"]
    assert place.ada.download(reply["files"][0]["id"]) == b"id\n7\n"
    place.workspace.channels["C0EXPORTS"].members.remove("U0GUS")
    with RemotePerson(place.address, "U0GUS") as gus, pytest.raises(LookupError):
        gus.download(reply["files"][0]["id"])


# -- views -----------------------------------------------------------------------------------------------------------


def opened(place: Place, **more: Any) -> Json:
    trigger = place.workspace.new_trigger("U0ADA")
    view: Json = place.client.views_open(trigger_id=trigger, view=modal(**more))["view"]
    return view


def test_a_trigger_opens_one_view_within_three_seconds(place: Place) -> None:
    used, late = place.workspace.new_trigger("U0ADA"), place.workspace.new_trigger("U0ADA")
    place.client.views_open(trigger_id=used, view=modal())
    assert place.refusal("views.open", trigger_id=used, view=modal())["error"] == "exchanged_trigger_id"
    place.control("clock", advance=3.1)
    assert place.refusal("views.open", trigger_id=late, view=modal())["error"] == "expired_trigger_id"
    assert place.refusal("views.open", trigger_id="1.2.x", view=modal())["error"] == "invalid_trigger_id"


def test_a_stale_hash_conflicts_and_a_closed_view_is_not_found(place: Place) -> None:
    view = opened(place, external_id="draft-7")
    place.client.views_update(external_id="draft-7", view=modal(section("new")))
    refusal = place.refusal("views.update", view_id=view["id"], hash=view["hash"], view=modal())
    assert refusal["error"] == "hash_conflict"
    place.ada.act("close")
    assert place.refusal("views.update", view_id=view["id"], view=modal())["error"] == "not_found"


def test_an_external_id_is_unique_while_its_view_is_open(place: Place) -> None:
    opened(place, external_id="draft-7")
    refusal = place.refusal(
        "views.open", trigger_id=place.workspace.new_trigger("U0BEN"), view=modal(external_id="draft-7")
    )
    assert refusal["error"] == "duplicate_external_id"


def test_three_views_fit_on_the_stack(place: Place) -> None:
    opened(place)
    for _ in range(2):
        trigger = place.workspace.new_trigger("U0ADA", in_modal=True)
        place.client.views_push(trigger_id=trigger, view=modal())
    trigger = place.workspace.new_trigger("U0ADA", in_modal=True)
    assert place.refusal("views.push", trigger_id=trigger, view=modal())["error"] == "push_limit_reached"


def test_a_view_is_checked_before_it_is_shown(place: Place) -> None:
    trigger = place.workspace.new_trigger("U0ADA")
    long = place.refusal("views.open", trigger_id=trigger, view=modal(title=plain("x" * 25)))
    assert long["error"] == "invalid_arguments"
    wanted = "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    assert long["response_metadata"]["messages"] == [wanted]
    large = modal(*[section("x" * 3000) for _ in range(90)])
    assert place.refusal("views.open", trigger_id=trigger, view=large)["error"] == "view_too_large"


# -- people ----------------------------------------------------------------------------------------------------------


def test_the_locale_of_a_user_is_told_only_when_asked_for(place: Place) -> None:
    assert place.client.users_info(user="U0DARIO", include_locale=True)["user"]["locale"] == "it-IT"
    assert "locale" not in place.client.users_info(user="U0DARIO")["user"]


def test_roles_are_told_and_a_guest_sees_only_own_channels(place: Place) -> None:
    assert place.client.users_info(user="U0ADA")["user"]["is_admin"]
    assert place.client.users_info(user="U0GUS")["user"]["is_restricted"]
    with RemotePerson(place.address, "U0GUS") as gus:
        assert [each["name"] for each in gus.read("channels")] == ["exports"]
        with pytest.raises(LookupError):
            gus.messages("general")
    place.control("user", id="U0BEN", role="owner", locale="it-IT")
    assert place.client.users_info(user="U0BEN")["user"]["is_owner"]


def test_a_person_in_this_process_acts_from_any_event_loop(place: Place) -> None:
    async def talk() -> list[str]:
        ada = Person(place.workspace, "U0ADA")
        before = place.workspace.version
        waiting = asyncio.create_task(ada.changes(before, 5))
        await ada.say("general", "Hello")
        assert "C0GENERAL" in (await waiting)["channels"]
        return [message["text"] for message in await ada.messages("general")]

    assert asyncio.run(talk()) == ["Hello"]


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_a_rate_limited_call_is_retried_by_slacks_own_handler(place: Place) -> None:
    place.control("faults", ratelimit_next={"chat.postMessage": 1})
    refusal = place.refusal("chat.postMessage", channel="C0GENERAL", text="x")
    assert refusal["error"] == "ratelimited"
    place.control("faults", ratelimit_next={"*": 1}, retry_after=0)
    place.client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    assert place.client.chat_postMessage(channel="C0GENERAL", text="x")["ok"]


def test_strict_rates_are_those_of_the_methods_tier(place: Place) -> None:
    place.control("faults", rates="strict")
    ts = place.client.chat_postMessage(channel="C0GENERAL", text="x")["ts"]
    for _ in range(50):
        place.client.chat_update(channel="C0GENERAL", ts=ts, text="x")
    with pytest.raises(SlackApiError) as refused:
        place.client.chat_update(channel="C0GENERAL", ts=ts, text="x")
    assert 50 <= int(refused.value.response.headers["Retry-After"]) <= 60
    place.control("clock", advance=60)
    assert place.client.chat_update(channel="C0GENERAL", ts=ts, text="x")["ok"]


def test_an_answer_can_get_lost_after_the_work_was_done(place: Place) -> None:
    place.control("faults", drop_next={"chat.postMessage": 2})
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        place.client.chat_postMessage(channel="C0GENERAL", text="Posted all the same")
    # slack-sdk repeats a call after a connection error by itself, which posts twice.
    assert [each["text"] for each in place.ada.messages("general")] == ["Posted all the same"] * 2


def test_slack_can_be_slow(place: Place) -> None:
    place.control("faults", slow=0.2)
    started = time.monotonic()
    place.client.auth_test()
    # The server's clock and ours may differ by their resolution.
    assert time.monotonic() - started >= 0.19


def test_slack_can_be_away_for_a_while(place: Place) -> None:
    place.control("down", seconds=30)
    with pytest.raises(SlackApiError) as refused:
        place.client.auth_test()
    assert refused.value.response.status_code == 503
    place.control("clock", advance=31)
    assert place.client.auth_test()["ok"]


def test_without_the_app_a_command_fails_at_once(place: Place) -> None:
    assert place.ada.act("command", channel="general", text="/go")["error"] == "dispatch_failed"


# -- the manifest and HTTP -------------------------------------------------------------------------------------------


def test_only_what_the_manifest_declares_exists(place: Place) -> None:
    commands = [{"command": "/postino", "description": "The hub"}]
    manifest = {
        "features": {"bot_user": {"display_name": "Postino"}, "slash_commands": commands, "shortcuts": []},
        "oauth_config": {"scopes": {"bot": ["commands"]}},
    }
    place.control("manifest", **manifest)
    assert place.ada.read("commands") == commands
    unknown = place.ada.act("command", channel="general", text="/nothing")
    assert unknown["error"] == "invalid_command"
    assert unknown["text"].startswith("`/nothing` is not a valid command.")
    assert place.refusal("chat.postMessage", channel="C0GENERAL", text="x")["error"] == "missing_scope"
    assert place.ada.act("shortcut", callback_id="export")["error"] == "not_there"


def test_over_http_every_request_is_signed_and_bolt_checks_it(place: Place) -> None:
    secret = place.workspace.signing_secret
    app = App(client=place.client, signing_secret=secret)
    app.command("/go")(lambda ack, command: ack(f"Went {command['text']}"))
    handler = SlackRequestHandler(app)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    with serve(Starlette(routes=[Route("/slack/events", events, methods=["POST"])])) as behind:
        assert place.control("http", request_url=f"{behind}/slack/events")["verified"]
        assert place.ada.act("command", channel="general", text="/go far")["ok"]
        assert place.ada.messages("general")[-1]["text"] == "Went far"
        place.workspace.signing_secret = "another"
        assert place.ada.act("command", channel="general", text="/go far")["error"] == "dispatch_failed"
        place.workspace.signing_secret = secret
    app.listener_runner.listener_executor.shutdown()


def test_blocks_validate_needs_no_token_and_points_at_the_mistake(place: Place) -> None:
    address = f"{place.address}/api/blocks.validate"
    good = requests.post(address, json={"view": modal()}, timeout=5).json()
    bad = requests.post(address, json={"view": modal({"type": "data_table"})}, timeout=5).json()
    assert good["ok"]
    assert bad["errors"][0]["pointer"] == "/view/blocks/0/type"
