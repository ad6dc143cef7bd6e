"""Every answer Mailchimp gives about a single contact: a reason and a sentence for people, and a rule for the next runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from threading import Barrier
from typing import Any, NamedTuple

import pytest

from bot import texts
from sandbox.mailchimp import acts
from services import applying, rejects
from services.errors import Refused
from services.mailchimp.service import Mailchimp
from services.mailing import BulkAnswer, ContentRefused, MemberError, NewMember, Reason, TagAnswer
from storage.models import Destination, RunStatus
from tests.integration.shop import Shop
from tests.integration.test_exporting import counts


class Answer(NamedTuple):
    """What Mailchimp says of a contact; then whether the next run, one on the next day, one after the profile's name changed and
    one after *Retry* send it again."""

    text: str
    reason: Reason
    next_run: bool = False
    next_day: bool = False
    changed: bool = False
    retried: bool = True


LATELY = "{address} has signed up to a lot of lists very recently; we're not allowing more signups for now"
REJECTING = [
    Answer("{address} looks fake or invalid, please enter a real email address.", Reason.INVALID),
    Answer("Please provide a valid email address.", Reason.INVALID),
    Answer(
        "{address} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.",
        Reason.COMPLIANCE,
    ),
    Answer(
        "{address} was permanently deleted and cannot be re-imported. "
        "The contact must re-subscribe to get back on the list.",
        Reason.FORGOTTEN,
        retried=False,
    ),
    Answer("Your merge fields were invalid.", Reason.MERGE_FIELD, changed=True),
    Answer(LATELY, Reason.TOO_MANY_LISTS, next_day=True),
    Answer("The moon is full over {address}.", Reason.UNKNOWN, next_run=True, next_day=True, changed=True),
]


@pytest.fixture
def refusing(shop: Shop, answer: Answer) -> Shop:
    """A shop in which Mailchimp says this of Ann, and takes Bob."""
    acts.refuse(shop.audience, "ann@example.com", answer.text)
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    return shop


def was_sent(shop: Shop) -> bool:
    """Whether anybody was inserted since the last look; everybody else is in the audience already."""
    sent = "POST /lists/{list_id}" in shop.writes()
    shop.world.log.clear()
    return sent


@pytest.mark.parametrize("answer", REJECTING, ids=lambda answer: str(answer.text[:30]))
def test_a_refused_contact_is_told_with_its_reason_and_sent_again_only_when_it_may_help(
    refusing: Shop, answer: Answer
) -> None:
    shop, destination = refusing, refusing.destination("VIP")
    run = shop.export(destination)
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 2, "new": 1, "rejected": 1, "tags_added": 1}
    [reject] = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.segments, reject.reason) == ("ann", "VIP", answer.reason)
    assert reject.masked_address == "a•••@e•••.com"
    assert "ann@" not in reject.detail
    assert list(shop.members()) == ["bob@example.com"]

    was_sent(shop)
    again = shop.export(destination)
    assert was_sent(shop) is answer.next_run
    left_alone = {"profiles": 2, "unchanged": 1}
    left_alone |= {"suppressed": 1} if answer.reason is Reason.FORGOTTEN else {"rejected": 1}
    assert counts(again) == left_alone
    shop.clock.forward(hours=25)
    shop.export(destination)
    assert was_sent(shop) is answer.next_day
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.export(destination)
    assert was_sent(shop) is answer.changed
    retry = shop.postino.runs.retry_rejects(shop.actor, run.id)
    shop.postino.exporting.carry_out(retry.id)
    assert was_sent(shop) is answer.retried


@pytest.mark.parametrize("answer", [REJECTING[0], REJECTING[5]], ids=["invalid", "too many lists"])
def test_only_the_refusals_are_forgotten_by_a_retry_and_whoever_is_taken_now_is_done(
    refusing: Shop, answer: Answer
) -> None:
    shop, destination = refusing, refusing.destination("VIP")
    run = shop.export(destination)
    shop.audience.refusals.clear()
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 1, "rejected": 1}
    was_sent(shop)
    retry = shop.postino.runs.retry_rejects(shop.actor, run.id)
    ended = shop.postino.exporting.carry_out(retry.id)
    assert ended is not None
    assert counts(ended) == {"profiles": 2, "new": 1, "unchanged": 1, "tags_added": 1}
    assert shop.writes() == ["POST /lists/{list_id}"]
    assert counts(shop.export(destination)) == {"profiles": 2, "unchanged": 2}


@pytest.mark.parametrize("answer", [REJECTING[0]], ids=["invalid"])
def test_a_second_retry_forgets_no_refusal_where_it_starts_nothing(refusing: Shop) -> None:
    shop, destination = refusing, refusing.destination("VIP")
    run = shop.export(destination)
    first = shop.postino.runs.retry_rejects(shop.actor, run.id)
    shop.postino.exporting.carry_out(first.id)
    shop.customers(bob={"EMail": "bob@example.com", "FirstName": "Bobby"})
    preview = shop.export(destination, preview=True)
    assert preview.status == RunStatus.WAITING
    with pytest.raises(Refused, match="nothing was started"):
        shop.postino.runs.retry_rejects(shop.actor, run.id)
    shop.postino.runs.cancel(shop.actor, preview.id)
    was_sent(shop)
    assert counts(shop.export(destination)) == {"profiles": 2, "updated": 1, "rejected": 1}
    assert not was_sent(shop), "the refusal is still known"
    second = shop.postino.runs.retry_rejects(shop.actor, run.id)
    assert second.id not in (first.id, preview.id)
    assert shop.postino.runs.retry_rejects(shop.actor, run.id).id == second.id
    shop.postino.exporting.carry_out(second.id)
    assert was_sent(shop)


@pytest.mark.parametrize("state", ["add", "unsubscribe", "clean", "archive", "forget"])
@pytest.mark.parametrize(
    "text",
    [
        "{address} is already a list member. Use PUT to insert or update list members.",
        '"{address}" is already in this list with a status of "Non-Subscribed"',
        'This member\'s status is "cleaned." You can only update email addresses for "subscribed" members.',
        "Duplicate items found for the email: {address}",
    ],
    ids=["exists", "already in", "cleaned", "duplicate"],
)
def test_an_answer_that_settles_nothing_is_read_back_and_believed_only_then(shop: Shop, text: str, state: str) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")

    def meanwhile() -> None:
        """Somebody adds Ann, and does the rest to her, after Postino has read the audience."""
        acts.add(shop.audience, "ann@example.com")
        if state != "add":
            getattr(acts, state)(shop.audience, "ann@example.com")
        acts.refuse(shop.audience, "ann@example.com", text)

    shop.world.faults.before_call(1, meanwhile, method="POST", path="/lists/[^/]+")
    run = shop.export(destination)
    lookups = [one for one in shop.world.log.calls("GET") if one.path == "/lists/{list_id}/members/{member}"]
    assert lookups
    result = counts(run)
    ann = shop.members().get("ann@example.com")
    if state == "add":
        assert ann is not None
        assert (ann["status"], ann["tags"]) == ("subscribed", ["VIP"])
        assert result["new"] == 1
        assert "rejected" not in result
    elif state == "forget":
        assert ann is None
        assert result == {"profiles": 2, "new": 1, "rejected": 1, "tags_added": 1}
        assert run.status == RunStatus.REJECTS
        [reject] = shop.postino.runs.rejects(shop.actor, run.id)
        assert reject.reason in (Reason.EXISTS, Reason.CLEANED, Reason.DUPLICATE)
    else:
        assert ann is not None
        assert ann["status"] != "subscribed"
        assert ann["tags"] == []
        assert result == {"profiles": 2, "new": 1, "suppressed": 1, "tags_added": 1}


@pytest.mark.parametrize("answer", [REJECTING[0], REJECTING[2], REJECTING[4]], ids=lambda answer: str(answer.reason))
def test_two_destinations_that_map_other_fields_do_not_send_a_refused_contact_in_turns(
    refusing: Shop, answer: Answer
) -> None:
    shop = refusing
    one = shop.destination("VIP")
    shop.segment("Coffee", ["ann", "bob"])
    two = shop.destination("Coffee", name="Two", fields={"FNAME": "FirstName"})
    shop.export(one)
    shop.export(two)
    was_sent(shop)
    for destination in (one, two, one, two):
        run = shop.export(destination)
        assert run.counters["rejected"] == 1
        assert [reject.reason for reject in shop.postino.runs.rejects(shop.actor, run.id)] == [answer.reason]
        assert not was_sent(shop)


@pytest.mark.parametrize("answer", [REJECTING[2]], ids=["compliance"])
def test_whoever_was_refused_and_subscribes_is_updated_and_tagged(refusing: Shop, answer: Answer) -> None:
    shop, destination = refusing, refusing.destination("VIP")
    shop.export(destination)
    shop.audience.refusals.clear()
    shop.clock.forward(days=2)
    acts.add(shop.audience, "ann@example.com", FNAME="Old")
    shop.clock.forward(hours=2)
    assert counts(shop.export(destination)) == {"profiles": 2, "updated": 1, "unchanged": 1, "tags_added": 1}
    ann = shop.members()["ann@example.com"]
    assert (ann["tags"], ann["merge_fields"]["FNAME"]) == (["VIP"], "Ann")


UPDATES = [
    (REJECTING[4].text, Reason.MERGE_FIELD),
    (REJECTING[2].text, Reason.COMPLIANCE),
    (REJECTING[0].text, Reason.INVALID),
    (LATELY, Reason.TOO_MANY_LISTS),
    ("The moon is full.", Reason.UNKNOWN),
]


@pytest.mark.parametrize(("text", "reason"), UPDATES, ids=[str(reason) for _, reason in UPDATES])
def test_a_refused_update_rejects_the_change_and_keeps_the_member(shop: Shop, text: str, reason: Reason) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    shop.world.faults.add("refuse", method="PATCH", text=text.format(address="ann@example.com"))
    run = shop.export(destination)
    assert counts(run) == {"profiles": 1, "rejected": 1}
    [reject] = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.reason) == ("ann", reason)
    assert "ann@" not in reject.detail
    ann = shop.members()["ann@example.com"]
    assert (ann["status"], ann["tags"], ann["merge_fields"]["FNAME"]) == ("subscribed", ["VIP"], "Ann")
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 1, "rejected": 1}
    assert bool(shop.writes()) is (reason is Reason.UNKNOWN)


class Refusing:
    """Mailchimp that does not take a call about several contacts at all if one of ``bad`` is in it.

    Who is bad is chosen by their place in the first calls about several contacts; these are ``held`` until so many are there.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: int, *places: int, held: int) -> None:
        self.bad: set[str] = set()
        self._places, self._held = places, Barrier(held)
        self._insert, self._calls = Mailchimp.insert, count()
        monkeypatch.setattr(applying, "MEMBERS_PER_INSERT", size)
        monkeypatch.setattr(Mailchimp, "insert", lambda *call, **options: self.insert(*call, **options))

    def insert(self, service: Mailchimp, audience: str, members: list[NewMember], **options: Any) -> BulkAnswer:
        if len(members) > 1 and next(self._calls) < self._held.parties:
            self.bad |= {members[place].address for place in self._places}
            self._held.wait(60)
        if self.bad & {member.address for member in members}:
            raise ContentRefused(reason=Reason.MERGE_FIELD, text=REJECTING[4].text)
        return self._insert(service, audience, members, **options)


