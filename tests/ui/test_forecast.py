"""The forecast of the downtime on a screen."""

from __future__ import annotations

from tests.ui.sheet import Sheet
from transhume.core.forecast import Forecast, Foretold
from transhume.core.measured import Account, Expected
from transhume.core.plan import Plan
from transhume.ui.forecast import Outlook, outlook, sentence, show

DASH = "\N{EN DASH}"


def _part(step: str, account: Account, seconds: float, low: float, high: float) -> Foretold:
    return Foretold(step, "do it", account, Expected(seconds, low, high, f"as {step} took"))


STOP = _part("freeze", "stop", 9, 8, 11)
START = _part("start", "start", 26, 20, 40)
OPEN = _part("open", "start", 1, 1, 2)


def _seen(*parts: Foretold, seconds: float, low: float, high: float) -> Outlook:
    whole = Forecast(parts, seconds, low, high)
    return Outlook((), whole, Forecast(parts, 12, 10, 20))


def test_a_forecast_with_its_range() -> None:
    told = sentence(Forecast((STOP, OPEN, START), 36, 29, 53))
    assert told == f"Expected downtime 36 s (29{DASH}53): stop 9, start 27."


def test_minutes_are_told_as_minutes() -> None:
    databases = _part("dump-databases", "databases", 200, 90, 400)
    sheet = Sheet()
    show(sheet, _seen(STOP, databases, START, seconds=235, low=118, high=451))
    assert sheet.rows[-1] == (
        " Expected downtime 4 min (2 min to 8 min): stop 9, databases 3 min, start 26."
    )


def test_each_account_says_what_it_is_founded_on() -> None:
    sheet = Sheet()
    show(sheet, _seen(STOP, OPEN, START, seconds=36, low=29, high=53))
    assert [row.split()[0] for row in sheet.rows[:3]] == ["stop", "start", "in"]
    assert sheet.rows[1].endswith("as start took")


def test_before_anything_was_measured_there_is_none() -> None:
    assert outlook(Plan(()), []) is None
    sheet = Sheet()
    show(sheet, None)
    assert sheet.rows == [" Expected downtime: no estimate yet."]


def test_now_is_told_beside_when_all_is_caught_up() -> None:
    seen = _seen(STOP, seconds=300, low=1, high=2)
    assert seen.line() == "forecast for a cutover now: 5 min · when caught up: 12 s"
    assert seen.rest == 288
    assert seen.told()["forecast"]["caught_up"] == 12
