"""The fuzzer: damage repeats, and 200 damaged files end in pages or a reason."""

import pymupdf
import pytest

from infra.measure.fuzz import Tally, fuzz, main
from infra.measure.mutations import BYTES, OBJECTS, mutant, samples
from infra.measure.nasties import pdf
from pipeline.errors import DocumentHeld, WorkerTimeout


@pytest.fixture(scope="module")
def made():
    return samples()


def test_samples_are_sound_and_repeat(made):
    """They open without repair, as bytes and as objects written anew, and are the same each time."""
    assert made == samples()
    for sample in made:
        for data in (sample.data, pdf(sample.objects, sample.root)):
            with pymupdf.open("pdf", data) as document:
                assert (document.page_count, document.is_repaired) == (1, False)


def test_a_seed_is_a_file(made):
    """The same seed gives the same damage, another seed another one."""
    assert mutant(made, "7:1") == mutant(made, "7:1")
    assert len({mutant(made, f"7:{number}")[1] for number in range(50)}) == 50


def test_every_kind_of_damage_is_done(made):
    """No mutator is out of reach, or stumbles over what others left."""
    kinds = {kind for number in range(400) for kind in mutant(made, f"1:{number}")[0].partition(": ")[2].split(", ")}
    assert kinds == {wound.__name__.strip("_") for wound in (*BYTES, *OBJECTS)}


def test_200_damaged_files_end_in_pages_or_a_reason(tmp_path):
    """Through the real workers: nothing outside the error tree, pool healthy after, no worker left."""
    tally, watch = fuzz(200, 7, tmp_path)
    assert tally.wrong == []
    assert tally.outcomes.total() == 200
    assert sum(n for outcome, n in tally.outcomes.items() if outcome.startswith("read")) > 50
    assert watch.peak > 50 << 20


def test_what_is_wrong_is_named():
    """An outcome at a limit keeps its seed; one that only a programmer can read is wrong."""
    tally = Tally()
    tally.add("7:1", WorkerTimeout("took longer than 20 s and was ended"))
    tally.add("7:2", DocumentHeld("page 1 can't be drawn"))
    tally.add("7:3", DocumentHeld("can't be read: the program failed on it (ValueError at render.py:7)"))
    assert list(tally.limits) == ["7:1"]
    assert [line.split(": ")[0] for line in tally.wrong] == ["7:3"]


def test_a_case_can_be_written_out(tmp_path, made, capsys):
    """`--case` gives the file that a worker saw."""
    out = tmp_path / "case.pdf"
    assert main(["--case", "7:5", str(out)]) == 0
    assert out.read_bytes() == mutant(made, "7:5")[1]
    assert capsys.readouterr().out.strip() == mutant(made, "7:5")[0]
