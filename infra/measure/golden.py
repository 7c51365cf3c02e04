"""Golden sets from the corpora's own ground truth, in the format of `pipeline/evaluate/goldenset.py`.

    python -m infra.measure.golden {cuad,kleister_nda,vrdu_adbuy,sroie,sample_docs} [--half tuning] > golden.jsonl
    python -m infra.measure.golden {cuad_queries,sample_docs_queries} [--half tuning] > questions.jsonl

prints one JSON line a document, or a question (for `muniment evaluate retrieval`). Nothing is added to the
truth; what it does not settle is left out, so that it is not judged:
- cuad: fields from the attorneys' answers, pages from their spans where the span stands once in the document.
  An answer that is no date ("[]/[]/2019") is not judged, "perpetual" says that there is no expiration date. The
  notice period is judged where there is one only, since Muniment's takes notices of other kinds, too. The 36
  categories after names and dates are clauses, each right on the page of its passage.
- kleister_nda: its effective date may be either date that Muniment tells apart.
- vrdu_adbuy: the advertiser, the gross amount, the contract number; the flight is the time the order runs.
- sroie: company, date, total (in any currency: few receipts name one); the schema has no address. The corpus's
  JPEGs are taken to be PDFs of the same name.
- sample_docs: sums, obligations and clauses are listed in part there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from infra.measure.corpora import CORPORA, names
from pipeline.normalise import duration, iso_date, money, tidy
from schemas.cuad import CATEGORIES

__all__ = ["CONVERTERS", "QUERIES", "golden_lines", "main"]

Line = dict[str, Any]
Truth = Mapping[str, Any]

SAMPLES = Path(__file__).resolve().parents[2] / "sample_docs"
CUAD_DATES = {
    "Agreement Date": "agreement_date", "Effective Date": "effective_date", "Expiration Date": "expiration_date"
}  # fmt: skip
CUAD_LENGTHS = {"Renewal Term": "renewal_term", "Notice Period To Terminate Renewal": "notice_period"}
CUAD_FIELDS = {"Document Name", "Parties", "Governing Law", *CUAD_DATES, *CUAD_LENGTHS}
NO_CLAUSES = {"Document Name", "Parties", *CUAD_DATES}
NO_DATE = re.compile(r"perpetual|none|indefinite", re.I)
COLLECTIVE = re.compile(r"\b(?:collectively|individually|singularly|jointly|referred to|parties|together)\b", re.I)
QUOTED = re.compile(r'["“?]([^"“”?]+)["”?]')
OMITTED = "<omitted>"
LIKE = 85.0
"""Least likeness (0..100) of a party in an answer and in its span: "Driven Deliveries, Inc" lacks a dot."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print one golden set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", choices=[*CONVERTERS, *QUERIES])
    parser.add_argument("--half", choices=["tuning", "reporting", "all"], default="all")
    arguments = parser.parse_args(argv)
    for line in golden_lines(arguments.corpus, arguments.half):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0


def golden_lines(corpus: str, half: str = "all") -> list[Line]:
    """The lines of a golden set, of one half of its documents or all; sample_docs was never split, it is tuned on."""
    lines = ({**CONVERTERS, **QUERIES}[corpus])()
    whole = corpus.removesuffix("_queries")
    if half == "all" or whole == "sample_docs":
        return list(lines)
    wanted = {Path(name).stem for name in names(whole, "tuning" if half == "tuning" else "reporting")}
    return [line for line in lines if Path(line["document"]).stem in wanted]


def _truths(corpus: str, file: str = "ground_truth.jsonl") -> list[Truth]:
    text = (CORPORA / corpus / file).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _values(values: Iterable[str]) -> list[Line]:
    return [{"value": value} for value in values]


# ---- cuad


def _cuad() -> Iterator[Line]:
    for truth in _truths("cuad"):
        yield {"document": f"{truth['id']}.pdf", "fields": _cuad_fields(truth["answers"], truth["clauses"])}


def _cuad_fields(told: Mapping[str, str], spans: Mapping[str, Sequence[Truth]]) -> Line:
    fields: Line = {"title": [{"value": told["Document Name"]}], "parties": list(_cuad_parties(told["Parties"], spans))}
    for category, field in CUAD_DATES.items():
        answer = told[category]
        if date := iso_date(answer):
            fields[field] = [{"value": date, **_place(spans.get(category, ()))}]
        elif not answer or NO_DATE.search(answer):
            fields[field] = []
    for category, field in CUAD_LENGTHS.items():
        lengths = list(filter(None, map(duration, told[category].split(";"))))
        if lengths:
            fields[field] = [{"value": lengths, **_place(spans.get(category, ()))}]
        elif not told[category] and field == "renewal_term":
            fields[field] = []
    laws = [law.strip() for law in told["Governing Law"].split(";") if law.strip()]
    fields["governing_law"] = [{"value": laws, **_place(spans.get("Governing Law", ()))}] if laws else []
    fields["clauses"] = [clause for category in CATEGORIES if category not in NO_CLAUSES
                         for clause in _clauses(category, spans.get(category, ()))]  # fmt: skip
    return fields


