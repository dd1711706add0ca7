"""The verdicts on the traps: a loss is a fall, and a look that wasn't made is no pass."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.traps import before, looks
from lab.traps.catalogue import TRAPS
from lab.traps.trap import CLOSED, FALLS, HOLDS, STOPPED, Run, Told, Trap, judge, noted, unlike
from tests.profiles.test_checks import EVERY

TRAP = Trap("queue", "the mail queue", unlike("queue *"), ("queue",))
LOST = Run(differences=["queue 1 254 a@example.org: missing", "rows bj t: 2 became 1"])
SEEN = Told({"queue": "notes"})
UNSEEN = Told({"sessions": "notes"})


@pytest.mark.parametrize(
    ("documented", "moved", "told", "expected"),
    [
        (LOST, Run(), SEEN, (FALLS, CLOSED, "queue")),
        (LOST, Run(), Told({"queue": "blocks"}), (FALLS, STOPPED, "queue")),
        (LOST, Run(), UNSEEN, (FALLS, "closed, not seen", "")),
        (LOST, Run(), Told({"queue": "unknown"}), (FALLS, "closed, not seen", "")),
        (LOST, LOST, SEEN, (FALLS, "falls, seen", "queue")),
        (LOST, LOST, UNSEEN, (FALLS, "falls", "")),
        (Run(), Run(), SEEN, (HOLDS, CLOSED, "queue")),
    ],
)
def test_the_verdict(documented: Run, moved: Run, told: Told, expected: tuple[str, ...]) -> None:
    row = judge(TRAP, documented, moved, told)
    assert (row.documented, row.transhume, row.seen_by) == expected
    assert row.right == (expected[0] == FALLS and expected[1] in (CLOSED, STOPPED))


def test_only_what_fell_into_the_trap_counts() -> None:
    assert judge(TRAP, LOST, Run(), SEEN).lost == ["queue 1 254 a@example.org: missing"]


def test_a_look_that_was_not_made_is_no_pass() -> None:
    with pytest.raises(KeyError):
        noted("early")(Run())


def test_each_trap_is_told_apart() -> None:
    keys = [trap.key for trap in TRAPS]
    assert len(set(keys)) == len(keys)
    seen = [key for trap in TRAPS if trap.address == "taken" for key in trap.seen_by]
    assert len(set(seen)) == len(seen), "no finding tells of two traps"


def test_every_finding_that_tells_of_a_trap_is_one_that_a_check_is_able_to_make() -> None:
    made = {case.key for case in EVERY} | {"address-changes"}
    for trap in TRAPS:
        assert trap.seen_by
        assert set(trap.seen_by) <= made, trap.key


def test_missing_rows_go_to_the_trap_that_took_them() -> None:
    run = Run()
    before.rows(
        [
            "bj-data t_calendar_vevent: 1000 became 0",
            "bj-data t_mailbox_record: 348 became 0",
            "bj-data t_mailbox_record_7: 3 became 0",
        ],
        run,
    )
    assert run.noted["zones"] == ["bj-data t_calendar_vevent: 1000 became 0"]
    assert run.noted["triggers"] == ["bj-data t_mailbox_record: 348 became 0"]


def test_mail_that_is_let_in_before_the_core_is_early(tmp_path: Path) -> None:
    log = tmp_path / "probed.jsonl"
    seen = [
        ("core", 1.0, True),
        ("smtp", 1.1, True),  # both are up
        ("core", 2.0, False),
        ("smtp", 2.1, False),
        ("smtp", 3.0, True),  # too early
        ("core", 3.5, False),
        ("smtp", 3.6, True),  # the core may be there already
        ("core", 4.0, True),
        ("smtp", 4.1, True),
    ]
    lines = [
        json.dumps({"time": time, "took": 0.01, "service": name, "up": up})
        for name, time, up in seen
    ]
    log.write_text("\n".join(lines) + "\n")
    assert looks.early(log) == ["mail was let in 0.5 s before the core was there"]


def test_an_address_is_looked_for_alone() -> None:
    pattern = looks._alone("192.0.2.10")
    assert re.search(pattern, "lmtp:192.0.2.10:2400")
    assert not re.search(pattern, "192.0.2.100")
    assert not re.search(pattern, "192x0y2z10")
