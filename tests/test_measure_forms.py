"""The counts of label and value links on annotated forms."""

from __future__ import annotations

from infra.measure.forms import links


def entry(number, label, text, left, top, *linked):
    words, x = [], left
    for word in text.split():
        words.append({"text": word, "box": [x, top, x + 10 * len(word), top + 12]})
        x += 10 * (len(word) + 1)
    return {"id": number, "label": label, "words": words, "linking": [[number, other] for other in linked]}


EDGE = entry(9, "other", "edge", 960, 700)


def test_links_by_place_and_by_the_nearest():
    """A value below its label is found by place only; both judge known labels that have an answer, and nothing else."""
    form = [
        entry(0, "question", "Invoice Date", 50, 50, 1), entry(1, "answer", "05/31/20", 60, 70),
        entry(2, "question", "Order #", 500, 50, 3), entry(3, "answer", "4711", 510, 70),
        entry(4, "question", "Favourite colour", 50, 200, 5), entry(5, "answer", "blue", 300, 200),
        EDGE,
    ]  # fmt: skip
    assert links(form) == (2, 2, 2)
    assert links(form, nearest=True) == (2, 0, 1)


def test_a_wrong_link_costs_precision():
    """A value linked to another label is counted as made and not as right."""
    form = [
        entry(0, "question", "Invoice Date", 50, 50, 7), entry(1, "answer", "05/31/20", 300, 50),
        entry(7, "answer", "06/30/20", 300, 400), EDGE,
    ]  # fmt: skip
    assert links(form) == (1, 0, 1)
