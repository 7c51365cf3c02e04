"""Pages and documents written in the tests, as the extraction room is given them."""

from pathlib import Path

from pipeline.backends.protocols import PageInput
from pipeline.types import Affine, Box, Document, PageImage, PageText, Route, Signals, TextSource, Triage, Word


def page_text(text: str, number: int = 1, confidence: float = 1.0) -> PageText:
    """A page with these lines: word n of line m stands at (0.01·n, 0.02·m), each word 0.009 wide."""
    words = tuple(
        Word(word, Box(0.01 * n, 0.02 * m, 0.01 * n + 0.009, 0.02 * m + 0.015), confidence, m)
        for m, line in enumerate(text.splitlines())
        for n, word in enumerate(line.split())
    )
    return PageText(number, words, TextSource.OCR, confidence, "en")


def page_input(text: PageText) -> PageInput:
    """The page with an image that no rule looks at."""
    return PageInput(PageImage(text.number, "0" * 64, "image/png", 100, 100, 200.0, Affine()), Path("/none"), text)


def triage(number: int, route: Route = Route.TEXT, confidence: float = 1.0) -> Triage:
    """A route with signals of a clean page, read this well."""
    signals = Signals(0.1, 0.8, 200.0, 0.0, 0, 100, TextSource.OCR, confidence)
    return Triage(number, route, ("as the test says",), signals)


def document(pages: int) -> Document:
    """A document of so many pages."""
    return Document("d1", "m", "scan.pdf", "0" * 64, page_count=pages)


AGREEMENT = """\
SERVICES AGREEMENT
Contract No. MSA-2021-0147
This Services Agreement (the "Agreement") is made and entered into as of March 3, 2021
(the "Effective Date") by and between Halden Freight, Inc., a Delaware corporation (the "Company"),
and Birch & Lowe LLP, a limited liability partnership ("Consultant").
WHEREAS, the Company wishes to retain Consultant; NOW, THEREFORE, the parties agree as follows:
1. Fees. The Company shall pay Consultant a monthly fee of Two Thousand Dollars ($2,000) within
thirty (30) days after receipt of each invoice.
2. Term. The initial term of this Agreement shall continue for a period of two (2) years from the
Effective Date and shall expire on March 2, 2023. This Agreement shall automatically renew for
additional periods of one (1) year unless either party gives written notice at least sixty (60) days
prior to the end of the then current term.
3. Governing Law. This Agreement shall be governed by and construed in accordance with the laws of the
State of New York, without regard to its conflict of laws rules.
4. Assignment. Neither party may assign this Agreement without the prior written consent of the other party.
IN WITNESS WHEREOF, the parties have signed.
By: ____________ Name: Ada Quill Title: President
By: ____________ Name: Tom Reed Title: Managing Partner
"""
