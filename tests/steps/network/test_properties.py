"""What holds for any addresses: adding and taking out again changes nothing that matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from hypothesis import given
from hypothesis import strategies as st

from tests.steps.network import samples
from transhume.steps.network import ifupdown, netplan, networkd, networkmanager
from transhume.steps.network.edit import Edits, Files, Interface, applied

Interfaces = list[IPv4Interface | IPv6Interface]
Edit = Callable[[Files, str, Iterable[Interface]], Edits]

# Few networks, so that addresses come close to those of the samples; their gateways are no hosts.
NETWORKS = ("192.0.2.", "198.51.100.")
FOUR = st.builds(
    lambda net, host, size: ip_interface(f"{net}{host}/{size}"),
    st.sampled_from(NETWORKS),
    st.integers(2, 253),
    st.integers(8, 32),
)
SIX = st.builds(
    lambda host, size: ip_interface(f"2001:db8::{host:x}/{size}"),
    st.integers(2, 0xFFFF),
    st.integers(32, 128),
)
SOME = st.lists(st.one_of(FOUR, SIX), max_size=4, unique_by=lambda each: each.ip)
ENDS = st.sampled_from((b"\n", b"\r\n"))


def _there_and_back(
    files: Files, device_holds: frozenset[object], add: Edit, remove: Edit, wanted: Interfaces
) -> Files:
    new = [each for each in wanted if each.ip not in device_holds]
    there = applied(files, add(files, samples.DEVICE, new))
    assert not add(there, samples.DEVICE, wanted), "added twice"
    return applied(there, remove(there, samples.DEVICE, new))


@given(SOME, st.sampled_from((samples.NETWORKD, samples.NETWORKD_SECTIONS)), ENDS)
def test_networkd(wanted: Interfaces, sample: bytes, end: bytes) -> None:
    files = {samples.NETWORK: sample.replace(b"\n", end)}
    known: frozenset[object] = frozenset(networkd.holds(files, samples.DEVICE))
    back = _there_and_back(files, known, networkd.add, networkd.remove, wanted)
    assert back == files


@given(SOME, st.sampled_from((samples.NETPLAN, samples.NETPLAN_FLOW)), ENDS)
def test_netplan(wanted: Interfaces, sample: bytes, end: bytes) -> None:
    files = {samples.PLAN: sample.replace(b"\n", end)}
    known: frozenset[object] = frozenset(netplan.holds(files, samples.DEVICE))
    back = _there_and_back(files, known, netplan.add, netplan.remove, wanted)
    assert back == files


@given(SOME, ENDS)
def test_networkmanager(wanted: Interfaces, end: bytes) -> None:
    files = {samples.PROFILE: samples.KEYFILE.replace(b"\n", end)}
    known: frozenset[object] = frozenset(networkmanager.holds(files, samples.DEVICE))
    back = _there_and_back(files, known, networkmanager.add, networkmanager.remove, wanted)
    assert back == files


@given(
    SOME,
    st.sampled_from((samples.IFUPDOWN, samples.IFUPDOWN_MASK, samples.IFUPDOWN_LABEL)),
    ENDS,
)
def test_ifupdown(wanted: Interfaces, sample: bytes, end: bytes) -> None:
    files = {samples.INTERFACES: sample.replace(b"\n", end)}
    known: frozenset[object] = frozenset(ifupdown.holds(files, samples.DEVICE))
    back = _there_and_back(files, known, ifupdown.add, ifupdown.remove, wanted)
    assert back[samples.INTERFACES].rstrip() == files[samples.INTERFACES].rstrip()
    assert ifupdown.holds(back, samples.DEVICE) == known
