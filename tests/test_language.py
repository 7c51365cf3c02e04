"""Languages and scripts, and what is said about them."""

from pipeline.language import expected_languages, identify, notes

ENGLISH = "this agreement is made by and between the parties and shall be governed by the laws of the state of New York"


def test_a_language_is_told_from_enough_words():
    """Twenty words suffice; fewer tell nothing."""
    assert identify(ENGLISH.split()) == "en"
    assert identify(ENGLISH.split()[:8]) == ""


def test_tesseract_names_are_understood():
    """The setting speaks Tesseract, the page ISO 639-1; unknown models expect nothing."""
    assert expected_languages("eng+deu") == {"en", "de"}
    assert expected_languages("script/Latin") == set()


def test_only_what_differs_from_the_setting_is_noted():
    """The configured language is silent, another one is named, and an unknown setting never complains."""
    assert notes("en", "Latin", "eng") == []
    assert notes("de", "", "eng") == ["page is in German (de); the configured language is eng"]
    assert notes("de", "", "eng+deu") == []
    assert notes("de", "", "frk") == []
    assert notes("", "Korean", "eng") == ["page looks to be in Korean script; the configured language is eng"]
    assert notes("", "Korean", "kor") == []