def many(shop: Shop, number: int) -> list[str]:
    """So many customers; their profile ids."""
    people = {f"p{at:04}": f"p{at:04}@example.com" for at in range(number)}
    shop.customers(**people)
    return list(people)


def test_single_contacts_in_several_calls_at_a_time_are_rejected_and_nobody_else(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 50))
    mailchimp = Refusing(monkeypatch, 10, 0, held=5)
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 50, "new": 45, "rejected": 5, "tags_added": 45}
    assert mailchimp.bad == {f"{one.profile_id}@example.com" for one in shop.postino.runs.rejects(shop.actor, run.id)}


def test_a_few_in_every_quarter_of_a_call_are_rejected_and_nobody_else(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 40))
    Refusing(monkeypatch, 40, 0, 9, 19, 29, held=1)
    run = shop.export(shop.destination("VIP"))
    assert counts(run) == {"profiles": 40, "new": 36, "rejected": 4, "tags_added": 36}


def test_what_is_about_everybody_ends_the_run_soon_and_rejects_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("VIP", many(shop, 2000))
    monkeypatch.setattr(applying, "MEMBERS_PER_INSERT", 50)
    shop.world.faults.add("refuse", method="POST", path="/lists/[^/]+", skip=1, text="It is not to be.")
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.FAILED
    assert counts(run) == {"profiles": 2000, "new": 1, "not_attempted": 1999, "tags_added": 1}
    assert run.reason["values"] == {"text": "It is not to be."}
    assert not list(shop.postino.runs.rejects(shop.actor, run.id))
    # Which halves are in flight when it is known differs; it is no more than a call and another for each chunk.
    assert len([one for one in shop.writes() if one == "POST /lists/{list_id}"]) <= 2 * 2000 / 50


