"""Routes as triage chose them against those a person would choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.evaluate.bootstrap import Interval, by_document, interval, mean
from pipeline.evaluate.goldenset import LookedUp
from pipeline.types import Route

__all__ = ["NO_ROUTE", "RouteScores", "triage"]

NO_ROUTE = "none"
"""What a page got that was held, or whose document is not here."""


@dataclass(frozen=True)
class RouteScores:
    """`pages` are (document, route wanted, route given or `NO_ROUTE`). `missing` names the documents that are not
    here, `unread` those whose pages have no route under the present settings."""

    pages: tuple[tuple[tuple[str, str], str, str], ...]
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def confusion(self) -> Counter[tuple[str, str]]:
        """Pages by (route wanted, route given)."""
        return Counter((wanted, given) for _, wanted, given in self.pages)

    @property
    def agreement(self) -> Interval:
        """The share of pages that got the route a person would choose; documents resampled."""
        return self._share(lambda wanted, given: wanted == given)

    @property
    def too_easy(self) -> Interval:
        """The share of pages whose route asks less than a person would: what is misread goes unnoticed there."""
        return self._share(lambda wanted, given: given in _RANK and _RANK[given] < _RANK[wanted])

    def of(self, route: Route) -> dict[str, float | int | None]:
        """Precision and recall of one route, and the pages that want it."""
        right = self.confusion[route, route]
        wanted = sum(count for (want, _), count in self.confusion.items() if want == route)
        given = sum(count for (_, got), count in self.confusion.items() if got == route)
        return {
            "pages": wanted,
            "precision": right / given if given else None,
            "recall": right / wanted if wanted else None,
        }

    def as_json(self) -> dict[str, Any]:
        """Everything; `confusion` is by route wanted, then route given."""
        table = {want: {got: self.confusion[want, got] for got in (*Route, NO_ROUTE)} for want in Route}
        return {
            "pages": len(self.pages),
            "missing": list(self.missing),
            "unread": list(self.unread),
            "agreement": self.agreement.as_json(),
            "too_easy": self.too_easy.as_json(),
            "routes": {route: self.of(route) for route in Route},
            "confusion": table,
        }

    def _share(self, counts: Callable[[str, str], bool]) -> Interval:
        documents = [document for document, _, _ in self.pages]
        return interval(by_document(documents, [counts(wanted, given) for _, wanted, given in self.pages]), mean)


def triage(found: LookedUp[Mapping[int, Route]]) -> RouteScores:
    """Compare the routes of the pages that the golden set names."""
    pages = [
        (document.key, route, (routes or {}).get(page, NO_ROUTE))
        for document, routes in found.documents
        for page, route in sorted(document.routes.items())
    ]
    return RouteScores(tuple(pages), found.missing, found.unread)


_RANK: dict[str, int] = {route: rank for rank, route in enumerate(Route)}
