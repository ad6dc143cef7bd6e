"""The wizard's and Home's views: taken by strict Slack rules whatever names come, cut in the right place, no secret in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slackblocks._surfaces import validate_surface_blocks

from bot import texts
from bot.views import blocks, wizard, wizard_connect, wizard_matching, wizard_segments
from bot.views.wizard_connect import Choice, Connecting
from bot.views.wizard_matching import Matching
from sandbox.slack import rules
from services.access import Sharing
from services.destinations import TakenTag
from services.drafts import Answers, Step
from services.mailing import Audience, MergeField
from services.sources import Attribute, Segment

T = texts.of("en-US")
LONG = "Ünïcödé & <names> of *any* length " * 12
Json = dict[str, Any]


def accepted(view: Json) -> Json:
    """The view, if strict Slack rules and an independent library take it."""
    assert [str(problem) for problem in rules.check_view(view)] == []
    assert not rules.view_too_large(view)
    validate_surface_blocks(view["blocks"], view["type"])
    return view


def everything_in(view: Json) -> str:
    return json.dumps(view, ensure_ascii=False)


def block(view: Json, block_id: str) -> Json:
    return next(one for one in view["blocks"] if one.get("block_id") == block_id)


def attribute(name: str, semantic: str | None = None) -> Attribute:
    return Attribute(name, "string", 0.987, semantic)


def merge_field(tag: str, *, required: bool = False) -> MergeField:
    return MergeField(tag, tag.title(), "text", required)


@pytest.mark.parametrize("name", ["Newsletter", LONG[:200]])
@pytest.mark.parametrize("connections", [0, 1, 150])
@pytest.mark.parametrize("sharing", list(Sharing))
def test_the_first_step_is_accepted_with_any_names(name: str, connections: int, sharing: Sharing) -> None:
    answers = Answers(name=name, connection_id=1, sharing=sharing, shared_people=["U0BEN"], key_asked=True)
    choices = [
        Choice(number, LONG, "api_key", LONG, sharing, reconnect=number == 1) for number in range(1, connections + 1)
    ]
    shown = Connecting(choices, LONG, administrator=True, sign_in_url="https://login.example.com/oauth2")
    accepted(wizard_connect.connect(T, answers, "d" * 32, shown, problem=LONG * 3))


def test_the_consent_statement_says_what_is_agreed_to_and_must_be_ticked() -> None:
    view = wizard_connect.connect(T, Answers(), "d", Connecting([], "Contoso", administrator=False))
    statement = block(view, "statement")["text"]["text"]
    for said in ("instruct Postino", "sensitive personal data", "Contoso", "responsible", "remove this destination"):
        assert said in statement
    assert "Data privacy and compliance" in everything_in(view)
    box = block(view, "agreed.0")
    assert not box.get("optional")
    assert "initial_options" not in box["element"]


def test_only_administrators_are_offered_ways_to_connect() -> None:
    ways = {wizard_connect.SIGN_IN, wizard_connect.USE_KEY}
    for administrator in (True, False):
        shown = Connecting([], "Contoso", administrator, "https://login.example.com")
        view = everything_in(wizard_connect.connect(T, Answers(), "d", shown))
        assert all((way in view) == administrator for way in ways)


def test_an_account_without_audience_is_told_what_to_do_and_can_look_again() -> None:
    view = accepted(wizard_connect.audience(T, Answers(step=Step.AUDIENCE), "d", "Contoso", []))
    assert "Create one in Mailchimp" in everything_in(view)
    assert wizard.AGAIN in everything_in(view)
    assert "submit" not in view


@pytest.mark.parametrize("count", [1, 100, 101])
def test_audiences_show_their_members_and_are_searched_when_there_are_many(count: int) -> None:
    audiences = [Audience(f"id{number}", LONG, 12345, None, False, "") for number in range(count)]
    view = accepted(wizard_connect.audience(T, Answers(step=Step.AUDIENCE, audience_id="id0"), "d", "C", audiences))
    element = block(view, "audience.0")["element"]
    assert element["type"] == ("static_select" if count <= 100 else "external_select")
    assert element["initial_option"]["text"]["text"].endswith("… - 12,345")
    assert len(element["initial_option"]["text"]["text"]) == 75


@pytest.mark.parametrize("rows", [2, 40, 80])
@pytest.mark.parametrize("attributes", [3, 100, 101])
def test_the_matching_step_is_accepted_with_many_fields_and_attributes(rows: int, attributes: int) -> None:
    offered = [merge_field(f"F{number}", required=number % 2 == 0) for number in range(80)]
    answers = Answers(
        step=Step.MATCHING,
        audience_name=LONG,
        offered=offered,
        rows=[one.tag for one in offered[:rows]],
        email_attribute=f"{LONG}0",
        consent_attribute=f"{LONG}1",
        consent_values=["true", "yes"],
    )
    names = [f"{LONG}{number}" for number in range(attributes)]
    shown = Matching(LONG, [attribute(name) for name in names], {names[0]: "j•••"}, ["true"], menus=rows + 2)
    view = accepted(wizard_matching.matching(T, answers, "d", shown, problem=LONG))
    assert view["blocks"][-1]["block_id"] == "way"
    assert len(view["blocks"]) < 100


def test_a_row_tells_how_many_profiles_have_the_attribute_and_a_masked_sample() -> None:
    answers = Answers(step=Step.MATCHING, email_attribute="EMail", offered=[merge_field("FNAME")])
    shown = Matching("Contoso", [attribute("EMail", "email")], {"EMail": "j•••@e•••.com"})
    view = wizard_matching.matching(T, answers, "d", shown)
    about = block(view, "about.email")["elements"][0]["text"]
    assert "99%" in about
    assert "j•••@e•••.com" in about


def test_no_attribute_that_looks_like_an_address_is_said() -> None:
    answers = Answers(step=Step.MATCHING)
    without = wizard_matching.matching(T, answers, "d", Matching("Contoso", [attribute("City")]))
    assert "looks like an e-mail address" in everything_in(without)
    with_one = wizard_matching.matching(T, answers, "d", Matching("Contoso", [attribute("EMail", "email")]))
    assert "looks like an e-mail address" not in everything_in(with_one)


def test_required_fields_that_nothing_fills_are_named_with_a_box_to_skip_the_check() -> None:
    answers = Answers(step=Step.MATCHING, offered=[merge_field("BRANCH", required=True)])
    shown = Matching("Contoso", [attribute("EMail", "email")])
    view = wizard_matching.matching(T, answers, "d", shown)
    assert "BRANCH" in block(view, "missing")["text"]["text"]
    assert block(view, "skip")["element"]["type"] == "checkboxes"
    answers.fields["BRANCH"] = "EMail"
    assert "missing" not in {one.get("block_id") for one in wizard_matching.matching(T, answers, "d", shown)["blocks"]}


@pytest.mark.parametrize("count", [1, 100, 300])
def test_the_segments_step_is_accepted_with_any_number_of_segments(count: int) -> None:
    offered = [Segment(f"{LONG}{number}", LONG, 1204) for number in range(count)]
    chosen = [one.name for one in offered[:50]]
    answers = Answers(
        step=Step.SEGMENTS,
        segments=chosen,
        profiles=1_000_001,
        taken={name: TakenTag(LONG, 12, ours=at % 2 == 0, instead=LONG[:100]) for at, name in enumerate(chosen)},
        schedule="weekly",
    )
    view = accepted(wizard_segments.segments(T, answers, "d", offered, 1_000_000, "Contoso", policies=True))
    element = block(view, "segments")["element"]
    assert element["type"] == ("multi_static_select" if count <= 100 else "multi_external_select")
    assert len(element["initial_options"]) == len(chosen)
    assert element["initial_options"][0]["text"]["text"].endswith("… - 1,204")


@pytest.mark.parametrize("many", [False, True])
def test_a_segment_that_is_not_ready_says_so_where_it_is_chosen(many: bool) -> None:
    offered = [
        Segment("Ready", "Ready", 3),
        Segment("Empty", "Empty", 0),
        Segment("Failed", "Failed", 3, state="ValidationError"),
        Segment("Busy", "Busy", 3, state="Refreshing"),
        *(Segment(f"more {number}", "More", 3) for number in range(100 if many else 0)),
    ]
    answers = Answers(step=Step.SEGMENTS, segments=[one.name for one in offered[:4]], profiles=3)
    view = accepted(wizard_segments.segments(T, answers, "d", offered, 1_000_000, "Contoso"))
    told = [one.get("description", {}).get("text") for one in block(view, "segments")["element"]["initial_options"][:4]]
    assert told == [None, "Empty: nobody is in it now", "Invalid", "Refreshing"]


def test_exactly_a_million_profiles_pass_and_one_more_is_an_alert() -> None:
    offered = [Segment("VIP", "VIP", 1)]
    for profiles, over in ((1_000_000, False), (1_000_001, True)):
        answers = Answers(step=Step.SEGMENTS, segments=["VIP"], profiles=profiles)
        view = wizard_segments.segments(T, answers, "d", offered, 1_000_000, "Contoso")
        assert ("1 profile more" in everything_in(view)) == over
        assert any(one["type"] == "alert" for one in view["blocks"]) == over


def test_a_source_without_segments_is_a_dead_end_with_a_way_on() -> None:
    view = accepted(wizard_segments.segments(T, Answers(step=Step.SEGMENTS), "d", [], 1_000_000, "Contoso"))
    assert "has no segment" in everything_in(view)
    assert wizard.AGAIN in everything_in(view)


def test_names_too_long_for_an_option_are_found_again_by_their_value() -> None:
    segments = [Segment(name, name, 1) for name in ("short", "#odd", LONG, LONG + "2")]
    values = [wizard.value_of(one.name) for one in segments]
    assert len(set(values)) == 4
    assert all(len(value) <= 150 for value in values)
    assert [wizard.name_of(value, segments) for value in values] == [one.name for one in segments]


def test_an_error_on_an_open_modal_keeps_what_was_typed_but_never_a_key() -> None:
    answers = Answers(name="Before", key_asked=True)
    view = wizard_connect.connect(T, answers, "d", Connecting([], "Contoso", administrator=True))
    as_payload = view | {
        "id": "V1",
        "hash": "1.a",
        "root_view_id": "V1",
        "state": {
            "values": {
                "name.0": {"wizard.name": {"type": "plain_text_input", "value": "Typed since"}},
                "key.0": {"wizard.key": {"type": "plain_text_input", "value": "0123456789abcdef-us1"}},
                "agreed.0": {
                    "wizard.agreed": {
                        "type": "checkboxes",
                        "selected_options": [blocks.option("I agree", "agreed")],
                    }
                },
            }
        },
    }
    shown = accepted(wizard.with_problem(as_payload, "Mailchimp does not answer."))
    assert "Mailchimp does not answer." in everything_in(shown)
    assert block(shown, "name.0")["element"]["initial_value"] == "Typed since"
    assert block(shown, "agreed.0")["element"]["initial_options"]
    assert "0123456789abcdef" not in everything_in(shown)
    assert shown["private_metadata"] == view["private_metadata"]
    twice = wizard.with_problem(shown | {"state": {}}, "Something else.")
    assert "Mailchimp does not answer." not in everything_in(twice)


def test_texts_are_cut_by_code_points_and_names_before_counts() -> None:
    assert blocks.shorten("👩‍🚀" * 40, 75) == ("👩‍🚀" * 40)[:74].rstrip() + "…"
    assert len(blocks.counted("x" * 300, "1,204")) == 75
    assert blocks.counted("VIP", "1,204") == "VIP - 1,204"
    assert blocks.escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"
