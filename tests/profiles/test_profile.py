"""The order of the plan where what comes behind what isn't seen at one step alone."""

from __future__ import annotations

from tests.contract import machines
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import load
from transhume.steps.catch_up import CatchUp


def test_before_the_freeze_trees_are_copied_before_and_after_the_long_comparison() -> None:
    """Before it, for it closes gaps; after it, for nobody has copied what changed meanwhile."""
    plan = profile.plan(load("bluemind-5"), machines.settings())
    (catch_up,) = [step for step in plan.steps if isinstance(step, CatchUp)]
    keys = [step.key for step in catch_up.hot]
    at = keys.index("prove-again")
    assert keys[at - 1] == keys[at + 1] == "sync-trees"
