"""The stages of the road as the spine calls them: each maps one room over a document's pages.

What a stage learns is remembered page by page (`memo.py`). A page that fails carries its error from stage
to stage instead of a result, and is settled as `held` with that reason; the pages beside it go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline import extract as extraction
from pipeline import index as indexing
from pipeline import page_images, turning
from pipeline import read as reading
from pipeline import render as rendering
from pipeline import triage as sorting
from pipeline.backends.protocols import PageInput
from pipeline.claims import Claim
from pipeline.errors import (
    DiskFull,
    DocumentHeld,
    IndexUnavailable,
    MunimentError,
    UsageError,
    WorkerTimeout,
)
from pipeline.frontier import readings as frontier_readings
from pipeline.frontier.readings import FrontierReading
from pipeline.intake import refused_status
from pipeline.memo import Memo, chain
from pipeline.outcomes import escalated_outcome, read_outcome, standing
from pipeline.pdf import InspectJob, PdfInfo
from pipeline.pdf import inspect as inspect_pdf
from pipeline.store import LOST
from pipeline.types import (
    Document,
    DocumentStatus,
    Finding,
    PageImage,
    PageOutcome,
    PageStatus,
    PageText,
    Route,
    Triage,
)
from pipeline.worker import timed
from schemas import SCHEMA_VERSION
from schemas.contract import Contract

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.wiring import Tools

__all__ = [
    "Work",
    "answered",
    "compare",
    "extract",
    "finish",
    "index",
    "inspect",
    "merge",
    "read",
    "readable",
    "refuse",
    "render",
    "settle",
    "triage",
    "turn",
    "up_to_date",
    "versions",
]

T = TypeVar("T")
J = TypeVar("J")
Pages = dict[int, T | MunimentError]

# Raised when a stage's output changes: what it and the stages after it remembered is then done anew.
VERSIONS = {"inspect": 2, "render": 4, "read": 4, "triage": 3, "extract": 4, "merge": 4, "index": 3}

INDEX_BATCH = 32  # pages embedded and written at a time: bounds memory, and what a kill repeats


@dataclass(frozen=True)
class Work:
    """One document on the road, the tools it is worked with, and the claim under which that is done."""

    document: Document
    tools: Tools
    claim: Claim = field(default_factory=Claim)
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # seconds of workers, by stage

    @property
    def late(self) -> bool:
        """Whether workers have spent all the time on it that a document may take."""
        return sum(self.spent.values()) >= self.tools.settings.document_seconds

    @property
    def pdf(self) -> Path:
        """The original in the store."""
        return self.tools.store.path(self.document.sha256)

    @property
    def catalog(self) -> Catalog:
        """The catalog, which takes what is said of the document only while the claim holds."""
        return self.tools.catalog.under(self.claim)

    @cached_property
    def memo(self) -> Memo:
        """What is remembered of this content by the stages as they are configured now."""
        return Memo(self.tools.catalog, self.document.sha256, versions(self.tools))

    @cached_property
    def answers(self) -> dict[int, FrontierReading]:
        """What a frontier model said of the pages it was asked about; that of the configured one goes first."""
        return frontier_readings.remembered(
            self.tools.catalog, self.document.sha256, self.tools.settings.frontier_model
        )


def versions(tools: Tools) -> dict[str, str]:
    """Stage versions under the present settings and models, in road order (see `memo.chain`).

    Models go in by the identity of their files, so that nothing is loaded to find everything done.
    """
    settings, models = tools.settings, tools.identities
    shaped_by: dict[str, object] = {
        "inspect": (),
        "render": (settings.dpi, settings.max_pixels, settings.max_page_points),
        "read": (settings.language,),
        "triage": (astuple(sorting.policy_of(settings)), models["triage"], settings.quantization),
        "extract": (SCHEMA_VERSION, models["text"], models["extract"], settings.quantization),
        "merge": (settings.field_threshold,),
        "index": (indexing.LAYOUT, models["text"], models["page"]),
    }
    return chain({stage: f"{VERSIONS[stage]} {shape}" for stage, shape in shaped_by.items()})


def up_to_date(document: Document, tools: Tools) -> bool:
    """Whether the document is done and indexed by exactly these stages, settings and models."""
    return (
        document.status is not DocumentStatus.RECEIVED
        and tools.catalog.indexed(document.id) == versions(tools)["index"]
    )


def inspect(work: Work) -> PdfInfo:
    """Open the PDF in a worker; raises `DocumentRejected` or `DocumentHeld` for what can't be relied on."""
    if work.document.sha256 not in work.tools.store:
        raise DocumentHeld(LOST)

    def compute() -> PdfInfo:
        settings = work.tools.settings
        job = InspectJob(work.pdf, settings.max_pages, settings.max_depth, settings.max_attachments)
        answers = _in_workers(work, "inspect", inspect_pdf, [job])
        return _sole(answers)

    return work.memo.whole("inspect", PdfInfo, compute)


