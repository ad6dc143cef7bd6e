"""The made-up people of the demo data: each a pure function of seed, number and version."""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
from dataclasses import dataclass

HEADER = (
    "CustomerId,FirstName,LastName,FullName,DateOfBirth,Gender,EMail,Email Subscriber,Telephone,PostCode,StreetAddress,"
    "City,State,Country,Headshot,Occupation,Income,RewardsPoints,CreatedOn,eCommerce_eCommerceContacts_ContactId,"
    "LoyaltyScheme_loyCustomers_LoyaltyId"
)
TYPES = {
    "DateOfBirth": "date",
    "Email Subscriber": "boolean",
    "Income": "int64",
    "RewardsPoints": "int64",
    "CreatedOn": "date",
}


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


FIRST_NAMES = _words(
    "Abbie Adele Agnes Aisha Alejandro Amara Amélie Anders Andrea Anika Antonio Beatriz Benjamin Björn Bruno Camila "
    "Carlos Caterina Chiara Chloé Clara Daisuke Daniela David Dmitri Elena Élodie Emma Enrico Erik Fatima Federico "
    "Fiona François Giulia Grace Hana Hannah Héctor Hugo Ingrid Isabella Jamal James Jörg José Julia Kateřina Kenji "
    "Lars Laura Liam Luca Łukasz Maja María Marta Mateo Matteo Mei Michael Miguel Nadia Nia Nikolaj Noah Olga Olivia "
    "Omar Paolo Priya Rafael Renée Ricardo Rosa Ruth Samir Sara Sofia Søren Sven Tariq Thomas Valentina Victor Wei "
    "Yuki Zoë 美咲 Ольга"
)
LAST_NAMES = _words(
    "Abbott Almeida Andersson Bakker Bauer Bianchi Bennett Carter Castillo Chen Costa Delgado Díaz Dubois Eriksen "
    "Esposito Evans Fernández Ferrari Fischer Fontana García Greco Gruber Hansen Hayes Hernández Hoffmann Ibrahim "
    "Ivanova Jackson Jensen Johansson Kaya Keller Kim Kowalski Lambert Larsen Lefèvre López Marino Martin Mbeki Meyer "
    "Moreau Müller Nakamura Nguyen Novák O'Brien Okafor Olsen Park Patel Pérez Petrov Quinn Ricci Rossi Sánchez "
    "Santos Schmidt Schröder Silva Singh Smith Sørensen Suzuki Tanaka Taylor Thompson Torres Tremblay Vargas Vasquez "
    "Vitale Wagner Walker Weber White Wright Yamamoto Yılmaz Zhang 佐藤"
)
PLACES = (
    ("Los Angeles", "California", "United States", "900", 0.10),
    ("San Francisco", "California", "United States", "941", 0.17),
    ("San Diego", "California", "United States", "921", 0.235),
    ("Seattle", "Washington", "United States", "981", 0.34),
    ("Austin", "Texas", "United States", "787", 0.44),
    ("Boston", "Massachusetts", "United States", "021", 0.52),
    ("Chicago", "Illinois", "United States", "606", 0.62),
    ("New York", "New York", "United States", "100", 0.74),
    ("Milano", "Lombardia", "Italy", "201", 0.80),
    ("Roma", "Lazio", "Italy", "001", 0.85),
    ("München", "Bayern", "Germany", "803", 0.90),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", "690", 0.95),
    ("Toronto", "Ontario", "Canada", "M5V ", 1.01),
)
STREETS = _words(
    "Main Street;Oak Avenue;Via Garibaldi;Elm Street;Lindenstraße;Rue de la Paix;Harbor Road;Market Street",
    separator=";",
)
OCCUPATIONS = _words(
    "Accountant;Barista;Carpenter;Designer;Engineer;Nurse;Pharmacist;Sales, retail;Student;Teacher;Writer",
    separator=";",
)
DOMAINS = ("mail.example.com", "example.com", "post.example.com", "kunden.test", "posta.test", "mail.example.com")
_INVALID = (
    "{0}(at)example.com",
    "{0}@",
    "{0}..@example.com",
    "n/a",
    "{0}@example",
    "{0} @mail@example.com",
    "@example.com",
)
_BIDDEN = str.maketrans({"ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "ı": "i", "ß": "ss", "'": ""})


@dataclass(frozen=True, slots=True)
class Person:
    """One profile. ``draws`` are 32 numbers from 0 to 1 that decide on it."""

    customer_id: str
    draws: tuple[float, ...]
    first_name: str
    last_name: str
    full_name: str
    birth_date: str
    birth_month: int
    email: str
    subscriber: str
    telephone: str
    place: tuple[str, str, str, str, float]
    reward_points: int
    index: int

    @property
    def state(self) -> str:
        """The state or region of the home address."""
        return self.place[1]

    def row(self) -> str:
        """The profile as a CSV line, in the order of ``HEADER``."""
        draws = self.draws
        city, state, country, zip_start, _ = self.place
        street = f"{int(draws[24] * 900) + 1} {STREETS[int(draws[25] * len(STREETS))]}"
        if draws[26] < 0.0005:
            street = f"c/o Contoso\n{street}"
        gender = "F" if draws[27] < 0.5 else "M" if draws[27] < 0.97 else ""
        contact = f"CNTID_{1000 + self.index}"
        if draws[28] < 0.001:
            contact = f"{self.customer_id[:8]}-{self.customer_id[8:12]}-{self.customer_id[12:16]}"
        loyalty = f"LOYID_{4000 + self.index}" if self.reward_points else ""
        return (
            f"{self.customer_id},{_cell(self.first_name)},{_cell(self.last_name)},{_cell(self.full_name)},{self.birth_date},"
            f"{gender},{_cell(self.email)},{self.subscriber},{self.telephone},{zip_start}{int(draws[29] * 90) + 10},"
            f"{_cell(street)},{city},{state},{country},,{_cell(OCCUPATIONS[int(draws[30] * len(OCCUPATIONS))])},"
            f"{int(draws[31] * 1200) * 100 + 9000},{self.reward_points or ''},"
            f"20{int(draws[24] * 8) + 18}-0{int(draws[25] * 9) + 1}-11,"
            f"{contact},{loyalty}"
        )


def draws(key: str) -> tuple[float, ...]:
    """32 numbers from 0 to below 1, always the same for one key."""
    digest = hashlib.blake2b(key.encode()).digest()
    return tuple(number / 65536 for number in struct.unpack("<32H", digest))


def person(seed: int, index: int, version: int = 0) -> Person:
    """Person number ``index`` after ``version`` changes: of name, telephone, points and segments, never of address."""
    lasting = draws(f"{seed}:{index}")
    current = draws(f"{seed}:{index}:{version}") if version else lasting
    first = FIRST_NAMES[int(lasting[0] * len(FIRST_NAMES))]
    last = LAST_NAMES[int((current if version else lasting)[1] * len(LAST_NAMES))]
    full = f"{first} {last}"
    shown_first, shown_last, full = _misspell(first, last, full, lasting[2], lasting[3])
    month = int(lasting[4] * 12) + 1
    year = 2016 if lasting[5] < 0.005 else 1945 + int(lasting[6] * 60)
    flag = current[7]
    return Person(
        customer_id=hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=16).hexdigest(),
        draws=current,
        first_name=shown_first,
        last_name=shown_last,
        full_name=full,
        birth_date=f"{year}-{month:02d}-{int(lasting[8] * 28) + 1:02d}",
        birth_month=month,
        email=_email(seed, index, lasting),
        subscriber="True" if flag < 0.86 else "False" if flag < 0.98 else "",
        telephone=_telephone(current),
        place=next(place for place in PLACES if lasting[10] < place[4]),
        reward_points=int(current[11] * 4000) if current[12] < 0.45 else 0,
        index=index,
    )


def _misspell(first: str, last: str, full: str, draw: float, where: float) -> tuple[str, str, str]:
    if draw < 0.015:
        cut = int(where * (len(first) - 1)) + 1
        return first[:cut] + first[cut - 1 :], last, full
    if draw < 0.025:
        return first, last, f"{last}, {first}"
    if draw < 0.026:
        return first, " ".join([last] * 40), full
    if draw < 0.027:
        return f"{first} ☕🎉", last, full
    if draw < 0.029:
        return f'{first} "Bo"', last, full
    if draw < 0.0295:
        return f"={first}+1", last, full
    if draw < 0.034:
        return f"  {first.upper()}", f"{last} ", full
    return first, last, full


def _email(seed: int, index: int, lasting: tuple[float, ...]) -> str:
    """Mostly an address of one's own; sometimes another's, none, a variant or none that works."""
    kind, other = lasting[13], lasting[14]
    if kind < 0.04:
        return "" if kind < 0.037 else "   "
    if kind < 0.06 and index:
        shared = _address(seed, int(other * index))
        return shared if kind < 0.05 else f" {shared.upper()}"
    own = _address(seed, index)
    if kind < 0.07:
        return _INVALID[int(other * len(_INVALID))].format(own.partition("@")[0])
    if kind < 0.09:
        return (own.title(), f"{own} ", own.upper(), f"\t{own}")[int(other * 4)]
    if kind < 0.092:
        return own.partition("@")[0] + "@bücher.test"
    return own


def _address(seed: int, index: int) -> str:
    """The address that person ``index`` was given; one in fifty shows somebody else's name."""
    lasting = draws(f"{seed}:{index}")
    first = lasting[0] if lasting[15] > 0.02 else lasting[16]
    name = FIRST_NAMES[int(first * len(FIRST_NAMES))]
    last = LAST_NAMES[int(lasting[1] * len(LAST_NAMES))]
    return f"{_ASCII[name]}.{_ASCII[last]}{index}@{DOMAINS[int(lasting[17] * len(DOMAINS))]}"


def _telephone(current: tuple[float, ...]) -> str:
    if current[18] < 0.08:
        return ""
    area, line = 201 + int(current[18] * 700), int(current[19] * 10000)
    extension = int(current[9] * 900) + 100
    return (
        f"+1 {area} 555 {line:04d}",
        f"({area}) 555-{line:04d}",
        f"{area}.555.{line:04d}x{extension}",
        f"001-{area}-555-{line:04d} ext. {extension}",
        f"{area}555{line:04d}",
    )[int(current[9] * 1000) % 5]


def _cell(text: str) -> str:
    if "," in text or '"' in text or "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.translate(_BIDDEN)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", plain) or "guest"


_ASCII = {name: _ascii(name) for name in (*FIRST_NAMES, *LAST_NAMES)}
