"""Machines that share a catalog: the measurement works, and it sees what it is there to see."""

from collections import Counter

from databases import fresh_url

from infra.measure.machines import LEASE_SECONDS, Outcome, Span, at_once, measure


def test_two_machines_finish_what_one_of_them_was_killed_over(tmp_path):
    """Nothing is lost or doubled, no document is in two hands, and the killed machine's goes to the other."""
    with fresh_url("postgresql", tmp_path) as url:
        outcome = measure(tmp_path, url, documents=6, pages=2, machines=2)
    assert outcome.wrong == []
    assert outcome.taken_over() and min(outcome.taken_over()) > LEASE_SECONDS / 2  # waited for, not known at once
    assert {span.machine for span in outcome.spans if span.end - span.begin > 0} == {0, 1}


def test_two_hands_on_a_document_are_seen():
    """Spans of one document that overlap; those that follow each other or are of others do not."""
    spans = [Span("a", 0, 1.0, 3.0), Span("a", 1, 2.9, 4.0), Span("a", 0, 4.0, 5.0), Span("b", 1, 1.0, 9.0)]
    assert at_once(spans) == [(spans[0], spans[1])]


def test_work_done_again_is_counted():
    """Results that two machines computed, or one twice, by content."""
    one, two = Counter({("s", "1", "read"): 1, ("s", "2", "read"): 2}), Counter({("s", "1", "read"): 1})
    assert Outcome(kept=[one, two, Counter({("t", "1", "read"): 1})]).again() == {"s": 2}