def render(work: Work, info: PdfInfo) -> Pages[PageImage]:
    """Every page as an upright image in the store; one that got lost there is made anew."""
    turns: dict[int, int] = {}  # of pages whose image got lost: their words were read as it lay

    def compute(missing: Sequence[int]) -> Iterator[Pages[PageImage]]:
        jobs = [_render_job(work, n, turns.get(n)) for n in missing]
        for job, result in _in_workers(work, "render", rendering.render_page, jobs):
            if isinstance(result, PageImage):
                work.tools.store.publish(result.sha256)
            yield {job.number: result}

    numbers = range(1, info.page_count + 1)
    images = work.memo.pages("render", PageImage, numbers, compute)
    if lost := [n for n, image in good(images).items() if image.sha256 not in work.tools.store]:
        turns |= {n: image.rotation for n, image in good(images).items()}
        work.memo.forget("render", lost)
        images = work.memo.pages("render", PageImage, numbers, compute)
    return images


def read(work: Work, images: Pages[PageImage]) -> Pages[PageText]:
    """The visible words of every page that was rendered."""
    settings, store = work.tools.settings, work.tools.store.root
    rendered = good(images)

    def compute(missing: Sequence[int]) -> Iterator[Pages[PageText]]:
        work.tools.store.bring(rendered[n].sha256 for n in missing)
        jobs = [reading.ReadJob(work.pdf, rendered[n], store, settings.language, settings.tessdata) for n in missing]
        for job, result in _in_workers(work, "read", reading.read_page, jobs):
            yield {job.image.number: result}

    return work.memo.pages("read", PageText, list(rendered), compute)


def turn(work: Work, images: Pages[PageImage], texts: Pages[PageText]) -> tuple[Pages[PageImage], Pages[PageText]]:
    """The same, with pages that the triage VLM saw lie wrongly turned and read again, where they read better so."""
    classifier, settings = work.tools.classifier, work.tools.settings
    badly = [page for page in readable(work, images, texts) if sorting.unread(page, sorting.policy_of(settings))]
    if not badly or classifier is None or turning.QUESTION not in classifier.heard:
        return images, texts
    _bring(work, badly)
    with work.tools.clock.stage("turn"):
        verdicts = classifier.classify(badly)
    jobs = [
        turning.TurnJob(_render_job(work, page.image.number, rotation), settings.language)
        for page, verdict in zip(badly, verdicts, strict=True)
        for rotation in turning.rotations_by(verdict, page.image)
    ]
    tried = [one for _, one in _in_workers(work, "turn", turning.turn_page, jobs) if isinstance(one, turning.Turned)]
    for one in tried:
        work.memo.beside("render", PageImage, one.image.number, one.image, f"turned-{one.image.rotation}")
    for best in turning.best_of(tried, badly):
        number = best.image.number
        work.tools.store.publish(best.image.sha256)
        work.memo.forget("read", [number])  # first, so that a kill in between leaves no words of another image
        work.memo.replace("render", PageImage, number, best.image)
        work.memo.replace("read", PageText, number, best.text)
        images, texts = {**images, number: best.image}, {**texts, number: best.text}
    return images, texts


