"""What pages there are, and how often: kinds of documents, the layouts of each, languages, marks.

The shares are not those of an inbox: each label of each question is to come up often enough to be learned.
`tests/test_train_pages.py` holds them: kinds and quarter turns as below; handwriting 15 to 45 percent; stamps and
signatures 8 or more each; simple and dense tables 8 or more; fair and poor 7 or more; a language other than English 1
or more each, together 20 to 45; blank pages 2 to 8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from infra.train.pages import fonts, forms, grids, letters, prose, sales, writing
from infra.train.pages.draft import Draft
from infra.train.pages.tongues import ENGLISH, OTHERS, TONGUES, Tongue

__all__ = ["KINDS", "LAYOUTS", "MARKED", "NOTED", "STAMPED", "TURNS", "Layout", "languages"]

Layout = Callable[[Draft], None]
KINDS = {
    "agreement": 0.2, "amendment": 0.08, "order": 0.1, "invoice": 0.1, "letter": 0.12, "form": 0.13, "schedule": 0.09,
    "report": 0.08, "other": 0.1,
}  # fmt: skip
LAYOUTS: dict[str, dict[Layout, float]] = {
    "agreement": {
        prose.first_page: 2, prose.clauses: 4, prose.columns: 1, letters.signatures: 2, prose.title_page: 0.4,
        prose.contents: 0.5,
    },
    "amendment": {prose.first_page: 3, letters.signatures: 1, prose.clauses: 1, prose.title_page: 0.15},
    "order": {sales.order: 4, sales.priced: 1},
    "invoice": {sales.invoice: 3, sales.receipt: 1.3, sales.priced: 0.7},
    "letter": {letters.letter: 3, writing.handwritten: 0.9, letters.cover: 0.6, letters.mail: 0.6},
    "form": {forms.form: 2, forms.questions: 1},
    "schedule": {grids.schedule: 1},
    "report": {prose.report: 1, prose.article: 1, grids.accounts: 1, prose.title_page: 0.15},
    "other": {prose.court: 1.2, writing.handwritten: 1.6, prose.plain: 2.2, writing.blank: 3.4},
}  # fmt: skip
NOTED, STAMPED, MARKED = 0.12, 0.18, 0.05  # of pages with notes by hand, a rubber stamp, strokes of a pen
TURNS = {0: 0.64, 90: 0.12, 180: 0.12, 270: 0.12}
FOREIGN = 0.032  # of documents in each language but English that fonts are there for


@cache
def languages() -> dict[Tongue, float]:
    """The languages that can be set with the fonts that are there, and their shares."""
    roles = {"zh": "chinese", "ar": "arabic"}
    there = [each for each in TONGUES if fonts.covering(roles.get(each.label, "serif"), each.sample)]
    others = [each for each in OTHERS if fonts.covering("serif", each.sample)]
    shares = dict.fromkeys(there, FOREIGN) | dict.fromkeys(others, FOREIGN / max(1, len(others)))
    return shares | {ENGLISH: 1 - sum(shares.values())}
