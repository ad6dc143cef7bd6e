"""What attributes mean by their names."""

from __future__ import annotations

import pytest

from services.sources import vocabulary


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("EMail", "email"),
        ("primaryEmail", "email"),
        ("msdynci_emailaddress1", "email"),
        ("E-Mail", "email"),
        ("FirstName", "first_name"),
        ("Last Name", "last_name"),
        ("Prénom", "first_name"),
        ("mobilePhone", "phone"),
        ("DateOfBirth", "birthday"),
        ("PostCode", "postal_code"),
        ("postalCode", "postal_code"),
        ("Email Subscriber", "consent"),
        ("doNotEmail", "refusal"),
        ("donotBulkEmail", "refusal"),
        ("doNotContact", "refusal"),
        ("RewardsPoints", None),
        ("Email Template", None),
    ],
)
def test_names_tell_what_attributes_mean(name: str, meaning: str | None) -> None:
    assert vocabulary.semantic(name) == meaning


@pytest.mark.parametrize("semantic_type", ["Identity.Service.Email", "IdentityServiceEmail"])
def test_the_metadata_wins_over_the_name(semantic_type: str) -> None:
    assert vocabulary.semantic("FirstName", semantic_type) == "email"
    assert vocabulary.semantic("FirstName", "Something.Else") == "first_name"
