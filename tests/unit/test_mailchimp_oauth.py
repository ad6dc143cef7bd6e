from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from services import errors
from services.mailchimp import oauth
from tests.unit.mailchimp_recorder import Recorder, recording

METADATA = {
    "dc": "us6", "role": "owner", "accountname": "Contoso Coffee", "user_id": 15443,
    "login": {"email": "jane@example.com"}, "api_endpoint": "https://evil.example",
}  # fmt: skip


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def app(recorder: Recorder) -> oauth.App:
    return oauth.App("client", "s3cret", "https://postino.example.com/mailchimp?x=1", recorder.base)


def test_people_are_sent_to_mailchimp_with_a_state() -> None:
    url = oauth.authorize_url(oauth.App("client", "s3cret", "https://postino.example.com/back?x=1"), "st&te")
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://login.mailchimp.com/oauth2/authorize"
    assert parse_qs(parts.query) == {
        "response_type": ["code"], "client_id": ["client"], "state": ["st&te"],
        "redirect_uri": ["https://postino.example.com/back?x=1"],
    }  # fmt: skip
    assert "s3cret" not in url


def test_a_code_becomes_a_token_and_its_data_centre(recorder: Recorder) -> None:
    recorder.then(200, {"access_token": "t0ken", "expires_in": 0, "scope": None}).then(200, METADATA)
    assert oauth.authorise(app(recorder), "c0de") == oauth.Grant("t0ken", "us6", "Contoso Coffee", "owner")
    token, metadata = recorder.seen
    assert (token.method, token.path) == ("POST", "/oauth2/token")
    assert parse_qs(token.text) == {
        "grant_type": ["authorization_code"], "client_id": ["client"], "client_secret": ["s3cret"], "code": ["c0de"],
        "redirect_uri": ["https://postino.example.com/mailchimp?x=1"],
    }  # fmt: skip
    assert (metadata.method, metadata.path) == ("GET", "/oauth2/metadata")
    assert metadata.headers["authorization"] == "OAuth t0ken"


def test_a_netrc_never_replaces_the_token(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setattr("services.mailchimp.client.session", lambda _: requests.Session())  # reads the environment
    recorder.then(200, METADATA)
    oauth.identify("t0ken", recorder.base)
    assert recorder.seen[0].headers["authorization"] == "OAuth t0ken"


@pytest.mark.parametrize("status", [200, 400, 401])
def test_an_error_in_the_body_counts_whatever_the_status(recorder: Recorder, status: int) -> None:
    recorder.then(200, {"access_token": "t0ken"}).then(status, {"error": "invalid_token"})
    with pytest.raises(errors.ReconnectNeeded, match="invalid_token"):
        oauth.authorise(app(recorder), "c0de")


def test_a_code_that_was_used_up_asks_to_start_again(recorder: Recorder) -> None:
    recorder.then(400, {"error": "invalid_grant", "error_description": "Code c0de is expired"})
    with pytest.raises(errors.ReconnectNeeded, match=r"Code ••• is expired\. Start it again"):
        oauth.authorise(app(recorder), "c0de")


@pytest.mark.parametrize("dc", ["evil.example/", "", None, "us6@127.0.0.1"])
def test_a_data_centre_that_could_lead_elsewhere_is_refused(recorder: Recorder, dc: str | None) -> None:
    recorder.then(200, {"access_token": "t0ken"}).then(200, {**METADATA, "dc": dc})
    with pytest.raises(errors.InvalidInput):
        oauth.authorise(app(recorder), "c0de")


@pytest.mark.parametrize(("status", "body"), [(500, {}), (502, "<html>"), (200, "<html>"), (200, {}), (200, [])])
def test_no_proper_answer_is_unavailable(recorder: Recorder, status: int, body: object) -> None:
    recorder.then(status, body)
    with pytest.raises(errors.Unavailable):
        oauth.authorise(app(recorder), "c0de")


def test_a_login_server_that_is_not_there_is_unavailable() -> None:
    with recording() as recorder:
        pass
    with pytest.raises(errors.Unavailable):
        oauth.identify("t0ken", recorder.base)


def test_redirects_are_not_followed(recorder: Recorder) -> None:
    with recording() as elsewhere:
        recorder.then(302, "", headers={"Location": elsewhere.base})
        with pytest.raises(errors.Refused):
            oauth.identify("t0ken", recorder.base)
        assert elsewhere.connections == 0


def test_secrets_are_sent_only_to_a_server_that_is_allowed(recorder: Recorder) -> None:
    port = recorder.base.rpartition(":")[2]
    for login_url in (f"http://x@127.0.0.1:{port}", f"http://127.0.0.1.example.com:{port}", "http://login.example.com"):
        with pytest.raises(errors.InvalidInput) as refused:
            oauth.authorise(oauth.App("client", "s3cret", "https://x.example.com", login_url), "c0de")
        assert refused.value.field == "POSTINO_MAILCHIMP_LOGIN_URL"
    assert recorder.connections == 0


def test_a_key_that_names_its_data_centre_is_not_asked_about(recorder: Recorder) -> None:
    assert oauth.data_centre_of(f"{'0a' * 16}-us14", recorder.base) == "us14"
    assert recorder.connections == 0


def test_a_key_without_its_data_centre_is_asked_about(recorder: Recorder) -> None:
    recorder.then(200, METADATA)
    assert oauth.data_centre_of("0a" * 16, recorder.base) == "us6"


def test_a_key_nobody_knows_says_what_to_copy(recorder: Recorder) -> None:
    recorder.then(200, {"error": "invalid_token"})
    with pytest.raises(errors.InvalidInput, match="us14") as refused:
        oauth.data_centre_of("0a" * 16, recorder.base)
    assert refused.value.field == "api_key"


def test_no_repr_shows_a_secret(recorder: Recorder) -> None:
    assert "s3cret" not in repr(app(recorder))
    assert "t0ken" not in repr(oauth.Grant("t0ken", "us6", "Contoso", "owner"))
