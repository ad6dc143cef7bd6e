"""The world: accounts, credentials, the clock, and everything that can be switched or broken.

    world = World()
    account = world.add_account("Contoso")
    audience = account.add_audience("Newsletter")
    acts.add(audience, "ann@example.com", FNAME="Ann")

Hold the world's lock to change something by hand while a server runs.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.mailchimp import connections, faults, journal, oauth, switches
from sandbox.mailchimp.audiences import Audience

Clock = Callable[[], datetime]

ROLES = ("owner", "admin", "manager", "author", "viewer")
WRITERS = frozenset({"owner", "admin", "manager"})  # Mailchimp: authors and viewers cannot manage contacts


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Account:
    """A Mailchimp account with one user, its owner unless ``role`` says otherwise.

    ``api_key`` is 32 hexadecimal digits, a hyphen and the data centre. ``disabled`` makes every call answer 403.
    """

    def __init__(self, world: World, name: str, dc: str, role: str) -> None:
        if role not in ROLES:
            raise ValueError(f"A role is one of {', '.join(ROLES)}.")
        self.world = world
        self.id = world.hexadecimal(24)
        self.name = name
        self.dc = dc
        self.role = role
        self.user_id = world.next_number()
        self.login_email = f"owner{self.user_id}@example.com"
        self.plan = "monthly"
        self.disabled = False
        self.audiences: dict[str, Audience] = {}
        self.connections = connections.Connections()
        self.api_key = self.add_api_key()

    def add_api_key(self) -> str:
        """One more API key of the same user."""
        key = f"{self.world.hexadecimal(32)}-{self.dc}"
        self.world.credentials[key] = self
        return key

    def add_token(self) -> str:
        """An OAuth access token, as the token endpoint would give it."""
        token = self.world.hexadecimal(32)
        self.world.credentials[token] = self
        return token

    def add_audience(self, name: str) -> Audience:
        """A new audience with Mailchimp's default merge fields, none required."""
        with self.world.lock:
            audience = Audience(self, self.world.hexadecimal(10), self.world.next_number(), name)
            for tag, label, kind in (
                ("FNAME", "First Name", "text"),
                ("LNAME", "Last Name", "text"),
                ("ADDRESS", "Address", "address"),
                ("PHONE", "Phone Number", "phone"),
            ):
                audience.add_field(tag, label, kind)
            audience.fields["PHONE"].options = {"phone_format": "none"}
            self.audiences[audience.id] = audience
            return audience

    @property
    def contacts(self) -> int:
        """Contacts the plan counts: subscribed, unsubscribed and transactional, in every audience by itself."""
        counted = ("subscribed", "unsubscribed", "transactional")
        return sum(audience.counts[status] for audience in self.audiences.values() for status in counted)


class World:
    """Everything the local Mailchimp knows. ``clock`` returns the time, in UTC, and is what the Date header shows.

    ``seed`` makes ids and chances repeatable. Hold ``lock`` to change something while a server is running.
    """

    def __init__(self, clock: Clock = _utc_now, *, seed: int = 1, record_bodies: bool = False) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.seed = seed
        self.log = journal.Journal(record_bodies=record_bodies)
        self.reset()

    def reset(self) -> None:
        """Forget everything, switches and faults included; the clock stays."""
        with self.lock:
            self.random = random.Random(self.seed)
            self._number = 100_000
            self.switches = switches.Switches()
            self.faults = faults.Faults(self.seed)
            self.credentials: dict[str, Account] = {}
            self.accounts: dict[str, Account] = {}
            self.oauth = oauth.Registry()
            self.log.clear()

    def add_account(self, name: str, dc: str = "us1", role: str = "owner") -> Account:
        """A new account with one API key. ``role``: owner, admin, manager, author or viewer."""
        with self.lock:
            account = Account(self, name, dc, role)
            self.accounts[account.id] = account
            return account

    def audience(self, list_id: str) -> Audience:
        """The audience with this id, in whatever account. Raises KeyError."""
        for account in self.accounts.values():
            if list_id in account.audiences:
                return account.audiences[list_id]
        raise KeyError(list_id)

    def revoke(self, credential: str) -> None:
        """Make an API key or a token invalid."""
        self.credentials.pop(credential, None)

    def forward(self, seconds: float) -> None:
        """Let time pass at once."""
        before = self.clock
        self.clock = lambda: before() + timedelta(seconds=seconds)

    def now(self) -> int:
        """The clock's time in whole seconds since 1970."""
        return int(self.clock().timestamp())

    def now_exact(self) -> float:
        """The clock's time in seconds since 1970."""
        return self.clock().timestamp()

    def next_number(self) -> int:
        """A number nothing has had before."""
        self._number += 1
        return self._number

    def hexadecimal(self, digits: int) -> str:
        """Random hexadecimal digits, the same in every run."""
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"
