"""What people do in the middle of a move, and what other machines do."""

from __future__ import annotations

from collections.abc import Iterator

from lab import network
from lab.faults.stage import Broken, Stage

_BUSY = 13
_COMMANDS = (("sync",), ("cutover", "--yes"), ("rollback",), ("finish",))
_START = (
    "units=$(systemctl list-unit-files --state=masked --plain --no-legend 'bm-*' 'postfix*' "
    "bluemind.target | cut -d' ' -f1); systemctl unmask $units; bmctl start; "
    "systemctl start postfix.service"
)
_TWICE = (
    'transhume "$@" >/dev/null & one=$!; transhume "$@" >/dev/null & two=$!; '
    "wait $one; echo $?; wait $two; echo $?"
)


def second_admin(stage: Stage) -> Iterator[None]:
    """Somebody else types each command while the tool works."""
    for words in _COMMANDS:
        done = stage.target.exec(("transhume", *words), check=False)
        if done.returncode != _BUSY:
            raise Broken(f"a second {' '.join(words)} ended with {done.returncode}")
    yield


def two_admins(stage: Stage) -> Iterator[None]:
    """The tool is killed, and two type the same command in the same moment: one is turned away."""
    stage.tool.signal("KILL")
    yield
    stage.over()
    done = stage.target.exec(("sh", "-c", _TWICE, "sh", *stage.words), check=False)
    if sorted(done.stdout.split()) != ["0", str(_BUSY)]:
        raise Broken(f"two at once ended with {done.stdout.split()}: {done.stderr.strip()}")


def source_started(stage: Stage) -> Iterator[None]:
    """The tool is killed, and somebody starts the source's services by hand."""
    stage.tool.signal("KILL")
    yield
    stage.over()
    stage.source.exec(("sh", "-c", _START))


def third_machine(stage: Stage) -> Iterator[None]:
    """Another machine takes the address before the target does, and keeps it for a while."""
    with network.intruder(stage.name):
        yield
        stage.over()
