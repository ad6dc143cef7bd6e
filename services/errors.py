"""What can go wrong, sorted by what must be done about it.

    PostinoError
    ├── InvalidInput      somebody typed or configured something that cannot work; names the field
    ├── NotFound          the thing named does not exist (any more)
    ├── NotAllowed        the person may not do this; says whom to ask
    ├── LimitExceeded     more than a limit allows; carries count and limit; nothing was sent
    ├── ReconnectNeeded   the authorisation was revoked or is wrong; a person must sign in again
    ├── Refused           permanent; retrying cannot help; says what to do
    │   └── AccountLimit  the mailing account's plan or billing refuses; the run stops and keeps what it did
    ├── Unavailable       passing; try again after `after` seconds
    └── LostLease         another worker owns the run now; stop silently

The first argument is the English sentence, used as the gettext message id, with named ``{placeholders}``; the values come as
keyword arguments. Only ``bot`` turns an error into text, in the reader's language, at delivery.
"""

from __future__ import annotations

Value = str | int | float


class PostinoError(Exception):
    """A sentence for people: ``message`` is a gettext message id, ``values`` fills its placeholders."""

    def __init__(self, message: str, /, **values: Value) -> None:
        self.message = message
        self.values = values
        super().__init__(message)

    def __str__(self) -> str:
        return self.message.format(**self.values)


class InvalidInput(PostinoError):
    """What was typed or configured cannot work. ``field`` names the input that must change."""

    def __init__(self, message: str, /, *, field: str, **values: Value) -> None:
        self.field = field
        super().__init__(message, **values)


class NotFound(PostinoError):
    """The thing named does not exist, or no longer."""


class NotAllowed(PostinoError):
    """The person may not do this; the sentence says whom to ask. ``whom`` is somebody else who may, as they are recorded."""

    def __init__(self, message: str, /, *, whom: str | None = None, **values: Value) -> None:
        self.whom = whom
        super().__init__(message, **values)


class LimitExceeded(PostinoError):
    """More than a limit allows. Nothing was sent. ``count`` and ``limit`` may be used as placeholders."""

    def __init__(self, message: str, /, *, count: int, limit: int, **values: Value) -> None:
        self.count = count
        self.limit = limit
        super().__init__(message, count=count, limit=limit, **values)


class ReconnectNeeded(PostinoError):
    """The authorisation at Mailchimp or the source was revoked or is wrong: a person must sign in again."""


class Refused(PostinoError):
    """Permanent: trying again cannot help. The sentence says what to do."""


class AccountLimit(Refused):
    """The mailing account's plan, limit or billing refuses. Stop, keep what was done, show the service's own words."""


class Unavailable(PostinoError):
    """Passing: the other side does not answer or throttles. ``after`` is how many seconds to wait, if it said so."""

    def __init__(self, message: str, /, *, after: float | None = None, **values: Value) -> None:
        self.after = after
        super().__init__(message, **values)


class LostLease(PostinoError):
    """Another worker has taken the run over. Nobody's business: stop silently."""

    def __init__(self) -> None:
        super().__init__("Another worker has taken this run over.")
