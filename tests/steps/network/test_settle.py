"""Tests of waiting for the kernel to let a machine use its addresses again."""

from __future__ import annotations

from tests.steps.network.machine import Machine
from tests.steps.network.samples import DEVICE, IFUPDOWN, INTERFACES, SERVICE, SERVICE6, SPARE
from tests.steps.network.test_release import ADDRESSES
from transhume.core.change import Act, Await, Keep, leaves
from transhume.core.host import Pair
from transhume.steps.network.edit import Interface
from transhume.steps.network.place import Addresses
from transhume.steps.network.release import Release
from transhume.steps.network.settle import SettleBack

BOTH = Addresses((SERVICE, SERVICE6), (SPARE,), DEVICE, DEVICE)


def _source(*held: Interface, route: dict[str, object] | None = None) -> Pair:
    source = Machine(
        "source",
        files={INTERFACES: IFUPDOWN},
        held={str(each): {} for each in held},
        routes={4: [], 6: [route] if route else []},
    )
    return Pair(source, Machine("target"))


def _backs(pair: Pair) -> list[Act]:
    """Of what takes the addresses away at once."""
    change = next(each for each in Release(BOTH).run(pair) if each.title.startswith("take "))
    assert not isinstance(change.back, Keep)
    return list(leaves(change.back))  # type: ignore[arg-type]


def test_on_the_way_back_services_start_while_the_kernel_asks_around() -> None:
    assert not [act for act in _backs(_source(SERVICE, SERVICE6, SPARE)) if isinstance(act, Await)]
    (looked,) = SettleBack(BOTH).run(_source(SERVICE, SERVICE6, SPARE))
    (waits,) = [act for act in leaves(looked.back) if isinstance(act, Await)]  # type: ignore[arg-type]
    assert {str(SERVICE.ip), str(SERVICE6.ip)} <= set(waits.argv)
    assert "announce" in str(looked.back)


def test_a_route_that_names_the_address_waits_for_it() -> None:
    """The kernel takes no route whose source it can't use yet."""
    route: dict[str, object] = {
        "dst": "default",
        "gateway": "fe80::1",
        "prefsrc": str(SERVICE6.ip),
        "protocol": "static",
    }
    backs = _backs(_source(SERVICE, SERVICE6, SPARE, route=route))
    (waits,) = [act for act in backs if isinstance(act, Await)]
    assert str(SERVICE6.ip) in waits.argv
    assert str(SERVICE.ip) not in waits.argv
    routed = next(number for number, act in enumerate(backs) if "fe80::1" in str(act))
    assert backs.index(waits) < routed


def test_a_source_that_has_given_its_address_away_is_not_asked_for_it() -> None:
    assert list(SettleBack(ADDRESSES).run(_source(SPARE))) == []
