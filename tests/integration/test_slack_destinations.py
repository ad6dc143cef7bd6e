"""The list of destinations, and removing one from it."""

from __future__ import annotations

import pytest

from sandbox.mailchimp import acts
from sandbox.slack.remote import RemotePerson
from services.access import Sharing
from services.approving import Approval
from services.destinations import Policies
from services.removing import Tags
from services.tidying import Tidying
from storage.models import Destination, Run, RunStatus
from tests.integration.slack_office import Office, lines
from tests.integration.test_home import open_home
from tests.integration.wizard_hands import act, enter, seen, text_of, value


def test_destinations_are_listed_with_last_and_next_export_connection_and_permission(office: Office) -> None:
    none = office.type(office.ada, "/postino destinations")
    assert "There is no destination yet." in lines(none)
    office.click(office.ada, "New destination", none)
    seen(office.ada, "Step 1 of 4")
    act(office.ada, "close")
    office.ada.act("command", channel="exports", text="/postino-export")
    seen(office.ada, "There is no destination that you may export.")
    act(office.ada, "click", target="New destination…")
    seen(office.ada, "Step 1 of 4")
    act(office.ada, "close")
    destination = office.world.destination("VIP", schedule="daily 07:00", time_zone="UTC")
    first = lines(office.type(office.ada, "/postino destinations"))
    assert "to Newsletter · 1 segment · Daily (07:00), UTC\nNever exported.\nNext, by your clock: " in first
    office.request(destination)
    assert "Now: 🕓 Queued" in lines(office.type(office.ada, "/postino destinations"))
    office.work()
    shown = lines(office.type(office.ada, "/postino destinations"))
    assert "Last: ✅ Successful · 3 new, 3 tags put on" in shown
    assert "07:00" in shown.partition("Next, by your clock: ")[2]
    assert "to Newsletter · 1 segment · Daily (07:00), UTC" in lines(office.type(office.ada, "/postino"))
    assert "Connection Main · you are an administrator: run, edit, remove · updated" in shown
    assert "by @Ada" in shown


