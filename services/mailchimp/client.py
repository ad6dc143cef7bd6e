"""One HTTP call to Mailchimp, paced, repeated while that can help, and turned into JSON or an error."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson
import requests
import structlog
import tenacity
import urllib3

from services import errors, mailing
from services.mailchimp import hosts, meaning, pacing

Result = TypeVar("Result")

USER_AGENT = "Postino (delivers segments to Mailchimp audiences)"
_READ_AT_ONCE = 1 << 20
"""Bytes of an answer that are asked for at once. By requests' ten thousand, each of many threads waits for the interpreter
some forty times per answer, and the connection is held meanwhile."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try. All in seconds.

    Before the n-th repetition a random time up to ``first`` · 2ⁿ⁻¹ passes, never more than ``longest``; none is begun
    later than ``in_all`` after the first try.
    """

    first: float = 2
    longest: float = 120
    in_all: float = 900
    connecting: float = 10
    reading: float = 130  # Mailchimp gives up after 120 s: leaving earlier would leave a connection open there


EXPORT = Patience()
INTERACTIVE = Patience(first=0.5, longest=2, in_all=8, connecting=5, reading=15)  # somebody is looking at a dialog


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``path`` may name ``{member}``, which is never logged; ``secrets`` are masked in what comes back.

    ``divisible`` means that the caller can send less at a time, so two slow answers are enough.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: object = None
    member: str = ""
    secrets: Iterable[str] = ()
    divisible: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON of an answer, and Mailchimp's own clock (its Date header), in UTC."""

    data: Any
    served_at: datetime

    def read(self, reader: Callable[[Any], Result]) -> Result:
        """What ``reader`` makes of the JSON. Raises Unreadable if it has another shape than Mailchimp documents."""
        try:
            return reader(self.data)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            _log.warning("mailchimp.unreadable", kind=type(error).__name__)
            raise Unreadable from None  # the error's text may show what it could not read


class Unreachable(errors.Unavailable):
    """No connection, or one that broke: says nothing about Mailchimp's pace."""

    def __init__(self) -> None:
        super().__init__("Mailchimp cannot be reached. The next try goes on where this one stopped.")


class Unreadable(errors.Unavailable):
    """An answer that is not what Mailchimp documents, perhaps not even from Mailchimp."""

    def __init__(self) -> None:
        super().__init__("Mailchimp answered in a form that Postino does not understand.")


class _Bearer(requests.auth.AuthBase):
    """As an object, so that no .netrc can replace it and no repr shows the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"  # Mailchimp: API key or OAuth token alike
        return request


class _Gated(requests.adapters.HTTPAdapter):
    """Passes the meter's gate at the last moment: a worker that froze on the way must not wake up and send."""

    def __init__(self, gate: Callable[[], None], pool_maxsize: int) -> None:
        self._gate = gate
        super().__init__(pool_maxsize=pool_maxsize)

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        self._gate()
        return super().send(*arguments, **options)


