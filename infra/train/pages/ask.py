"""What a retriever may be asked about a page: phrases printed on it, and questions its facts answer."""

from __future__ import annotations

import re

from infra.train.pages.chance import Chance
from infra.train.pages.types import TrainingPage

__all__ = ["phrases", "questions"]

UNSPACED = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")

ASKED = {
    "party": ("{about} with {value}", "documents that name {value}", "who is {value}"),
    "date": ("{about} dated {value}", "what happened on {value}", "dated {value}"),
    "amount": ("{about} of {value}", "payment of {value}", "how much is the {about}"),
    "number": ("number {value}", "{about} {value}", "find {about} no. {value}"),
}


def phrases(page: TrainingPage, count: int = 4, seed: int = 0) -> list[str]:
    """So many phrases of 2 to 8 words that follow each other in the page's print, or fewer where there are few."""
    printed = [word.text for word in page.words if not word.hand]
    chance, found = Chance(seed, len(printed), page.document), []
    for _ in range(count if len(printed) > 1 else 0):
        length = min(chance.whole(2, 8), len(printed))
        start = chance.whole(0, len(printed) - length)
        found.append(_said(printed[start : start + length]))
    return found


def _said(words: list[str]) -> str:
    """The words as one would type them: Chinese, in runs that its layout made, without blanks."""
    return UNSPACED.sub("", " ".join(words))


def questions(page: TrainingPage, seed: int = 0) -> list[str]:
    """A question for each fact of the page."""
    chance = Chance(seed, page.document)
    return [
        chance.of(ASKED[fact.name]).format(value=fact.value, about=fact.about.lower() or "page") for fact in page.facts
    ]