def _cuad_parties(answer: str, spans: Mapping[str, Sequence[Truth]]) -> Iterator[Line]:
    """Names between semicolons, without their short names; "Company and Consultant (collectively …)" is no party."""
    aliases = {word.casefold() for alias in QUOTED.findall(answer) for word in alias.split()}
    for part in answer.split(";"):
        name = part.partition("(")[0].strip(' ,"')
        words = set(re.findall(r"\w+", name.casefold()))
        if len(words) == 0 or words <= aliases | {"and"} or words == {"you"} or COLLECTIVE.search(name):
            continue
        same = [span for span in spans.get("Parties", ()) if _is_name(span["text"].lower(), name.lower())]
        yield {"value": list(dict.fromkeys([tidy(name), *(tidy(span["text"]) for span in same)])), **_place(same)}


def _is_name(span: str, name: str) -> bool:
    """The same name, or most of it: the answer may run two parties together."""
    return fuzz.ratio(span, name) >= LIKE or (2 * len(span) >= len(name) and span in name)


def _place(spans: Sequence[Truth]) -> Line:
    """The pages of the spans, unless one of them stands elsewhere too: then nobody says which place was meant."""
    if not spans or any(span["occurrences"] > 1 or not span["pages"] for span in spans):
        return {}
    return {
        "page": sorted({page for span in spans for page in span["pages"]}),
        "quote": spans[0]["text"].partition(OMITTED)[0],
    }


def _clauses(category: str, spans: Sequence[Truth]) -> Iterator[Line]:
    """One clause a page: passages of a category on the same page are one tag. A passage over two is right on either."""
    seen: set[int] = set()
    for span in sorted(spans, key=lambda span: len(span["pages"])):
        place = _place([span])
        pages = set(place.get("page", ()))
        if not pages & seen:
            seen |= pages
            yield {"value": category, **place}


# ---- the others


def _kleister() -> Iterator[Line]:
    for truth in _truths("kleister_nda"):
        told = truth["expected"]
        fields = {
            "parties": _values(told.get("party", ())),
            "effective_date|agreement_date": _values(told.get("effective_date", ())),
            "governing_law": _values(told.get("jurisdiction", ())),
            "term": _values(told.get("term", ())),
        }
        yield {"document": truth["file"], "fields": fields}


def _adbuy() -> Iterator[Line]:
    for truth in _truths("vrdu_adbuy"):
        gross = truth["gross_amount"] or ""
        told = {
            "parties:advertiser": re.sub(r"\s*\(\d+\)$", "", truth["advertiser"] or ""),
            "total_amount|amounts": money(gross) if "$" in gross else money(gross).partition(" ")[2],
            "document_number|reference_numbers": truth["contract_num"] or "",
            "effective_date": iso_date((truth["flight_from"] or "").strip()),
            "expiration_date": iso_date((truth["flight_to"] or "").strip()),
        }
        yield {"document": truth["file"], "fields": {key: _values([value]) for key, value in told.items() if value}}


def _sroie() -> Iterator[Line]:
    for truth in _truths("sroie"):
        told = {
            "parties": truth.get("company") or "",
            "agreement_date": iso_date(truth.get("date") or "", "DMY"),
            "total_amount|amounts": money(truth.get("total") or "").partition(" ")[2],
        }
        name = Path(truth["file"]).with_suffix(".pdf").name
        yield {"document": name, "fields": {key: _values([value]) for key, value in told.items() if value}}


def _samples() -> Iterator[Line]:
    for path in sorted(SAMPLES.glob("inbox/*/*.json")):
        truth = json.loads(path.read_text("utf-8"))
        fields: dict[str, list[Line]] = {}
        for told in truth["fields"]:
            place = {"page": told["page"], "quote": told["quote"]}
            fields.setdefault(told["field"], []).append({"value": told["value"], **place})
        yield {
            "document": truth["document"],
            "matter": truth["matter"],
            "fields": fields,
            "incomplete": sorted({"amounts", "obligations", "clauses"} & set(fields)),
            "routes": {str(page["page"]): page["route"] for page in truth["pages"]},
        }


# ---- questions


def _cuad_queries() -> Iterator[Line]:
    """The category's description as the question; across the corpus with the document's name and parties. Questions
    whose passage stands on several pages are left out: nobody says which was meant."""
    for row in _truths("cuad", "page_queries.jsonl"):
        if not row["span_repeats_in_doc"]:
            yield {
                "query": row["question"],
                "corpus_query": " ".join((row["question"], row["doc_name"], row["parties"])),
                "document": f"{row['doc']}.pdf",
                "gold_pages": row["gold_pages"],
            }


def _sample_queries() -> Iterator[Line]:
    yield from (json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text("utf-8").splitlines())


CONVERTERS: dict[str, Callable[[], Iterator[Line]]] = {
    "cuad": _cuad,
    "kleister_nda": _kleister,
    "vrdu_adbuy": _adbuy,
    "sroie": _sroie,
    "sample_docs": _samples,
}
QUERIES: dict[str, Callable[[], Iterator[Line]]] = {
    "cuad_queries": _cuad_queries,
    "sample_docs_queries": _sample_queries,
}


if __name__ == "__main__":
    raise SystemExit(main())
