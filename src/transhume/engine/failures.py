"""Say what a command left behind when it didn't succeed."""

from __future__ import annotations

from transhume.core.change import Command
from transhume.core.host import Output
from transhume.errors import StepFailed


def failed(command: Command, output: Output, when: str = "") -> StepFailed:
    """The error for a command that didn't succeed, with the last thing it said."""
    said = output.stderr.decode(errors="replace").strip().splitlines()[-3:]
    return StepFailed(
        f"a command on the {command.place} didn't succeed{when} (status {output.status}): {command}"
        + "".join(f"\n  {line}" for line in said)
    )
