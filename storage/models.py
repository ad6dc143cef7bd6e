"""The tables. Personal data of profiles never reaches them: members and refusals are known by keyed hashes only."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

Json = dict[str, Any]
"""What a JSON column holds; the module that owns the column gives it a type at its edge."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, stored as UTC and returned with its zone on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, Json: JSON, list[str]: JSON, bytes: LargeBinary}  # noqa: RUF012 - SQLAlchemy's declaration


class RunStatus(enum.StrEnum):
    """Where a run is. The words people see are in ``bot.views``."""

    QUEUED = "queued"
    WAITING = "waiting"
    PROCESSING = "processing"
    SUCCESSFUL = "successful"
    REJECTS = "rejects"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


FINAL = frozenset({RunStatus.SUCCESSFUL, RunStatus.REJECTS, RunStatus.FAILED, RunStatus.CANCELED, RunStatus.SKIPPED})


class Workspace(Base):
    """A Slack workspace, the tenant. ``slack_team_id`` is empty until Slack has signed in for the first time."""

    __tablename__ = "workspaces"
    id: Mapped[int] = mapped_column(primary_key=True)
    slack_team_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    administrators: Mapped[list[str]]
    created_at: Mapped[datetime]


class Connection(Base):
    """One authorised Mailchimp account. The credential is sealed by ``storage.vault``."""

    __tablename__ = "connections"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[str] = mapped_column(String(64))
    account_name: Mapped[str] = mapped_column(String(200))
    data_centre: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    sealed_credential: Mapped[bytes]
    reconnect_needed: Mapped[bool] = mapped_column(Boolean, default=False)
    shared_with: Mapped[str] = mapped_column(String(16), default="admins")
    shared_people: Mapped[list[str]]
    contact_ceiling: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Destination(Base):
    """A saved export. ``version`` grows with every edit, so that two people editing at once do not overwrite each other.

    ``removal`` says what becomes of its tags once it is to be removed (``services.removing``); None while it stays.
    ``unreadable_since`` is since when its schedule waits for a source that cannot be read, ``refreshing_since`` for one whose
    refresh has not ended, ``unreadable_told`` the trouble that people were told of (``services.watching``).
    """

    __tablename__ = "destinations"
    __table_args__ = (UniqueConstraint("workspace_id", "name"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connections.id", ondelete="SET NULL"))
    audience_id: Mapped[str] = mapped_column(String(64))
    audience_name: Mapped[str] = mapped_column(String(200))
    audience_web_link: Mapped[str] = mapped_column(String(300), default="")
    email_attribute: Mapped[str] = mapped_column(String(200))
    fields: Mapped[Json]
    consent_attribute: Mapped[str | None] = mapped_column(String(200))
    consent_values: Mapped[list[str]]
    skip_required_fields: Mapped[bool] = mapped_column(Boolean, default=False)
    schedule: Mapped[str] = mapped_column(String(100), default="refresh")
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    channel: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16), default="en")
    brake_share: Mapped[float] = mapped_column(default=0.20)
    brake_people: Mapped[int] = mapped_column(default=25)
    approval: Mapped[str] = mapped_column(String(16), default="never")
    approval_above: Mapped[int | None]
    in_workflows: Mapped[bool] = mapped_column(Boolean, default=False)
    mentions: Mapped[list[str]] = mapped_column(default=list)
    quiet: Mapped[bool] = mapped_column(Boolean, default=False)
    digest_hour: Mapped[int | None] = mapped_column(SmallInteger)
    digested_until: Mapped[datetime | None]
    consent_version: Mapped[int]
    consent_by: Mapped[str] = mapped_column(String(64))
    consent_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    refresh_seen: Mapped[str | None] = mapped_column(String(200))
    next_run_at: Mapped[datetime | None]
    unreadable_since: Mapped[datetime | None]
    refreshing_since: Mapped[datetime | None]
    unreadable_told: Mapped[str | None] = mapped_column(String(300))
    removal: Mapped[str | None] = mapped_column(String(16))
    removal_by: Mapped[str | None] = mapped_column(String(64))
    removal_at: Mapped[datetime | None]
    paused_by: Mapped[str | None] = mapped_column(String(64))
    paused_at: Mapped[datetime | None]

    connection: Mapped[Connection | None] = relationship(lazy="joined")
    segments: Mapped[list[DestinationSegment]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="DestinationSegment.position"
    )


