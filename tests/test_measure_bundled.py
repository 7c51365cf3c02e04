"""What the bundled models are measured by: the labels of real pages, the arithmetic, and a checkpoint on real pages."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_vlm import build_vlm

from infra.measure import bundled, temperatures
from infra.measure.answerers import both, by_model, by_signals, labels_of, pose_of
from infra.measure.answers import LABELS, Seen, seen, turn
from infra.measure.corpora import CORPORA, names
from infra.measure.marking import by_label, by_question, commonest, gained
from infra.measure.scoring import Scored, accuracy, auc, f1, less, macro_auc, macro_f1, measured
from infra.measure.sitting import Sitting
from infra.measure.temperatures import Scale
from pipeline.backends.protocols import PageInput
from pipeline.model_files import CALIBRATION
from pipeline.questions import QUESTIONS
from pipeline.triage import Policy
from pipeline.types import Affine, Box, PageImage, PageText, TextSource, Word

HAND = QUESTIONS[1]
YES, NO = 0, 1


def scored(truth: list[int], yes: list[float], documents: str = "") -> Scored:
    """A question of yes (0) and no (1), a page a document unless told."""
    rows = [[each, 1 - each] for each in yes]
    return Scored(tuple(documents or map(str, range(len(truth)))), np.array(truth), np.array(rows))


# The labels.


def test_every_label_is_one_of_the_questions_own():
    """And a page is labelled once; one that is not blank says at least what stands on it."""
    pages = seen()
    assert len(pages) >= 150
    assert len({(page.sha256, page.number) for page in pages}) == len(pages)
    for page in pages:
        for question in QUESTIONS:
            assert page.answers[question.name] in [None, *labels_of(question)]
        assert page.blank or page.answers["kind"]


def test_halves_are_disjoint_by_document_and_those_of_the_corpora():
    """What was tuned on is never reported on."""
    halves = {page.name: page.half for page in seen("tuning")} | {page.name: page.half for page in seen("reporting")}
    assert all(halves[page.name] == page.half for page in seen())
    split = [page for page in seen() if page.corpus != "robustness"]
    assert all(page.document in names(page.corpus, page.half) for page in split)


def test_the_guide_counts_the_pages_right():
    """The README of the labels names pages, documents and halves as they are."""
    told = (LABELS.parent / "README.md").read_text("utf-8")
    assert f"{len(seen())} pages of {len({page.name for page in seen()})} documents" in told
    assert f"{len(seen('tuning'))} of the tuning and {len(seen('reporting'))} of the reporting half" in told


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not here")
def test_a_page_is_of_the_file_that_was_looked_at(tmp_path):
    """The file's hash is checked; another file of that name is refused."""
    page = next(each for each in seen() if each.corpus == "funsd")
    assert page.pdf(tmp_path).read_bytes().startswith(b"%PDF-")
    other = Seen("0" * 64, 1, page.corpus, page.document, page.half, page.answers, False)
    with pytest.raises(ValueError, match="is not the file that was labelled"):
        other.pdf(tmp_path)


def test_turns_are_drawn_evenly_and_always_the_same():
    """All four of them, each for an eighth of the pages at least."""
    turns = [turn(page) for page in seen()]
    assert turns == [turn(page) for page in seen()]
    assert all(turns.count(each) > len(turns) / 8 for each in (0, 90, 180, 270))


# The arithmetic.


def test_the_area_is_the_share_of_pairs_in_order():
    """Of 2 x 3 pairs 4 are in order and 1 is a tie: 4.5 / 6. Pages whose label is not known are no pairs."""
    asked = scored([YES, YES, NO, NO, NO, -1], [0.9, 0.4, 0.5, 0.4, 0.1, 0.99])
    assert measured(auc(asked, [YES]), asked).value == pytest.approx(4.5 / 6)
    assert measured(auc(asked, [NO]), asked).value == pytest.approx(4.5 / 6)


def test_areas_of_several_labels_are_added_scores_and_means():
    """Told apart from the rest by the sum of their scores; the macro area leaves out a label no page has."""
    rows = np.array([[0.2, 0.5, 0.3, 0.0], [0.2, 0.3, 0.5, 0.0], [0.6, 0.2, 0.2, 0.0]])
    asked = Scored(("a", "b", "c"), np.array([1, 2, 0]), rows)
    assert measured(auc(asked, [1, 2]), asked).value == 1.0
    assert measured(macro_auc(asked), asked).value == 1.0


def test_f1_and_accuracy_by_hand():
    """yes: 1 hit, 1 false, 1 missed; no: 2 hits, 1 false, 1 missed; 3 of 5 right."""
    asked = scored([YES, YES, NO, NO, NO], [0.9, 0.1, 0.8, 0.2, 0.3])
    assert measured(f1(asked, YES), asked).value == pytest.approx(2 / 4)
    assert measured(f1(asked, NO), asked).value == pytest.approx(4 / 6)
    assert measured(macro_f1(asked), asked).value == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert measured(accuracy(asked), asked).value == pytest.approx(3 / 5)


