import pytest

from services.masking import mask, mask_text


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@example.com", "j•••@e•••.com"),
        ("jane.doe+x@mail.example.co.uk", "j•••@m•••.uk"),
        ("j@localhost", "j•••@•••"),
        ('"jane doe"@example.com', '"•••@e•••.com'),
        ("nobody", "•••"),
        ("", "•••"),
    ],
)
def test_an_address_keeps_one_letter_of_each_side(address: str, shown: str) -> None:
    assert mask(address) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("jane@example.com is already a list member.", "j•••@e•••.com is already a list member."),
        ("Write to <jane@example.com>, or o'neil@example.org.", "Write to <j•••@e•••.com>, or o•••@e•••.org."),
        ('{"email":"jane@example.com"}', '{"email":"j•••@e•••.com"}'),
        ("ünal@bücher.example!", "ü•••@b•••.example!"),
        ("jane@@example and @home", "jane@@example and @home"),
        ("a@b", "a•••@•••"),
        ("nothing here", "nothing here"),
    ],
)
def test_addresses_in_a_text_are_masked(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_values_that_were_sent_are_hidden_as_whole_words_in_any_case() -> None:
    assert mask_text("ROSSI is not Rossini, said rossi.", ["Rossi"]) == "••• is not Rossini, said •••."


def test_a_value_that_is_part_of_an_address_leaves_it_readable() -> None:
    assert mask_text("bob@example.com is no Bob", ["Bob"]) == "b•••@e•••.com is no •••"


def test_longer_values_are_hidden_before_the_words_they_hold() -> None:
    assert mask_text("Mary Ann Evans", ["Ann", "Mary Ann", "", "  "]) == "••• Evans"


def test_values_are_text_and_not_patterns() -> None:
    assert mask_text("cost is 5.0 (net) or 500", ["5.0", "(net)"]) == "cost is ••• ••• or 500"


def test_a_value_that_holds_an_address_is_hidden_whole() -> None:
    assert mask_text("Bad value: Jane <jane@example.com>", ["Jane <jane@example.com>"]) == "Bad value: •••"
