"""Steps 1 and 2 of the wizard: the connection with its consent, and the audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.texts import Texts, mark
from bot.views import blocks, statement, wizard
from bot.views.blocks import Block
from services.access import Sharing
from services.drafts import Answers
from services.mailing import Audience

CONNECTION, SIGN_IN, USE_KEY, ADD_KEY = "wizard.connection", "wizard.sign_in", "wizard.use_key", "wizard.add_key"
COPY, JUMP, SHARING, AUDIENCE = "wizard.copy", "wizard.jump", "wizard.sharing", "wizard.audience"
BY_ID, BY_NAME = "wizard.audience_by_id", "wizard.audience_by_name"

SHARED_WITH = {
    Sharing.ADMINS: mark("Administrators only"),
    Sharing.PEOPLE: mark("People I choose"),
    Sharing.EVERYONE: mark("Everyone in this workspace"),
}
KINDS = {"oauth": mark("signed in"), "api_key": mark("API key")}


@dataclass(frozen=True, slots=True)
class Choice:
    """A connection somebody may use. ``account`` is for administrators alone, None for others."""

    id: int
    name: str
    kind: str
    account: str | None
    sharing: Sharing
    people: tuple[str, ...] = ()
    reconnect: bool = False
    ceiling: int | None = None

    @property
    def known_as(self) -> str:
        """What the reader knows it by, as markup."""
        return blocks.escape(self.account or self.name)


@dataclass(frozen=True, slots=True)
class Connecting:
    """What step 1 shows. ``sign_in_url`` is None where people cannot sign in to Mailchimp."""

    connections: Sequence[Choice]
    source: str
    administrator: bool
    sign_in_url: str | None = None

    def chosen(self, answers: Answers) -> Choice | None:
        """The connection chosen, if it may still be used."""
        return next((one for one in self.connections if one.id == answers.connection_id), None)


def connect(t: Texts, answers: Answers, draft_id: str, shown: Connecting, problem: str | None = None) -> Block:
    """Step 1: name, Mailchimp, source, consent."""
    content = [
        blocks.field(
            t("Display name"),
            blocks.text_input("wizard.name", value=answers.name, longest=200),
            f"name.{answers.revision}",
            hint=t("You can change this later."),
        ),
        *_edited(t, answers),
        *_mailchimp(t, answers, shown),
        _source(t, answers, shown.source),
        blocks.context(t("It is read with the rights of the account Postino runs under, not with yours.")),
        blocks.divider(),
        *_consent(t, answers, shown.source),
    ]
    return wizard.frame(t, answers, draft_id, content, problem=problem, submit=t("Next"))


def _edited(t: Texts, answers: Answers) -> list[Block]:
    """What an edit can do beside going through all steps."""
    if answers.destination_id is None:
        return []
    jump = blocks.button(t("Go to segments and schedule"), JUMP)
    return [blocks.actions(jump, blocks.button(t("Make a copy instead"), COPY), block_id="edited")]


def _source(t: Texts, answers: Answers, source: str) -> Block:
    if answers.source_problem is not None:
        text = ":warning: " + t("*{source}* cannot be read now.", source=blocks.escape(source))
        return blocks.section(f"{text} {blocks.escape(answers.source_problem)}", block_id="source")
    return blocks.section(
        ":white_check_mark: " + t("Reading *{source}*", source=blocks.escape(source)), block_id="source"
    )


def _mailchimp(t: Texts, answers: Answers, shown: Connecting) -> list[Block]:
    explanation = t(
        "A valid Mailchimp account is required. Once connected, you'll choose the Mailchimp audience you want to export "
        "your data to."
    )
    content = [blocks.section(f"*{t('Connect to Mailchimp')}*\n{explanation}")]
    chosen = shown.chosen(answers)
    if shown.connections:
        content.append(_connections(t, answers, shown))
    if chosen is not None:
        content += _connected(t, answers, chosen, shown)
    if shown.administrator:
        content += _ways_in(t, answers, shown)
        if chosen is not None:
            content += [*_sharing(t, answers, chosen), _ceiling(t, answers, chosen)]
    return content


def _connections(t: Texts, answers: Answers, shown: Connecting) -> Block:
    options = [
        blocks.option(
            one.name,
            str(one.id),
            t("(Connected to Mailchimp as {account})", account=one.account)
            if one.account is not None
            else f"Mailchimp · {t(KINDS[one.kind])}",
        )
        for one in shown.connections
    ]
    chosen = str(answers.connection_id) if answers.connection_id else None
    menu = blocks.select(CONNECTION, options, t("Choose a connection"), chosen=chosen)
    block_id = f"connection.{answers.revision}"
    return blocks.field(t("Connection"), menu, block_id, optional=answers.key_asked, dispatch=True)


def _connected(t: Texts, answers: Answers, chosen: Choice, shown: Connecting) -> list[Block]:
    if chosen.reconnect:
        text = ":warning: " + t(
            "Mailchimp no longer accepts this connection. Connect *{account}* again."
            if shown.administrator
            else "Mailchimp no longer accepts this connection. Ask an administrator to connect *{account}* again.",
            account=chosen.known_as,
        )
    else:
        text = connected(t, chosen.name, chosen.account)
    becomes = _what_becomes_of_others(t, answers, chosen, shown)
    return [blocks.section(text, block_id="connected"), *([blocks.context(becomes)] if becomes else [])]


def connected(t: Texts, name: str, account: str | None) -> str:
    """The green check, as markup. As in the list of connections, only administrators read whose account it is."""
    if account is None:
        said = t("Connected to Mailchimp with *{connection}*", connection=blocks.escape(name))
    else:
        said = t("Connected to Mailchimp as *{account}*", account=blocks.escape(account))
    return f":white_check_mark: {said}"


def _what_becomes_of_others(t: Texts, answers: Answers, chosen: Choice, shown: Connecting) -> str:
    """What another connection than before means, in markup; empty where nothing changes."""
    account = chosen.known_as
    before = answers.saved_audience[0] if answers.saved_audience is not None else None
    if before is not None and before != chosen.id:
        name = next((blocks.escape(one.name) for one in shown.connections if one.id == before), None)
        if name is None:
            return t(
                "This destination used another connection until now. Saving moves it to *{account}*: choose one of its audiences "
                "in the next step. The other connection stays.",
                account=account,
            )
        return t(
            "This destination used *{before}* until now. Saving moves it to *{account}*: choose one of its audiences in the "
            "next step. The connection *{before}* stays.",
            before=name,
            account=account,
        )
    if answers.just_connected == chosen.id and len(shown.connections) > 1:
        return t("This destination goes to *{account}*. The other connections stay as they are.", account=account)
    return ""


def _ways_in(t: Texts, answers: Answers, shown: Connecting) -> list[Block]:
    buttons = []
    if shown.sign_in_url is not None:
        style = "primary" if not shown.connections else None
        buttons.append(blocks.button(t("Authenticate with Mailchimp"), SIGN_IN, url=shown.sign_in_url, style=style))
    if not answers.key_asked:
        return [blocks.actions(*buttons, blocks.button(t("Use an API key"), USE_KEY), block_id="ways")]
    key = blocks.field(
        t("Mailchimp API key"),
        blocks.text_input("wizard.key", longest=200),
        f"key.{answers.revision}",
        hint=t("In Mailchimp: Account & billing > Extras > API keys. It is encrypted at once and never shown again."),
        optional=bool(shown.connections),
    )
    return [key, blocks.actions(*buttons, blocks.button(t("Connect"), ADD_KEY, style="primary"), block_id="ways")]


def _sharing(t: Texts, answers: Answers, chosen: Choice) -> list[Block]:
    sharing = answers.sharing or chosen.sharing
    options = [blocks.option(t(text), one.value) for one, text in SHARED_WITH.items()]
    menu = blocks.select(SHARING, options, t("Who may use this connection"), chosen=sharing.value)
    content = [
        blocks.field(t("Who may use this connection"), menu, f"sharing.{chosen.id}.{answers.revision}", dispatch=True)
    ]
    if sharing is Sharing.PEOPLE:
        people: Block = {
            "type": "multi_users_select",
            "action_id": "wizard.people",
            "placeholder": blocks.plain(t("Choose people"), blocks.PLACEHOLDER),
        }
        if named := answers.shared_people or list(chosen.people):
            people["initial_users"] = named
        content.append(blocks.field(t("People"), people, f"people.{chosen.id}.{answers.revision}"))
    return content


def ceiling_field(t: Texts, action_id: str, block_id: str, ceiling: int | None) -> Block:
    """The input for a connection's contact ceiling."""
    return blocks.field(
        t("Contact ceiling"),
        blocks.number_input(action_id, value=ceiling, least=1),
        block_id,
        hint=t(
            "An export that would take the Mailchimp account above this many contacts is not sent. It holds for all "
            "destinations on this connection."
        ),
        optional=True,
    )


