"""The ledger's books: no budget is overshot by reservations, whoever makes them and whenever."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from test_database import postgres  # noqa: F401  a fixture

from pipeline.database import Database, open_database
from pipeline.errors import BudgetSpent, MatterBudgetSpent
from pipeline.frontier.ledger import Budget, Ledger, Planned, micros, midnight


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def planned(usd: str, run: int = 1, matter: str = "acme", batch: str = "") -> Planned:
    return Planned(run, "d", matter, (1,), "host", "model", Decimal(usd), batch)


def test_a_call_is_written_down_before_it_is_made_and_counts_in_full(ledger: Ledger) -> None:
    """Reserved money is gone until the call is settled; then what it cost is, and the rest is free again."""
    budget = Budget(run=Decimal("0.10"))
    call = ledger.reserve(planned("0.08"), budget)
    with pytest.raises(BudgetSpent, match=r"run has 0\.0200 USD left of 0\.10, the next call could cost 0\.0300"):
        ledger.reserve(planned("0.03"), budget)
    ledger.settle(call, Decimal("0.02"), {})
    assert ledger.reserve(planned("0.08"), budget) > call
    assert (ledger.paid(1), ledger.reserved(1), ledger.spent(1)) == (Decimal("0.02"), Decimal("0.08"), Decimal("0.10"))


def test_a_call_that_failed_counts_with_its_cost_and_a_lost_one_with_all_it_reserved(ledger: Ledger) -> None:
    """What was refused costs nothing, what brought nothing costs what it cost, what has no end counts as paid."""
    budget = Budget(run=Decimal(1))
    refused, useless, lost = (ledger.reserve(planned("0.30"), budget) for _ in range(3))
    ledger.close(refused, "status 529")
    ledger.settle(useless, Decimal("0.05"), {}, state="failed", why="cut off")
    assert ledger.lose(1) == 1 and lost
    assert (ledger.paid(1), ledger.reserved(1)) == (Decimal("0.05"), Decimal("0.30"))


def test_threads_never_overshoot_a_budget(ledger: Ledger) -> None:
    """Forty reservations of 0.03 at once under a budget of 0.50: sixteen are made, not one more."""

    def reserve(_: int) -> bool:
        try:
            return bool(ledger.reserve(planned("0.03"), Budget(run=Decimal("0.50"))))
        except BudgetSpent:
            return False

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(reserve, range(40))) == 16
    assert ledger.spent(1) == Decimal("0.48")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_never_overshoot_a_budget(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """Three processes that reserve for different runs keep the day's budget together."""
    sqlite = kind == "sqlite"
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}" if sqlite else request.getfixturevalue("postgres")
    script = textwrap.dedent("""
        import sys
        from decimal import Decimal
        from pipeline.database import open_database
        from pipeline.errors import BudgetSpent
        from pipeline.frontier.ledger import Budget, Ledger, Planned
        ledger, run, made = Ledger(open_database(sys.argv[1])), int(sys.argv[2]), 0
        for _ in range(30):
            try:
                ledger.reserve(Planned(run, "d", "m", (1,), "h", "x", Decimal("0.01")), Budget(day=Decimal("0.50")))
                made += 1
            except BudgetSpent:
                pass
        print(made)
    """)
    open_database(url).close()
    started = [
        subprocess.Popen([sys.executable, "-c", script, url, str(run)], stdout=subprocess.PIPE) for run in (1, 2, 3)
    ]
    assert sum(int(process.communicate()[0]) for process in started) == 50


def test_a_new_day_has_its_own_budget(database: Database) -> None:
    """A minute before midnight nothing is left; a minute after it all of the new day's budget is."""
    now = [midnight(date(2026, 11, 23)) - 60]
    ledger, budget = Ledger(database, clock=lambda: now[0]), Budget(day=Decimal("0.10"))
    ledger.reserve(planned("0.10"), budget)
    with pytest.raises(BudgetSpent, match=r"of today has 0\.0000 USD left"):
        ledger.reserve(planned("0.01"), budget)
    now[0] += 120
    ledger.reserve(planned("0.10"), budget)


def test_a_day_begins_at_midnight_by_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on the days on which the clock is put forward or back."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for day in (date(2026, 3, 29), date(2026, 10, 25)):
            begins = datetime.fromtimestamp(midnight(day))
            assert (begins.date(), begins.hour, begins.minute) == (day, 0, 0)
        assert midnight(date(2026, 3, 30)) - midnight(date(2026, 3, 29)) == 23 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_spent_budget_of_a_matter_leaves_the_others(ledger: Ledger) -> None:
    """A matter's bound holds over all its runs, is told apart from the others, and touches no other matter."""
    budget = Budget(run=Decimal(5), matter=Decimal("0.10"))
    ledger.reserve(planned("0.09", run=1), budget)
    with pytest.raises(MatterBudgetSpent):
        ledger.reserve(planned("0.02", run=2), budget)
    ledger.reserve(planned("0.02", run=2, matter="novatek"), budget)


@pytest.mark.parametrize(("usd", "kept"), [("0.0000001", 1), ("0.000001", 1), ("0.0000011", 2), ("0", 0)])
def test_amounts_are_rounded_up_to_millionths(usd: str, kept: int) -> None:
    """Rounding never makes room that is not there."""
    assert micros(Decimal(usd)) == kept


def test_a_call_that_fits_to_the_last_millionth_is_made(ledger: Ledger) -> None:
    """The budget itself may be spent, and nothing above it."""
    ledger.reserve(planned("0.100000"), Budget(run=Decimal("0.1")))
    with pytest.raises(BudgetSpent):
        ledger.reserve(planned("0.0000001"), Budget(run=Decimal("0.1")))


def test_an_answer_that_a_kill_took_keeps_its_cost_and_brought_nothing(ledger: Ledger) -> None:
    """A settled call whose answer was not kept is called failed, with its reason, at what it cost."""
    call = ledger.reserve(planned("0.30"), Budget())
    ledger.settle(call, Decimal("0.04"), {})
    assert ledger.answered(1) == [(call, "d", "model", (1,))]
    ledger.unkept(call)
    assert ledger.answered(1) == [] and ledger.paid(1) == Decimal("0.04")
