"""Tests of reading routes and putting them back."""

from __future__ import annotations

import pytest

from tests.steps.network.machine import Machine
from tests.steps.network.samples import DEVICE, SERVICE, SPARE
from transhume.steps.network.edit import NotUnderstood
from transhume.steps.network.routes import routes, without


def _commands(*shown: dict[str, object]) -> list[str]:
    machine = Machine("source", routes={4: list(shown)})
    return [" ".join(each.put("source", DEVICE).argv) for each in routes(machine, DEVICE)]


def test_every_word_of_a_route_is_kept() -> None:
    route: dict[str, object] = {
        "type": "unicast",
        "dst": "198.51.100.0/24",
        "gateway": "192.0.2.254",
        "protocol": "static",
        "scope": "global",
        "prefsrc": "192.0.2.10",
        "metric": 100,
        "table": "mail",
        "metrics": [{"mtu": 1400}],
        "flags": ["onlink"],
    }
    assert _commands(route) == [
        "ip -4 route replace unicast 198.51.100.0/24 via 192.0.2.254 proto static scope global "
        "metric 100 table mail mtu 1400 onlink src 192.0.2.10 dev ens3"
    ]


def test_a_gateway_comes_after_the_way_to_it() -> None:
    near: dict[str, object] = {"dst": "203.0.113.0/24", "scope": "link"}
    far: dict[str, object] = {"dst": "default", "gateway": "203.0.113.1"}
    assert [each.split()[4] for each in _commands(far, near)] == ["203.0.113.0/24", "default"]


@pytest.mark.parametrize("key", ["nexthops", "encap", "via", "nhid"])
def test_a_route_of_several_ways_is_refused(key: str) -> None:
    with pytest.raises(NotUnderstood, match="isn't a plain one"):
        _commands({"dst": "default", key: []})


def test_a_way_stays_where_an_address_still_reaches_its_gateway() -> None:
    shown: dict[str, object] = {"dst": "default", "gateway": "192.0.2.1", "prefsrc": "192.0.2.10"}
    known = routes(Machine("source", routes={4: [shown]}), DEVICE)
    assert without(known, [SERVICE.ip], []) == []
    (kept,) = without(known, [SERVICE.ip], [SPARE])
    assert kept.source is None
