"""An export asked for, previewed, sent, watched and finished in Slack."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bot import modals
from sandbox.mailchimp import acts
from sandbox.slack.remote import RemotePerson
from services import audit
from services.applying import Applying
from services.removing import Users
from storage.models import Destination, RunStatus
from tests.integration.slack_office import CHANNEL, CHANNEL_ID, Office, lines
from tests.integration.slack_world import LONG_AGO
from tests.integration.test_home import home, open_home
from tests.integration.wizard_hands import act, seen, text_of

Json = dict[str, Any]


def test_preview_shows_the_plan_and_send_exports_it_in_the_same_message(office: Office) -> None:
    acts.add(office.world.audience, "p0@example.com", FNAME="Other")
    acts.add(office.world.audience, "p1@example.com")
    acts.unsubscribe(office.world.audience, "p1@example.com")
    office.world.destination("VIP", "Bergamo")

    answer = office.type(office.ada, "/postino-export newsletter")
    assert "will appear in #exports" in lines(answer)
    office.work()
    [card] = office.posted()
    assert "Preview of Newsletter" in lines(card)
    assert "New contacts: 4" in lines(card)
    assert "Updated: 1" in lines(card)
    assert "Skipped: 1 (1 unsubscribed)" in lines(card)
    assert "Billable contacts added: 4" in lines(card)
    assert "VIP: put on 2, taken off 0" in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Send", "Send a canary of 50", "Cancel"]
    assert "4 new, 1 updated" in card["text"]
    assert acts.dump(office.world.audience)[0]["merge_fields"]["FNAME"] == "Other"

    assert office.click(office.ada, "Send", card)["ok"]
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    living, completion = office.posted()
    assert living["ts"] == card["ts"]
    assert "Successful" in lines(living)
    assert "approved by @Ada Lovelace at " in lines(living)
    assert "4 new, 1 updated" in lines(living)
    assert [button["text"] for button in living["buttons"]] == ["Preview again", "Details"]
    assert completion["thread_ts"] == card["ts"]
    assert "Newsletter was exported to Newsletter" in lines(completion)
    assert "Tags: VIP, Bergamo" in lines(completion)
    assert "/lists/" in str(completion["blocks"])
    assert any("was exported" in lines(one) for one in office.directly(office.ada))
    assert len(acts.dump(office.world.audience)) == 6


def test_the_messages_of_an_end_lead_on_by_the_rights_of_whoever_clicks(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    living, completion = office.posted()
    for message in (living, completion):
        assert [button["text"] for button in message["buttons"]] == ["Preview again", "Details"]

        def told(person: RemotePerson, words: str, in_modal: bool = message is completion) -> str:
            """What they see at once, with the channel before them and no thread open."""
            if in_modal:
                return text_of(seen(person, words))
            answers = [lines(one) for one in office.answers(person)]
            return answers[-1] if answers and words in answers[-1] else ""

        office.click(office.ben, "Details", message)
        in_full = office.soon(lambda: told(office.ben, "3 new · 0 updated"))
        assert "VIP: put on 3, taken off 0 (segment with 3 profiles)" in in_full
        office.click(office.ben, "Preview again", message)
        office.soon(lambda: told(office.ben, "Ask an administrator"))
        office.click(office.world.gus, "Details", message)
        office.soon(lambda: told(office.world.gus, "Ask a member of this workspace."))
    for person in (office.ben, office.world.gus):
        assert not [one for one in person.messages(CHANNEL, living["ts"]) if one["ephemeral"]], "the thread is closed"
    assert [lines(one) for one in office.posted()] == [lines(living), lines(completion)]
    assert len(office.postino.runs.history(office.world.actor)) == 1
    office.click(office.ada, "Preview again", completion)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 2)
    assert office.run(2).preview


def test_what_comes_too_late_for_a_modal_comes_directly(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    completion = office.posted()[-1]
    monkeypatch.setattr(office.world.workspace, "trigger_seconds", -1)
    office.click(office.ben, "Details", completion)
    office.soon(lambda: [one for one in office.directly(office.ben) if "3 new · 0 updated" in lines(one)])
    office.click(office.ben, "Preview again", completion)
    office.soon(lambda: [one for one in office.directly(office.ben) if "Ask an administrator" in lines(one)])
    assert office.ben.view() is None


def test_a_modal_with_the_details_leads_on_in_itself(office: Office) -> None:
    office.world.customers({"p0": {"EMail": "not an address"}})
    office.request(office.world.destination("VIP"))
    office.work()
    office.click(office.ada, "Details", office.posted()[-1])
    view = seen(office.ada, "Export of Newsletter to Newsletter", "1 rejected")
    assert "Share" not in [one["text"] for one in view["buttons"]], "nobody else is there"
    act(office.ada, "click", target="Back")
    seen(office.ada, "Exports of Newsletter")
    act(office.ada, "click", target="Details")
    seen(office.ada, "1 × The e-mail address cannot be valid.")
    act(office.ada, "click", target="List of rejects")
    seen(office.ada, "The list was sent to you directly, as a file.")
    assert any(one["files"] for one in office.directly(office.ada))


def test_the_preview_tells_how_long_it_takes_by_the_speed_of_the_last_exports(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(self: Applying, canary: int) -> None:
        applied(self, canary)
        office.clock.forward(seconds=110)

    applied = Applying.apply
    monkeypatch.setattr(Applying, "apply", slowly)
    destination = office.world.destination("VIP")
    office.request(destination, preview=True)
    office.work()
    assert "takes up to 1 second" in lines(office.posted()[-1])
    office.click(office.ada, "Send", office.posted()[-1])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()

    office.world.segment("VIP", ["p0", "p1", "p2", "p3", "p4"])
    office.clock.forward(minutes=2)
    office.request(destination, preview=True)
    office.work()
    assert "takes up to 1 second" in lines(office.posted()[-1])  # one call tells nothing of the speed
    office.postino.runs.cancel(office.world.actor, 2)
    monkeypatch.setattr("services.reckoning.ENOUGH", 1)
    office.request(destination, preview=True)
    office.work()
    assert "takes about 2 minutes, at the speed of the last exports" in lines(office.posted()[-1])


def test_nothing_more_is_posted_however_often_the_duties_ring(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    seen = len(office.world.workspace.emitted)
    for _ in range(3):
        office.work()
    assert len(office.world.workspace.emitted) == seen


def test_without_a_name_a_destination_is_chosen_in_a_modal(office: Office) -> None:
    office.world.destination("VIP", name="First")
    office.world.connect("Second account")
    office.world.destination("Bergamo", name="Second", connection_id=1)
    office.ada.act("command", channel="exports", text="/postino-export")
    office.soon(lambda: (office.ada.view() or {"submit": None})["submit"] == "Preview")
    offered = office.ada.act("options", target="Destination", query="sec")["options"]
    assert [one["text"] for one in offered] == ["Second"]
    office.ada.act("enter", target="Destination", value="Second")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "It will appear in #exports" in "".join((office.ada.view() or {"lines": []})["lines"]))
    office.work()
    assert "Preview of Second" in lines(office.posted()[0])


def test_an_answer_that_takes_its_time_replaces_the_loading_step(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modals, "IN_TIME", 0.0)
    office.world.destination("VIP")
    office.ada.act("shortcut", callback_id="export")
    office.soon(lambda: (office.ada.view() or {"submit": None})["submit"] == "Preview")
    assert office.ada.act("submit")["ok"]
    office.soon(lambda: "nothing is sent before you say so" in "".join((office.ada.view() or {"lines": []})["lines"]))
    last = [one.method for one in office.world.workspace.emitted][-2:]
    assert last == ["response_action update", "views.update"]


def test_the_shortcut_opens_the_same_modal(office: Office) -> None:
    office.world.destination("VIP")
    assert office.ada.act("shortcut", callback_id="export")["ok"]
    view = office.soon(lambda: (shown := office.ada.view()) and shown["submit"] and shown)
    assert view["inputs"][0]["shown"] == "Newsletter"


def test_two_clicks_launch_one_export(office: Office) -> None:
    office.world.destination("VIP")
    hub = office.type(office.ada, "/postino")
    for _ in range(2):
        office.click(office.ada, "Export…", hub)
    office.soon(lambda: len([one for one in office.answers(office.ada) if "will appear" in lines(one)]) == 2)
    assert len(office.postino.runs.history(office.world.actor)) == 1
    office.work()
    [card] = office.posted()
    for _ in range(2):
        office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert office.run(1).status == RunStatus.SUCCESSFUL
    assert not [one for one in office.answers(office.ada) if "approval any more" in lines(one)]


def test_a_repeated_delivery_of_a_command_launches_one_export(office: Office) -> None:
    office.world.destination("VIP")
    office.world.workspace.faults.duplicate_next = 1
    office.type(office.ada, "/postino-export Newsletter")
    office.work()
    assert len(office.postino.runs.history(office.world.actor)) == 1


def test_a_preview_can_be_cancelled_and_then_not_be_sent(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    [card] = office.posted()
    office.click(office.ada, "Cancel", card)
    office.soon(lambda: office.run(1).status == RunStatus.CANCELED)
    office.notify()
    [card] = office.posted()
    assert "Canceled by @Ada Lovelace" in lines(card)
    assert "not attempted" not in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Preview again", "Details"]
    assert not acts.dump(office.world.audience)


def test_a_preview_with_nothing_to_send_says_so_and_ends_by_itself(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    posted, directly = len(office.posted()), len(office.directly(office.ada))
    office.type(office.ada, "/postino-export Newsletter")
    office.work()
    [card] = office.posted()[posted:]
    said = "Mailchimp already matches: there is nothing to send."
    assert said in lines(card)
    assert said in card["text"]
    assert "Preview of Newsletter" in lines(card)
    assert "Unchanged: 3" in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Preview again", "Details"]
    assert office.run(2).status == RunStatus.SUCCESSFUL
    assert len(office.directly(office.ada)) == directly
    assert "Last: ✅ Successful · 3 new" in lines(office.type(office.ada, "/postino destinations"))
    assert "✅ Successful · Preview · 3 unchanged" in lines(office.type(office.ada, "/postino history Newsletter"))
    office.click(office.ada, "Preview again", card)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)


def test_a_preview_of_nothing_but_held_removals_offers_to_take_the_tags_off(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    office.world.segment("VIP", [])
    office.request(destination, preview=True)
    office.work()
    card = office.posted()[-1]
    assert "There is nothing to send but the removals that the brake holds." in lines(card)
    assert "VIP: would be taken off 3 people, but the segment is empty." in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Take the tags off", "Preview again", "Details"]
    open_home(office.ada, "Waiting for your approval", "VIP: would be taken off 3 people, but the segment is empty.")
    office.click(office.ada, "Take the tags off", card)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
    office.work()
    assert office.run(3).counters["tags_removed"] == 3


def test_a_canary_inserts_only_some_and_offers_the_rest(office: Office) -> None:
    office.world.customers({f"c{number}": {} for number in range(60)})
    office.world.segment("Everyone", office.world.people)
    office.request(office.world.destination("Everyone"), preview=True)
    office.work()
    office.click(office.ada, "Send a canary of 50", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    assert len(acts.dump(office.world.audience)) == 50
    completion = office.posted()[-1]
    assert "The canary of Newsletter is in Newsletter" in lines(completion)
    assert "canary" in lines(office.type(office.ada, "/postino history"))
    office.click(office.ada, "Details", completion)
    seen(office.ada, "Canary of Newsletter to Newsletter")
    office.click(office.ada, "Preview the rest", completion)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 2)


def test_who_may_not_export_is_told_whom_to_ask_and_nothing_happens(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    [card] = office.posted()
    office.click(office.ben, "Send", card)
    refusal = office.soon(lambda: office.answers(office.ben))[-1]
    assert "Ask an administrator" in lines(refusal)
    assert office.run(1).status == RunStatus.WAITING
    assert "Ask an administrator" in lines(office.type(office.ben, "/postino-export Newsletter"))


def test_an_unknown_destination_gets_the_nearest(office: Office) -> None:
    office.world.destination("VIP")
    answer = office.type(office.ada, "/postino-export newslettr")
    assert "There is no destination called newslettr. Did you mean Newsletter?" in lines(answer)
    assert [one["text"] for one in answer["buttons"]] == ["Export Newsletter", "All destinations"]
    theirs = office.type(office.ben, "/postino-export newslettr")
    assert [one["text"] for one in theirs["buttons"]] == ["All destinations"], "who may not export is offered no export"
    office.click(office.ada, "Export Newsletter", answer)
    office.soon(lambda: "The preview of Newsletter is being computed" in lines(office.answers(office.ada)[-1]))
    answer = office.type(office.ada, "/postino-export xyz")
    assert "There is no destination called xyz." in lines(answer)
    office.click(office.ada, "All destinations", answer)
    office.soon(lambda: "1 destination" in lines(office.answers(office.ada)[-1]))


def test_a_long_name_is_found_by_the_words_it_has(office: Office) -> None:
    long = "Bücher <b>& der Brief an alle, die zuletzt im Frühjahr etwas gekauft haben"
    office.world.destination("VIP", name=long)
    connection = office.postino.connections.visible(office.world.actor)[0].id
    office.world.destination("Bergamo", name="Bücher im Winter", connection_id=connection)
    answer = office.type(office.ada, "/postino-export bücher winter")
    assert "Did you mean Bücher im Winter?" in lines(answer)
    assert [one["text"] for one in answer["buttons"]] == ["Export Bücher im Winter", "All destinations"]
    answer = office.type(office.ada, "/postino-export “frühjahr brief”")
    assert f"Did you mean {long}?" in lines(answer)
    answer = office.type(office.ada, "/postino history bücher")
    assert [one["text"] for one in answer["buttons"]] == ["History of Bücher im Winter", "All that fit"]
    office.click(office.ada, "All that fit", answer)
    office.soon(lambda: "2 destinations · search: bücher" in lines(office.answers(office.ada)[-1]))
    office.click(office.ada, "History of Bücher im Winter", answer)
    office.soon(lambda: "Exports of Bücher im Winter: none yet." in lines(office.answers(office.ada)[-1]))
    office.click(office.ada, "Export…", office.answers(office.ada)[-1])
    office.soon(lambda: "The preview of Bücher im Winter" in lines(office.answers(office.ada)[-1]))


def test_rejects_are_explained_in_the_thread_without_addresses_and_can_be_retried(office: Office) -> None:
    office.world.customers({"p0": {"EMail": "not an address"}, "p1": {"EMail": ""}, "=p2": {"EMail": "broken@"}})
    office.world.segment("VIP", ["p0", "p1", "p2", "=p2"])
    office.request(office.world.destination("VIP"))
    office.work()
    living, _ = office.posted()
    assert "Completed with rejects" in lines(living)
    replies = office.thread(living)
    [explained] = [one for one in replies if "could not be exported" in lines(one)]
    assert "3 profiles of Newsletter could not be exported" in lines(explained)
    assert "2: The e-mail address cannot be valid. Correct it in the source." in lines(explained)
    [shared] = [one for one in replies if one["files"]]
    listed = office.ada.download(shared["files"][0]["id"]).decode("utf-8-sig")
    assert "'=p2,VIP" in listed
    assert "p1,VIP,," in listed
    everything = str([office.posted(), replies]) + listed
    assert "not an address" not in everything
    assert "broken@" not in everything
    assert "@example.com" not in everything

    office.click(office.ada, "Send me the list", explained)
    office.soon(lambda: any(one["files"] for one in office.directly(office.ada)))
    office.world.customers({"p0": {}})
    office.click(office.ada, "Retry these", explained)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 2)
    office.work()
    assert "p0@example.com" in {one["email_address"] for one in acts.dump(office.world.audience)}


def test_rows_of_the_profile_table_that_could_not_be_read_are_told_with_their_table(office: Office) -> None:
    table = office.world.folder / "Customer.csv"
    broken = table.read_text().replace("p1,p1@example.com", 'p1,"p1@example.com').replace("p9,", "p9,one too many,")
    table.write_text(broken)
    os.utime(table, (LONG_AGO, LONG_AGO))
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    told = "2 rows of the profile table Customer could not be read, so profiles may be missing. Correct them in the source."
    [card] = office.posted()
    assert told in lines(card)
    assert told in card["text"]
    assert "Rejected: 1 (1 missing from what could be read of the profile table)" in lines(card)
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    living, completion = office.posted()
    assert told in lines(completion)
    assert told in completion["text"]
    explained = "\n".join(lines(one) for one in office.thread(living))
    assert "1: The profile is missing from the profile table, some of whose rows could not be read." in explained


def test_full_addresses_are_read_again_and_sent_only_directly_to_who_may_see_them(office: Office) -> None:
    office.world.customers({"p0": {"EMail": "broken@"}, "p1": {"EMail": "=gone@"}})
    office.request(office.world.destination("VIP"))
    office.work()
    [explained] = [one for one in office.thread(office.posted()[0]) if "could not be exported" in lines(one)]
    office.world.customers({"p1": {"EMail": ""}})

    office.click(office.ben, "Send me the addresses", explained)
    seen(office.ben, "Ask an administrator")
    assert not any(one["files"] for one in office.directly(office.ben))

    office.click(office.ada, "Send me the addresses", explained)
    sent = office.soon(lambda: [one for one in office.directly(office.ada) if one["files"]])[-1]
    listed = office.ada.download(sent["files"][0]["id"]).decode("utf-8-sig")
    assert "p0,VIP,broken@," in listed
    assert "p1,VIP,," in listed
    assert "broken@" not in str([office.posted(), office.thread(office.posted()[0])])
    trail = audit.trail(office.postino.database, office.world.actor)
    assert [one.action for one in trail][-2:] == ["rejects.addresses_read", "audit.exported"]


def test_a_runs_message_carries_its_figures_for_other_apps(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    [living] = [one for one in office.world.workspace.channels[CHANNEL_ID].messages if one.metadata]
    assert living.metadata is not None
    assert living.metadata["event_type"] == "postino_run"
    payload = living.metadata["event_payload"]
    assert (payload["run"], payload["status"], payload["new"]) == (1, "successful", 3)
    assert "p0" not in str(living.metadata)


def test_the_brake_holds_removals_until_a_person_takes_the_tags_off(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    office.world.segment("VIP", [])
    office.request(destination)
    office.work()
    brake = office.posted()[-1]
    assert "The brake holds these removals" in lines(brake)
    assert "VIP: would be taken off 3 people, but the segment is empty." in lines(brake)
    assert "Successful · Newsletter · the brake holds removals" in lines(office.type(office.ada, "/postino-status"))
    office.click(office.ada, "Take the tags off", brake)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
    office.work()
    assert office.run(3).counters["tags_removed"] == 3
    assert all(not one["tags"] for one in acts.dump(office.world.audience))


def test_more_than_was_shown_is_held_again_when_the_tags_are_taken_off(office: Office) -> None:
    office.world.customers({f"c{number}": {} for number in range(40)})
    office.world.segment("VIP", office.world.people)
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    office.world.segment("VIP", ["p0"])
    office.request(destination)
    office.work()
    shown = office.posted()[-1]
    office.world.segment("VIP", [])
    office.click(office.ada, "Take the tags off", shown)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
    office.work()
    again = office.posted()[-1]
    people = len(office.world.people)
    assert f"VIP: would be taken off {people} people, but the segment is empty." in lines(again)
    assert all(one["tags"] == ["VIP"] for one in acts.dump(office.world.audience))
    office.click(office.ada, "Take the tags off", shown)
    seen(office.ada, "The brake held these removals again", "Look at the newer export of Newsletter.")
    office.click(office.ada, "Take the tags off", again)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 4)
    office.work()
    assert office.run(4).counters["tags_removed"] == people


def test_removals_that_the_brake_holds_wait_in_home_for_who_may_allow_them(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    office.world.segment("VIP", [])
    office.request(destination)
    office.work()
    assert "Waiting for your approval" not in text_of(open_home(office.ben, "the brake holds removals"))
    open_home(office.ada, "Waiting for your approval", "VIP: would be taken off 3 people, but the segment is empty.")
    act(office.ada, "click", target="home.take_off", home=True, confirm=True)
    view = home(office.ada, "Exports under way", "Queued")
    assert "Waiting for your approval" not in text_of(view)
    office.work()
    assert office.run(3).counters["tags_removed"] == 3
    act(office.ada, "open_home")
    after = office.soon(lambda: "under way" not in (text := text_of(office.ada.read("home"))) and text)
    assert "Waiting for your approval" not in after
    assert "brake" not in after.partition("Last exports")[0]


def held_removals(office: Office, **policies: Any) -> tuple[Destination, Json]:
    """A destination of whose last export the brake holds removals, and the message that says so."""
    destination = office.world.destination("VIP")
    office.request(destination)
    office.work()
    office.world.segment("VIP", [])
    office.request(destination, **policies)
    office.work()
    open_home(office.ada, "Waiting for your approval", "VIP: would be taken off 3 people, but the segment is empty.")
    return destination, office.posted()[-1]


def nobody_is_asked(office: Office, shown: Json, sentence: str) -> None:
    """Nowhere are people asked to take off tags, and the button of an old message says why."""
    act(office.ada, "open_home")
    office.soon(lambda: "Waiting for your approval" not in text_of(office.ada.read("home")))
    assert "the brake holds" not in text_of(office.ada.read("home"))
    for command in ("/postino", "/postino-status", "/postino destinations", "/postino history Newsletter"):
        answer = office.type(office.ada, command)
        assert "the brake holds" not in lines(answer), command
        assert "Take the tags off" not in {button["text"] for button in answer["buttons"]}, command
    known = len(office.postino.runs.history(office.world.actor))
    office.click(office.ada, "Take the tags off", shown)
    if shown.get("thread_ts"):
        seen(office.ada, sentence)
    else:
        office.soon(lambda: any(sentence in lines(one) for one in office.answers(office.ada)))
    assert len(office.postino.runs.history(office.world.actor)) == known


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "export"])
def test_nobody_is_asked_about_removals_that_a_later_look_does_not_hold_any_more(office: Office, preview: bool) -> None:
    destination, shown = held_removals(office)
    office.world.segment("VIP", ["p0", "p1", "p2"])
    office.request(destination, preview=preview)
    office.work()
    assert office.run(3).status == RunStatus.SUCCESSFUL
    nobody_is_asked(
        office,
        shown,
        "This is settled: Newsletter was looked at again later, and the brake holds no removals any more.",
    )


def test_nobody_is_asked_about_removals_of_a_destination_as_it_was_before_an_edit(office: Office) -> None:
    held_removals(office, preview=True)
    card = office.posted()[-1]
    office.world.edit("Newsletter", "VIP", "Bergamo")
    nobody_is_asked(office, card, "The destination was edited. Preview it again.")


def test_nobody_is_asked_about_removals_of_a_destination_without_a_connection(office: Office) -> None:
    destination, shown = held_removals(office)
    office.postino.removals.connection(office.world.actor, destination.connection_id or 0, Users.DETACH)
    nobody_is_asked(office, shown, "Newsletter has no connection to Mailchimp any more. Edit it and choose one.")


def test_removals_can_still_be_taken_off_if_the_export_that_was_to_do_it_failed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shown = held_removals(office)
    office.click(office.ada, "Take the tags off", shown)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
    with monkeypatch.context() as broken:
        broken.setattr(Applying, "apply", lambda self, canary: 1 / 0)
        office.work()
    assert office.run(3).status == RunStatus.FAILED
    office.click(office.ada, "Take the tags off", shown)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 4)
    office.work()
    assert office.run(4).counters["tags_removed"] == 3


def test_a_segment_that_vanished_is_told_before_and_after_the_export(office: Office) -> None:
    office.world.destination("VIP", "Bergamo")
    (office.world.folder / "VIP.csv").unlink()
    office.clock.forward(minutes=1)
    told = (
        "The segment VIP is gone from the source. Its tag stays on whoever has it; "
        "if the segment has another name now, edit the destination."
    )
    office.request(office.world.postino.destinations.named(office.world.actor, "Newsletter"), preview=True)
    office.work()
    [card] = office.posted()
    assert told in lines(card)
    assert told in card["text"]
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    completion = office.posted()[-1]
    assert told in lines(completion)
    assert told in completion["text"]
    assert office.run(1).counters["new"] == 4


def test_values_that_do_not_fit_their_field_are_counted_in_the_preview(office: Office) -> None:
    office.world.audience.add_field("SPENT", "Spent", "number")
    office.request(office.world.destination("VIP", fields={"SPENT": "City"}), preview=True)
    office.work()
    [card] = office.posted()
    assert "Values left out because they do not fit Mailchimp's field: SPENT 3" in lines(card)
    assert "New contacts: 3" in lines(card)


def test_a_tag_that_others_made_again_is_told_and_taken_over_with_one_click(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    acts.delete_tag(office.world.audience, "VIP")
    acts.add(office.world.audience, "stranger@example.com")
    acts.tag(office.world.audience, "stranger@example.com", "VIP")
    office.clock.forward(hours=2)
    office.request(office.postino.destinations.named(office.world.actor, "Newsletter"))
    office.work()
    told = office.posted()[-1]
    assert "The audience has a tag VIP that Postino did not make; people who have it: 1. Nothing was sent." in lines(
        told
    )
    assert [button["text"] for button in told["buttons"]] == [
        "Take the tag over",
        "Edit the destination",
        "Preview again",
        "Details",
    ]
    office.click(office.ben, "Take the tag over", told)
    seen(office.ben, "Ask an administrator")
    office.click(office.ada, "Take the tag over", told)
    office.soon(lambda: len(office.postino.runs.history(office.world.actor)) == 3)
    office.work()
    card = office.posted()[-1]
    assert "VIP: put on 3, taken off 1" in lines(card)
    office.click(office.ada, "Send", card)
    office.soon(lambda: office.run(3).status == RunStatus.QUEUED)
    office.work()
    tags = {one["email_address"]: one["tags"] for one in acts.dump(office.world.audience)}
    assert tags.pop("stranger@example.com") == []
    assert set(map(tuple, tags.values())) == {("VIP",)}


def test_too_many_profiles_are_told_with_the_heaviest_segments_and_nothing_is_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = office.world.destination("VIP", "Everyone")
    monkeypatch.setattr("services.guarding.PROFILES", 8)
    office.request(destination)
    office.work()
    told = office.posted()[-1]
    assert "Limit exceeded: Newsletter was not exported." in lines(told)
    assert "10 distinct profiles, 2 more than the 8 an export may have." in lines(told)
    assert "The segments that weigh most: Everyone (10), VIP (3)" in lines(told)
    assert told["text"].startswith("Newsletter: Limit exceeded.")
    assert [button["text"] for button in told["buttons"]] == ["Choose other segments", "Preview again", "Details"]
    assert any("Limit exceeded" in lines(one) for one in office.directly(office.ada))
    assert not acts.dump(office.world.audience)


def test_a_plan_that_is_full_in_mid_run_is_told_with_what_was_kept_and_what_to_do(office: Office) -> None:
    office.world.served.world.switches.set(contact_limit_mode="error_generic", contact_limit=4)
    office.request(office.world.destination("VIP", "Everyone"))
    office.work()
    told = office.posted()[-1]
    assert "Limit exceeded: Newsletter was exported only in part." in lines(told)
    assert "Your plan's contact limit has been reached." in lines(told)
    assert "Look at the plan and billing in Mailchimp, then export again." in lines(told)
    assert "Where it stopped; what was sent is kept: 4 new" in lines(told)
    assert "6 not attempted" in lines(told)
    assert "The segments that weigh most: Everyone (10), VIP (3)" in lines(told)
    assert [button["text"] for button in told["buttons"]] == ["Choose other segments", "Preview again", "Details"]
    assert len(acts.dump(office.world.audience)) == 4


def test_a_plan_that_takes_nobody_more_says_that_nothing_was_sent(office: Office) -> None:
    office.world.served.world.faults.add("402", method="POST", path="/lists/[^/]+")
    office.request(office.world.destination("VIP"))
    office.work()
    told = office.posted()[-1]
    assert "Limit exceeded: Newsletter was not exported." in lines(told)
    assert "Your account has an unpaid balance." in lines(told)
    assert "Nothing was sent." in lines(told)
    assert "kept" not in lines(told)
    assert not acts.dump(office.world.audience)


def test_a_revoked_key_asks_to_connect_again(office: Office) -> None:
    office.request(office.world.destination("VIP"))
    office.world.served.world.faults.add("revoke", times=1)
    office.work()
    told = office.posted()[-1]
    assert "Newsletter needs its connection to Mailchimp again." in lines(told)
    assert "Nothing was sent." in lines(told)
    assert "kept" not in lines(told)
    assert told["buttons"][0]["text"] == "Connect again"
    office.click(office.ada, "Connect again", told)
    office.soon(office.ada.view)


def test_a_key_revoked_in_mid_run_is_told_with_what_was_sent_before(office: Office) -> None:
    office.world.served.world.faults.add("revoke", method="POST", path="/lists/[^/]+", skip=1, times=1)
    office.request(office.world.destination("Everyone"))
    office.work()
    told = office.posted()[-1]
    assert "Newsletter needs its connection to Mailchimp again." in lines(told)
    assert "Where it stopped; what was sent is kept: 1 new" in lines(told)
    assert "Nothing was sent" not in lines(told)
    assert len(acts.dump(office.world.audience)) == 1


def test_a_run_that_ended_by_an_error_inside_says_once_what_was_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.request(office.world.destination("VIP"))
    monkeypatch.setattr("services.guarding.check_profiles", lambda count: count // 0)
    office.work()
    told = office.posted()[-1]
    assert "Something went wrong inside Postino (reference run-1-1). The log tells more.\nNothing was sent." in lines(
        told
    )


def test_a_numbers_approval_that_was_outgrown_asks_again(office: Office) -> None:
    office.request(office.world.destination("Everyone"), preview=True)
    office.work()
    office.world.customers({f"c{number}": {} for number in range(150)})
    office.world.segment("Everyone", office.world.people)
    office.click(office.ada, "Send", office.posted()[0])
    office.soon(lambda: office.run(1).status == RunStatus.QUEUED)
    office.work()
    card, asked = office.posted()
    assert "New contacts: 160" in lines(card)
    assert "Newsletter has grown since it was approved" in lines(asked)
    assert not acts.dump(office.world.audience)


def test_an_edited_destination_asks_for_a_new_preview_in_the_message_of_the_old_one(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.request(destination, preview=True)
    office.work()
    [card] = office.posted()
    office.world.edit("Newsletter", "VIP", "Bergamo")
    office.click(office.ada, "Send", card)
    assert "does not wait for approval any more" in lines(office.soon(lambda: office.answers(office.ada))[-1])
    office.work()
    [card] = office.posted()
    assert "The destination was edited. Preview it again." in lines(card)
    assert [button["text"] for button in card["buttons"]] == ["Preview again", "Details"]
    assert (office.thread(card), office.directly(office.ada)) == ([], [])

    office.request(office.postino.destinations.named(office.world.actor, "Newsletter"), preview=True)
    office.work()
    office.click(office.ada, "Send", office.posted()[-1])
    office.soon(lambda: office.run(2).status == RunStatus.QUEUED)
    office.world.edit("Newsletter", "Bergamo")
    office.work()
    assert len(office.posted()) == 2
    assert "The destination was edited. Preview it again." in lines(office.posted()[-1])
    [told] = office.directly(office.ada)
    assert "The destination was edited. Preview it again." in lines(told)
    assert not acts.dump(office.world.audience)


def test_a_preview_in_the_channel_of_the_command_where_the_destination_has_none(office: Office) -> None:
    office.world.destination("VIP", channel=None)
    office.type(office.ada, "/postino-export Newsletter", channel="general")
    office.work()
    assert "Preview of Newsletter" in lines(office.posted(channel="general")[0])
    assert office.run(1).channel != CHANNEL_ID
