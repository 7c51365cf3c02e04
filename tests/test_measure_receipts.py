"""Pages from the lines that sroie's annotators read."""

from __future__ import annotations

import pytest

from infra.measure.receipts import page_of


def test_words_share_their_lines_box(tmp_path):
    """In proportion to their letters, a comma in the text and broken rows notwithstanding."""
    path = tmp_path / "001.csv"
    path.write_text("100,50,200,50,200,70,100,70,TOTAL 5,90\nnot a row\n100,90,200,90,200,100,100,100,RM\n", "utf-8")
    page = page_of(path)
    assert [(word.text, word.line) for word in page.words] == [("TOTAL", 0), ("5,90", 0), ("RM", 1)]
    total, sum_, _ = (word.box for word in page.words)
    assert (total.left, total.right, sum_.left, sum_.right) == pytest.approx(
        (100 / 210, 150 / 210, 160 / 210, 200 / 210)
    )
    assert total.top == sum_.top == pytest.approx(50 / 105)