def readable(work: Work, images: Pages[PageImage], texts: Pages[PageText]) -> list[PageInput]:
    """The pages that came through rendering and reading, as models and extractors are given them."""
    rendered = good(images)
    place = work.tools.store.place
    return [PageInput(rendered[n], place(rendered[n].sha256), text) for n, text in good(texts).items()]


def triage(work: Work, pages: Sequence[PageInput]) -> dict[int, Triage]:
    """A route with reasons for each page."""
    by_number = {page.image.number: page for page in pages}

    def compute(missing: Sequence[int]) -> Iterator[Pages[Triage]]:
        classifier = work.tools.classifier
        if classifier is not None and sorting.hears(classifier):
            _bring(work, [by_number[n] for n in missing])
        with work.tools.clock.stage("triage"):
            policy = sorting.policy_of(work.tools.settings)
            decided = sorting.triage([by_number[n] for n in missing], classifier, policy)
        yield {one.number: one for one in decided}

    return good(work.memo.pages("triage", Triage, list(by_number), compute))


def extract(work: Work, pages: Sequence[PageInput], triages: Mapping[int, Triage]) -> dict[int, list[Finding]]:
    """The grounded findings of each page. A page's findings may hang on the pages before it, so the
    extractors see the whole document even when only some pages are missing."""
    numbers = [page.image.number for page in pages]

    def compute(_missing: Sequence[int]) -> Iterator[Pages[list[Finding]]]:
        if work.tools.settings.extract_model:
            _bring(work, pages)
        with work.tools.clock.stage("extract"):
            found = extraction.extract(pages, [triages[n] for n in numbers], work.tools.extractors)
        yield {n: found.get(n, []) for n in numbers}

    return good(work.memo.pages("extract", list[Finding], numbers, compute))


