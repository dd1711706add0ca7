"""The plan for going back after the opening, up to where the journal takes everything else back."""

from __future__ import annotations

from transhume.core.plan import Beside, Plan
from transhume.core.settings import Settings
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.back.configuration import CarryConfiguration, FinishCarried
from transhume.steps.back.databases import (
    CanReturn,
    CarryChanges,
    CarryDatabases,
    Untie,
    WakeSource,
)
from transhume.steps.back.leave import CarryQueue, CloseAgain, ReleaseFirst, StopTarget
from transhume.steps.back.trees import CarryAgain, CarryRest, CarryTrees
from transhume.steps.guard.back import ArmBack, TurnBack, Undoing


def plan(layout: Layout, settings: Settings, undoing: Undoing) -> Plan:
    """Its steps in order: hot, then behind the closed door."""
    way = profile.way_back(layout, settings)
    switch = profile.guard(layout, settings)
    closing = CloseAgain(profile.ports(layout)), StopTarget(profile.driven(layout))
    hot, settled = CarryTrees(way), CarryConfiguration(profile.configuration(layout, settings))
    return Plan(
        (
            WakeSource(),
            CanReturn(way),
            ReleaseFirst(),
            settled,
            hot,
            CarryDatabases(way),
            CarryAgain((hot,), settings.cutover.rest),
            ArmBack(closing, switch, undoing),
            *closing,
            Beside(
                (
                    (CarryRest(way),),
                    (CarryChanges(way),),
                    (CarryQueue(),),
                    (FinishCarried(settled),),
                )
            ),
            Untie(way),
            TurnBack(switch, undoing),
        )
    )