def refuse_tags(
    monkeypatch: pytest.MonkeyPatch, refused: str, *, whole: bool, then: Callable[[], object] | None = None
) -> None:
    """Mailchimp puts no tag on one address: it takes no call with it, or names it in the answer. ``then`` comes before."""
    change, answers = Mailchimp.change_tag, count()

    def changed(service: Mailchimp, audience: str, tag: int, add: Sequence[str], remove: Sequence[str]) -> TagAnswer:
        if refused not in add:
            return change(service, audience, tag, add, remove)
        if then is not None and next(answers) == 0:
            then()
        if whole:
            raise ContentRefused(reason=Reason.UNKNOWN, text="The moon is full.")
        answer = change(service, audience, tag, [one for one in add if one != refused], remove)
        error = MemberError(refused, Reason.UNKNOWN, "The moon is full.")
        return TagAnswer(answer.added, answer.removed, (*answer.errors, error))

    monkeypatch.setattr(Mailchimp, "change_tag", changed)


@pytest.mark.parametrize("whole", [True, False], ids=["the call", "in the answer"])
@pytest.mark.parametrize("member", [True, False], ids=["a member", "a new contact"])
def test_whoever_gets_no_tag_is_rejected_with_what_mailchimp_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, whole: bool, member: bool
) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    for name in ("Ann", "Bob") if member else ():
        acts.add(shop.audience, f"{name.lower()}@example.com", FNAME=name, LNAME="Tester")
    shop.world.switches.set(bulk_tags="ignored")
    refuse_tags(monkeypatch, "ann@example.com", whole=whole)
    destination = shop.destination("VIP")
    run = shop.export(destination)
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 2, "tags_only" if member else "new": 1, "rejected": 1, "tags_added": 1}
    [reject] = shop.postino.runs.rejects(shop.actor, run.id)
    assert (reject.profile_id, reject.segments, reject.reason) == ("ann", "VIP", Reason.UNKNOWN)
    assert reject.detail == "The moon is full."
    monkeypatch.undo()
    assert counts(shop.export(destination)) == {"profiles": 2, "tags_only": 1, "unchanged": 1, "tags_added": 1}


