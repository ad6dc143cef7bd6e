import pytest

from services import errors
from services.mailchimp import Mailchimp, hosts
from tests.unit.mailchimp_recorder import recording


@pytest.mark.parametrize("name", ["us1", "us14", "eu2"])
def test_a_data_centre_becomes_the_host_of_its_api(name: str) -> None:
    assert hosts.api_base(name) == f"https://{name}.api.mailchimp.com"


@pytest.mark.parametrize(
    "name", ["", "us", "14", "US14", "us14.evil.example", "us1/../", "us1@evil.example", "us1\n", "u1", "us1#", "us１"]
)
def test_nothing_else_becomes_part_of_a_host(name: str) -> None:
    with pytest.raises(errors.InvalidInput):
        hosts.api_base(name)


@pytest.mark.parametrize(
    "address",
    ["https://mailchimp.example.com", "https://mailchimp.example.com:8443/fake/", "http://127.0.0.1:8000",
     "http://localhost:8000/", "http://[::1]:8000"],
)  # fmt: skip
def test_a_server_from_the_settings_is_encrypted_or_on_this_machine(address: str) -> None:
    assert hosts.api_base("us1", address) == address.rstrip("/")
    assert hosts.login_base(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    ["http://mailchimp.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "//127.0.0.1", "mailchimp",
     "https://user:word@example.com", "http://127.0.0.1?x=1", "https://example.com/#x", "http://0.0.0.0:1", "http://[::1",
     "http://127.0.0.1:port"],
)  # fmt: skip
def test_any_other_server_is_refused_by_the_name_of_its_setting(address: str) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        hosts.api_base("us1", address)
    assert refused.value.field == "POSTINO_MAILCHIMP_API_URL"
    assert "POSTINO_MAILCHIMP_API_URL" in str(refused.value)


def test_an_api_key_names_its_data_centre() -> None:
    assert hosts.data_centre_of(f"  {'0a' * 16}-us14\n") == "us14"


def test_an_api_key_may_lack_its_data_centre() -> None:
    assert hosts.data_centre_of("0a" * 16) is None


@pytest.mark.parametrize(
    "text", ["", "hello", f"{'0a' * 16}-", f"{'0a' * 16}-evil.example", "md-abc-us1", "key word-us1"]
)
def test_what_is_no_api_key_is_said_to_be_none(text: str) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        hosts.data_centre_of(text)
    assert refused.value.field == "api_key"
    assert "us14" in str(refused.value)


def test_no_connection_is_opened_to_a_host_that_is_not_allowed() -> None:
    with recording() as recorder:
        port = recorder.base.rpartition(":")[2]
        for data_centre, api_url in [
            (f"us1@127.0.0.1:{port}/#", None),
            ("us1", f"http://us1@127.0.0.1:{port}"),
            ("us1", f"http://127.0.0.1.nip.example:{port}"),
        ]:
            with pytest.raises(errors.InvalidInput):
                Mailchimp("secret", data_centre, api_url=api_url)
        assert recorder.connections == 0


@pytest.mark.parametrize("token", ["", "two words", "line\r\nHost: evil", "ключ"])
def test_a_token_that_cannot_be_one_is_refused_before_anything_is_sent(token: str) -> None:
    with pytest.raises(errors.InvalidInput):
        Mailchimp(token, "us1")