class DestinationSegment(Base):
    """One chosen segment and the tag that carries it. ``take_over`` allows a tag that was there before Postino."""

    __tablename__ = "destination_segments"
    destination_id: Mapped[int] = mapped_column(ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True)
    segment: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int]
    tag_name: Mapped[str] = mapped_column(String(100))
    take_over: Mapped[bool] = mapped_column(Boolean, default=False)


class Ledger(Base):
    """What Postino knows of one audience. ``watermark`` is Mailchimp's own time at the start of the last complete pass.

    ``uncounted`` says by status how many more members Mailchimp counted than are kept here when all had just been read: those
    forgotten on request, or with an address that is not taken.
    """

    __tablename__ = "ledgers"
    __table_args__ = (UniqueConstraint("account_id", "audience_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(String(64))
    audience_id: Mapped[str] = mapped_column(String(64))
    watermark: Mapped[datetime | None]
    read_in_full_at: Mapped[datetime | None]
    uncounted: Mapped[Json] = mapped_column(default=dict, server_default="{}")


class LedgerTag(Base):
    """A tag Postino owns. Bits are never reused; a released or lost tag keeps its row without ``tag_id`` and folded name.

    One whose segment left its destination keeps its ``tag_id``, so that it can still be deleted, but no folded name.
    ``asked_for`` is set before Mailchimp is asked to create it, so that a tag whose creation was not answered is known again.
    """

    __tablename__ = "ledger_tags"
    __table_args__ = (
        UniqueConstraint("ledger_id", "bit"),
        UniqueConstraint("ledger_id", "tag_id"),
        UniqueConstraint("ledger_id", "folded_name"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledgers.id", ondelete="CASCADE"))
    destination_id: Mapped[int | None] = mapped_column(ForeignKey("destinations.id", ondelete="SET NULL"))
    segment: Mapped[str] = mapped_column(String(200))
    bit: Mapped[int]
    tag_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(String(100))
    folded_name: Mapped[str | None] = mapped_column(String(100))
    asked_for: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class TagCount(Base):
    """The highest number of holders of a tag seen on one day, for the brake's measure of seven days."""

    __tablename__ = "tag_counts"
    ledger_tag_id: Mapped[int] = mapped_column(ForeignKey("ledger_tags.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    holders: Mapped[int]


class LedgerField(Base):
    """Which slot of a member's packed field hashes belongs to which merge field of the audience."""

    __tablename__ = "ledger_fields"
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    merge_tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int]


class LedgerMember(Base):
    """One member of an audience as a keyed hash.

    ``tags`` is a little-endian bit set over ``LedgerTag.bit``; ``fields`` packs per slot ``got`` and ``want``, 6 bytes each;
    ``acknowledged`` and ``changed`` are seconds since the epoch; ``run_id`` and ``run_class`` tell what the last run that
    wrote to the member did, so that a resumed run counts it once. ``owner`` is the destination whose values the fields show.
    ``profiles`` packs the hashes of the profiles that had the address, 8 bytes each, so that somebody who unsubscribed is
    known again under another one.
    """

    __tablename__ = "ledger_members"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's declaration
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    status: Mapped[int] = mapped_column(SmallInteger)
    changed: Mapped[int] = mapped_column(BigInteger)
    tags: Mapped[bytes]
    fields: Mapped[bytes]
    acknowledged: Mapped[int] = mapped_column(BigInteger, default=0)
    run_id: Mapped[int] = mapped_column(default=0)
    run_class: Mapped[int] = mapped_column(SmallInteger, default=0)
    owner: Mapped[int] = mapped_column(default=0, server_default="0")
    profiles: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class Refusal(Base):
    """Who was refused, for which values (packed), and until when: not resent until the value changes or the date comes."""

    __tablename__ = "refusals"
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    value_hash: Mapped[bytes] = mapped_column(LargeBinary(8))
    reason: Mapped[str] = mapped_column(String(32))
    until: Mapped[datetime | None]


class AddressDecision(Base):
    """What a person decided about the new address of somebody who left the audience under another one."""

    __tablename__ = "address_decisions"
    ledger_id: Mapped[int] = mapped_column(ForeignKey("ledgers.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    exported: Mapped[bool] = mapped_column(Boolean)
    decided_at: Mapped[datetime]


class Tombstone(Base):
    """Somebody who was forgotten on request: the one thing kept of them, so that they are not exported again.

    ``profiles`` packs the hashes of the profiles that had the address, so that they are known under another one.
    """

    __tablename__ = "tombstones"
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    profiles: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    forgotten_at: Mapped[datetime]


PLAN = "plan"
"""The trigger of a run that answers ``postino plan``: it ends with its numbers, is told to whoever asked there and to nobody
else, and is no part of what was exported."""


class Run(Base):
    """One execution of a destination's export. The row is the truth; every write of a worker says ``attempt = :mine``."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "uq_runs_one_per_account",
            "account_id",
            unique=True,
            sqlite_where=text("status = 'processing'"),
            postgresql_where=text("status = 'processing'"),
        ),
        Index("ix_runs_destination", "destination_id", "id"),
        Index("ix_runs_status", "status"),
        {"sqlite_autoincrement": True},  # no number is given twice: others keep it
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    destination_id: Mapped[int] = mapped_column(ForeignKey("destinations.id", ondelete="CASCADE"))
    account_id: Mapped[str] = mapped_column(String(64))
    status: Mapped[RunStatus] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(16), default="")
    preview: Mapped[bool] = mapped_column(Boolean, default=False)
    accept_removals: Mapped[bool] = mapped_column(Boolean, default=False)
    canary: Mapped[int] = mapped_column(default=0)
    trigger: Mapped[str] = mapped_column(String(16))
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime]
    request_key: Mapped[str | None] = mapped_column(String(100), unique=True)
    not_before: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    progressed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(64))
    cancel_requested_by: Mapped[str | None] = mapped_column(String(64))
    verifies: Mapped[int | None]
    verified: Mapped[bool] = mapped_column(Boolean, default=False)
    attempt: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    plan: Mapped[Json]
    counters: Mapped[Json]
    reason: Mapped[Json]
    channel: Mapped[str | None] = mapped_column(String(64))
    message_ts: Mapped[str | None] = mapped_column(String(32))
    message_shown: Mapped[str | None] = mapped_column(String(64))

    destination: Mapped[Destination] = relationship(lazy="joined")


class RunReject(Base):
    """A profile that could not be exported in a run: its id, the masked address and the reason, never the address.

    ``key`` is kept where a person is to decide about the address.
    """

    __tablename__ = "run_rejects"
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    profile_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    segments: Mapped[str] = mapped_column(String(2000))
    masked_address: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(500), default="")
    key: Mapped[bytes | None] = mapped_column(LargeBinary(16))


class OutboxMessage(Base):
    """Something Slack must hear of, written in the same transaction as the change it tells."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "delivered_at", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    values: Mapped[Json]
    once: Mapped[str | None] = mapped_column(String(100), unique=True)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None]
    failure: Mapped[str] = mapped_column(String(500), default="")


class Draft(Base):
    """A wizard somebody has not finished. ``values`` never holds a credential in the clear."""

    __tablename__ = "drafts"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    person: Mapped[str] = mapped_column(String(64), index=True)
    values: Mapped[Json]
    updated_at: Mapped[datetime]


class SignIn(Base):
    """A Mailchimp sign-in that was begun: the OAuth state, used once, and where it began (``services.signing_in``)."""

    __tablename__ = "sign_ins"
    state: Mapped[str] = mapped_column(String(64), primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    person: Mapped[str] = mapped_column(String(64))
    draft_id: Mapped[str | None] = mapped_column(String(32))
    connection_id: Mapped[int | None]
    view_id: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16), default="en")
    expires_at: Mapped[datetime]


class SegmentCount(Base):
    """A segment's profile count at one refresh of the source, for the change since the last one.

    ``refreshed_at`` is when the source says the refresh was, ``seen_at`` when Postino saw it first.
    """

    __tablename__ = "segment_counts"
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True)
    segment: Mapped[str] = mapped_column(String(200), primary_key=True)
    refresh: Mapped[str] = mapped_column(String(200), primary_key=True)
    profiles: Mapped[int]
    seen_at: Mapped[datetime]
    refreshed_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what, when, to what."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_workspace", "workspace_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[int] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    person: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    details: Mapped[Json]


class SealedSecret(Base):
    """A random secret of Postino's own, such as the ledger's, sealed by the vault."""

    __tablename__ = "sealed_secrets"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[bytes]