def test_whoever_left_before_their_tag_was_refused_is_suppressed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    for name in ("Ann", "Bob"):
        acts.add(shop.audience, f"{name.lower()}@example.com", FNAME=name, LNAME="Tester")
    leaves = partial(acts.unsubscribe, shop.audience, "ann@example.com")
    refuse_tags(monkeypatch, "ann@example.com", whole=False, then=leaves)
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.SUCCESSFUL
    assert counts(run) == {"profiles": 2, "tags_only": 1, "suppressed": 1, "tags_added": 1}


def test_whoever_is_shown_round_after_round_and_never_tagged_is_rejected(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    acts.add(shop.audience, "ann@example.com", FNAME="Ann", LNAME="Tester")
    monkeypatch.setattr(Mailchimp, "change_tag", lambda *_: TagAnswer((), (), ()))
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 1, "rejected": 1}


def test_a_removal_that_an_answer_leaves_open_is_made_in_the_same_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = left_by_bob(shop)
    change, answers = Mailchimp.change_tag, count()
    unsettled = TagAnswer((), (), ())
    monkeypatch.setattr(Mailchimp, "change_tag", lambda *call: change(*call) if next(answers) else unsettled)
    assert counts(shop.export(destination)) == {"profiles": 1, "unchanged": 1, "tags_removed": 1}
    assert shop.members()["bob@example.com"]["tags"] == []


