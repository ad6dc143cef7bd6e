import json

import pytest

from services import errors, mailing
from services.mailchimp import meaning
from services.mailing import Reason, Rule

TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"


def problem(title: str, status: int, detail: str = "", **more: object) -> bytes:
    return json.dumps({"type": TYPE, "title": title, "status": status, "detail": detail, **more}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, problem("Too Many Requests", 429, "You have exceeded the limit of 10 simultaneous connections."),
         errors.Unavailable),
        (429, b"", errors.Unavailable),
        (403, b"", errors.Unavailable),
        (403, b"<html>Access denied</html>", errors.Unavailable),
        (500, problem("Internal Server Error", 500), errors.Unavailable),
        (503, b"<html>busy</html>", errors.Unavailable),
        (502, b"<html>Bad gateway</html>", mailing.TimedOut),
        (504, b"upstream request timeout", mailing.TimedOut),
        (503, problem("ComplianceRelated", 503, "This method has been disabled"), errors.Refused),
        (503, problem("Compliance Related", 503, "This method has been disabled"), errors.Refused),
        (401, problem("API Key Invalid", 401, "Your API key may be invalid, or …"), errors.ReconnectNeeded),
        (401, b"", errors.ReconnectNeeded),
        (403, problem("User Disabled", 403, "This account has been disabled"), errors.ReconnectNeeded),
        (403, problem("UserDisabled", 403, ""), errors.ReconnectNeeded),
        (403, problem("WrongDatacenter", 403, "Wrong"), errors.ReconnectNeeded),
        (403, problem("Forbidden", 403, "This account has been deactivated."), errors.ReconnectNeeded),
        (403, problem("Forbidden", 403, "API Access has been disabled for this account."), errors.ReconnectNeeded),
        (403, problem("Forbidden", 403, "User action not permitted"), errors.Refused),
        (403, problem("Forbidden", 403, "Payment Required"), errors.AccountLimit),
        (403, problem("Forbidden", 403, "You have reached your plan's contact limit."), errors.AccountLimit),
        (402, b"", errors.AccountLimit),
        (400, problem("Invalid Resource", 400, "Please upgrade your account to add contacts."), errors.AccountLimit),
        (404, problem("Resource Not Found", 404, "The requested resource could not be found."), errors.NotFound),
        (400, problem("Invalid Resource", 400, "A Static Segment with an id of 7 does not exist for this list"),
         errors.NotFound),
        (400, problem("Invalid Resource", 400, "Your merge fields were invalid."), mailing.ContentRefused),
        (413, b"<html>too large</html>", mailing.ContentRefused),
        (405, problem("Method Not Allowed", 405), errors.Refused),
        (422, problem("RequestedFieldsInvalid", 422), errors.Refused),
        (426, b"Upgrade Required", errors.Refused),
        (302, b"", errors.Refused),
    ],
)  # fmt: skip
def test_every_answer_has_one_meaning(status: int, body: bytes, kind: type[errors.PostinoError]) -> None:
    failure = meaning.failure(status, body)
    assert type(failure) is kind
    assert str(failure)


def test_contact_level_problems_are_read_without_their_type() -> None:
    body = b'{"title":"Member Exists","status":400,"detail":"jane@example.com is already a list member. Use PUT"}'
    failure = meaning.failure(400, body)
    assert isinstance(failure, mailing.ContentRefused)
    assert failure.reason is Reason.EXISTS
    assert "jane@example.com" not in str(failure)


def test_a_refused_merge_field_is_named_with_its_message() -> None:
    failure = meaning.failure(
        400,
        problem(
            "Invalid Resource",
            400,
            "Your merge fields were invalid.",
            errors=[{"field": "LTV", "message": "Please enter a number, not Gold"}],
        ),
        secrets=["Gold"],
    )
    assert isinstance(failure, mailing.ContentRefused)
    assert (failure.reason, failure.merge_field) == (Reason.MERGE_FIELD, "LTV")
    assert failure.text == "Your merge fields were invalid. LTV: Please enter a number, not •••"