def answered(work: Work, pages: Sequence[PageInput], findings: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
    """The findings with those a frontier model made of the pages it was asked about, grounded now: nothing is asked
    here (see `pipeline.frontier.escalate`)."""
    words = {page.text.number: page.text for page in pages}
    merged = dict(findings)
    for number, more in frontier_readings.grounded(work.answers, words).items():
        merged[number] = [*merged.get(number, []), *more]
    return merged


def merge(work: Work, info: PdfInfo, findings: Mapping[int, list[Finding]], triages: Mapping[int, Triage]) -> Contract:
    """One record for the document, conflicts kept with every evidence."""
    with work.tools.clock.stage("merge"):
        whole = replace(work.document, page_count=info.page_count)
        return extraction.merge(whole, findings, list(triages.values()))


def settle(
    work: Work, images: Pages[PageImage], texts: Pages[PageText], triages: Mapping[int, Triage], contract: Contract
) -> list[PageOutcome]:
    """How each page ends, with reasons. Hard pages wait: by triage, or because grounding left doubts."""
    doubts = extraction.review(contract, list(triages.values()), work.tools.settings.field_threshold)
    note = extraction.local_note(work.tools.extractors)
    outcomes = []
    for number, image in images.items():
        result = texts.get(number, image)
        if isinstance(image, MunimentError) or isinstance(result, MunimentError):
            outcomes.append(PageOutcome(number, None, (str(result),), PageStatus.HELD))
            continue
        outcome = read_outcome(triages[number], doubts.get(number, ()), note)
        if outcome.status is PageStatus.AWAITING:
            outcome = escalated_outcome(outcome, work.answers.get(number))
        # What could be drawn was read and can be found, but nobody should rely on a page that is cut short.
        outcomes.append(replace(outcome, status=PageStatus.HELD) if image.damaged else outcome)
    return outcomes


def index(work: Work, pages: Sequence[PageInput], triages: Mapping[int, Triage], contract: Contract) -> None:
    """Every page that shows something becomes a point; counted back before anybody calls it indexed."""
    tools, document = work.tools, work.document
    shown = [page for page in pages if triages[page.text.number].route is not Route.BLANK]
    wanted = {page.text.number for page in shown}
    with tools.clock.stage("index"):
        if tools.index.pages_of(document.id) - wanted:  # points of an earlier reading that saw more
            tools.index.delete(document.id)
        context = indexing.context_of(contract, shown)
        for start in range(0, len(shown), INDEX_BATCH):
            batch = shown[start : start + INDEX_BATCH]
            work.claim.check()
            images = page_images.at_once(batch, triages, tools)
            tools.index.upsert(indexing.build(document, batch, context, tools.text_embedder, images))
        if lost := wanted - tools.index.pages_of(document.id):
            raise IndexUnavailable(f"{len(lost)} pages were written to the index but can't be read back")


def compare(work: Work, images: Pages[PageImage], contract: Contract) -> None:
    """Link the document with those of its matter that are scans of the same paper."""
    looks = ["" if isinstance(image, MunimentError) else image.look for image in images.values()]
    work.tools.rescans.compare(work.document, looks, contract)


def finish(
    work: Work, outcomes: Sequence[PageOutcome], contract: Contract, findings: Mapping[int, list[Finding]]
) -> Document:
    """Everything about the document becomes true in one transaction."""
    catalog, document = work.catalog, work.document
    status, reason = standing(outcomes)
    flat = [finding for page in sorted(findings) for finding in findings[page]]
    catalog.finish(document.id, status, reason, outcomes, contract.model_dump_json(), flat)
    work.tools.digests.arrived(document)
    catalog.set_indexed(document.id, work.memo.versions["index"])
    return catalog.document(document.id)


def refuse(document: Document, refusal: MunimentError, tools: Tools, claim: Claim | None = None) -> Document:
    """Reject or hold the whole document, if the claim on it still holds; its original stays in the store."""
    tools.catalog.under(claim or Claim()).set_status(document.id, refused_status(refusal), str(refusal))
    return tools.catalog.document(document.id)


def good(results: Pages[T]) -> dict[int, T]:
    """The pages that have a result, without those that carry an error."""
    return {n: result for n, result in results.items() if not isinstance(result, MunimentError)}


def _sole(results: Iterable[tuple[object, T | MunimentError]]) -> T:
    for _, result in results:
        if isinstance(result, MunimentError):
            raise result
        return result
    raise AssertionError("a pool answers every item")


def _bring(work: Work, pages: Sequence[PageInput]) -> None:
    """Have the images where a model that looks at these pages opens them."""
    work.tools.store.bring(page.image.sha256 for page in pages)


def _render_job(work: Work, number: int, rotation: int | None = None) -> rendering.RenderJob:
    settings = work.tools.settings
    bounds = (settings.dpi, settings.max_pixels, settings.max_page_points)
    return rendering.RenderJob(work.pdf, number, work.tools.store.root, *bounds, settings.tessdata, rotation)


def _in_workers(
    work: Work, stage: str, function: Callable[[J], T], jobs: Sequence[J]
) -> Iterator[tuple[J, T | MunimentError]]:
    """Results as the workers finish them; a page takes no longer than the setting allows, nor does a document.

    The clock counts the seconds of work, not those a job waited for a worker that another document had. A wrong
    setting (no OCR data for the language), or a full disk, is no page's fault and ends the run.
    """
    waiting = {id(job): job for job in jobs}
    seconds = work.tools.settings.page_seconds
    if not work.late:
        for (_, job), answer in work.tools.pool.run(timed, [(function, job) for job in jobs], seconds=seconds):
            work.claim.check()  # a worker that lost it stops here, instead of doing all that another does
            del waiting[id(job)]
            yield job, _counted(work, stage, answer)
            if work.late:
                break
    most = work.tools.settings.document_seconds
    late = DocumentHeld(f"not read: the document took more than {most:g} s of work (MUNIMENT_DOCUMENT_SECONDS)")
    yield from ((job, late) for job in waiting.values())


def _counted(work: Work, stage: str, answer: tuple[T, float] | MunimentError) -> T | MunimentError:
    if isinstance(answer, (UsageError, DiskFull)):
        raise answer
    if isinstance(answer, MunimentError):
        work.spent[stage] += work.tools.settings.page_seconds if isinstance(answer, WorkerTimeout) else 0.0
        return answer
    result, seconds = answer
    work.spent[stage] += seconds
    work.tools.clock.add(stage, seconds)
    return result