class Client:
    """Calls to one account. Safe over threads: the one session only lends pooled connections, and keeps no cookies."""

    def __init__(
        self,
        token: str,
        data_centre: str,
        *,
        api_url: str | None = None,
        pacer: pacing.AccountPacer,
        meter: mailing.Meter,
        stop: threading.Event,
        patience: Patience,
    ) -> None:
        """Raises InvalidInput for a host no credential may be sent to, or a token that cannot be one."""
        self._base = hosts.api_base(data_centre, api_url)
        if not re.fullmatch(r"[!-~]+", token):
            raise errors.InvalidInput("This is not a Mailchimp API key or token.", field="api_key")
        self._pacer = pacer
        self._meter = meter
        self._stop = stop
        self._patience = patience
        self._session = session(self._base, gate=meter.gate)
        self._session.auth = _Bearer(token)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def call(self, call: Call) -> Answer:
        """Make a call and repeat it while that can help. All our calls may be repeated: the second changes nothing."""
        return self.persist(lambda attempt: self.once(call, repeated=attempt > 1), divisible=call.divisible)

    def persist(self, work: Callable[[int], Result], *, divisible: bool = False) -> Result:
        """Do ``work`` with the number of the attempt, from 1, until it is done, refused, stopped or patience is out."""
        patience = self._patience
        attempt = slow = 0

        def once_more() -> Result:
            nonlocal attempt, slow
            attempt += 1
            try:
                return work(attempt)
            except mailing.TimedOut:
                slow += 1
                raise

        out_of_time = tenacity.stop_before_delay(patience.in_all)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(errors.Unavailable),
            wait=tenacity.wait_random_exponential(multiplier=patience.first, max=patience.longest),
            stop=lambda state: (divisible and slow > 1) or out_of_time(state),
            sleep=tenacity.nap.sleep_using_event(self._stop),  # ends at once; the next attempt then raises Stopped
            reraise=True,
        )
        return retrying(once_more)

    def once(self, call: Call, *, repeated: bool = False) -> Answer:
        """Make a call once. Raises what the answer means, and Stopped instead of beginning it after a stop."""
        body = None if call.body is None else orjson.dumps(call.body)
        with self._pacer.slot(self._stop) as slot:
            self._meter.count(retry=repeated)
            try:
                content, served_at = self._send(call, body)
            except Unreachable:
                raise
            except errors.Unavailable:
                slot.throttled()
                raise
            except errors.PostinoError:
                slot.answered()
                raise
            slot.answered()
        try:
            return Answer(orjson.loads(content) if content else None, served_at)
        except orjson.JSONDecodeError:
            raise Unreadable from None

    def _send(self, call: Call, body: bytes | None) -> tuple[bytes, datetime]:
        """The answer's content, and when it was given. Only this takes a connection: what is made of it comes after."""
        began, clock = datetime.now(UTC), time.monotonic()
        log = _log.bind(method=call.method, path=call.path)
        try:
            response = self._session.request(
                call.method,
                self._base + call.path.format(member=quote(call.member, safe="")),
                params=dict(call.params),
                data=body,
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=(self._patience.connecting, self._patience.reading),
                allow_redirects=False,
                stream=True,
            )
            content = b"".join(response.iter_content(_READ_AT_ONCE))
        except requests.RequestException as error:
            log.info("mailchimp.unreachable", kind=type(error).__name__, seconds=round(time.monotonic() - clock, 1))
            raise unreachable(error) from None  # its text may show the address of a member
        log = log.bind(
            status=response.status_code,
            seconds=round(time.monotonic() - clock, 3),
            request_id=response.headers.get("X-Request-Id", ""),
        )
        if not 200 <= response.status_code < 300:
            failure = meaning.failure(response.status_code, content, secrets=call.secrets)
            log.info("mailchimp.refused", error=type(failure).__name__, text=str(failure))
            raise failure
        log.debug("mailchimp.answered")
        return content, _served_at(response.headers.get("Date", ""), began)


def session(base: str, *, gate: Callable[[], None] = lambda: None) -> requests.Session:
    """A session with pooled connections, without cookies, and past any proxy for a server on this machine."""
    made = requests.Session()
    made.trust_env = not hosts.is_loopback(urlsplit(base).hostname or "")
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers["User-Agent"] = USER_AGENT
    made.mount("https://", _Gated(gate, pool_maxsize=10))
    made.mount("http://", _Gated(gate, pool_maxsize=10))
    return made


def unreachable(error: requests.RequestException) -> errors.Unavailable:
    """What it means that no whole answer came."""
    in_the_body = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError)
    return mailing.TimedOut() if isinstance(error, requests.ReadTimeout) or in_the_body else Unreachable()


def _served_at(header: str, otherwise: datetime) -> datetime:
    try:
        served = parsedate_to_datetime(header)
    except ValueError:
        return otherwise
    return served.astimezone(UTC) if served.tzinfo else served.replace(tzinfo=UTC)
