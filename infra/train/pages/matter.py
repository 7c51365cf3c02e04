"""What a document is about: its parties, people, sums and dates, and the words it likes to use.

All pages of a document share one `Matter`, so they differ in what they say and not in whom it concerns: the hard
negatives of a retriever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib import resources

from faker import Faker

from infra.train.pages.chance import Chance
from infra.train.pages.tongues import ENGLISH, KINDS, TERMS, Tongue

__all__ = ["Matter", "fake", "fill", "initials", "invent", "money", "sentences", "when", "word_list", "written"]

WORD = re.compile(r"\w+")
SLOT = re.compile(r"\{(\w+)\}")
FIRST_DAY, DAYS = date(1985, 1, 1), 14600


@dataclass(frozen=True, slots=True)
class Matter:
    """Facts and vocabulary of a document. `parties` by name with `roles`; `people` who sign; `day` its date."""

    tongue: Tongue
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
def word_list(name: str) -> tuple[str, ...]:
    """A list of wonderwords: its nouns, verbs or adjectives."""
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


def invent(chance: Chance, tongue: Tongue = ENGLISH) -> Matter:
    """Make up what a document is about."""
    source = fake(tongue.locale, chance.seed())
    tongue = _worded(tongue, source)
    return Matter(
        tongue=tongue,
        parties=(source.company(), source.company()),
        roles=chance.of(tongue.roles),
        people=tuple(source.name() for _ in range(6)),
        streets=tuple(source.street_address().replace("\n", " ") for _ in range(3)),
        cities=tongue.cities or tuple(source.city() for _ in range(4)),
        states=tongue.cities or tuple(_state(source) for _ in range(2)),
        day=FIRST_DAY + timedelta(days=chance.whole(0, DAYS)),
        day_form=chance.of(tongue.dates),
        currency=chance.weighed({"$": 6, "US$": 1, "USD ": 1, "€ ": 1, "£": 1, "EUR ": 0.5}),
        number=f"{chance.of(('', '', 'A', 'PO-', 'INV-', 'C', 'No. '))}{chance.whole(1000, 9999999)}",
        **_vocabulary(tongue, chance, source),
    )


def _vocabulary(tongue: Tongue, chance: Chance, source: Faker) -> dict[str, tuple[str, ...]]:
    """The words the document likes: of English by part of speech, of others as Faker or our own sentences have them."""
    if tongue is ENGLISH:
        kinds = (("nouns", "noun", 45), ("verbs", "verb", 20), ("adjectives", "adjective", 25))
        return {name: tuple(chance.some(word_list(kind), count)) for name, kind, count in kinds}
    own = {word for text in tongue.clauses for word in WORD.findall(SLOT.sub("", text)) if len(word) > 5}
    words = chance.some(sorted(own), 40) if tongue.label == "pt" else [word.strip(".,؟?!") for word in source.words(40)]
    return {"nouns": tuple(words), "verbs": tuple(words[:20]), "adjectives": tuple(words[20:])}


def _worded(tongue: Tongue, source: Faker) -> Tongue:
    """The language with sentences: Faker's where we have none."""
    if tongue.clauses:
        return tongue
    told = tuple(source.sentence(nb_words=12) for _ in range(24))
    short = tuple(" ".join(source.words(2)).capitalize() for _ in range(12))
    titles = {kind: tuple(name.upper() for name in short[:4]) for kind in KINDS}
    return replace(
        tongue, clauses=told, amending=told[:6], opening=told[:3], letters=told[8:], reports=told[12:], headings=short,
        titles=titles, roles=((short[0], short[1]),),
        terms={term: short[place % 12] for place, term in enumerate(TERMS)},
    )  # fmt: skip


def _state(source: Faker) -> str:
    return str(source.state() if hasattr(source, "state") else source.city())


def when(matter: Matter, chance: Chance, spread: int = 900) -> str:
    """A date near the document's, as the document writes dates."""
    return written(matter, matter.day + timedelta(days=chance.whole(0, spread)))


def written(matter: Matter, day: date) -> str:
    """A day as the document writes days, months in its language."""
    form = matter.day_form
    if matter.tongue.months:
        form = form.replace("%B", matter.tongue.months[day.month - 1])
    return day.strftime(form)


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


def _section(matter: Matter, chance: Chance) -> str:
    forms = ("Section {0}", "Section {0}.{1}", "Article {0}", "paragraph {0}({2})", "clause {0}.{1}")
    form = chance.of(forms if matter.tongue is ENGLISH else ("§ {0}", "Art. {0}", "{0}.{1}"))
    return form.format(chance.whole(1, 19), chance.whole(1, 9), chance.of("abcde"))


def _nouns(matter: Matter, chance: Chance) -> str:
    noun = chance.of(matter.nouns)
    return _plural(noun) if matter.tongue is ENGLISH else noun


def _days(chance: Chance) -> str:
    number = chance.of((5, 10, 14, 15, 20, 30, 45, 60, 90, 120))
    return chance.of((str(number), str(number), f"({number})"))


def _thing(matter: Matter, chance: Chance) -> str:
    return fill(chance.of(matter.tongue.things), matter, chance)


def initials(name: str) -> str:
    """The first letters of a name."""
    return "".join(part[0] for part in name.split() if part[0].isalpha())


SLOTS: Mapping[str, Callable[[Matter, Chance], str]] = {
    "a": lambda matter, _: matter.parties[0],
    "b": lambda matter, _: matter.parties[1],
    "x": lambda matter, _: matter.roles[0],
    "y": lambda matter, _: matter.roles[1],
    "noun": lambda matter, chance: chance.of(matter.nouns),
    "Noun": lambda matter, chance: chance.of(matter.nouns).capitalize(),
    "nouns": _nouns,
    "adj": lambda matter, chance: chance.of(matter.adjectives),
    "verb": lambda matter, chance: chance.of(matter.verbs),
    "n": lambda _, chance: str(chance.whole(2, 60)),
    "days": lambda _, chance: _days(chance),
    "percent": lambda _, chance: f"{chance.real(0.5, 40):.1f}" if chance.yes(0.5) else str(chance.whole(1, 60)),
    "amount": money,
    "date": when,
    "state": lambda matter, chance: chance.of(matter.states),
    "city": lambda matter, chance: chance.of(matter.cities),
    "person": lambda matter, chance: chance.of(matter.people),
    "initials": lambda matter, chance: initials(chance.of(matter.people)),
    "place": lambda matter, chance: f"{chance.of(matter.streets)}, {chance.of(matter.cities)}",
    "section": _section,
    "letter": lambda _, chance: chance.of("ABCDEFGH"),
    "hour": lambda _, chance: f"{chance.whole(1, 12)}{chance.of(('am', 'pm', ':30p', ':00 PM'))}",
    "thing": _thing,
    "title": lambda matter, _: matter.title,
}


def fill(template: str, matter: Matter, chance: Chance) -> str:
    """The sentence with its slots filled, starting with a capital."""
    text = SLOT.sub(lambda found: SLOTS[found[1]](matter, chance), template)
    return text[:1].upper() + text[1:]


def sentences(templates: Sequence[str], count: int, matter: Matter, chance: Chance) -> str:
    """So many sentences, as one paragraph."""
    return " ".join(fill(chance.of(templates), matter, chance) for _ in range(count))
