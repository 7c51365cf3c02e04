"""The measurement of the first page: a real server is started anew, and both of its answers are timed."""

from __future__ import annotations

from infra.measure import first_page


def test_a_fresh_server_is_timed(tmp_path):
    """Started from this checkout, it answers the signed-in browser's page and search."""
    cookie = first_page.prepare(tmp_path, 1)
    listens, page, search = first_page.start(first_page.HERE, tmp_path / "home", cookie)
    assert min(listens, page, search) > 0
