"""Whoever owns the source makes up its answers: on the target they stay data."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import product

import pytest

from tests.contract.hostile import Twist, planting, twisted
from tests.contract.test_steps import BACK, HOW, STEPS, plan, servers
from tests.fakes import FakeHost
from tests.profiles.test_checks import EVERY
from tests.profiles.troubles import CHECKS, Case
from tests.profiles.troubles import pair as troubled
from transhume.core.change import Carry, Change, Command, Keep, Never
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.errors import TranshumeError

EVIL = "/etc/cron.d"
"""Where nothing of the move has any business."""
PATHS = (
    EVIL,
    f"{EVIL}/evil",
    "../" * 9 + "etc/cron.d/evil",
    f"/etc/bm/..{EVIL[4:]}",
    f"/x/../{EVIL}",
)
SHELL = ("$(touch evil)", "x;touch evil;", "`touch evil`", "1/touch evil/e;#")
SQL = ("x'; drop evil; --", 'x"; drop evil; --', "x\\'; drop evil; --", "x\n\\! touch evil\n")

_QUOTED = re.compile(
    r"""\$\$.*?\$\$ | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" """,
    re.VERBOSE | re.DOTALL,
)


def commands(changes: list[Change]) -> Iterator[Command]:
    """What is typed on the target, forward and back."""
    for change in changes:
        acts = (
            change.act,
            *(() if isinstance(change.back, Keep | Never | Carry) else (change.back,)),
        )
        yield from (
            command for act in acts for command in act.commands() if command.place == "target"
        )


def scripts(changes: list[Change]) -> set[str]:
    """What a shell is given to run there."""
    return {
        command.argv[at + 2]
        for command in commands(changes)
        for at, word in enumerate(command.argv)
        if word == "sh" and command.argv[at + 1 : at + 2] == ("-c",)
    }


KNOWN = {
    script
    for how in HOW
    for step in (*plan(how).steps, *BACK)
    for script in scripts(list(step.run(servers(step))))
}


def made(step: Step, at: int, twist: Twist) -> list[Change]:
    """The changes up to where it ends when the source's answer with this number is made up."""
    changes: list[Change] = []
    with suppress(Exception):  # test_garbage.py is about those
        changes.extend(step.run(_hostile(step, at, twist)))
    return changes


def _hostile(step: Step, at: int, twist: Twist) -> Pair:
    """Two machines, of which the source makes up this one answer."""
    pair = servers(step)
    assert isinstance(pair.source, FakeHost)
    return Pair(twisted(pair.source, at, twist), pair.target)


def seen(step: Step, at: int, twist: Twist) -> list[Finding]:
    """The same of what it says."""
    found: list[Finding] = []
    for look in (step.check, step.verify):
        pair = _hostile(step, at, twist)
        with suppress(Exception):
            found.extend(item for item in look(pair) if isinstance(item, Finding))
    return found


def questions(step: Step, *looks: str) -> range:
    """The numbers of the questions that it asks the source."""
    most = 0
    for look in looks:
        pair = servers(step)
        assert isinstance(pair.source, FakeHost)
        source = twisted(pair.source, -1, lambda answer: answer)
        with suppress(TranshumeError):
            list(getattr(step, look)(Pair(source, pair.target)))
        most = max(most, source.number)
    return range(most)


def _evil(path: str) -> bool:
    return f"{posixpath.normpath(path)}/".startswith(f"{EVIL}/")


def _touched(command: Command) -> Iterator[str]:
    """The paths that a command names, in arguments or in a list."""
    yield from command.argv
    if "--files-from=-" in command.argv:
        for name in command.input.decode(errors="surrogateescape").split("\0"):
            yield posixpath.join(command.argv[-1], name.lstrip("/"))


@pytest.mark.parametrize("step", STEPS)
def test_no_path_that_it_makes_up_is_touched_on_the_target(step: Step) -> None:
    for at, (how, payload) in product(questions(step, "run"), enumerate(PATHS)):
        for command in commands(made(step, at, planting(payload, at + how))):
            assert not any(_evil(path) for path in _touched(command)), (payload, at)


@pytest.mark.parametrize("step", STEPS)
def test_no_shell_no_sed_and_no_psql_reads_what_it_makes_up(step: Step) -> None:
    for at, (how, payload) in product(questions(step, "run"), enumerate((*SHELL, *SQL))):
        changes = made(step, at, planting(payload, at + how))
        assert scripts(changes) <= KNOWN
        for command in commands(changes):
            if "psql" in command.argv:
                assert "evil" not in _QUOTED.sub("", command.input.decode()), payload
            if "sed" in command.argv:
                assert not any("evil" in word for word in command.argv), payload


@pytest.mark.parametrize("step", STEPS)
def test_what_it_makes_up_stands_quoted_in_remedies(step: Step) -> None:
    for at, (how, payload) in product(questions(step, "check", "verify"), enumerate(SHELL)):
        for finding in seen(step, at, planting(payload, at + how)):
            _assert_quoted(finding)


@pytest.mark.parametrize("case", EVERY, ids=str)
def test_what_it_makes_up_stands_quoted_in_the_remedies_of_every_finding(case: Case) -> None:
    """Each finding is provoked as its own test does, then each answer of the source is made up."""
    look = CHECKS[case.check].findings
    for at, (how, payload) in product(_asked(case), enumerate(SHELL)):
        told = troubled(case.alter)
        assert isinstance(told.source, FakeHost)
        twist = planting(payload, at + how)
        for finding in look(Pair(twisted(told.source, at, twist), told.target)):
            _assert_quoted(finding)


def _asked(case: Case) -> range:
    told = troubled(case.alter)
    assert isinstance(told.source, FakeHost)
    source = twisted(told.source, -1, lambda answer: answer)
    CHECKS[case.check].findings(Pair(source, told.target))
    return range(source.number)


def _assert_quoted(finding: Finding) -> None:
    if finding.severity == "unknown" or finding.remedy.startswith("in the settings: "):
        return  # Nothing for a shell.
    # A quote within quotes is written as '"'"' (shlex.quote).
    assert "evil" not in re.sub(r"\"'\"|'[^']*'", "", finding.remedy), finding
