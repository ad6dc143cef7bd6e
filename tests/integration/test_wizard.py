"""The destination wizard, clicked through at a Slack client."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from sandbox.mailchimp import acts
from services.access import Actor, Sharing, Standing
from services.destinations import Brake, Policies
from services.errors import NotAllowed
from storage.models import AuditEntry, RunStatus
from tests.integration import wizard_hands as hands
from tests.integration.slack_world import SlackWorld, until
from tests.integration.wizard_hands import act, enter, seen, text_of, value


def test_a_destination_is_set_up_in_four_steps_with_an_api_key(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    first = hands.open_wizard(ada)
    assert "You can change this later." in text_of(first)
    assert "Reading source" in text_of(first)
    enter(ada, "name", "Spring letter")
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "key", slack_world.account.api_key)
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")

    second = seen(ada, "Step 2 of 4", "Connected to Mailchimp as Contoso Coffee")
    assert slack_world.account.api_key not in str(second)
    enter(ada, "audience", "Newsletter")
    act(ada, "submit")

    third = seen(ada, "Step 3 of 4", "Audience Newsletter, 0 members")
    assert "100% of the profiles have it · for example p•••@e•••.com" in text_of(third)
    act(ada, "submit")

    seen(ada, "Step 4 of 4")
    enter(ada, "segments", ["VIP", "Bergamo"])
    seen(ada, "6 distinct profiles of at most 1,000,000")
    enter(ada, "channel", "exports")
    act(ada, "submit")
    saved = seen(ada, "Destination saved", "2 segments to the audience Newsletter", "6 distinct profiles")
    assert "Saving does not run the export." in text_of(saved)

    destination = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert {chosen.segment for chosen in destination.segments} == {"VIP", "Bergamo"}
    assert (destination.email_attribute, destination.fields) == (
        "EMail",
        {"FNAME": "FirstName", "LNAME": "LastName"},
    )
    assert (destination.channel, destination.schedule) == ("C0EXPORTS", "refresh")
    assert (destination.consent_version, destination.consent_by) == (1, "U0ADA")
    assert slack_world.postino.runs.history(slack_world.actor) == []


def test_no_key_and_no_address_are_left_anywhere_in_the_database(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "key", slack_world.account.api_key)
    act(ada, "click", target="Connect", block_id="ways")
    seen(ada, "Connected to Mailchimp as Contoso Coffee")
    act(ada, "close")
    content = b"".join(path.read_bytes() for path in slack_world.postino.settings.home.rglob("postino.sqlite*"))
    assert b"Contoso Coffee" in content
    assert slack_world.account.api_key.encode() not in content
    assert b"@example.com" not in content


def test_consent_name_and_connection_are_required_before_anybody_is_asked(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.open_wizard(ada)
    refused = ada.act("submit")
    assert refused["error"] == "invalid_input"
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "name", "   ")
    enter(ada, "agreed", ["agreed"])
    refused = ada.act("submit")
    assert refused["error"] == "errors"
    assert "Give the destination a name." in refused["text"]
    assert "Choose a connection first" in refused["text"]


def test_a_wrong_key_is_told_and_what_was_typed_stays_but_the_key(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "key", "0123456789abcdef0123456789abcdef-us1")
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    again = seen(ada, "Step 1 of 4", "⛔")
    assert (value(again, "name"), value(again, "key")) == ("Spring letter", None)
    assert value(again, "agreed")


def test_a_mailchimp_role_that_cannot_write_is_refused_naming_the_role_needed(slack_world: SlackWorld) -> None:
    viewer = slack_world.served.world.add_account("Viewer only", role="viewer")
    ada = slack_world.ada
    hands.open_wizard(ada)
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "key", viewer.api_key)
    act(ada, "click", target="Connect", block_id="ways")
    seen(ada, "Step 1 of 4", "Manager, Admin or Owner")


def test_an_unknown_audience_id_is_said_and_a_known_one_is_echoed_by_name(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_audience(ada)
    act(ada, "click", target="Type an audience ID")
    seen(ada, "Audience ID")
    enter(ada, "audience_typed", "nosuchlist")
    act(ada, "submit")
    again = seen(ada, "Step 2 of 4", "has no audience nosuchlist")
    assert value(again, "audience_typed") == "nosuchlist"
    enter(ada, "audience_typed", slack_world.audience.id)
    act(ada, "submit")
    seen(ada, "Step 3 of 4", "Audience Newsletter")


def test_neither_audience_nor_id_is_an_error_beside_the_input(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_audience(ada)
    assert ada.act("submit")["error"] == "invalid_input"
    act(ada, "click", target="Type an audience ID")
    seen(ada, "Audience ID")
    enter(ada, "audience_typed", "  ")
    refused = ada.act("submit")
    assert (refused["error"], refused["text"]) == ("errors", "Type the audience's ID, or choose one from the list.")
    act(ada, "click", target="Choose from the list")
    seen(ada, "Type an audience ID")
    enter(ada, "audience", "Newsletter")
    act(ada, "submit")
    seen(ada, "Step 3 of 4", "Audience Newsletter")


def test_going_back_keeps_what_was_typed(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    seen(ada, "3 distinct profiles")
    enter(ada, "schedule", "weekly")
    seen(ada, "Weekday")
    enter(ada, "time", "18:30")
    act(ada, "click", target="Back")
    seen(ada, "Step 3 of 4")
    act(ada, "click", target="Back")
    second = seen(ada, "Step 2 of 4")
    assert value(second, "audience")["value"] == slack_world.audience.id
    act(ada, "click", target="Back")
    first = seen(ada, "Step 1 of 4")
    assert value(first, "name") == "Spring letter"
    assert value(first, "agreed")
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        fourth = seen(ada, step)
    assert "3 distinct profiles" in text_of(fourth)
    assert value(fourth, "time") == "18:30"


def test_attributes_are_added_and_removed_for_any_merge_field(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("TOWN", "Town", "text")
    slack_world.connect()
    ada = slack_world.ada
    third = hands.to_matching(ada)
    act(ada, "click", target="wizard.remove_row", value="LNAME")
    until(lambda: "Last name" not in text_of(seen(ada, "Step 3 of 4", "First name")))
    enter(ada, "add", "TOWN")
    third = seen(ada, "Town (TOWN)", "Nothing chosen yet.")
    field = next(one for one in third["inputs"] if one["block_id"] == "field.TOWN")
    act(ada, "enter", target=field["block_id"], value="City")
    seen(ada, "for example B•••")
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    hands.finish(ada, "VIP")
    destination = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert destination.fields == {"FNAME": "FirstName", "TOWN": "City"}


def test_an_added_field_is_filled_from_the_attribute_that_is_called_like_it(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("MMERGE5", "City", "text")
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    act(ada, "enter", target="wizard.add_row", value="City (MMERGE5)")
    seen(ada, "City (MMERGE5)", "for example B•••")
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    hands.finish(ada, "VIP")
    saved = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert saved.fields["MMERGE5"] == "City"


def test_required_merge_fields_block_until_a_box_skips_the_check(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("BRANCH", "Branch", "text", required=True)
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    assert "requires these fields and nothing fills them: Branch (BRANCH)" in text_of(seen(ada, "Step 3 of 4"))
    refused = ada.act("submit")
    assert refused["error"] == "invalid_input"
    enter(ada, "skip", ["skip"])
    seen(ada, "Branch (BRANCH) (optional):")
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    hands.finish(ada, "VIP")
    assert slack_world.postino.destinations.named(slack_world.actor, "Spring letter").skip_required_fields


def test_a_required_field_has_a_row_with_the_attribute_that_is_called_like_it(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("TOWN", "City", "text", required=True)
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    third = seen(ada, "City (TOWN):")
    assert [one["value"]["value"] for one in third["inputs"] if one["block_id"] == "field.TOWN"] == ["City"]
    act(ada, "submit")
    seen(ada, "Step 4 of 4")


def test_a_field_of_several_parts_is_not_offered(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("HOME", "Home", "address")
    slack_world.audience.add_field("BRANCH", "Branch", "text")
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    assert not ada.act("enter", target="wizard.add_row", value="Home (HOME)")["ok"]
    act(ada, "enter", target="wizard.add_row", value="Branch (BRANCH)")
    seen(ada, "Branch (BRANCH) (optional):")


def test_a_consent_attribute_brings_the_values_that_allow_mailing(slack_world: SlackWorld) -> None:
    slack_world.customers({"p9": {"Email Subscriber": "false"}})
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    enter(ada, "consent", "Email Subscriber")
    third = seen(ada, "Values that allow mailing")
    assert [one["value"] for one in value(third, "consent_seen")] == ["true"]
    act(ada, "submit")
    seen(ada, "Step 4 of 4")
    enter(ada, "segments", ["Everyone"])
    seen(ada, "9 of them can be reached (90%): 1 does not allow mailing.")
    hands.finish(ada, "Everyone")
    destination = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert (destination.consent_attribute, destination.consent_values) == ("Email Subscriber", ["true"])


def test_nothing_selected_and_a_wrong_cron_expression_are_errors_beside_their_inputs(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "channel", "exports")
    assert ada.act("submit")["error"] == "invalid_input"
    enter(ada, "segments", ["VIP"])
    seen(ada, "3 distinct profiles")
    enter(ada, "schedule", "cron")
    seen(ada, "Cron expression")
    enter(ada, "cron", "every morning")
    refused = ada.act("submit")
    assert refused["error"] == "errors"
    assert "no cron expression" in refused["text"]
    enter(ada, "cron", "0 6 * * mon-fri")
    act(ada, "submit")
    seen(ada, "Destination saved", "0 6 * * mon-fri")


def test_over_the_limit_is_shown_live_and_blocks_saving(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    slack_world.many("Multitude", 1_000_001)
    hands.to_segments(ada)
    enter(ada, "segments", ["Multitude"])
    seen(ada, "1,000,001 distinct profiles of at most 1,000,000", "1 profile more")
    enter(ada, "channel", "exports")
    refused = ada.act("submit")
    assert refused["error"] == "errors"
    assert "1 profile more" in refused["text"]
    enter(ada, "segments", ["VIP"])
    seen(ada, "3 distinct profiles")
    act(ada, "submit")
    seen(ada, "Destination saved")


def test_a_tag_from_before_postino_is_shown_and_gets_a_name_of_its_own_unless_taken_over(
    slack_world: SlackWorld,
) -> None:
    acts.add(slack_world.audience, "jane@example.com", tags=["VIP"])
    slack_world.connect()
    own = {"First": "VIP (Postino)", "Second": "VIP (Second)"}
    for answer, name, tag in ((None, "First", own["First"]), (["VIP - 1"], "Second", "VIP")):
        hands.to_segments(slack_world.ada, name)
        enter(slack_world.ada, "segments", ["VIP"])
        seen(slack_world.ada, f"with 1 member. Unless it is taken over, this one's tag is called {own[name]}.")
        if answer:
            enter(slack_world.ada, "take_over", answer)
        enter(slack_world.ada, "channel", "exports")
        act(slack_world.ada, "submit")
        seen(slack_world.ada, "Destination saved")
        destination = slack_world.postino.destinations.named(slack_world.actor, name)
        assert destination.segments[0].tag_name == tag
        act(slack_world.ada, "close")


def test_each_tag_from_before_postino_is_taken_over_or_not(slack_world: SlackWorld) -> None:
    acts.add(slack_world.audience, "jane@example.com", tags=["VIP", "Bergamo"])
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP", "Bergamo", "Everyone"])
    seen(ada, "VIP was there before Postino, with 1 member", "Bergamo was there before Postino, with 1 member")
    enter(ada, "take_over", ["Bergamo - 1"])
    enter(ada, "channel", "exports")
    act(ada, "submit")
    seen(ada, "Destination saved")
    saved = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert {one.segment: (one.tag_name, one.take_over) for one in saved.segments} == {
        "VIP": ("VIP (Postino)", False),
        "Bergamo": ("Bergamo", True),
        "Everyone": ("Everyone", False),
    }


def test_save_and_preview_requests_a_run_that_stops_before_sending(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "after", ["preview"])
    saved = hands.finish(ada, "VIP")
    assert "A preview is being computed" in text_of(saved)
    [run] = slack_world.postino.runs.history(slack_world.actor)
    assert (run.preview, run.status, run.channel) == (True, RunStatus.QUEUED, "C0EXPORTS")


def test_preview_now_in_the_confirmation_requests_one_run_however_often_it_is_clicked(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    hands.finish(ada, "VIP")
    slack_world.workspace.faults.duplicate_next = 1
    act(ada, "click", target="Preview now")
    seen(ada, "The preview of Spring letter is being computed")
    until(lambda: slack_world.postino.runs.history(slack_world.actor))
    assert len(slack_world.postino.runs.history(slack_world.actor)) == 1


def test_a_submission_that_slack_delivers_twice_saves_once(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    enter(ada, "segments", ["VIP"])
    seen(ada, "3 distinct profiles")
    enter(ada, "channel", "exports")
    slack_world.workspace.faults.duplicate_next = 1
    act(ada, "submit")
    seen(ada, "Destination saved")
    assert len(slack_world.postino.destinations.visible(slack_world.actor)) == 1


def test_the_total_follows_a_fast_hand(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    hands.to_segments(ada)
    for segments in (["VIP"], ["VIP", "Everyone"], ["Everyone"], ["Bergamo"], ["VIP", "Bergamo"]):
        enter(ada, "segments", segments)
    seen(ada, "6 distinct profiles of at most 1,000,000")
    enter(ada, "channel", "exports")
    act(ada, "submit")
    seen(ada, "2 segments to the audience Newsletter. Together 6 distinct profiles.")


def test_the_total_comes_although_another_input_is_used_before_the_counting_has_ended(
    slack_world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack_world.connect()
    ada, source = slack_world.ada, slack_world.postino.source
    hands.to_segments(ada)
    used, count = threading.Event(), source.count_distinct

    def slowly(names: Sequence[str]) -> int:
        assert used.wait(30)
        return count(names)

    monkeypatch.setattr(source, "count_distinct", slowly)
    enter(ada, "segments", ["VIP"])
    enter(ada, "schedule", "cron")
    used.set()
    seen(ada, "Cron expression", "3 distinct profiles")


def test_no_input_that_is_needed_is_said_to_be_optional(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("BRANCH", "Branch", "text", required=True)
    slack_world.connect()
    ada = slack_world.ada
    shown = [text_of(hands.open_wizard(ada))]
    act(ada, "close")
    shown += [text_of(hands.to_audience(ada))]
    act(ada, "click", target="Type an audience ID")
    shown += [text_of(seen(ada, "Audience ID"))]
    enter(ada, "audience_typed", slack_world.audience.id)
    act(ada, "submit")
    shown += [text_of(seen(ada, "Step 3 of 4"))]
    enter(ada, "consent", "Email Subscriber")
    shown += [text_of(seen(ada, "Values that allow mailing"))]
    enter(ada, "skip", ["skip"])
    seen(ada, "Branch (BRANCH) (optional):")
    act(ada, "submit")
    shown += [text_of(seen(ada, "Step 4 of 4"))]
    optional = {line.partition(" (optional)")[0] for line in "\n".join(shown).split("\n") if "(optional)" in line}
    assert optional == {
        "First name",
        "Last name",
        "Consent attribute",
        "Other values that allow mailing",
        "Also exports that add more contacts than",
        "After saving",
    }


def test_skipping_the_check_lets_a_row_of_a_required_field_stay_empty(slack_world: SlackWorld) -> None:
    slack_world.audience.add_field("BRANCH", "Branch", "text", required=True)
    slack_world.connect()
    ada = slack_world.ada
    hands.to_matching(ada)
    seen(ada, "Branch (BRANCH):")
    assert ada.act("submit")["error"] == "invalid_input"
    enter(ada, "skip", ["skip"])
    seen(ada, "Branch (BRANCH) (optional):")
    act(ada, "submit")
    seen(ada, "Step 4 of 4")


def test_an_administrator_sets_the_policies(slack_world: SlackWorld) -> None:
    connection = slack_world.connect()
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    enter(ada, "connection", "Main")
    seen(ada, "Contact ceiling")
    enter(ada, "ceiling", "5000")
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    seen(ada, "Step 2 of 4")
    enter(ada, "audience", "Newsletter")
    for step in ("Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        fourth = seen(ada, step)
    assert (value(fourth, "brake_percent"), value(fourth, "brake_people")) == ("20", "25")
    enter(ada, "approval", "The first export")
    enter(ada, "approval_above", "100")
    enter(ada, "brake_percent", "5")
    enter(ada, "brake_people", "3")
    assert slack_world.postino.connections.get(slack_world.actor, connection).contact_ceiling is None
    hands.finish(ada, "VIP")
    assert slack_world.postino.connections.get(slack_world.actor, connection).contact_ceiling == 5000
    saved = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert (saved.brake_share, saved.brake_people) == (0.05, 3)
    assert (saved.approval, saved.approval_above) == ("first", 100)
    with slack_world.postino.database.read() as session:
        entries = list(session.scalars(select(AuditEntry).where(AuditEntry.action == "destination.policies")))
    assert [entry.details["brake"] for entry in entries] == [{"share": 0.05, "people": 3}]


def test_a_schedule_shows_when_it_comes_next_by_its_own_clock(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    assert "when your data refreshes" in text_of(hands.to_segments(ada))
    enter(ada, "schedule", "Weekly")
    seen(ada, "Weekday")
    enter(ada, "weekday", "Wednesday")
    enter(ada, "time", "09:30")
    enter(ada, "zone", "Asia/Tokyo")
    told = text_of(seen(ada, "Next, by the clock of Asia/Tokyo: Wed, "))
    assert told.count("9:30\N{NARROW NO-BREAK SPACE}AM") == 3
    enter(ada, "schedule", "At times of a cron expression")
    seen(ada, "Cron expression")
    enter(ada, "cron", "nonsense")
    assert "Next, by the clock" not in text_of(seen(ada, "This is no cron expression. It has five fields"))
    enter(ada, "cron", "0 6 1 * sat")
    seen(ada, "A schedule can have days of the month or weekdays, not both.")
    enter(ada, "cron", "0 6 31 2 *")
    seen(ada, "These times never come. Choose others.")
    enter(ada, "cron", "0 6 * * sat")
    seen(ada, "Next, by the clock of Asia/Tokyo: Sat, ")
    enter(ada, "schedule", "Only by hand")
    ada.until(lambda: (view := ada.view()) and "zone" not in [one["block_id"] for one in view["inputs"]])
    enter(ada, "schedule", "At times of a cron expression")
    seen(ada, "Next, by the clock of Asia/Tokyo: Sat, ")
    assert "Next, by the clock of Asia/Tokyo: Sat, " in text_of(hands.finish(ada, "VIP"))


def test_the_language_of_the_channel_is_chosen(slack_world: SlackWorld) -> None:
    slack_world.connect()
    ada = slack_world.ada
    assert value(hands.to_segments(ada), "language")["value"] == "en"
    enter(ada, "language", "Italiano")
    hands.finish(ada, "VIP")
    assert slack_world.postino.destinations.named(slack_world.actor, "Spring letter").language == "it"


def test_an_ill_formed_key_is_an_error_beside_its_field(slack_world: SlackWorld) -> None:
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    act(ada, "click", target="Use an API key")
    seen(ada, "Mailchimp API key")
    enter(ada, "key", "my key")
    enter(ada, "agreed", ["agreed"])
    answer = ada.act("submit")
    assert "This is not a Mailchimp API key." in str(answer)
    assert "Step 1 of 4" in text_of(seen(ada, "Step 1 of 4"))


def test_a_ceiling_that_is_emptied_is_lifted(slack_world: SlackWorld) -> None:
    connection = slack_world.connect()
    slack_world.limit(connection, 7)
    ada = slack_world.ada
    hands.open_wizard(ada)
    enter(ada, "name", "Spring letter")
    enter(ada, "connection", "Main")
    assert value(seen(ada, "Contact ceiling"), "ceiling") == "7"
    enter(ada, "ceiling", "")
    enter(ada, "agreed", ["agreed"])
    act(ada, "submit")
    seen(ada, "Step 2 of 4")
    enter(ada, "audience", "Newsletter")
    for step in ("Step 3 of 4", "Step 4 of 4"):
        act(ada, "submit")
        seen(ada, step)
    hands.finish(ada, "VIP")
    assert slack_world.postino.connections.get(slack_world.actor, connection).contact_ceiling is None


def test_a_contributor_sees_no_policies_and_cannot_change_them(slack_world: SlackWorld) -> None:
    slack_world.postino.connections.share(slack_world.actor, slack_world.connect(), Sharing.EVERYONE)
    ben = slack_world.ben
    fourth = text_of(hands.to_segments(ben))
    act(ben, "click", target="Back")
    seen(ben, "Step 3 of 4")
    act(ben, "click", target="Back")
    assert "✅ Connected to Mailchimp with Main" in (second := text_of(seen(ben, "Step 2 of 4")))
    act(ben, "click", target="Back")
    assert "✅ Connected to Mailchimp with Main" in (first := text_of(seen(ben, "Step 1 of 4")))
    assert "Contoso Coffee" not in first + second
    for step in ("Step 2 of 4", "Step 3 of 4", "Step 4 of 4"):
        act(ben, "submit")
        seen(ben, step)
    assert "Brake" not in fourth
    assert "approval" not in fourth
    hands.finish(ben, "VIP")
    saved = slack_world.postino.destinations.named(slack_world.actor, "Spring letter")
    assert (saved.brake_share, saved.brake_people) == (0.2, 25)
    as_ben = Actor(slack_world.actor.workspace_id, "U0BEN", Standing.MEMBER)
    with pytest.raises(NotAllowed):
        slack_world.postino.destinations.set_policies(as_ben, saved.id, Policies(brake=Brake(share=1.0)))
    with pytest.raises(NotAllowed):
        slack_world.limit(saved.connection_id or 0, 7, as_ben)
