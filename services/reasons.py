"""Why the mailing service refuses somebody, what to do about it, and how to say so.

Used as ``mailing.Reason`` and ``mailing.Rule``.
"""

from __future__ import annotations

import enum


class Rule(enum.StrEnum):
    """What to do about a member the service refused."""

    SKIP = "skip"  # report; the next run tries again
    REMEMBER = "remember"  # report; not again until the value or the status changes
    LATER = "later"  # report; another day, never in the same run
    READ_BACK = "read_back"  # settles nothing: read the member and plan again
    STOP = "stop"  # concerns the account: stop the run, keep what was done


class Reason(enum.StrEnum):
    """Why the service refused one member. The values are stored and shown in lists: never rename one."""

    EXISTS = "exists"
    DUPLICATE = "duplicate"
    CLEANED = "cleaned"
    COMPLIANCE = "compliance"
    FORGOTTEN = "forgotten"
    INVALID = "invalid"
    MERGE_FIELD = "merge_field"
    TOO_MANY_LISTS = "too_many_lists"
    ACCOUNT = "account"
    UNKNOWN = "unknown"

    @property
    def rule(self) -> Rule:
        """What to do about it."""
        return _RULES[self]

    @property
    def about_address(self) -> bool:
        """Whether it is the address that is not taken, whatever else is known of the person."""
        return self in _ABOUT_ADDRESS

    @property
    def sentence(self) -> str:
        """One sentence for people, a gettext message id without placeholders."""
        return _SENTENCES[self]


_ABOUT_ADDRESS = frozenset({Reason.COMPLIANCE, Reason.FORGOTTEN, Reason.INVALID, Reason.TOO_MANY_LISTS})
_RULES = {
    Reason.EXISTS: Rule.READ_BACK,
    Reason.DUPLICATE: Rule.READ_BACK,
    Reason.CLEANED: Rule.READ_BACK,
    Reason.COMPLIANCE: Rule.REMEMBER,
    Reason.FORGOTTEN: Rule.REMEMBER,
    Reason.INVALID: Rule.REMEMBER,
    Reason.MERGE_FIELD: Rule.REMEMBER,
    Reason.TOO_MANY_LISTS: Rule.LATER,
    Reason.ACCOUNT: Rule.STOP,
    Reason.UNKNOWN: Rule.SKIP,
}

_SENTENCES = {
    Reason.EXISTS: "This contact is already in the audience.",
    Reason.DUPLICATE: "Mailchimp takes this address for the same as another one in the segment.",
    Reason.CLEANED: "Mail to this address bounced, so Mailchimp has cleaned it.",
    Reason.COMPLIANCE: (
        "This person unsubscribed, bounced or is under review by Mailchimp. Only they can subscribe again."
    ),
    Reason.FORGOTTEN: "This contact was permanently deleted in Mailchimp. Only they can subscribe again.",
    Reason.INVALID: "Mailchimp says that this address looks fake or invalid. Correct it in the source.",
    Reason.MERGE_FIELD: "Mailchimp does not accept the value of a field. Correct it in the source.",
    Reason.TOO_MANY_LISTS: "This address was signed up to many lists lately. Mailchimp takes it again in some days.",
    Reason.ACCOUNT: "The Mailchimp account does not allow more contacts. Look at its plan and billing.",
    Reason.UNKNOWN: "Mailchimp refused this contact for a reason that Postino does not know.",
}
