"""What a server is said to do, and what it turns out to do."""

import logging
from typing import get_args

import pytest

from pipeline.frontier.profiles import PROFILES, Abilities, Profile
from pipeline.settings import Settings


def forms(profile: Profile) -> list[tuple[str, bool]]:
    return [(form.schema, form.caching) for form in Abilities(profile).forms()]


def test_settings_name_exactly_the_profiles_there_are():
    """Every profile can be chosen, and nothing else."""
    assert set(get_args(Settings.model_fields["frontier_profile"].annotation)) == set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_ends_at_the_plainest_form(name):
    """Whatever is promised, the last form a request is tried in asks nothing of the server."""
    assert forms(PROFILES[name])[-1] == ("prompt", False)


def test_what_is_missed_least_is_left_out_first():
    """The schema goes by weaker and weaker means before the cache is given up; no form is tried twice."""
    assert forms(PROFILES["claude"]) == [
        ("output_config", True),
        ("tool", True),
        ("prompt", True),
        ("output_config", False),
        ("tool", False),
        ("prompt", False),
    ]
    assert forms(PROFILES["llamacpp"]) == [("tool", False), ("prompt", False)]
    assert forms(PROFILES["plain"]) == [("prompt", False)]


def test_the_first_form_that_is_answered_is_kept_and_said_once(caplog):
    """From then on requests have that form alone, and one line in words tells what was given up."""
    abilities = Abilities(PROFILES["vllm"])
    tool = abilities.forms()[1]
    with caplog.at_level(logging.WARNING):
        abilities.answered(tool)
        abilities.answered(PROFILES["vllm"])  # a call that was under way; the form stays
    assert abilities.forms() == [abilities.profile] and abilities.profile.schema == "tool"
    assert abilities.profile.counting and abilities.profile.images == 4
    assert [record.getMessage() for record in caplog.records] == [
        "the frontier model's server refuses what profile vllm promises: from now on schema by tool, uncached"
    ]


def test_a_promise_that_is_kept_is_not_worth_a_line(caplog):
    """The promised form answered: nothing changes, nothing is logged, and no other form is tried any more."""
    abilities = Abilities(PROFILES["claude"])
    with caplog.at_level(logging.WARNING):
        abilities.answered(PROFILES["claude"])
    assert abilities.forms() == [PROFILES["claude"]] and not caplog.records


def test_a_server_that_counts_no_tokens_is_asked_no_more(caplog):
    """Counting is off for the run, said once, and the rest of the profile stays."""
    abilities = Abilities(PROFILES["claude"])
    with caplog.at_level(logging.WARNING):
        abilities.cannot_count()
        abilities.cannot_count()
    assert not abilities.profile.counting and abilities.profile.caching and len(caplog.records) == 1
