"""What an attribute means, told by its name or its semantic type.

Names: CDM ``CustomerProfile`` (primaryEmail, donotBulkEmail, doNotEmail, doNotContact, …) and what Customer Insights
and shop systems commonly use. Semantic types: Customer Insights API v1 (``IdentityServiceEmail``, shown as
``Identity.Service.Email``).
"""

from __future__ import annotations

import re
import unicodedata

_NAMES = {
    "email": (
        "email emailaddress emailaddress1 primaryemail contactemail mail mailaddress customeremail emailprimary "
        "secondaryemail emailaddress2 indirizzoemail"
    ),
    "first_name": "firstname fname givenname forename nome vorname prenom",
    "last_name": "lastname lname surname familyname cognome nachname",
    "phone": (
        "phone phonenumber telephone telephone1 telephonenumber mobile mobilephone mobilenumber primaryphone cellphone "
        "telefono cellulare"
    ),
    "birthday": "birthday birthdate dateofbirth dob datadinascita geburtsdatum",
    "postal_code": "postalcode postcode zip zipcode addresspostalcode cap plz",
    "consent": (
        "emailsubscriber subscribed subscriber emailconsent emailoptin optin marketingconsent emailmarketingconsent "
        "newsletter newsletteroptin newslettersubscriber consent allowemail acceptsmarketing"
    ),
    "refusal": (
        "donotemail donotbulkemail donotcontact donotmail emailoptout optout optedout unsubscribed emailunsubscribed "
        "donotbulkemailing bulkemailoptout"
    ),
}
_BY_NAME = {word: meaning for meaning, words in _NAMES.items() for word in words.split()}
_BY_SEMANTIC_TYPE = {
    "identityserviceemail": "email",
    "identityservicephone": "phone",
    "personfirstname": "first_name",
    "personlastname": "last_name",
    "personbirthdate": "birthday",
    "locationpostalcode": "postal_code",
}


def semantic(name: str, semantic_type: str | None = None) -> str | None:
    """The meaning of an attribute: one of those of ``Attribute.semantic``, or None.

    ``semantic_type`` from the metadata wins over the name. Case, blanks, marks and a vendor's prefix such as
    ``msdynci_`` or ``cust_`` in the name do not count.
    """
    if semantic_type and (meaning := _BY_SEMANTIC_TYPE.get(_fold(semantic_type))):
        return meaning
    unprefixed = name.rpartition("_")[2]
    return _BY_NAME.get(_fold(name)) or _BY_NAME.get(_fold(unprefixed))


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return re.sub(r"[\W_]", "", "".join(mark for mark in decomposed if not unicodedata.combining(mark))).casefold()
