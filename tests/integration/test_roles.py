"""Who may do what, over everything the bot listens to: a command, button, modal or step without a rule fails here.

Requests are forged: whoever knows the id of a button or modal may send it, whatever they were shown. A viewer is a member
with whom no connection is shared; a stranger is a guest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from slack_bolt import BoltRequest
from sqlalchemy import select

import bot.app
from bot.commands import Commands
from bot.people import People
from bot.views import administrators
from services.destinations import Policies
from services.drafts import Answers, Drafts
from storage.models import AuditEntry, Connection, Destination, Draft, Run, RunStatus, Workspace
from tests.integration.slack_office import Office, open_office
from tests.integration.slack_world import Served
from tests.listening import Recording

Json = dict[str, Any]

VIEWER, STRANGER = "U0BEN", "U0GUS"
ADMIN = "Ask an admin"
"""As of an administrator, or of an admin or owner of the workspace."""
MEMBER = "Guests and people from other workspaces cannot use Postino. Ask a member of this workspace."
NOT_YOURS = "This draft does not exist any more."
EMPTY = '"options": []'
NOTHING = ""


class Rule(NamedTuple):
    """What a request carries, and what a viewer and a stranger are told; ``seen`` is what a viewer may look at."""

    value: str = ""
    viewer: str = ADMIN
    stranger: str = MEMBER


def seen(words: str, value: str = "") -> Rule:
    """Every member may look at it."""
    return Rule(value, words)


PAGE = '{"page": 0}'
OF_FIRST = '{"destination": 1}'
LISTED, SEGMENTS, STATUS, HISTORY = "1 destination", "3 segments", "Waiting for approval", "Last exports"
SCHEDULES = "1 schedule"
POLICIES: Json = {
    "approval": {"approval": {"selected_option": {"value": "never"}}},
    "above": {"above": {"value": None}},
    "mentions": {"mentions": {"selected_users": []}},
    "more": {"more": {"selected_options": []}},
    "successes": {"successes": {"selected_option": {"value": "each"}}},
}

SHARED_WITH_ADMINS: list[Json] = [
    {"type": "input", "element": {"action_id": action_id, **shown}}
    for action_id, shown in (
        ("connection.shared_with", {"initial_option": {"value": "admins"}}),
        ("connection.people", {}),
        ("connection.ceiling", {}),
    )
]
"""What the modal about sharing shows."""
NOBODY = administrators.block([])

WORDS: dict[str, Rule] = {
    "connect": Rule(),
    "segments": seen(SEGMENTS),
    "export": Rule("Newsletter"),
    "status": seen(STATUS),
    "history": seen("Newsletter"),
    "destinations": seen(LISTED),
    "connections": Rule(""),
    "schedules": seen(SCHEDULES),
    "policies": Rule("Newsletter"),
    "administrators": Rule(),
    "why": Rule("p1@example.com"),
    "doctor": Rule(),
    "audit": Rule(),
    "forget": Rule("p1@example.com"),
    "help": seen("/postino-segments"),
}

RULES: dict[tuple[str, Any], Rule] = {
    ("command", "/postino"): seen(LISTED),
    ("command", "/postino-connect"): Rule(),
    ("command", "/postino-segments"): seen(SEGMENTS),
    ("command", "/postino-export"): Rule("Newsletter"),
    ("command", "/postino-status"): seen(STATUS),
    ("shortcut", "connect"): Rule(),
    ("shortcut", "export"): Rule("", "ask an administrator"),
    ("action", "hub.previous"): seen(LISTED, PAGE),
    ("action", "hub.next"): seen(LISTED, PAGE),
    ("action", "hub.destinations"): seen(LISTED),
    ("action", "hub.segments"): seen(SEGMENTS),
    ("action", "hub.status"): seen(STATUS),
    ("action", "hub.help"): seen("/postino-segments"),
    ("action", "hub.open"): seen(LISTED),
    ("action", "hub.share"): seen(LISTED, PAGE),
    ("action", "help.share"): seen("/postino-segments"),
    ("action", "doctor.again"): Rule(),
    ("action", "status.refresh"): seen(STATUS),
    ("action", "status.share"): seen(STATUS),
    ("action", "history.open"): seen("Newsletter", "{}"),
    ("action", "history.back"): seen("Newsletter", "{}"),
    ("action", "history.newer"): seen("Newsletter", "{}"),
    ("action", "history.older"): seen("Newsletter", "{}"),
    ("action", "history.details"): seen("Newsletter", '{"run": 1}'),
    ("action", "history.share"): seen("Newsletter", "{}"),
    ("action", "wizard.new"): Rule(),
    ("action", "wizard.edit"): Rule("1"),
    ("action", "wizard.resume"): Rule("{draft}", NOT_YOURS),
    ("action", "wizard.discard"): Rule("{draft}", NOT_YOURS, NOT_YOURS),
    ("action", "wizard.preview"): Rule("1"),
    ("action", "wizard.delete_tags"): Rule('{"destination": 1, "tags": [1]}'),
    ("view", "wizard"): Rule("", NOT_YOURS, NOT_YOURS),
    ("view_closed", "wizard"): Rule("", NOTHING, NOTHING),
    ("action", re.compile(r"^wizard\.")): Rule("1", NOT_YOURS, NOT_YOURS),
    ("options", re.compile(r"^wizard\.")): Rule("", EMPTY, EMPTY),
    ("action", "segments.previous"): seen(SEGMENTS, PAGE),
    ("action", "segments.next"): seen(SEGMENTS, PAGE),
    ("action", "segments.refresh"): seen(SEGMENTS, PAGE),
    ("action", "segments.share"): seen(SEGMENTS, PAGE),
    ("action", "segments.export"): Rule("VIP"),
    ("action", "segments.add"): Rule("1"),
    ("options", "segments.add"): Rule("", EMPTY, EMPTY),
    ("action", "segments.new"): Rule("", NOTHING),  # the wizard, in an open modal, which a forger does not have
    ("action", "segments.by_name"): seen(SEGMENTS, PAGE),
    ("action", "segments.by_size"): seen(SEGMENTS, PAGE),
    ("action", "segments.by_change"): seen(SEGMENTS, PAGE),
    ("action", "segments.by_state"): seen(SEGMENTS, PAGE),
    ("action", "segments.by_refresh"): seen(SEGMENTS, PAGE),
    ("action", "segments.picture"): seen("only one refresh", "VIP"),
    ("action", "run.send"): Rule("1"),
    ("action", "run.canary"): Rule("1"),
    ("action", "run.cancel"): Rule("1"),
    ("action", "run.retry"): Rule("1"),
    ("action", "run.details"): seen("Newsletter", "1"),
    ("action", "run.rejects"): seen("that were rejected", "1"),
    ("action", "run.addresses"): Rule("1"),
    ("action", "run.accept_removals"): Rule("1"),
    ("action", "run.take_tags_over"): Rule("1"),
    ("action", "export.again"): Rule("1"),
    ("action", "export.choose"): Rule("", "ask an administrator"),
    ("options", "export.destination"): Rule("", EMPTY, EMPTY),
    ("view", "export.destination"): Rule("1"),
    ("action", "connection.share"): Rule("1"),
    ("action", "connection.reconnect"): Rule("1"),
    ("action", "connections.show"): Rule(""),
    ("view", "connection.share"): Rule("1"),
    ("view", "connection.reconnect"): Rule("1"),
    ("action", "connection.sign_in"): Rule("", NOTHING, NOTHING),  # a link, whose address names who may use it
    ("action", "destinations.previous"): seen(LISTED, PAGE),
    ("action", "destinations.next"): seen(LISTED, PAGE),
    ("action", "destinations.refresh"): seen(LISTED, PAGE),
    ("action", "destinations.by_name"): seen(LISTED, PAGE),
    ("action", "destinations.by_connection"): seen(LISTED, PAGE),
    ("action", "destinations.by_last"): seen(LISTED, PAGE),
    ("action", "destinations.by_status"): seen(LISTED, PAGE),
    ("action", "destinations.share"): seen(LISTED, PAGE),
    ("action", "destinations.pause"): Rule(OF_FIRST),
    ("action", "destinations.resume"): Rule(OF_FIRST),
    ("action", "destination.duplicate"): Rule("1"),
    ("action", "destination.view"): seen("Data matching", "1"),
    ("action", "statement.open"): seen("Data privacy and compliance", "1"),
    ("action", "home.remove"): Rule("1"),
    ("action", "remove.destination"): Rule("1"),
    ("action", "remove.connection"): Rule("1"),
    ("view", "remove.destination"): Rule("1"),
    ("view", "remove.connection"): Rule("1"),
    ("action", "schedule.open"): seen(SCHEDULES),
    ("action", "schedule.refresh"): seen(SCHEDULES, PAGE),
    ("action", "schedule.previous"): seen(SCHEDULES, PAGE),
    ("action", "schedule.next"): seen(SCHEDULES, PAGE),
    ("action", "schedule.pause"): Rule(OF_FIRST),
    ("action", "schedule.resume"): Rule(OF_FIRST),
    ("action", "schedule.all"): Rule(),
    ("action", "schedule.share"): seen(SCHEDULES, PAGE),
    ("action", "decisions.open"): Rule("1"),
    ("view", "decisions.save"): Rule("1"),
    ("view", "forget"): Rule(),
    ("action", "policies.open"): Rule("1"),
    ("action", "policies.nearest"): Rule("1"),
    ("view", "policies.save"): Rule("1"),
    ("action", "administrators.open"): Rule(),
    ("view", "administrators.save"): Rule("U0BEN"),
    ("event", "app_home_opened"): seen("Newsletter"),
    ("action", "home.refresh"): seen("Newsletter"),
    ("action", "home.send"): Rule("1"),
    ("action", "home.cancel"): Rule("1"),
    ("action", "home.preview"): seen("Preview of Newsletter", "1"),
    ("action", "home.take_off"): Rule("1"),
    ("action", "run.preview"): seen("Preview of Newsletter", "1"),
    ("view", "preview.send"): Rule("1"),
    ("function", "export_to_mailchimp"): Rule("Newsletter", ADMIN, ADMIN),
    ("command", re.compile(".*")): Rule("", "Postino does not know", "Postino does not know"),
    ("action", re.compile(".*")): Rule("", "older message", "older message"),
    ("view", re.compile(".*")): Rule("", NOTHING, NOTHING),
    ("options", re.compile(".*")): Rule("", EMPTY, EMPTY),
}
OF_SLACK = {("event", "app_uninstalled"), ("event", "tokens_revoked")}
"""What Slack alone says: it comes signed, or over Postino's own socket, and nobody can send it by a click."""


