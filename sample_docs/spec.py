"""What a sample document is made of: the TOML beside its texts, read into frozen dataclasses.

One file a document, `sources/<matter>/<name>.toml`. It names the texts, says page by page how they were
scanned and where ink was added, and holds the fields and questions whose pages `truth` looks up.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sample_docs.layout import Part
from sample_docs.scanify import LEVELS, Level

__all__ = ["Ink", "PageSpec", "Spec", "load_specs"]

SOURCES = Path(__file__).parent / "sources"


@dataclass(frozen=True, slots=True)
class Ink:
    """Something added to a page: `do` is sign, write, stamp, seal, black_out, white, invisible on the clean
    page, or received, garbage on top of the scan. It stands `at` a point or after the `nth` place of a text."""

    page: int
    do: str
    text: str = ""
    lines: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    at: tuple[float, float] | None = None
    after: str = ""
    nth: int = 0
    size: float = 0.0
    colour: str = "blue"
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One page: its kind, the route a person would choose, and how it was scanned (None: born digital).

    `lies` is the clockwise quarter turn in which the sheet lies on the scanner.
    """

    kind: str
    route: str
    note: str = ""
    level: Level | None = None
    lies: int = 0


@dataclass(frozen=True, slots=True)
class Spec:
    """One document; `blank` are the numbers of its blank pages, `usual` what holds where `pages` is silent."""

    name: str
    matter: str
    kind: str
    seed: int
    parts: tuple[Part, ...]
    usual: PageSpec
    pages: dict[int, PageSpec] = field(default_factory=dict)
    blank: tuple[int, ...] = ()
    ink: tuple[Ink, ...] = ()
    fields: tuple[dict[str, Any], ...] = ()
    queries: tuple[dict[str, Any], ...] = ()
    hidden: tuple[str, ...] = ()

    def page(self, number: int) -> PageSpec:
        """What is said about a page, from 1."""
        return self.pages.get(number, self.usual)


def load_specs(sources: Path = SOURCES) -> list[Spec]:
    """All documents, by matter and name."""
    return [_spec(path) for path in sorted(sources.glob("*/*.toml"))]


def _spec(path: Path) -> Spec:
    given = tomllib.loads(path.read_text("utf-8"))
    defaults = {key: given[key] for key in ("scan", "encoding", "route") if key in given}
    return Spec(
        name=path.stem,
        matter=path.parent.name,
        kind=given["kind"],
        seed=given["seed"],
        parts=tuple(_part(path.parent, part) for part in given["parts"]),
        usual=_page(defaults),
        pages={int(number): _page({**defaults, **page}) for number, page in given.get("pages", {}).items()},
        blank=tuple(given.get("blank", ())),
        ink=tuple(_ink(ink) for ink in given.get("ink", ())),
        fields=tuple(given.get("fields", ())),
        queries=tuple(given.get("queries", ())),
        hidden=tuple(given.get("hidden", ())),
    )


def _part(folder: Path, given: dict[str, Any]) -> Part:
    return Part(**{**given, "text": folder / given["text"], **_tuples(given, "margins")})


def _ink(given: dict[str, Any]) -> Ink:
    return Ink(**{**given, **_tuples(given, "lines", "middle", "at")})


def _tuples(given: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: tuple(given[key]) for key in keys if key in given}


def _page(given: dict[str, Any]) -> PageSpec:
    plain = PageSpec(
        given.get("kind", "text"), given.get("route", "text"), given.get("note", ""), lies=given.get("lies", 0)
    )
    if given.get("scan", "none") == "none":
        return plain
    level = LEVELS[given["scan"]]
    if "encoding" in given:
        level = replace(level, encodings=(given["encoding"],))
    if "skew" in given:  # a sigma this large always meets the limit: the page lies exactly so, left or right
        level = replace(level, skew=(1e6, given["skew"]))
    if "bleed" in given:
        level = replace(level, bleed=(given["bleed"], given["bleed"]))
    if "dpi" in given:
        level = replace(level, dpi=(given["dpi"], given["dpi"]))
    return replace(plain, level=replace(level, rotations=(plain.lies,)))
