"""Which steps replace the server at network level, as the settings have it."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.change import Act
from transhume.core.settings import AddressSettings
from transhume.core.step import Step
from transhume.steps.network.elsewhere import ByHand, Scripted
from transhume.steps.network.links import contested, free
from transhume.steps.network.maintenance import Maintenance
from transhume.steps.network.place import Addresses
from transhume.steps.network.release import Release
from transhume.steps.network.settle import Settle, SettleBack
from transhume.steps.network.take import Take


@dataclass(frozen=True)
class AddressSteps:
    """The steps for the places in the cutover where they belong."""

    before_freeze: tuple[Step, ...] = ()
    settle_back: tuple[Step, ...] = ()
    """Directly before it: its way back is what is waited for last."""
    replace: tuple[Step, ...] = ()
    """Beside the last copies: they need nothing of each other."""
    asked: tuple[Step, ...] = ()
    """Alone, since a person is asked for something."""
    settle: tuple[Step, ...] = ()
    """While the services start."""
    free: tuple[Act, ...] = ()
    """On the source: succeed once nobody else holds the addresses."""
    contested: tuple[Act, ...] = ()
    """On the target: succeed when it holds an address that another machine holds, too."""


def address_steps(settings: AddressSettings) -> AddressSteps:
    """Nothing where the target keeps its own address."""
    if settings.how == "take":
        addresses = Addresses.of(settings)
        take = Take(addresses)
        return AddressSteps(
            before_freeze=(Maintenance(addresses),),
            settle_back=(SettleBack(addresses),),
            replace=(Release(addresses), take),
            settle=(Settle(addresses, take.former),),
            free=(free("source", addresses.source_device, addresses.service),),
            contested=contested("target", addresses.target_device, addresses.service),
        )
    if settings.how == "script" and settings.script:
        return AddressSteps(replace=(Scripted(settings.script, settings.service),))
    if settings.how == "manual":
        return AddressSteps(asked=(ByHand(settings.service),))
    return AddressSteps()