def left_by_bob(shop: Shop) -> Destination:
    """A destination with Ann in its segment, and Bob, who has the tag, in none any more."""
    shop.customers(ann="ann@example.com", bob="bob@example.com")
    shop.segment("VIP", ["ann", "bob"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.segment("VIP", ["ann"])
    return destination


@pytest.mark.parametrize("how", ["refused", "refused whole", "never shown"])
def test_a_tag_that_is_not_taken_off_somebody_who_left_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    destination = left_by_bob(shop)

    def change_tag(*call: object) -> TagAnswer:
        if how == "refused whole":
            raise ContentRefused(reason=Reason.UNKNOWN, text="The moon is full.")
        refused = MemberError("bob@example.com", Reason.UNKNOWN, "The moon is full.")
        return TagAnswer((), (), (refused,) if how == "refused" else ())

    monkeypatch.setattr(Mailchimp, "change_tag", change_tag)
    run = shop.export(destination)
    assert counts(run) == {"profiles": 1, "unchanged": 1}
    assert run.plan["refused_removals"] == {"VIP": 1}
    monkeypatch.undo()
    again = shop.export(destination)
    assert (counts(again)["tags_removed"], again.plan["refused_removals"]) == (1, {})


def test_a_run_that_left_anybody_out_for_no_reason_is_not_successful(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    monkeypatch.setattr(applying.Applying, "apply", lambda *_: None)
    run = shop.export(shop.destination("VIP"))
    assert run.status == RunStatus.REJECTS
    assert counts(run) == {"profiles": 1, "not_attempted": 1}


@pytest.mark.parametrize(
    ("held", "sent"),
    [("anna@bücher.example", "anna@bücher.example"), ("jose\u0301@example.com", "jos\u00e9@example.com")],
    ids=["domain", "marks"],
)
def test_a_member_whom_mailchimp_holds_in_another_spelling_is_updated_and_tagged(
    shop: Shop, held: str, sent: str
) -> None:
    acts.add(shop.audience, held, FNAME="Old", LNAME="Tester")
    shop.customers(ann=sent)
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    assert counts(shop.export(destination)) == {"profiles": 1, "updated": 1, "tags_added": 1}
    [(address, member)] = shop.members().items()
    assert (address, member["status"], member["tags"]) == (held, "subscribed", ["VIP"])
    assert member["merge_fields"]["FNAME"] == "Ann"
    shop.clock.forward(hours=2)
    shop.world.log.clear()
    assert counts(shop.export(destination)) == {"profiles": 1, "unchanged": 1}
    assert shop.writes() == []


@pytest.mark.parametrize("leaves", [True, False], ids=["cleaned", "subscribed"])
def test_an_update_refused_as_cleaned_is_read_back_and_counted_once(shop: Shop, leaves: bool) -> None:
    shop.customers(ann="ann@example.com")
    shop.segment("VIP", ["ann"])
    destination = shop.destination("VIP")
    shop.export(destination)
    shop.customers(ann={"EMail": "ann@example.com", "FirstName": "Anna"})
    text = 'This member\'s status is "cleaned." You can only update email addresses for "subscribed" members.'
    shop.world.faults.add("refuse", method="PATCH", text=text)
    if leaves:
        cleaned = partial(acts.clean, shop.audience, "ann@example.com")
        shop.world.faults.before_call(1, cleaned, method="PATCH")
    run = shop.export(destination)
    assert counts(run) == {"profiles": 1, "suppressed" if leaves else "rejected": 1}
    assert [one.reason for one in shop.postino.runs.rejects(shop.actor, run.id)] == ([] if leaves else [Reason.CLEANED])


def test_every_reason_is_a_sentence_in_english_and_in_italian() -> None:
    english, italian = texts.of("en"), texts.of("it")
    for reason in (*Reason, *rejects.Problem):
        sentence = rejects.sentence(reason)
        assert english(sentence) == sentence
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert italian(sentence) not in ("", sentence)
        assert italian(sentence).endswith(".")
