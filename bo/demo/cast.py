"""Who and what the demonstration is about. Every name is invented; the check digits are right."""

from __future__ import annotations

from typing import NamedTuple

NAME = "Lantern Workshop"
ALICE, BOB, CAROL = "alice", "bob", "carol"
PRIVATE = "C-9"
"""The customer who later asks to be forgotten: a private person without an invoice."""


class Product(NamedTuple):
    ref: str
    name: str
    unit: str
    price: str
    tax: int
    most: int
    """The largest quantity anybody orders at once."""


CUSTOMERS: dict[str, dict[str, str]] = {
    "C-1": {
        "name": "Harbour Theatre", "street": "Quay 3", "postcode": "20457", "city": "Hamburg", "country": "DE",
        "email": "office@harbour-theatre.example", "phone": "+49 40 5550 1200", "vat_id": "DE136695976", "terms": "30",
    },
    "C-2": {
        "name": "Café Morgenrot", "street": "Lindenallee 12", "postcode": "04105", "city": "Leipzig", "country": "DE",
        "email": "hallo@morgenrot.example", "phone": "+49 341 5550 77", "terms": "14",
    },
    "C-3": {
        "name": "Ferme des Tilleuls", "street": "Chemin Vert 8", "postcode": "67000", "city": "Strasbourg",
        "country": "FR", "email": "contact@tilleuls.example", "vat_id": "FR40303265045", "terms": "30",
    },
    "C-4": {
        "name": "North Pier Hotel", "street": "Marine Parade 41", "postcode": "BN2 1TL", "city": "Brighton",
        "country": "GB", "email": "accounts@northpier.example", "phone": "+44 1273 555 010", "terms": "45",
    },
    "C-5": {
        "name": "Stadtbibliothek Ulm", "street": "Vestgasse 1", "postcode": "89073", "city": "Ulm", "country": "DE",
        "email": "rechnung@bibliothek-ulm.example", "terms": "30",
    },
    "C-6": {
        "name": "Van Dam Events", "street": "Herengracht 200", "postcode": "1016 BS", "city": "Amsterdam",
        "country": "NL", "email": "finance@vandam.example", "vat_id": "NL004495445B01", "terms": "14",
    },
    "C-7": {
        "name": "Kleine Bühne e. V.", "street": "Gartenstraße 5", "postcode": "8010", "city": "Graz", "country": "AT",
        "email": "kassa@kleinebuehne.example", "vat_id": "ATU13585627", "terms": "30",
    },
    "C-8": {
        "name": "Osei & Daughters", "street": "Mill Road 9", "postcode": "CB1 2AD", "city": "Cambridge",
        "country": "GB", "email": "hello@osei.example", "terms": "21",
    },
    PRIVATE: {
        "name": "Mira Sandvik", "street": "Birkenweg 17", "postcode": "24105", "city": "Kiel", "country": "DE",
        "email": "mira.sandvik@post.example", "phone": "+49 431 5550 31", "terms": "14",
    },
    "C-10": {
        "name": "Museum of Small Things", "street": "Bergstraße 2", "postcode": "69117", "city": "Heidelberg",
        "country": "DE", "email": "shop@smallthings.example", "terms": "30",
    },
}  # fmt: skip

PRODUCTS = (
    Product("P-1", "Paper lantern, small", "piece", "12.50", 19, 40),
    Product("P-2", "Paper lantern, large", "piece", "29.00", 19, 20),
    Product("P-3", "Lantern with a printed name", "piece", "18.90", 19, 30),
    Product("P-4", "Book: Folding Light", "piece", "24.30", 7, 8),
    Product("P-5", "Workshop for groups", "hour", "95.00", 19, 8),
    Product("P-6", "Stage lighting, rent", "day", "210.00", 19, 5),
    Product("P-7", "Delivery", "trip", "35.00", 19, 1),
)

VENDOR = {"name": "Papierhaus Sommer", "city": "Düren", "country": "DE", "iban": "DE89370400440532013000"}
EMPLOYEE = {"name": "Robert Lind", "email": "bob@lantern.example", "hired": ""}

PAPERS = {
    "lease.html": (
        "<h1>Lease of the workshop</h1><p>The workshop at Canal Street 4 is let for five years from the day of"
        " signature. The rent is 1,150.00 EUR a month, due on the third working day.</p>"
    ),
    "frame-agreement.txt": (
        "Frame agreement between Lantern Workshop and Harbour Theatre.\n\nStage lighting is provided for every premiere"
        " of the season. Ten per cent are owed when a date is cancelled within a week.\n"
    ),
    "paper-delivery.csv": "item;quantity;price\n"
    "Mulberry paper 60 g;500;1.10\nBamboo frames;200;2.35\nShellac;4;18.00\n",
    "complaint.eml": (
        "From: finance@vandam.example\nTo: office@lantern.example\nSubject: Three lanterns arrived torn\n"
        "Content-Type: text/plain; charset=utf-8\n\nDear all,\n\nthree of the large lanterns arrived torn."
        " Please credit them.\n\nAnouk van Dam\n"
    ),
    "fire-safety.txt": "Fire safety of paper lanterns.\n\n"
    "All papers are treated with borax; tested after DIN 4102 B1.\n",
}
