"""The search both index backends run: find candidates on every leg, score all of them on every leg, fuse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.backends.layout import (
    FACETS,
    AnyOf,
    Condition,
    Lacking,
    Leg,
    PointId,
    first_stage,
    fuse,
    second_stage,
    unchosen,
    walls,
)
from pipeline.backends.protocols import PageQuery, PageScore
from pipeline.types import SearchFilter

__all__ = ["HybridIndex"]

# Candidates a leg contributes, at least and at most (an engine makes room for as many as it is told). All of them are
# scored on the other legs too, so that no page wins or loses by being cut off in one ranking.
DEPTH, MOST = 100, 1000

EXACT = 1000
"""Pages inside the walls, at most, of which all are compared with the question by every row of their images: those of a
matter, mostly. Among more, the pooled rows find the candidates."""


class HybridIndex(ABC):
    """`PageIndex.search` and `pages_of` over four questions that an engine has to answer.

    Every question is given `conditions`, and an engine has to put them inside each nearest-neighbour search: a
    filter applied after the search would let other matters' pages crowd out the allowed ones.
    """

    def search(self, query: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        """Best first, at most `limit`. With phrases, pages no leg found follow, in the order of their ids."""
        conditions = walls(where, query.phrases)
        if conditions is None or limit < 1:
            return []
        legs = second_stage(query) if query.image is not None and self._few(conditions) else first_stage(query)
        depth = min(max(DEPTH, limit), MOST)
        first = _by_name(legs, self._nearest(legs, conditions, depth)) if legs else {}
        found = sorted({point for scores in first.values() for point in scores})
        ranked = self._fused(query, conditions, first, found) if found else []
        if query.phrases and len(ranked) < limit:
            listed = self._matching(conditions, limit)
            ranked += [(point, 0.0) for point in listed if point not in found]
        return self._scores(ranked[:limit])

    def facets(self, where: SearchFilter, limit: int) -> dict[str, list[tuple[str, int]]]:
        """Commonest first, equal ones by name. A matter outside the filter is never counted."""
        found = {}
        for key in FACETS:
            conditions = walls(unchosen(where, key))
            values = [] if conditions is None else self._counted(key, conditions, limit)
            found[key] = sorted(((value, count) for value, count in values if value), key=lambda v: (-v[1], v[0]))
        return found

    def pages_of(self, document: str) -> set[int]:
        """The page numbers this document has in the index."""
        points = self._matching([AnyOf("document", (document,))], None)
        return {int(payload["page"]) for payload in self._fetch(points).values()}

    def documents(self) -> dict[str, dict[str, int]]:
        """Points by matter and document; what has neither is in no part of it."""
        most = self.count()
        matters = self._counted("matter", [], most) if most else []
        return {matter: dict(self._counted("document", [AnyOf("matter", (matter,))], most)) for matter, _ in matters}

    def without_images(self, document: str = "") -> dict[str, dict[int, str]]:
        """By document and page number the SHA-256 of the images that have no vectors here, of all documents or one."""
        found: dict[str, dict[int, str]] = defaultdict(dict)
        own = [AnyOf("document", (document,))] if document else []
        points = self._matching([Lacking("image"), *own], None)
        for start in range(0, len(points), MOST):
            for payload in self._fetch(points[start : start + MOST]).values():
                found[str(payload["document"])][int(payload["page"])] = str(payload["sha256"])
        return dict(found)

    def _few(self, conditions: Sequence[Condition]) -> bool:
        return len(self._matching(conditions, EXACT + 1)) <= EXACT

    @abstractmethod
    def count(self) -> int:
        """All points."""

    def _fused(
        self,
        query: PageQuery,
        conditions: Sequence[Condition],
        first: Mapping[str, Mapping[PointId, float]],
        found: Sequence[PointId],
    ) -> list[tuple[PointId, float]]:
        """The candidates with their fused scores; what the first stage told of one on a leg is not asked again."""
        legs = second_stage(query)
        known = [first.get(leg.using, {}) for leg in legs]
        missing = [[point for point in found if point not in scores] for scores in known]
        asked = [(leg, points) for leg, points in zip(legs, missing, strict=True) if points]
        again = [leg for leg, _ in asked]
        told = self._nearest(again, conditions, len(found), [points for _, points in asked]) if asked else []
        more = _by_name(again, told)
        return fuse(legs, [{**scores, **more.get(leg.using, {})} for leg, scores in zip(legs, known, strict=True)])

    def _scores(self, ranked: Sequence[tuple[PointId, float]]) -> list[PageScore]:
        stored = self._fetch([point for point, _ in ranked])
        hits = [(score, stored[point]) for point, score in ranked if point in stored]
        return [
            PageScore(str(payload["document"]), int(payload["page"]), score, payload=payload) for score, payload in hits
        ]

    @abstractmethod
    def _nearest(
        self,
        legs: Sequence[Leg],
        conditions: Sequence[Condition],
        depth: int,
        among: Sequence[Sequence[PointId]] | None = None,
    ) -> list[dict[PointId, float]]:
        """For each leg the scores of its best `depth` points inside the conditions (and, if given, among that leg's
        ids)."""

    @abstractmethod
    def _matching(self, conditions: Sequence[Condition], limit: int | None) -> list[PointId]:
        """Ids of all points (or the first `limit`) inside the conditions."""

    @abstractmethod
    def _counted(self, key: str, conditions: Sequence[Condition], limit: int) -> list[tuple[str, int]]:
        """The commonest values of a field among the points inside the conditions, with exact counts."""

    @abstractmethod
    def _fetch(self, points: Sequence[PointId]) -> dict[PointId, Mapping[str, Any]]:
        """The shown payload of these points."""


def _by_name(legs: Sequence[Leg], scores: Sequence[dict[PointId, float]]) -> dict[str, dict[PointId, float]]:
    return {leg.using: found for leg, found in zip(legs, scores, strict=True)}
