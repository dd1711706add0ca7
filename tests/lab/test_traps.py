"""The verdicts on the traps: a loss is a fall, and a look that wasn't made is no pass."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.traps import before, looks
from lab.traps.catalogue import TRAPS
from lab.traps.trap import CLOSED, FALLS, HOLDS, STOPPED, Run, Told, Trap, judge, noted, unlike
from transhume.core.settings import AddressSettings, Settings, SourceSettings
from transhume.profiles.bluemind import layout, profile

TRAP = Trap("queue", "the mail queue", unlike("queue *"), ("queue",), step="move-queue")
LOST = Run(differences=["queue 1 254 a@example.org: missing", "rows bj t: 2 became 1"])
SEEN = Told({"queue": "notes"}, frozenset())
UNSEEN = Told({}, frozenset({"start"}))


@pytest.mark.parametrize(
    ("documented", "moved", "told", "expected"),
    [
        (LOST, Run(), SEEN, (FALLS, CLOSED, "queue")),
        (LOST, Run(), Told({"queue": "blocks"}, frozenset()), (FALLS, STOPPED, "queue")),
        (LOST, Run(), Told({}, frozenset({"move-queue"})), (FALLS, CLOSED, "plan: move-queue")),
        (LOST, Run(), UNSEEN, (FALLS, "closed, not seen", "")),
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
    assert all(trap.seen_by or trap.step for trap in TRAPS)


def test_every_step_that_a_trap_names_is_in_the_plan() -> None:
    source = SourceSettings(ssh="root@old", host_key="ssh-ed25519 AAAAC3Nz")
    taken = AddressSettings(service=("192.0.2.10/24",), source_device="ens3", target_device="ens3")
    kept = AddressSettings(how="none", becomes="192.0.2.20")
    for which, address in (("taken", taken), ("kept", kept)):
        settings = Settings(source=source, address=address)
        plan = profile.plan(layout.load("bluemind-5"), settings)
        known = {step.key for step in plan.steps}
        assert {trap.step for trap in TRAPS if trap.address == which} - {""} <= known


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
