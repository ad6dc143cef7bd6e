"""Where interactive elements stand (a modal, the Home tab, a message) and what using them does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.page.layers import Layers
from sandbox.page.markup import Markup
from sandbox.page.nodes import Live, Node
from sandbox.page.still_blocks import StillBlocks
from sandbox.slack import modals
from sandbox.slack.client import Person
from sandbox.slack.errors import NotThereError
from sandbox.slack.interactions import Outcome
from sandbox.slack.values import Json, View


@dataclass(frozen=True)
class Shown:
    """A block as it is now, and what has been entered into its elements (``screens`` inputs by action_id)."""

    block: Json
    inputs: dict[str, Json]


@dataclass(frozen=True)
class Part:
    """One element of a live block; always the newest version of it, because apps send whole blocks anew."""

    live: Live
    pick: Callable[[Json], Json]

    @property
    def block_id(self) -> str:
        return str(self.live.data.block["block_id"])

    @property
    def element(self) -> Json:
        return self.pick(self.live.data.block)

    @property
    def action_id(self) -> str:
        return str(self.element["action_id"])

    @property
    def entry(self) -> Json:
        """Its value, label and options as the client shows them."""
        found: Json = self.live.data.inputs[self.action_id]
        return found


class Surface:
    """One person before one message, or before the open modal or (``home``) the Home tab."""

    def __init__(
        self, person: Person, layers: Layers, *, channel: str | None = None, ts: str | None = None, home: bool = False
    ) -> None:
        self.person = person
        self.layers = layers
        self.words = Markup(person.lines.read)
        self.still = StillBlocks(self.words)
        self._where: dict[str, Any] = {"channel": channel, "ts": ts, "home": home}

    @property
    def is_view(self) -> bool:
        """Whether what is typed is kept as it is typed, as in modals and the Home tab."""
        return self._where["channel"] is None

    async def act(self, work: Awaitable[Outcome], button: Node | None = None) -> bool:
        """Do something, show that it takes time, and say what went wrong; whether the app took it."""
        if button is not None:
            button.classes(add="busy")
        try:
            outcome = await work
        except NotThereError as gone:
            self.layers.note(str(gone))
            return False
        finally:
            if button is not None and not button.is_deleted:
                button.classes(remove="busy")
        if not outcome.ok and outcome.text and outcome.error not in ("invalid_input", "errors"):
            self.layers.note(outcome.text)
        return outcome.ok

    async def agreed(self, element: Json) -> bool:
        """Whether the person confirms, where the element asks for it."""
        dialog = element.get("confirm")
        return dialog is None or await self.layers.ask(dialog, self.words)

    async def click(self, part: Part, button: Node) -> None:
        """Click a button. A second click beside the first is delivered, too: nothing says that Slack holds it back."""
        if not await self.agreed(part.element):
            return
        work = self.person.click(part.action_id, block_id=part.block_id, confirm=True, **self._where)
        await self.act(work, button)

    async def enter(self, part: Part, value: Any, button: Node | None = None) -> bool:
        """Enter a value; whether it was taken."""
        if not await self.agreed(part.element):
            return False
        return await self.act(self.person.enter(part.action_id, value, block_id=part.block_id, **self._where), button)

    async def typed(self, part: Part, text: str) -> None:
        """Keep what is being typed, without telling the app yet."""
        await self.person.workspace.on_its_loop(self._typed((part.block_id, part.action_id), part.element, text))

    async def _typed(self, key: tuple[str, str], element: Json, text: str) -> None:
        workspace, user = self.person.workspace, self.person.user.id
        view: View | None = workspace.homes.get(user) if self._where["home"] else modals.top(workspace, user)
        if view is None or key not in view.values:
            return
        view.values[key] = {"type": element["type"], "value": text or None}
        if view.errors.pop(key[0], None):
            workspace.touch(view)

    async def options(self, part: Part, query: str) -> list[Json]:
        """What an external select offers for ``query``, as the app sent it."""
        try:
            shown = await self.person.options(part.action_id, query, block_id=part.block_id, **self._where)
        except NotThereError:
            return []
        raw = self._suggestions(part)
        return [{**option, "raw": raw[index] if index < len(raw) else None} for index, option in enumerate(shown)]

    def _suggestions(self, part: Part) -> list[Json]:
        key = (self.person.user.id, part.block_id, part.action_id)
        return self.person.workspace.suggestions.get(key, [])

    def remember(self, part: Part, options: list[Json]) -> None:
        """Let these options of an external select be chosen, whatever it showed last."""
        key = (self.person.user.id, part.block_id, part.action_id)
        self.person.workspace.suggestions[key] = options