def _ceiling(t: Texts, answers: Answers, chosen: Choice) -> Block:
    typed = chosen.ceiling if answers.ceiling is None else int(answers.ceiling or 0) or None
    return ceiling_field(t, "wizard.ceiling", f"ceiling.{chosen.id}.{answers.revision}", typed)


def _consent(t: Texts, answers: Answers, source: str) -> list[Block]:
    box = blocks.checkboxes(
        "wizard.agreed", [blocks.option(t("I agree"), "agreed")], ["agreed"] if answers.agreed else []
    )
    return [*statement.statement(t, source), blocks.field(t("Consent"), box, f"agreed.{answers.revision}")]


def no_connection(t: Texts) -> Block:
    """Somebody who is no administrator, and no connection is shared with them."""
    return wizard.dead_end(
        t,
        t(
            "No Mailchimp connection is shared with you. Ask an administrator of this Slack workspace to connect "
            "Mailchimp with /postino-connect and to share the connection with you."
        ),
    )


def audience(
    t: Texts, answers: Answers, draft_id: str, green: str, audiences: Sequence[Audience], problem: str | None = None
) -> Block:
    """Step 2: the audience, by name with its members, or by a typed id. ``green`` is the check, as ``connected`` says it."""
    top = blocks.section(green)
    if not audiences:
        sentence = t("This Mailchimp account has no audience. Create one in Mailchimp, then press Look again.")
        again = blocks.button(t("Look again"), wizard.AGAIN, style="primary")
        return wizard.frame(t, answers, draft_id, [top, wizard.back_row(t, again)], problem=problem or sentence)
    if answers.audience_by_id:
        typed = blocks.text_input("wizard.audience_typed", value=answers.audience_typed, longest=64)
        hint = t("In Mailchimp: Audience > Settings > Audience name and defaults.")
        asked = blocks.field(t("Audience ID"), typed, "audience_typed", hint=hint)
        other = blocks.button(t("Choose from the list"), BY_NAME)
    else:
        asked = blocks.field(t("Audience"), _audiences(t, answers, audiences), f"audience.{answers.revision}")
        other = blocks.button(t("Type an audience ID"), BY_ID)
    content = [top, asked, wizard.back_row(t, other)]
    return wizard.frame(t, answers, draft_id, content, problem=problem, submit=t("Next"))


def _audiences(t: Texts, answers: Answers, audiences: Sequence[Audience]) -> Block:
    placeholder = t("Choose an audience")
    options = audience_options(t, audiences)
    if len(audiences) <= blocks.OPTIONS:
        return blocks.select(AUDIENCE, options, placeholder, chosen=answers.audience_id)
    chosen = next((one for one in options if one["value"] == answers.audience_id), None)
    return blocks.external_select(AUDIENCE, placeholder, chosen=chosen)


def audience_options(t: Texts, audiences: Sequence[Audience]) -> list[Block]:
    """Audiences as options, ``Newsletter - 1,204``."""
    return [blocks.option(blocks.counted(one.name, t.number(one.members)), one.id) for one in audiences]
