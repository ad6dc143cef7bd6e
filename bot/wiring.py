"""The one composition root: settings in, the whole application out. Tests build it the same way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from bot import database_errors
from bot.settings import Settings
from services.access import COMMAND_LINE, Actor, Standing
from services.administrators import Administrators
from services.connections import Connections
from services.deciding import Deciding
from services.destinations import Destinations
from services.digests import Digests
from services.dropped_tags import DroppedTags
from services.duties import Exporting
from services.errors import InvalidInput
from services.exporting import Tools
from services.individuals import Individuals
from services.mailchimp import oauth
from services.reaching import Reaching
from services.removing import Removals
from services.rights import Rights
from services.runs import Runs
from services.schedules import Schedules
from services.segments import Segments
from services.signing_in import SignIns
from services.sources import ProfileSource
from services.sources.opening import open_source
from services.workers import OwnerLocks
from storage import workspaces
from storage.database import Clock, Database, utc_now
from storage.vault import Vault


@dataclass(frozen=True)
class Application:
    """Everything there is, built once; what needs a setting that is missing raises when it is first used."""

    settings: Settings
    database: Database
    vault: Vault
    shutdown: threading.Event
    clock: Clock = utc_now
    rights: Rights = field(default_factory=Rights)

    @cached_property
    def source(self) -> ProfileSource:
        """Raises InvalidInput if POSTINO_SOURCE_URL is missing or wrong."""
        if self.settings.source_url is None:
            raise InvalidInput(
                "No source is set. Set POSTINO_SOURCE_URL, for example to file:///path/to/folder.",
                field="POSTINO_SOURCE_URL",
            )
        return open_source(
            self.settings.source_url,
            segments_pattern=self.settings.segments,
            scratch_folder=self.settings.home,
            mapping_file=self.settings.source_mapping,
            clock=lambda: self.clock().timestamp(),
        )

    @cached_property
    def administrators(self) -> Administrators:
        return Administrators(self.database)

    @cached_property
    def connections(self) -> Connections:
        settings = self.settings
        return Connections(self.database, self.vault, settings.mailchimp_api_url, settings.mailchimp_login_url)

    @cached_property
    def sign_ins(self) -> SignIns:
        settings = self.settings
        app = None
        if settings.mailchimp_client_id and settings.mailchimp_client_secret and settings.public_url:
            app = oauth.App(
                client_id=settings.mailchimp_client_id,
                client_secret=settings.mailchimp_client_secret.get_secret_value(),
                redirect_uri=f"{settings.public_url.rstrip('/')}/mailchimp/callback",
                login_url=settings.mailchimp_login_url,
            )
        return SignIns(self.database, self.connections, app)

    @cached_property
    def destinations(self) -> Destinations:
        return Destinations(self.database, self.source, self.connections)

    @cached_property
    def segments(self) -> Segments:
        return Segments(self.database, self.source)

    @cached_property
    def reaching(self) -> Reaching:
        return Reaching(self.database, self.vault, self.source, self.settings.home)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.database)

    @cached_property
    def deciding(self) -> Deciding:
        return Deciding(self.database)

    @cached_property
    def removals(self) -> Removals:
        return Removals(self.database, self.connections, self.destinations)

    @cached_property
    def dropped_tags(self) -> DroppedTags:
        return DroppedTags(self.database, self.connections, self.destinations)

    @cached_property
    def schedules(self) -> Schedules:
        from bot.engines.embedded import next_time  # APScheduler takes a while to import, and exports need none of it

        return Schedules(self.database, self.source, self.destinations, self.runs, next_time)

    @cached_property
    def digests(self) -> Digests:
        from bot.engines.embedded import next_time

        return Digests(self.database, next_time)

    @cached_property
    def individuals(self) -> Individuals:
        return Individuals(self.database, self.vault, self.source, self.destinations)

    @cached_property
    def exporting(self) -> Exporting:
        tools = Tools(self.database, self.vault, self.source, self.connections.open, self.settings.home)
        return Exporting(tools, OwnerLocks(self.settings.home / "locks"), self.shutdown, self.rights)

    def command_line(self) -> Actor:
        """Whoever has the machine: an administrator of the one workspace."""
        with self.database.write() as session:
            workspace = workspaces.home(session, self.database.now(session))
            return Actor(workspace.id, COMMAND_LINE, Standing.ADMINISTRATOR)


def build(settings: Settings, *, clock: Clock | None = None) -> Application:
    """Open the database, bring it to the newest revision, and put everything together.

    Raises InvalidInput for a secret key or database URL that cannot be used, Unavailable if the database does not answer.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        vault = Vault(settings.secret_keys())
    except OSError as error:
        raise InvalidInput(
            "POSTINO_HOME cannot be used: {home}: {problem}.",
            field="POSTINO_HOME",
            home=str(settings.home),
            problem=error.strerror or str(error),
        ) from None
    except ValueError:
        raise InvalidInput(
            "POSTINO_SECRET_KEY is not a valid key. Make one with: postino doctor --new-key", field="POSTINO_SECRET_KEY"
        ) from None
    database = _opened(settings, clock)
    return Application(settings, database, vault, threading.Event(), clock or utc_now)


def _opened(settings: Settings, clock: Clock | None) -> Database:
    try:
        database = Database(settings.database, clock)
        database.migrate()
    except NoSuchModuleError:
        raise _unsupported() from None
    except (ArgumentError, ValueError):
        raise InvalidInput(
            "POSTINO_DATABASE_URL is no database address. It looks like postgresql+psycopg://user:password@host/name.",
            field="POSTINO_DATABASE_URL",
        ) from None
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("psycopg"):
            raise InvalidInput(
                "A PostgreSQL database needs the Python package {package}. Install Postino with '.[postgres]'.",
                field="POSTINO_DATABASE_URL",
                package=error.name or "",
            ) from None
        raise _unsupported() from None
    except DBAPIError as error:
        raise database_errors.meaning(error) from None
    except OSError as error:
        raise InvalidInput(
            "The folder of the database cannot be made: {folder}: {problem}. Check POSTINO_DATABASE_URL.",
            field="POSTINO_DATABASE_URL",
            folder=str(error.filename or ""),
            problem=error.strerror or str(error),
        ) from None
    return database


def _unsupported() -> InvalidInput:
    return InvalidInput(
        "Postino keeps its data in SQLite or PostgreSQL only; correct POSTINO_DATABASE_URL.",
        field="POSTINO_DATABASE_URL",
    )
