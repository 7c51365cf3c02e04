"""What a document is about: its parties, people, sums and dates, and the words it likes to use.

All pages of a document share one `Matter`, so they differ in what they say and not in whom it concerns: the hard
negatives of a retriever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

from faker import Faker

from infra.train.pages import english
from infra.train.pages.chance import Chance

__all__ = ["Matter", "fake", "fill", "invent", "money", "sentences", "when"]

DATES = ("%B %d, %Y", "%d %B %Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%b %d, %Y", "%m/%d/%y", "%B %d, %Y")
SLOT = re.compile(r"\{(\w+)\}")
FIRST_DAY, DAYS = date(1985, 1, 1), 14600


@dataclass(frozen=True, slots=True)
class Matter:
    """Facts and vocabulary of a document. `parties` by name with `roles`; `people` who sign; `day` its date."""

    parties: tuple[str, str]
    roles: tuple[str, str]
    people: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    states: tuple[str, ...]
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    day: date
    day_form: str
    currency: str
    number: str
    title: str = ""


@cache
def _list(name: str) -> tuple[str, ...]:
    text = (resources.files("wonderwords") / "assets" / f"{name}list.txt").read_text("utf-8")
    return tuple(word for word in text.split("\n") if word.isalpha() and len(word) > 2)


@cache
def _faker(locale: str) -> Faker:
    return Faker(locale)


def fake(locale: str, seed: int) -> Faker:
    """Faker for this locale, started anew from a seed."""
    source = _faker(locale)
    source.seed_instance(seed)
    return source


def invent(chance: Chance, locale: str = "en_US") -> Matter:
    """Make up what a document is about."""
    source = fake(locale, chance.seed())
    return Matter(
        parties=(source.company(), source.company()),
        roles=chance.of(english.ROLES),
        people=tuple(source.name() for _ in range(6)),
        streets=tuple(source.street_address().replace("\n", " ") for _ in range(3)),
        cities=tuple(source.city() for _ in range(4)),
        states=tuple(_state(source) for _ in range(2)),
        nouns=tuple(chance.some(_list("noun"), 45)),
        verbs=tuple(chance.some(_list("verb"), 20)),
        adjectives=tuple(chance.some(_list("adjective"), 25)),
        day=FIRST_DAY + timedelta(days=chance.whole(0, DAYS)),
        day_form=chance.of(DATES),
        currency=chance.weighed({"$": 6, "US$": 1, "USD ": 1, "€ ": 1, "£": 1, "EUR ": 0.5}),
        number=f"{chance.of(('', '', 'A', 'PO-', 'INV-', 'C', 'No. '))}{chance.whole(1000, 9999999)}",
    )


def _state(source: Faker) -> str:
    return str(source.state() if hasattr(source, "state") else source.city())


def when(matter: Matter, chance: Chance, spread: int = 900) -> str:
    """A date near the document's, as the document writes dates."""
    return (matter.day + timedelta(days=chance.whole(0, spread))).strftime(matter.day_form)


def money(matter: Matter, chance: Chance, most: float = 6.5) -> str:
    """A sum of up to ten to the power of `most`, as the document writes sums."""
    value = 10 ** chance.real(1.3, most)
    if chance.yes(0.5):
        value = float(f"{value:.1e}")
    return f"{matter.currency}{value:,.2f}" if chance.yes(0.7) or value < 1000 else f"{matter.currency}{value:,.0f}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"


def _section(chance: Chance) -> str:
    form = chance.of(("Section {0}", "Section {0}.{1}", "Article {0}", "paragraph {0}({2})", "clause {0}.{1}"))
    return form.format(chance.whole(1, 19), chance.whole(1, 9), chance.of("abcde"))


def _value(slot: str, matter: Matter, chance: Chance) -> str:  # noqa: PLR0911, PLR0912: one line a slot
    match slot:
        case "a" | "b":
            return matter.parties[slot == "b"]
        case "x" | "y":
            return matter.roles[slot == "y"]
        case "noun":
            return chance.of(matter.nouns)
        case "Noun":
            return chance.of(matter.nouns).capitalize()
        case "nouns":
            return _plural(chance.of(matter.nouns))
        case "adj":
            return chance.of(matter.adjectives)
        case "verb":
            return chance.of(matter.verbs)
        case "n":
            return str(chance.whole(2, 60))
        case "days":
            number = chance.of((5, 10, 14, 15, 20, 30, 45, 60, 90, 120))
            return chance.of((str(number), str(number), f"({number})"))
        case "percent":
            return f"{chance.real(0.5, 40):.1f}" if chance.yes(0.5) else str(chance.whole(1, 60))
        case "amount":
            return money(matter, chance)
        case "date":
            return when(matter, chance)
        case "state":
            return chance.of(matter.states)
        case "city":
            return chance.of(matter.cities)
        case "person":
            return chance.of(matter.people)
        case "initials":
            return "".join(part[0] for part in chance.of(matter.people).split() if part[0].isalpha())
        case "place":
            return f"{chance.of(matter.streets)}, {chance.of(matter.cities)}"
        case "section":
            return _section(chance)
        case "letter":
            return chance.of("ABCDEFGH")
        case "hour":
            return f"{chance.whole(1, 12)}{chance.of(('am', 'pm', ':30p', ':00 PM'))}"
        case "thing":
            return fill(chance.of(english.THINGS), matter, chance)
        case "title":
            return matter.title or "Agreement"
    raise KeyError(slot)


def fill(template: str, matter: Matter, chance: Chance) -> str:
    """The sentence with its slots filled, starting with a capital."""
    text = SLOT.sub(lambda found: _value(found[1], matter, chance), template)
    return text[:1].upper() + text[1:]


def sentences(templates: Sequence[str], count: int, matter: Matter, chance: Chance) -> str:
    """So many sentences, as one paragraph."""
    return " ".join(fill(chance.of(templates), matter, chance) for _ in range(count))
