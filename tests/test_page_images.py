"""Which page images are embedded as they come in, and that the night catches up with the others."""

from __future__ import annotations

from pathlib import Path

import pdfs
import pytest
from tiny_colpali import build_colpali

from pipeline.claims import claim
from pipeline.errors import StoreError
from pipeline.night_steps import Night
from pipeline.nightly import night
from pipeline.page_images import catch_up, is_put_off
from pipeline.run import ingest_paths
from pipeline.settings import Settings, load_settings
from pipeline.types import Route, SearchFilter
from pipeline.wiring import Tools, open_tools


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home with a page model."""
    folder = tmp_path_factory.mktemp("images")
    return load_settings(home=folder / "home", page_model=str(build_colpali("modernvbert", folder / "model")))


@pytest.mark.parametrize(
    ("route", "changed", "waits"),
    [
        (Route.TEXT, {}, True),
        (Route.LOCAL, {}, False),
        (Route.FRONTIER, {}, False),
        (Route.BLANK, {}, False),
        (None, {}, False),
        (Route.TEXT, {"page_images": "all"}, False),
        (Route.LOCAL, {"page_images": "night"}, True),
        (Route.TEXT, {"page_model": ""}, False),
    ],
)
def test_what_read_cleanly_waits(settings, route, changed, waits):
    """Unless the firm wants all at once, or none; without a page model there is nothing to wait for."""
    assert is_put_off(route, settings.model_copy(update=changed)) is waits


def test_the_night_catches_up(settings, tmp_path):
    """The report counts the pages that wait, the page is found by its words meanwhile, the night embeds their images
    within its time."""
    leases = [pdfs.born_digital(tmp_path / f"{name}.pdf", f"{pdfs.LEASE}\n{name}") for name in ("one", "two")]
    with open_tools(settings) as tools:
        report = ingest_paths(leases, "dune", tools)
        waiting = tools.index.without_images()
        assert report.totals["page images put off to the night"] == sum(map(len, waiting.values())) == 2
        assert tools.searcher.find("kangaroo mural", SearchFilter(), 1)
        assert _said(settings.model_copy(update={"page_image_hours": 0})) == ["2 page images still wait"]
        assert _said(settings) == ["2 page images embedded"]
        assert tools.index.without_images() == {}
        assert _said(settings) == []


def test_what_was_deleted_meanwhile_is_left_alone(settings, monkeypatch):
    """A document that went between being listed and being claimed gets no vectors, and nothing fails."""
    with open_tools(settings) as tools:
        monkeypatch.setattr(tools.index, "without_images", lambda document="": {} if document else {"gone": {1: "0"}})
        assert catch_up(tools, 60) == (0, 1)


def test_the_image_is_that_of_the_point_when_it_is_claimed(settings, tmp_path, monkeypatch):
    """A document that was indexed with other images since it was listed gets the vectors of those it has now."""
    with open_tools(settings) as tools:
        (document,) = _put_off(tools, tmp_path, "rescanned")
        now = tools.index.without_images
        monkeypatch.setattr(
            tools.index, "without_images", lambda one="": now(one) if one else {document: {1: "0" * 64, 2: "0" * 64}}
        )
        assert catch_up(tools, 60) == (1, 1)
        assert now() == {}


def test_a_document_at_work_is_left_to_the_next_night(settings, tmp_path):
    """The step waits for nobody: the others are embedded meanwhile."""
    with open_tools(settings) as tools:
        busy, free = _put_off(tools, tmp_path, "busy", "free")
        with claim(tools.locks, tools.catalog.database, busy, seconds=60):
            assert catch_up(tools, 60) == (1, 1)
        assert set(tools.index.without_images()) == {busy}
        assert free not in tools.index.without_images()
        assert catch_up(tools, 60) == (1, 0)


def test_a_damaged_image_stops_no_other(settings, tmp_path):
    """The documents after it are embedded, then the step fails by the id of the damaged one and says the remedy."""
    with open_tools(settings) as tools:
        damaged, _ = sorted(_put_off(tools, tmp_path, "first", "second"))
        image = tools.store.place(tools.index.without_images()[damaged][1])
        image.chmod(0o600)
        image.write_bytes(b"no image")
        with pytest.raises(StoreError, match=f"1 page images embedded; 1 documents .*{damaged}.*reconcile --deep"):
            catch_up(tools, 60)
        assert set(tools.index.without_images()) == {damaged}
        tools.index.delete(damaged)


def test_all_at_once(settings, tmp_path):
    """Where the firm wants it, nothing waits."""
    lease = pdfs.born_digital(tmp_path / "three.pdf", f"{pdfs.LEASE}\nthree")
    with open_tools(settings.model_copy(update={"page_images": "all"})) as tools:
        report = ingest_paths([lease], "dune", tools)
        assert report.documents[0].document.id not in tools.index.without_images()
        assert "page images put off to the night" not in report.totals


def _put_off(tools: Tools, folder: Path, *names: str) -> list[str]:
    """Ids of new documents of one page whose image waits."""
    files = [pdfs.born_digital(folder / f"{name}.pdf", f"{pdfs.LEASE}\n{name}") for name in names]
    return [report.document.id for report in ingest_paths(files, "dune", tools).documents]


def _said(settings: Settings) -> list[str]:
    with open_tools(settings) as tools:
        report = night(tools, Night())
    return [line for step in report.steps if step.name == "page images" for line in step.lines]
