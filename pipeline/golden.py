"""What people said of the documents, as a golden set: the lines that `muniment evaluate extraction` reads.

A field is judged only where a person said something of it. A list is complete where each of its values was ruled on,
or where a person said that the document has none; else its key stands in `incomplete`, and what else was found is not
held against it. What nobody read and nobody added is in no such set: recall measured against it flatters. Values that
a person called unreadable are left out, for nobody knows them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline.corrections import Standing
from pipeline.reliance import Said, said
from schemas.contract import SINGLE_FIELDS, Contract

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["golden_lines", "judged"]


def golden_lines(tools: Tools, matters: Sequence[str] | None = None) -> Iterator[str]:
    """One JSON line a document that somebody said something of, in these matters (None: all), oldest first."""
    spoken = set(tools.corrections.documents(matters))
    documents = tools.catalog.documents(matters)
    names = Counter((document.matter, document.name) for document in documents)
    for document in documents:
        record = tools.catalog.record(document.id) if document.id in spoken else None
        if not record:
            continue
        try:
            fields, incomplete = judged(Contract.model_validate_json(record), tools.corrections.of(document.id))
        except ValidationError:  # of another schema: the next run makes it anew
            continue
        if fields:
            # a name that several documents of the matter bear says none of them: the id does
            name = document.name if names[document.matter, document.name] == 1 else document.id
            line = {"document": name, "matter": document.matter, "fields": fields, "incomplete": incomplete}
            yield json.dumps(line, ensure_ascii=False)


def judged(contract: Contract, corrections: Standing) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """The golden `fields` of a document, and those of them that are `incomplete`."""
    fields: dict[str, list[dict[str, Any]]] = {}
    incomplete = []
    for name, told in said(contract, corrections).items():
        words = [each for each in told if each.correction]
        if not words or (name in SINGLE_FIELDS and words[0].verdict == "unreadable"):
            continue
        fields[name] = [_expected(each) for each in words if each.value and (each.value.value or each.value.raw)]
        if name not in SINGLE_FIELDS and not _complete(told):
            incomplete.append(name)
    return fields, incomplete


def _complete(told: Sequence[Said]) -> bool:
    """Whether every value was ruled on, one by one or all at once, and none is unreadable."""
    emptied = any(each.verdict == "absent" and each.correction and not each.correction.key for each in told)
    ruled = all(each.correction or (emptied and each.value is None) for each in told)
    return ruled and all(each.verdict != "unreadable" for each in told)


def _expected(each: Said) -> dict[str, Any]:
    assert each.value is not None
    expected: dict[str, Any] = {"value": each.value.value or each.value.raw}
    for proof in each.value.evidence[:1]:
        expected |= {"page": proof.page} | ({"quote": proof.quote} if proof.quote else {})
    return expected
