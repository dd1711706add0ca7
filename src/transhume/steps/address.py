"""Which steps replace the server at network level, as the settings have it."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.settings import AddressSettings
from transhume.core.step import Step
from transhume.steps.network.elsewhere import ByHand, Scripted
from transhume.steps.network.maintenance import Maintenance
from transhume.steps.network.place import Addresses
from transhume.steps.network.release import Release
from transhume.steps.network.settle import Settle
from transhume.steps.network.take import Take


@dataclass(frozen=True)
class AddressSteps:
    """The steps for the places in the cutover where they belong."""

    before_freeze: tuple[Step, ...] = ()
    replace: tuple[Step, ...] = ()
    """Beside the last copies: they need nothing of each other."""
    asked: tuple[Step, ...] = ()
    """Alone, since a person is asked for something."""
    settle: tuple[Step, ...] = ()
    """While the services start."""


def address_steps(settings: AddressSettings) -> AddressSteps:
    """Nothing where the target keeps its own address."""
    if settings.how == "take":
        addresses = Addresses.of(settings)
        return AddressSteps(
            before_freeze=(Maintenance(addresses),),
            replace=(Release(addresses), Take(addresses)),
            settle=(Settle(addresses),),
        )
    if settings.how == "script" and settings.script:
        return AddressSteps(replace=(Scripted(settings.script, settings.service),))
    if settings.how == "manual":
        return AddressSteps(asked=(ByHand(settings.service),))
    return AddressSteps()
