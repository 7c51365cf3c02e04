"""What 100,000 pages a day need: every line is arithmetic over `sizing.json`, where each figure says where it is from.

Change a figure there (or give a file of your own) and the table follows. Rules, catalog and rendering for
display are not in it: they are small beside reading.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["INPUTS", "Need", "inputs", "needs"]

INPUTS = Path(__file__).with_name("sizing.json")
KIB, GIB = 1024, 1 << 30


@dataclass(frozen=True, slots=True)
class Need:
    """One line of the table: what, how much, and the arithmetic in the inputs' names."""

    what: str
    amount: float
    unit: str
    arithmetic: str


def inputs(path: Path = INPUTS) -> dict[str, tuple[float, str]]:
    """Name -> (value, where it is from). Raises `KeyError` for an entry without either."""
    entries: Mapping[str, Mapping[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: (float(str(entry["value"])), str(entry["from"])) for name, entry in entries.items()}


def needs(given: Mapping[str, float]) -> list[Need]:
    """Cores, GPU, memory, disk and spend, in this order. Raises `KeyError` when an input is missing."""
    g = given
    busy = g["hours_a_day"] * 3600
    return [*_compute(g, g["pages_a_day"] / busy), *_disk(g), *_spend(g)]


def _compute(g: Mapping[str, float], rate: float) -> Iterator[Need]:
    yield Need("pages a second", rate, "", "pages_a_day / hours_a_day")
    scan = g["scan_render_cpu_s"] + g["scan_ocr_cpu_s"] * (1 + g["reread_share"])
    read = g["scanned_share"] * scan + (1 - g["scanned_share"]) * g["digital_cpu_s"]
    embed = g["windows_a_page"] / g["windows_a_core_second"]
    index = g["index_text_cpu_s"]
    images = g["index_images_cpu_s"] - index
    yield Need("render and read", rate * read, "cores busy", "scanned: render + OCR x (1 + reread); rest: digital")
    yield Need("text vectors", rate * embed, "cores busy", "windows_a_page / windows_a_core_second")
    yield Need("index, text", rate * index, "cores busy", "index_text_cpu_s")
    yield Need("index, page images", rate * images, "cores busy", "index_images_cpu_s - index_text_cpu_s")
    total = rate * (read + embed + index + images)
    yield Need("cores to buy", math.ceil(total * g["headroom"]), "cores", "all of the above x headroom, rounded up")
    yield Need("page models", rate * g["gpu_s_a_page"], "GPUs busy", "gpu_s_a_page")


def _disk(g: Mapping[str, float]) -> Iterator[Need]:
    pages, year = g["pages_a_day"], g["pages_a_day"] * g["days_a_year"]
    text, image = g["index_text_kib"] * KIB, g["image_rows"] * g["image_bytes_a_row"]
    memory = "owner_bytes_a_page x pages; vectors and graphs are mapped files beside it"
    yield Need("index owner, a year in it", year * g["owner_bytes_a_page"] / GIB, "GiB RAM", memory)
    yield Need("index, text", pages * text / GIB, "GiB disk a day", "index_text_kib")
    yield Need("index, page images", pages * image / GIB, "GiB disk a day", "image_rows x image_bytes_a_row")
    yield Need("files and page images", pages * g["page_image_kib"] * KIB / GIB, "GiB disk a day", "page_image_kib")
    yield Need(
        "catalog", pages * g["catalog_kib"] * KIB / GIB, "GiB disk a day", "catalog_kib: words, findings, records"
    )
    each = text + image + (g["page_image_kib"] + g["catalog_kib"]) * KIB
    yield Need("all of it, a year", year * each / (1 << 40), "TiB disk", "the four above x days_a_year")


def _spend(g: Mapping[str, float]) -> Iterator[Need]:
    page = (g["frontier_tokens_in"] * g["price_in"] + g["frontier_tokens_out"] * g["price_out"]) / 1e6
    spend = g["pages_a_day"] * g["frontier_share"] * page
    yield Need("frontier model, at once", spend, "dollars a day", "pages x frontier_share x tokens x price")
    yield Need("frontier model, nightly batch", spend * (1 - g["batch_discount"]), "dollars a day", "x (1 - discount)")