def test_a_preview_that_was_never_sent_is_in_the_history_and_hides_no_export(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = office.world.destination("VIP")
    office.request(destination, preview=True)
    office.postino.runs.cancel(office.world.actor, 1)
    assert "Never exported." in lines(office.type(office.ada, "/postino destinations"))
    assert "Never exported yet." in lines(office.type(office.ada, "/postino"))
    open_home(office.ada, "Never exported.")

    office.request(destination)
    office.work()
    office.world.segment("VIP", ["p0", "p1", "p2", "p3"])
    office.clock.forward(minutes=1)
    office.request(destination, preview=True)
    office.work()
    assert "Waiting for approval · 1 new" in lines(office.type(office.ada, "/postino"))
    office.clock.forward(hours=25)
    Tidying(office.postino.database)()
    monkeypatch.setattr("services.guarding.PROFILES", 3)
    office.request(destination, preview=True)
    office.work()
    monkeypatch.undo()
    for _ in range(6):  # more than any list looks at
        office.postino.runs.cancel(office.world.actor, office.request(destination, preview=True).id)
    last = "✅ Successful · 3 new, 3 tags put on"
    assert f"Last: {last}" in lines(office.type(office.ada, "/postino destinations"))
    assert last in lines(office.type(office.ada, "/postino"))
    open_home(office.ada, f"Last: {last}")
    told = lines(office.type(office.ada, "/postino history Newsletter"))
    assert "🚫 Canceled · Preview · Nobody approved this export within 24 hours." in told
    assert "❌ Failed · Preview · The segments hold 4 distinct profiles" in told


def test_everybody_sees_what_they_may_do(office: Office) -> None:
    office.world.destination("VIP")
    answer = office.type(office.ben, "/postino destinations")
    assert "you may look" in lines(answer)
    assert "Made by @Ada Lovelace, " in lines(answer)
    assert "@Ada Lovelace agreed to version 1 of the data privacy and compliance statement, " in lines(answer)
    assert [one["text"] for one in answer["buttons"]] == ["View", "History", "Privacy statement", "Refresh", "Share"]
    assert "Ask a member of this workspace." in lines(office.type(office.world.gus, "/postino destinations"))


def test_who_may_not_edit_a_destination_reads_all_that_it_is_set_to(office: Office) -> None:
    made = office.world.destination(
        "VIP",
        schedule="daily 07:00",
        time_zone="Europe/Rome",
        consent_attribute="Email Subscriber",
        consent_values=["true"],
        language="it",
    )
    policies = Policies(approval=Approval.ALWAYS, approval_above=500, mentions=["U0ADA"], digest=7)
    office.postino.destinations.set_policies(office.world.actor, made.id, policies)
    assert "View" not in [one["text"] for one in office.type(office.ada, "/postino destinations")["buttons"]]
    office.click(office.ben, "View", office.type(office.ben, "/postino destinations"))
    view = seen(
        office.ben,
        "Audience: Newsletter",
        "Connection: Main",
        "Email ← EMail",
        "FNAME ← FirstName",
        "Only profiles whose Email Subscriber is one of these are exported: true",
        "VIP, with the tag VIP",
        "Schedule: Daily (07:00), Europe/Rome",
        "Channel: #exports",
        "Language of the messages in the channel: Italian",
        "Brake: waits for a person where a tag would be taken off more than 20% of its holders and at least 25 people",
        "Needs the approval of a second person: Every export",
        "Also exports that add more contacts than: 500",
        "Call these people where there is trouble: @Ada Lovelace",
        "Scheduled exports that went well: Tell them together daily at 07:00",
        "agreed to version 1 of the data privacy and compliance statement",
    )
    assert not view["inputs"]
    assert view["submit"] is None


def test_what_was_agreed_to_can_be_read_again_in_the_readers_language(office: Office) -> None:
    destination = office.world.destination("VIP")
    office.click(office.ben, "Privacy statement", office.type(office.ben, "/postino destinations"))
    agreed = "Newsletter\n@Ada Lovelace agreed to version 1 of the data privacy and compliance statement, "
    shown = seen(
        office.ben, agreed, "Data privacy and compliance", "By agreeing you instruct Postino to send data from source"
    )
    assert "has changed since" not in text_of(shown)
    assert shown["inputs"] == []
    with RemotePerson(office.world.served.slack, "U0DARIO") as dario:
        office.click(dario, "Dichiarazione privacy", office.type(dario, "/postino destinations"))
        seen(dario, "@Ada Lovelace ha accettato la versione 1", "Accettando dai istruzione a Postino di inviare dati")

    with office.postino.database.write() as session:
        session.get_one(Destination, destination.id).consent_version = 0
    office.click(office.ada, "Privacy statement", office.type(office.ada, "/postino destinations"))
    seen(
        office.ada, "agreed to version 0", "does not know the wording of version 0.", "The statement has changed since"
    )


def test_of_a_destination_that_is_gone_nothing_was_agreed_to(office: Office) -> None:
    destination = office.world.destination("VIP")
    listed = office.type(office.ada, "/postino destinations")
    office.postino.removals.destination(office.world.actor, destination.id, Tags.KEEP)
    office.click(office.ada, "Privacy statement", listed)
    seen(office.ada, "This destination does not exist any more.")


def test_destinations_are_searched_and_paged_in_place(office: Office) -> None:
    for number in range(10):
        office.world.segment(f"Group {number}", ["p0"])
    office.clock.forward(seconds=10)
    for number in range(10):
        office.world.destination(f"Group {number}", name=f"Letter {number}", fields={})
    office.world.destination("VIP")
    assert "11 destinations · search: letter newsletter" in lines(
        office.type(office.ada, "/postino destinations letter newsletter")
    )
    assert "No destination, audience or connection is called nowhere." in lines(
        office.type(office.ada, "/postino destinations nowhere")
    )
    answer = office.type(office.ada, "/postino destinations letter")
    assert "Letter 4" in lines(answer)
    office.click(office.ada, "Next", answer)
    office.soon(lambda: "Letter 9" in lines(office.answers(office.ada)[-1]))
    assert "Letter 4" not in lines(office.answers(office.ada)[-1])


def test_destinations_are_sorted_by_name_connection_last_export_and_status(office: Office) -> None:
    first = office.world.destination("VIP", name="Letter A")
    account = office.world.served.world.add_account("Another")
    audience = account.add_audience("Another")
    other = office.postino.connections.add_with_key(office.world.actor, "Another", account.api_key).id
    letters = {
        name: office.world.destination(
            segment, name=f"Letter {name}", fields={}, connection_id=other, audience_id=audience.id
        )
        for name, segment in (("B", "Bergamo"), ("C", "Everyone"))
    }
    office.request(letters["B"])
    office.work()
    office.clock.forward(minutes=1)
    for letter, preview in ((first, False), (letters["B"], True)):
        run = office.request(letter, preview=preview)
        office.postino.runs.cancel(office.world.actor, run.id)
    answer = office.type(office.ada, "/postino destinations letter")

    def order(word: str) -> str:
        office.click(office.ada, word, answer)
        shown = office.soon(
            lambda: (listed := office.answers(office.ada)[-1]) and f"✓ {word}" in lines(listed) and listed
        )
        return "".join(line[-1] for line in shown["lines"] if line in ("Letter A", "Letter B", "Letter C"))

    assert order("By connection") == "BCA"
    assert order("By last export") == "ABC"
    assert order("By name") == "ABC"
    failed = office.request(letters["C"])
    with office.postino.database.write() as session:
        session.get_one(Run, failed.id).status = RunStatus.FAILED
    assert order("By status") == "CAB"
    assert order("By last export") == "CAB"


@pytest.mark.parametrize(
    ("choice", "told", "left"),
    [
        ("Keep the tags in Mailchimp", "Its contacts and tags stay in Mailchimp.", {"VIP"}),
        ("Delete the tags in Mailchimp", "Its contacts stay in Mailchimp, without its tags.", set()),
    ],
)
def test_removing_asks_whether_the_tags_stay(office: Office, choice: str, told: str, left: set[str]) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    office.click(office.ada, "Remove…", office.type(office.ada, "/postino destinations"))
    seen(office.ada, "Newsletter is forgotten with its history", "Tags: VIP.")
    enter(office.ada, "choice", choice)
    act(office.ada, "submit")
    seen(office.ada, f"Newsletter was removed. {told}")
    assert {tag for member in acts.dump(office.world.audience) for tag in member["tags"]} == left
    assert "There is no destination yet." in lines(office.type(office.ada, "/postino destinations"))


@pytest.mark.parametrize("lost", [False, True])
def test_a_tag_that_mailchimp_does_not_delete_is_told_to_people(office: Office, lost: bool) -> None:
    office.request(office.world.destination("VIP"))
    office.work()
    before = len(office.posted()), len(office.directly(office.ada))
    if lost:
        office.world.workspace.channels["C0EXPORTS"].archived = True
    office.world.served.world.faults.add("refuse", method="DELETE")
    office.postino.removals.destination(office.world.actor, 1, Tags.DELETE)
    office.postino.removals()
    office.notify()
    posted, directly = office.posted()[before[0] :], office.directly(office.ada)[before[1] :]
    [told] = directly if lost else posted
    assert len(posted) + len(directly) == 1
    assert "Newsletter was removed, but Mailchimp did not delete these of its tags: VIP." in lines(told)
    assert "Delete them in Mailchimp, or leave them" in told["text"]


def test_a_preview_of_a_removed_destination_says_that_it_was_canceled(office: Office) -> None:
    office.request(office.world.destination("VIP"), preview=True)
    office.work()
    office.click(office.ada, "Remove…", office.type(office.ada, "/postino destinations"))
    seen(office.ada, "Newsletter is forgotten")
    act(office.ada, "submit")
    seen(office.ada, "Newsletter will be removed as soon as its export has stopped")
    office.notify()
    [living] = [one for one in office.posted() if "Export of Newsletter" in lines(one)]
    assert "Canceled" in lines(living)
    office.postino.removals()
    assert office.postino.runs.history(office.world.actor) == []


def test_a_contributor_removes_their_own_until_the_connection_is_shared_with_others_only(office: Office) -> None:
    postino, world = office.postino, office.world
    destination = world.destination("VIP")
    with postino.database.write() as session:
        session.merge(destination).created_by = "U0BEN"
    postino.connections.share(world.actor, 1, Sharing.PEOPLE, ["U0BEN"])
    answer = office.type(office.ben, "/postino destinations")
    assert "it is yours: run, edit, remove" in lines(answer)
    office.click(office.ben, "Remove…", answer)
    seen(office.ben, "Newsletter is forgotten")
    postino.connections.share(world.actor, 1, Sharing.ADMINS)
    act(office.ben, "submit")
    seen(office.ben, "The connection Main of Newsletter is not shared with you any more.")
    assert postino.destinations.visible(world.actor)


def test_who_may_not_is_told_who_made_the_destination_wherever_they_tried(office: Office) -> None:
    connection = office.world.connect()
    office.postino.connections.share(office.world.actor, connection, Sharing.EVERYONE)
    made = office.world.destination("VIP", connection_id=connection)
    refusal = "Only administrators and the person who created Newsletter may do this. Ask an administrator."
    told = lines(office.type(office.ben, "/postino-export Newsletter"))
    assert f"{refusal} You can also ask @Ada Lovelace." in told
    for action_id in ("wizard.edit", "home.remove", "decisions.open"):
        forged = {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": "Go"}}
        row = {"type": "actions", "elements": [forged | {"value": str(made.id)}]}
        posted = office.world.app.client.chat_postMessage(channel="C0EXPORTS", text="Old", blocks=[row])
        act(office.ben, "click", target="Go", channel="exports", ts=posted["ts"])
        seen(office.ben, refusal, "You can also ask @Ada Lovelace.")
        act(office.ben, "close")


def test_a_destination_is_duplicated_with_a_name_and_a_consent_of_its_own(office: Office) -> None:
    original = office.world.destination("VIP", schedule="daily 07:00")
    office.click(office.ada, "Duplicate", office.type(office.ada, "/postino destinations"))
    view = seen(office.ada, "Step 1 of 4")
    assert value(view, "name") == "Copy of Newsletter"
    assert not value(view, "agreed")
    enter(office.ada, "agreed", ["agreed"])
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(office.ada, "submit")
        seen(office.ada, step)
    act(office.ada, "submit")
    seen(office.ada, "Destination saved")
    copy = office.postino.destinations.named(office.world.actor, "Copy of Newsletter")
    assert (copy.schedule, copy.email_attribute, copy.fields) == ("daily 07:00", "EMail", original.fields)
    assert [one.segment for one in copy.segments] == ["VIP"]
    assert copy.segments[0].tag_name != original.segments[0].tag_name


def test_a_schedule_is_paused_and_resumed_from_the_list(office: Office) -> None:
    office.world.destination("VIP", schedule="daily 07:00")
    office.click(office.ada, "Pause", office.type(office.ada, "/postino destinations"))
    paused = office.soon(
        lambda: (one := office.answers(office.ada)[-1]) and "Next: not before @Ada" in lines(one) and one
    )
    assert "Pause" not in [one["text"] for one in paused["buttons"]]
    office.click(office.ada, "Resume", paused)
    office.soon(lambda: "07:00" in lines(office.answers(office.ada)[-1]).partition("Next, by your clock: ")[2])
