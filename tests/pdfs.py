"""Small real PDFs for the tests of the whole road."""

from pathlib import Path

import pymupdf

AGREEMENT = """SERVICES AGREEMENT

This Services Agreement (the "Agreement") is made on March 3, 2021 by and between Alder Freight Company, a Delaware
corporation ("Client"), and Brook Survey Limited, an English company ("Provider"). Contract No. MSA-2021-0043.

1. Services. Provider shall survey the warehouses of Client every calendar quarter and shall deliver a written
report within ten (10) days after each survey.

2. Fees. Client shall pay Provider a fee of USD 12,500.00 for each survey within thirty (30) days of the invoice.

3. Term. This Agreement begins on April 1, 2021 and expires on March 31, 2024.

4. Termination. Either party may terminate this Agreement for convenience upon sixty (60) days' written notice.

5. Governing Law. This Agreement shall be governed by and construed in accordance with the laws of the State of
New York, without regard to its conflict of laws principles.
"""

LEASE = """OFFICE LEASE

This Office Lease is made on June 15, 2022 between Cedar Court Holdings LLC ("Landlord") and Dune Analytics Inc.
("Tenant").

Landlord leases to Tenant the premises on the fourth floor of 18 Quay Street. Tenant shall pay a monthly base rent of
$8,400.00 on the first day of each month. The kangaroo mural in the lobby stays the property of Landlord.

This Lease shall be governed by the laws of the State of Oregon.
"""


def born_digital(path: Path, *pages: str) -> Path:
    """A PDF with one text page for each string."""
    with pymupdf.open() as document:
        for text in pages:
            page = document.new_page()
            page.insert_textbox((60, 60, 540, 780), text, fontsize=11, fontname="tiro")
        path.parent.mkdir(parents=True, exist_ok=True)
        document.save(path)
    return path


def scanned(path: Path, *pages: str, dpi: int = 150) -> Path:
    """The same pages as images only."""
    clean = born_digital(path, *pages)
    with pymupdf.open(clean) as source, pymupdf.open() as target:
        for page in source:
            pixels = page.get_pixmap(dpi=dpi, colorspace="gray")
            target.new_page(width=page.rect.width, height=page.rect.height).insert_image(
                page.rect, stream=pixels.tobytes("jpeg", 85)
            )
        data = target.tobytes()
    path.write_bytes(data)
    return path


def truncated(path: Path, *pages: str) -> Path:
    """A PDF that lost its end in transfer."""
    whole = born_digital(path, *pages).read_bytes()
    path.write_bytes(whole[: len(whole) * 7 // 10])
    return path