def test_what_was_sent_cannot_be_taken_for_what_mailchimp_says() -> None:
    said = problem("Invalid Resource", 400, "Could not take the name Upgrade Plan of plan@limit.example")
    failure = meaning.failure(400, said, secrets=["plan@limit.example", "Upgrade Plan"])
    assert isinstance(failure, mailing.ContentRefused)
    assert failure.text == "Could not take the name ••• of p•••@l•••.example"


@pytest.mark.parametrize(
    ("text", "code", "reason", "rule"),
    [
        ("", "ERROR_CONTACT_EXISTS", Reason.EXISTS, Rule.READ_BACK),
        ("x@example.com is already a list member. Use PUT to insert or update list members.", "ERROR_GENERIC",
         Reason.EXISTS, Rule.READ_BACK),
        ('"x@example.com" is already in this list with a status of "Deleted"', "", Reason.EXISTS, Rule.READ_BACK),
        (("x@example.com is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be "
         "subscribed."), "ERROR_GENERIC", Reason.COMPLIANCE, Rule.REMEMBER),
        (("x@example.com was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back "
         "on the list."), "ERROR_GENERIC", Reason.FORGOTTEN, Rule.REMEMBER),
        ("x@example.com looks fake or invalid, please enter a real email address.", "", Reason.INVALID, Rule.REMEMBER),
        ("Please provide a valid email address.", "", Reason.INVALID, Rule.REMEMBER),
        ("Your merge fields were invalid.", "", Reason.MERGE_FIELD, Rule.REMEMBER),
        ("Please enter a month (01-12) and a day (01-31)", "ERROR_GENERIC", Reason.MERGE_FIELD, Rule.REMEMBER),
        ("Please enter the date", "ERROR_GENERIC", Reason.MERGE_FIELD, Rule.REMEMBER),
        ("x@example.com has signed up to a lot of lists very recently; we're not allowing more signups for now", "",
         Reason.TOO_MANY_LISTS, Rule.LATER),
        (("This member's status is \"cleaned.\" You can only update email addresses for members with a status of "
         '"subscribed."'), "", Reason.CLEANED, Rule.READ_BACK),
        ("x@example.com is a duplicate in this request", "ERROR_GENERIC", Reason.DUPLICATE, Rule.READ_BACK),
        ("You have reached the contact limit of your plan", "ERROR_GENERIC", Reason.ACCOUNT, Rule.STOP),
        ("This would put you over your quota", "ERROR_GENERIC", Reason.ACCOUNT, Rule.STOP),
        ("The moon is full.", "ERROR_GENERIC", Reason.UNKNOWN, Rule.SKIP),
    ],
)  # fmt: skip
def test_every_known_text_has_its_reason_and_rule(text: str, code: str, reason: Reason, rule: Rule) -> None:
    assert meaning.classify(text, code) is reason
    assert reason.rule is rule


def test_a_limit_of_a_merge_field_does_not_stop_the_run() -> None:
    assert meaning.classify("Over the limit of 255 characters", merge_field="FNAME") is Reason.MERGE_FIELD
    assert meaning.classify("Over its limit", merge_field="FNAME") is Reason.MERGE_FIELD


def test_every_reason_has_a_rule_and_a_sentence_without_placeholders() -> None:
    for reason in Reason:
        assert reason.rule in Rule
        assert reason.sentence.endswith(".")
        assert reason.sentence.format() == reason.sentence


def test_a_refused_member_is_reported_with_its_field_and_without_its_values() -> None:
    entry = {
        "email_address": "jane@example.com",
        "error": "Value of jane@example.com is wrong: Rossi",
        "error_code": "ERROR_GENERIC",
        "field": "LNAME",
        "field_message": "Rossi is no name",
    }
    refused = meaning.member_error(entry, ["Rossi"])
    assert refused == mailing.MemberError(
        "jane@example.com",
        Reason.MERGE_FIELD,
        "Value of j•••@e•••.com is wrong: ••• ••• is no name",
        "LNAME",
    )


def test_long_texts_are_shortened() -> None:
    assert len(meaning.masked("word " * 1000)) == 300