class Inline(Executor):
    """Listeners at once, in the thread that dispatches."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Forger:
    """Sends requests as anybody, and tells what came of them."""

    def __init__(self, office: Office, draft: str) -> None:
        self.office, self.draft = office, draft
        self.workspace = office.world.workspace

    def send(self, kind: str, name: Any, value: str, person: str) -> str:
        """Everything that was said in answer, as one text."""
        before = len(self.workspace.emitted)
        functions = json.dumps(self.workspace.functions)
        request = BoltRequest(mode="socket_mode", body=self._body(kind, name, value, person))
        answer = self.office.world.app.dispatch(request)
        said = [one.body for one in self.workspace.emitted[before:]]
        changed = self.workspace.functions if json.dumps(self.workspace.functions) != functions else {}
        return json.dumps([said, json.loads(answer.body or "{}"), changed], ensure_ascii=False)

    def _body(self, kind: str, name: Any, value: str, person: str) -> Json:
        called = name if isinstance(name, str) else "wizard.back" if "wizard" in name.pattern else "no.such.thing"
        body: Json = {
            "team": {"id": self.workspace.team_id},
            "team_id": self.workspace.team_id,
            "user": {"id": person, "team_id": self.workspace.team_id},
            "user_id": person,
            "api_app_id": self.workspace.app_id,
            "trigger_id": self.workspace.new_trigger(person, "C0EXPORTS"),
        }
        url = self.workspace.new_response_url(person, "C0EXPORTS")
        value = value.replace("{draft}", self.draft)
        match kind:
            case "command":
                more: Json = {"command": f"/{called}" if called[0] != "/" else called, "text": value}
                return body | more | {"channel_id": "C0EXPORTS", "response_url": url}
            case "shortcut":
                return body | {"type": "shortcut", "callback_id": called}
            case "event" | "function":
                return body | {"type": "event_callback", "event": self._event(called, value, person)}
            case "action":
                action = {
                    "type": "button",
                    "action_id": called,
                    "block_id": "b",
                    "value": value,
                    "action_ts": "9999999999.1",
                }
                place: Json = {"channel": {"id": "C0EXPORTS"}, "container": {"message_ts": "1.1"}, "response_url": url}
                if called.startswith("wizard.") and called not in (
                    "wizard.new",
                    "wizard.edit",
                    "wizard.resume",
                    "wizard.discard",
                ):
                    place = {"view": self._view("wizard", "1")}
                elif called in ("segments.add", "segments.new"):
                    place = {"view": self._view("export.destination", "1")}
                elif called == "policies.nearest":
                    place = {"view": self._view("policies.save", "1")}
                return body | place | {"type": "block_actions", "actions": [action]}
            case "view" | "view_closed":
                kinds = {"view": "view_submission", "view_closed": "view_closed"}
                return body | {"type": kinds[kind], "view": self._view(called, value)}
            case "options":
                views = {"segments.add": "export.destination"}
                shown = self._view("wizard" if "wizard" in called else views.get(called, called), value)
                return body | {
                    "type": "block_suggestion",
                    "action_id": called,
                    "block_id": "b",
                    "value": "",
                    "view": shown,
                }
        raise AssertionError(kind)  # fmt: skip

    def _event(self, called: str, value: str, person: str) -> Json:
        if called != "export_to_mailchimp":
            return {"type": called, "user": person, "tab": "home", "channel": "D1"}
        self.workspace.functions["Fx1"] = {
            "status": "running", "result": None, "token": "xwfp-1", "callback_id": called, "channel": None,
        }  # fmt: skip
        return {
            "type": "function_executed",
            "function": {"callback_id": called, "type": "app"},
            "inputs": {"destination": value},
            "function_execution_id": "Fx1",
            "bot_access_token": "xwfp-1",
        }

    def _view(self, callback: str, value: str) -> Json:
        metadata: dict[str, Json] = {
            "wizard": {"draft": self.draft, "step": 1},
            "policies.save": {"language": "en", "destination": 1, "shown": Policies().model_dump(mode="json")},
            "administrators.save": {"language": "en", "shown": []},
            "decisions.save": {"language": "en", "destination": 1},
            "forget": {"language": "en"},
            "export.destination": {"channel": "C0EXPORTS", "segment": "Bergamo"},
            "preview.send": {"language": "en", "run": 1},
        }
        states: dict[str, Json] = {
            "policies.save": POLICIES,
            "administrators.save": {NOBODY: {"administrators.named": {"selected_users": [value]}}},
            "export.destination": {"destination": {"export.destination": {"selected_option": {"value": value}}}},
            "connection.share": {
                "shared_with": {"connection.shared_with": {"selected_option": {"value": "everyone"}}},
                "people": {"connection.people": {"selected_users": []}},
                "ceiling": {"connection.ceiling": {"value": None}},
            },
            "forget": {"email": {"email": {"value": "p1@example.com"}}},
            "connection.reconnect": {"key": {"connection.key": {"value": self.office.world.account.api_key}}},
            "remove.connection": {"choice": {"remove.choice": {"selected_option": {"value": "remove"}}}},
        }
        return {
            "id": "V1",
            "type": "modal",
            "hash": "1.1",
            "callback_id": callback,
            "title": {"type": "plain_text", "text": "Forged"},
            "blocks": SHARED_WITH_ADMINS if callback == "connection.share" else [],
            "private_metadata": json.dumps(metadata.get(callback, {"id": 1})),
            "state": {"values": states.get(callback, {})},
        }


@pytest.fixture
def office(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A destination of Ada's, paused, with a preview that waits to be sent."""
    monkeypatch.setattr(bot.app, "App", Recording)
    monkeypatch.setattr(bot.app, "ThreadPoolExecutor", lambda *_, **__: Inline())
    with open_office(served, tmp_path) as office:
        destination = office.world.destination("VIP", schedule="daily 06:00")
        office.request(destination, preview=True)
        office.work()
        yield office


