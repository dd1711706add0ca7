"""Files of the network managers that somebody spoilt: understood, or told as not understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_interface
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps.network import samples
from transhume.steps.network import ifupdown, netplan, networkd, networkmanager
from transhume.steps.network.edit import NotUnderstood, applied

KINDS: dict[str, tuple[ModuleType, str, tuple[bytes, ...]]] = {
    "ifupdown": (
        ifupdown,
        samples.INTERFACES,
        (samples.IFUPDOWN, samples.IFUPDOWN_MASK, samples.IFUPDOWN_LABEL),
    ),
    "networkd": (networkd, samples.NETWORK, (samples.NETWORKD, samples.NETWORKD_SECTIONS)),
    "netplan": (netplan, samples.PLAN, (samples.NETPLAN, samples.NETPLAN_FLOW)),
    "NetworkManager": (networkmanager, samples.PROFILE, (samples.KEYFILE,)),
}
WANTED = [ip_interface("198.51.100.7/24"), ip_interface("2001:db8:7::7/64")]
_PIECES = st.sampled_from(
    [
        *(b"", b"\n", b" ", b"\t", b"\\", b"#", b'"', b"'", b"[", b"]", b"{", b"}", b":", b"- "),
        *(b"\xff\0", b"\r", b"iface ens3 inet static\n", b"[Network]\n", b"address", b"\\\n"),
        *(b"addresses: [", b"  ens3:\n", b"192.0.2.10/24", b"/", b"&a *a", b"!!", b"? ", b"|\n"),
    ]
)


@st.composite
def _spoilt(draw: Any, wholes: tuple[bytes, ...]) -> bytes:
    """A file in which a few places hold something else, or the end is missing."""
    content: bytes = draw(st.sampled_from(wholes))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(_PIECES) + content[at + draw(st.integers(0, 12)) :]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


def _tried(module: ModuleType, files: dict[str, bytes]) -> Iterator[bool]:
    """Whether each claim that is made about the files holds."""
    known = module.holds(files, samples.DEVICE)
    there = applied(files, module.add(files, samples.DEVICE, WANTED))
    held = module.holds(there, samples.DEVICE)
    yield {each.ip for each in WANTED} <= held
    yield known <= held
    new = [each for each in WANTED if each.ip not in known]
    back = applied(there, module.remove(there, samples.DEVICE, new))
    yield not {each.ip for each in new} & module.holds(back, samples.DEVICE)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_is_edited_is_understood(kind: str, data: st.DataObject) -> None:
    module, path, wholes = KINDS[kind]
    content = data.draw(_spoilt(wholes))
    with suppress(NotUnderstood):
        assert all(_tried(module, {path: content}))
