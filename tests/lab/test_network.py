"""Names of namespaces, and the state of a cable, which outlives its machine's reboots."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import network, places
from lab.shell import LabError


@pytest.fixture
def applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[network.Cable]:
    seen: list[network.Cable] = []
    monkeypatch.setattr(places, "INSTANCES", tmp_path)
    monkeypatch.setattr(network, "NAMESPACES", tmp_path)
    monkeypatch.setattr(network, "_apply", lambda name, role, cable: seen.append(cable))
    places.host("t1", "source").mkdir(parents=True)
    return seen


def test_each_namespace_is_named_after_its_instance() -> None:
    assert network.inside("demo", "net", ["ip", "addr"])[:4] == ["ip", "netns", "exec", "demo-net"]
    assert network.namespace("demo", "source") == "demo-src"
    assert network.namespace("demo", "target") == "demo-tgt"


@pytest.mark.parametrize("name", ["", "../etc", "Demo", "a b", "-x", "a" * 17])
def test_a_name_that_could_lead_astray_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="lower-case"):
        network.namespace(name, "net")


def test_a_pulled_cable_keeps_its_rate(applied: list[network.Cable], tmp_path: Path) -> None:
    (tmp_path / "t1-src").touch()

    network.limit("t1", "source", "20mbit")
    network.pull("t1", "source")

    assert network.cable("t1", "source") == network.Cable(up=False, rate="20mbit")
    assert applied[-1] == network.Cable(up=False, rate="20mbit")


def test_a_cable_can_be_pulled_while_the_machine_is_off(applied: list[network.Cable]) -> None:
    network.pull("t1", "source")

    assert applied == []
    assert not network.cable("t1", "source").up
