"""Pages that were put upright wrongly: told by the triage VLM, proved by reading them again.

`render` decides by the letters which way is up (`pipeline.upright`), and some pages don't let it: of copies of real
pages turned by quarters it gets one in twelve wrong, and OCR then reads next to nothing. So a page that was read badly
is shown to the VLM. Where that sees it lie otherwise, the page is turned, read again, and stays so if it reads better:
a model that errs costs time and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.read import ReadJob, read_page, worth
from pipeline.render import RenderJob, render_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.backends.protocols import PageInput
    from pipeline.types import PageImage, PageText, Verdict

__all__ = ["QUESTION", "TurnJob", "Turned", "best_of", "best_read", "rotations_by", "turn_page"]

QUESTION = "rotation"
BETTER = 2.0  # times the letters, weighed by how sure they are: chosen; seen: capitals read upside down at a thirteenth


@dataclass(frozen=True, slots=True)
class TurnJob:
    """A page to make anew, with the quarter turn in `render.rotation`, and the language it is read in."""

    render: RenderJob
    language: str = "eng"


@dataclass(frozen=True, slots=True)
class Turned:
    """The page turned, and what it says so."""

    image: PageImage
    text: PageText


def rotations_by(verdict: Verdict, image: PageImage) -> tuple[int, ...]:
    """The clockwise turns (90, 180, 270 or 0 degrees) of the scan to try, by what the VLM says of its upright image;
    none where it has nothing against the turn it was given.

    Of a page that lies on its side both ways are tried: on labelled pages the bundled model's F1 for them is 0.85 and
    0.86, for pages that stand upright or upside down 0.95 and 0.93.
    """
    answer = verdict.answers.get(QUESTION)
    if answer is None or answer.label == "0":
        return ()
    first = (image.rotation - int(answer.label)) % 360
    return (first,) if answer.label == "180" else (first, (first + 180) % 360)


def turn_page(job: TurnJob) -> Turned:
    """Render and read a page as the job says. Runs in a worker; raises what both raise."""
    image = render_page(job.render)
    text = read_page(ReadJob(job.render.pdf, image, job.render.store, job.language, job.render.tessdata))
    note = f"turned by {image.rotation}° because the local VLM saw that it did not stand upright, and read better so"
    return Turned(image, replace(text, notes=(*text.notes, note)))


def best_of(tried: Sequence[Turned], pages: Sequence[PageInput]) -> list[Turned]:
    """Those that are to take the place of these pages, one a page at most."""
    by_page = {page.image.number: [one for one in tried if one.image.number == page.image.number] for page in pages}
    return [best for page in pages if (best := best_read(by_page[page.image.number], page.text))]


def best_read(tried: Sequence[Turned], before: PageText) -> Turned | None:
    """The turn that makes most sense, if clearly more than there was: two poor reads of a scribble differ, too."""
    best = max(tried, key=lambda one: worth(one.text.words), default=None)
    return best if best and worth(best.text.words) > BETTER * worth(before.words) else None
