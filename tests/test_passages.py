"""The passage that answers: names chose the page, so the rest of the question chooses what to read on it."""

from pipeline.backends.protocols import PageScore
from pipeline.passages import QUOTE_WORDS, choose, sentences

PAGE = """Harborline / Brightwater Confidential Page 4 of 11 Master Services Agreement Contract No. MSA-2024-0117
4.1 Provider shall keep accurate books and records of the Services and of every expense that it charges to Customer.
4.2 Upon expiry of the Initial Term this Agreement renews for successive periods of twelve months, unless either Party
gives written notice of non-renewal at least ninety (90) days before the end of the then-current term.
4.3 Customer shall pay each undisputed invoice within forty-five days after it is received by the accounts department.
4.4 Each Party shall comply with the laws that apply to it, including customs, export and sanctions laws.
Harborline / Brightwater Confidential Page 4 of 11"""


def best(query: str, text: str = PAGE, window: int = 0) -> str:
    words = text.split()
    score = PageScore("d", 4, 1.0, window, {"parties": ["harborline logistics", "brightwater systems"], "kind": "msa"})
    start, stop = choose(query, score, words)
    return " ".join(words[start:stop])


def test_names_do_not_draw_the_passage_into_the_footer():
    """A question full of party names is answered by the sentence, not by the header that says the names."""
    query = "How long in advance must Harborline or Brightwater give notice of non-renewal?"
    assert "notice of non-renewal" in best(query)


def test_only_names_asked_gives_where_they_stand():
    """When nothing but the names is asked, the names are the answer."""
    assert "Harborline" in best("Harborline Brightwater")


def test_a_sentence_outside_the_nearest_window_is_found_by_its_words():
    """On a long page the asked words lead to the sentence although the index named another window."""
    filler = "\n".join(
        f"Paragraph {n} speaks of general matters and of nothing else that anybody would ask for." for n in range(30)
    )
    text = f"{filler}\nThe tenant may keep ten gallons of acetone in room 712."
    assert "acetone" in best("how much acetone may be kept", text, window=0)


def test_a_page_without_words_has_no_passage():
    """No words, no passage, and no failure."""
    score = PageScore("d", 1, 1.0)
    assert choose("records", score, []) == (0, 0)


def test_sentences_cover_the_page_once_and_stay_short():
    """Every word is in exactly one sentence, and none is longer than a quote may be."""
    words = PAGE.split()
    spans = list(sentences(words))
    assert [at for span in spans for at in range(*span)] == list(range(len(words)))
    assert max(stop - start for start, stop in spans) <= QUOTE_WORDS
