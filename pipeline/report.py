"""What a person reads on the terminal. Names, quotes and reasons are hostile text: `plain` disarms them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pipeline.types import SearchHit
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.fields import FieldValue

if TYPE_CHECKING:
    from pipeline.amendments import Link, Links
    from pipeline.inbox.rescans import Rescan
    from pipeline.run import DocumentReport, RunReport
    from pipeline.types import Origin

__all__ = [
    "clip",
    "contract_text",
    "document_text",
    "hits_text",
    "links_text",
    "origins_text",
    "plain",
    "rescans_text",
    "run_text",
    "table",
]

WIDTH = 110


def plain(text: str) -> str:
    """The text on one line, without control, format (RTL override, zero width) or surrogate characters."""
    if not text.isprintable():  # else there is none of these in it: one step, for nearly all texts
        text = "".join(c if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"} else " " for c in text)
    return " ".join(text.split())


def clip(text: str, width: int) -> str:
    """At most `width` characters of `plain(text)`."""
    text = plain(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def table(rows: Sequence[Sequence[object]], indent: str = "  ") -> str:
    """Rows as left-aligned columns, the last one free to run on."""
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))] if cells else []
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(indent + line for line in lines)


def run_text(report: RunReport) -> str:
    """Documents, pages with routes and reasons, totals, and time by stage."""
    parts = [document_text(document) for document in report.documents]
    parts.append("Totals\n" + table(list(report.totals.items())))
    if report.seconds:
        parts.append(
            "Seconds of work by stage (pages and documents are worked on side by side)\n" + table(_seconds(report))
        )
    return "\n\n".join(parts)


def document_text(report: DocumentReport) -> str:
    """One document and its pages."""
    document = report.document
    head = f"{clip(document.name, 60)}  [{document.id}]  matter {clip(document.matter, 40)}: {document.status}"
    if document.reason:
        head += f" ({plain(document.reason)})"
    if not report.new:
        head += "  (was here already)"
    rows = [(f"page {p.number}", p.route or "-", p.status, clip("; ".join(p.reasons), 160)) for p in report.pages]
    return head + ("\n" + table(rows) if rows else "")


def hits_text(query: str, hits: Iterable[SearchHit]) -> str:
    """Search hits, best first, with the passage and where it stands on the scan."""
    lines = []
    for rank, hit in enumerate(hits, 1):
        place = f"{clip(hit.name, 60)}, page {hit.page}  [{hit.document}, matter {clip(hit.matter, 40)}]"
        lines.append(f"{rank:2}. {place}  score {hit.score:.3f}\n    “{clip(hit.quote, WIDTH * 2)}”")
        if hit.boxes:
            box = hit.boxes[0]
            lines.append(f"    on the scan at {box.left:.2f},{box.top:.2f} to {box.right:.2f},{box.bottom:.2f}")
    return "\n".join(lines) if lines else f"No page found for “{clip(query, 80)}”."


def contract_text(contract: Contract, most: int | None = None) -> str:
    """The fields of a document's record, each with status, confidence and the passage that proves it.

    `most` bounds the values shown of a field; what is left out is counted.
    """
    rows: list[tuple[str, str, str, str, str]] = []
    for name in (*SINGLE_FIELDS, *LIST_FIELDS):
        entry = getattr(contract, name)
        mark = " (conflict)" if entry.conflict else ""
        if not entry.values:
            rows.append((name, "-", entry.status, "", ""))
        rows += [
            (name, clip(_shown(v), 70), v.status + mark, f"{v.confidence:.2f}", _proof(v)) for v in entry.values[:most]
        ]
        if left := len(entry.values[most:]) if most else 0:
            rows.append((name, f"… and {left} more", "", "", ""))
    return table(rows)


def links_text(links: Links) -> str:
    """What the document amends and what amends it, each with its reasons; "" without links."""
    rows = [("amends", link) for link in links.amends] + [("amended by", link) for link in links.amended_by]
    return table([(_how(word, link), f"{clip(link.name, 60)}  [{link.document}]", "; ".join(link.reasons))
                  for word, link in rows])  # fmt: skip


def rescans_text(found: Sequence[Rescan]) -> str:
    """The documents that are other scans of the same paper; "" without any."""
    return table([("another scan of", f"{clip(one.name, 60)}  [{one.document}]", _alike(one)) for one in found])


def _alike(rescan: Rescan) -> str:
    return f"{rescan.alike} of {rescan.shown} pages look alike"


def origins_text(found: Sequence[Origin]) -> str:
    """What the document was made of, by the SHA-256 under which it is in the store; "" for its own original."""
    return table([("made of", f"pages {one.pages} of the batch" if one.pages else "the picture", one.sha256)
                  for one in found])  # fmt: skip


def _how(word: str, link: Link) -> str:
    return word if link.certain else f"perhaps {word}"


def _shown(value: FieldValue) -> str:
    """The value with what its field keeps beside it: a role, a purpose, a clause's category."""
    kept = value.model_dump(exclude=set(FieldValue.model_fields))
    beside = ", ".join(str(text) for text in kept.values() if text)
    return (value.value or value.raw) + (f" [{beside}]" if beside else "")


def _proof(value: FieldValue) -> str:
    """The passage that proves the value; for a computed one, all that it follows from."""
    shown = value.evidence if value.derived else value.evidence[:1]
    passages = "; ".join(f"page {each.page}: “{clip(each.quote, 80)}”" for each in shown)
    return f"computed from {value.derived}; {passages}" if value.derived else passages


def _seconds(report: RunReport) -> list[tuple[str, str]]:
    return [(stage, f"{seconds:.2f}") for stage, seconds in report.seconds.items()]