@pytest.fixture
def forger(office: Office) -> Forger:
    """Somebody who knows the id of a draft of Ada's."""
    return Forger(office, Drafts(office.postino.database).begin(office.world.actor, Answers(name="Secret plans")))


def kept(office: Office) -> list[Any]:
    """All that an act could have changed."""
    found: list[Any] = []
    with office.postino.database.read() as session:
        for table in (Workspace, Connection, Destination, Run, AuditEntry):
            found += map(tuple, session.execute(select(table.__table__).order_by(*table.__table__.primary_key)))
        found += map(tuple, session.execute(select(Draft.__table__).where(Draft.person == "U0ADA")))
    return found


def registered(office: Office) -> list[tuple[str, Any]]:
    app = office.world.app
    assert isinstance(app, Recording)
    return [(kind, name) for kind, names in app.heard.items() for name in names]


def test_everything_the_bot_listens_to_has_a_rule_and_the_reverse(office: Office) -> None:
    assert set(registered(office)) == RULES.keys() | OF_SLACK
    assert Commands(office.postino, People(office.postino.database)).words.keys() == WORDS.keys()


@pytest.mark.parametrize("person", [VIEWER, STRANGER])
def test_who_may_not_is_refused_told_whom_to_ask_and_nothing_changes(
    office: Office, forger: Forger, person: str
) -> None:
    before = kept(office)
    rules = [*RULES.items(), *((("command", "/postino"), _typed(word, rule)) for word, rule in WORDS.items())]
    wrong = []
    for (kind, name), rule in rules:
        told = rule.viewer if person == VIEWER else rule.stranger
        said = forger.send(kind, name, rule.value, person)
        if told not in said or (told != MEMBER and person == STRANGER and MEMBER in said):
            wrong.append(f"{kind} {name} {rule.value}: {told!r} is not in {said[:300]}")
        if kept(office) != before:
            wrong.append(f"{kind} {name} {rule.value} has changed something")
        before = kept(office)
    assert not wrong, "\n".join(wrong)
    assert office.run(1).status == RunStatus.WAITING


def _typed(word: str, rule: Rule) -> Rule:
    return rule._replace(value=f"{word} {rule.value}".strip())


def test_an_administrator_is_refused_nothing_of_it(office: Office, forger: Forger) -> None:
    """The rules above refuse people, not broken requests."""
    for (kind, name), rule in RULES.items():
        if rule.viewer == ADMIN and kind in ("action", "view"):
            said = forger.send(kind, name, rule.value, "U0ADA")
            assert ADMIN not in said, (kind, name, said)
            assert "Something went wrong" not in said, (kind, name, said)
