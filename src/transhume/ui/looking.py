"""What is only looked at: what files hold now, and the configuration's diff."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from transhume.core.change import WriteFile
from transhume.profiles.bluemind import profile
from transhume.steps.configuration_diff import diff
from transhume.ui.session import Session


def former(run: Session) -> Callable[[WriteFile], bytes | None]:
    """What a file holds now, for the diff in the plan."""
    return lambda act: run.pair.at(act.place).file(act.path)


def configuration_diff(run: Session) -> Iterator[str]:
    """How the target's configuration would change."""
    return diff(profile.configuration(run.layout, run.settings), run.pair)
