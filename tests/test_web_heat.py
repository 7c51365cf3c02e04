"""The heat map of a question over a page: made when asked for, by a real tiny checkpoint, kept by the browser."""

from __future__ import annotations

import io

import browser
import numpy as np
import pytest
from PIL import Image
from tiny_colpali import build_colpali

from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.web.heat import STRONGEST


@pytest.fixture(scope="module")
def client(archive, tmp_path_factory):
    """The application of a home with a page-image model."""
    folder = build_colpali("modernvbert", tmp_path_factory.mktemp("models") / "tiny")
    before = archive.tools.page_embedder
    archive.tools._made["page_embedder"] = ColPaliEmbedder(folder, name="tiny@1", device="cpu", dtype="float32")
    yield browser.client(archive.tools, "alder")
    archive.tools._made["page_embedder"] = before


def test_a_heat_map_is_a_translucent_picture_of_the_page(client, archive):
    """One pixel a patch, higher than wide as the page is, clear where nothing answers; another for another question."""
    path = f"/documents/{archive.agreement.id}/pages/1/heat"
    first = client.get(path, params={"q": "termination"})
    assert first.headers["content-type"] == "image/png"
    drawn = np.asarray(Image.open(io.BytesIO(first.content)))
    assert drawn.shape[0] > drawn.shape[1]
    assert drawn.shape[2] == 4
    assert (drawn[..., 3].min(), drawn[..., 3].max()) == (0, STRONGEST)
    assert client.get(path, params={"q": "rent"}).content != first.content
    again = client.get(path, params={"q": "termination"}, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


def test_a_heat_map_stands_behind_the_wall(client, archive):
    """A page of another matter has none, and neither has an empty question."""
    assert client.get(f"/documents/{archive.lease.id}/pages/1/heat", params={"q": "rent"}).status_code == 404
    assert client.get(f"/documents/{archive.agreement.id}/pages/1/heat", params={"q": ""}).status_code == 422