def test_pages_of_one_document_stay_together_in_an_interval():
    """Ten pages of two documents, one all right and one all wrong: a resample is 0, 1/2 or 1."""
    asked = scored([YES] * 10, [0.9] * 5 + [0.1] * 5, "a" * 5 + "b" * 5)
    found = measured(accuracy(asked), asked)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_a_perfect_answerer_is_above_a_constant_one():
    """Areas 1 and 1/2; the difference is taken on the same resamples, where it is always 1/2."""
    truth = [YES, NO] * 10
    perfect = scored(truth, [1.0 - each for each in truth])
    constant = scored(truth, [0.3] * 20)
    found = measured(less(auc(perfect, [YES]), auc(constant, [YES])), perfect)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_a_figure_that_nothing_defines_is_none():
    """No page has the label, so no pair can be in order."""
    asked = scored([NO, NO], [0.1, 0.2])
    assert str(measured(auc(asked, [YES]), asked)) == "–"


# Temperatures.


def logits(size: int, wrong: int, sure: float) -> Scored:
    """So many pages answered with a log-odds of `sure`, every `wrong`-th of them wrongly."""
    truth = np.zeros(size, int)
    truth[::wrong] = 1
    return Scored(tuple(map(str, range(size))), truth, np.tile([sure, 0.0], (size, 1)))


def test_a_temperature_makes_answers_as_sure_as_they_are_right():
    """One in five wrong is a log-odds of ln 4: said with 8, it wants a temperature of 8 / ln 4."""
    asked = logits(1000, 5, 8.0)
    found = temperatures.fitted(asked, Scale())
    assert temperatures.best_temperature(asked.scores, asked.truth).temperature == pytest.approx(
        8 / np.log(4), rel=0.03
    )
    assert found.loss_after < found.loss_before
    assert temperatures.probabilities(asked.scores[:1], found.better)[0, 0] == pytest.approx(0.8, abs=0.01)


def test_a_temperature_that_helps_no_held_out_page_is_not_kept():
    """Answers already as sure as they are right keep the temperature they have."""
    asked = logits(20, 5, float(np.log(4)))
    before = Scale(1.0, (0.0, 0.0))
    assert temperatures.fitted(asked, before).better == before


def test_saving_temperatures_leaves_the_rest_of_the_file(tmp_path):
    """muniment.json may say more than this."""
    (tmp_path / CALIBRATION).write_text('{"note": "mine", "temperature": {"kind": 2.0}}')
    assert temperatures.kept(tmp_path) == {"kind": Scale(2.0)}
    temperatures.save(tmp_path, {"kind": Scale(1.5)})
    assert json.loads((tmp_path / CALIBRATION).read_text()) == {
        "note": "mine",
        "temperature": {"kind": 1.5},
        "bias": {},
    }
    bias = (0.5, -0.5)
    temperatures.save(tmp_path, {"handwriting": Scale(1.5, bias)}, ["kind"])
    assert json.loads((tmp_path / CALIBRATION).read_text())["heard"] == ["kind"]
    assert temperatures.kept(tmp_path) == {"handwriting": Scale(1.5, bias)}


def test_a_bias_corrects_for_labels_that_come_up_in_other_shares():
    """A model that takes both labels for equally likely, on pages of which nine in ten have the second."""
    truth = np.array([0] * 10 + [1] * 90)
    found = temperatures.best(np.zeros((100, 2)), truth)
    assert temperatures.probabilities(np.zeros((1, 2)), found)[0, 1] == pytest.approx(0.9, abs=0.03)


def test_what_is_gained_over_the_signals_is_told_by_question():
    """One who ranks tables rightly gains on tables; where both rank alike nothing is gained."""
    truth = [0, 1, 2] * 10
    sure, flat = np.eye(3)[truth], np.full((30, 3), 1 / 3)
    documents = tuple(map(str, range(30)))

    def answers(table: np.ndarray) -> dict[str, Scored]:
        nothing = {q.name: np.ones((30, len(q.options))) / len(q.options) for q in QUESTIONS}
        return {
            name: Scored(documents, np.array(truth) % rows.shape[1], rows)
            for name, rows in {**nothing, "table": table}.items()
        }

    found = gained({"both": answers(sure), "signals": answers(flat)}, "both")
    assert (found["table"].value, found["table"].low) == (0.5, 0.5)
    assert found["kind"].value == found["handwriting"].value == 0


# Who answers.


def page_input(image: Path, text: PageText, *, rules: int = 0) -> PageInput:
    """A page of this text, on an image of 850 by 1100."""
    return PageInput(PageImage(1, "0" * 64, "image/png", 850, 1100, 100.0, Affine(), rules=rules), image, text)


def words(line: str, confidence: float = 0.95) -> PageText:
    """A page that holds this line."""
    boxes = [Box(0.1 + 0.05 * at, 0.1, 0.14 + 0.05 * at, 0.12) for at in range(len(line.split()))]
    found = tuple(Word(word, box, confidence) for word, box in zip(line.split(), boxes, strict=True))
    return PageText(1, found, TextSource.OCR, confidence, language="fr", pen=30.0)


def said(page: PageInput) -> dict[str, str]:
    """The label the signals give to each question."""
    found = by_signals([page], ["180"], Policy())
    return {question.name: labels_of(question)[int(found[question.name][0].argmax())] for question in QUESTIONS}


def test_signals_answer_at_the_thresholds_of_the_policy(tmp_path):
    """Large pen strokes, many rulings and unsure words on one page; none of it on the other."""
    marked = said(page_input(tmp_path, words("INVOICE No 12", 0.7), rules=12))
    assert marked == {
        "kind": "invoice", "handwriting": "yes", "stamp": "signature", "table": "simple",
        "legibility": "fair", "rotation": "180", "language": "fr",
    }  # fmt: skip
    clean = said(page_input(tmp_path, PageText(1, (), TextSource.LAYER, 1.0)))
    assert clean == {
        "kind": "other", "handwriting": "no", "stamp": "no", "table": "no",
        "legibility": "good", "rotation": "180", "language": "en",
    }  # fmt: skip


def test_two_who_agree_are_surer_together():
    """Odds multiply, the signals' doubted by a fifth: 3 to 1 and 0.8 * 0.75 + 0.1 = 0.7, so 3 * 0.7 / 0.3 = 7 to 1."""
    told = both(np.array([[0.75, 0.25]]), np.array([[3.0, 1.0]]))
    assert told[0, 0] == pytest.approx(7 / 8)
    assert both(np.array([[0.9, 0.1]]), np.array([[0.0, 1.0]]))[0, 0] == pytest.approx(0.5)  # 9 to 1 against 1 to 9


def test_the_commonest_answer_is_that_of_the_tuning_half():
    """The same for every page."""
    found = commonest(seen("tuning"), 3)
    assert found["handwriting"].tolist() == [[0.0, 1.0]] * 3
    assert found["rotation"].argmax(axis=1).tolist() == [0] * 3


def test_a_checkpoint_is_asked_of_upright_pages_and_of_turned_copies(tmp_path):
    """A real one with random weights: the turned copies answer which way is up, the others everything else; and the
    tables name every question and label with its pages."""
    from PIL import Image, ImageDraw

    from pipeline.backends.vlm import VlmClassifier
    from pipeline.backends.vlm_load import VlmOptions

    for name, left in (("upright", 4), ("turned", 40)):
        image = Image.new("L", (80, 100), 255)
        ImageDraw.Draw(image).rectangle((left, 4, left + 30, 40), fill=0)
        image.save(tmp_path / f"{name}.png")
    upright, turned = tmp_path / "upright.png", tmp_path / "turned.png"
    model = VlmClassifier(build_vlm("idefics3", tmp_path / "tiny"), VlmOptions("cpu", "float32", longest_edge=64))
    found = by_model(model, [upright, upright], [turned, turned])
    rows = {path: [each.tolist() for each in model.logits([path])[0]] for path in (upright, turned)}
    for at, question in enumerate(QUESTIONS):
        wanted = rows[turned if question.name == "rotation" else upright][at]
        np.testing.assert_allclose(found[question.name], [wanted, wanted], rtol=1e-4, atol=1e-5)
    pages = [page for page in seen("tuning") if page.corpus == "funsd"][:2]
    inputs = [page_input(upright, words("REPORT of May"))] * 2
    sitting = Sitting(pages, inputs, [turned, turned], ["90", "0"], ["90", "0"])
    everyone = {
        "model": found,
        "signals": by_signals(inputs, sitting.poses, Policy()),
        "commonest": commonest(pages, 2),
    }
    answered = {who: sitting.scored(each) for who, each in everyone.items()}
    told = [line for line in by_question(answered) if "| accuracy |" in line]
    assert [line.split(" | ")[0][2:] for line in told] == [question.name for question in QUESTIONS]
    assert "| rotation | 90 | 1 |" in "\n".join(by_label(answered))
    assert answered["signals"]["rotation"].given.tolist() == [1, 0]


def test_a_turned_page_of_print_is_seen_to_be_turned(tmp_path):
    """By its letters, as rendering sees it: the label says where the top of the text points."""
    import pymupdf
    from PIL import Image

    from pipeline.upright import quarter_turn

    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_textbox((72, 72, 540, 720), "The parties hereto agree to the terms that follow. " * 40, fontsize=11)
        drawn = page.get_pixmap(dpi=150)
    upright = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.samples)
    for degrees in (0, 90, 180, 270):
        quarter_turn(upright, degrees).save(tmp_path / "turned.png")
        assert pose_of(tmp_path / "turned.png", 150.0) == str(degrees)


def test_fitting_needs_a_checkpoint():
    """Said before any page is read."""
    with pytest.raises(SystemExit, match="--fit needs --model"):
        bundled.main(["triage", "--fit"])
