"""Runs the stand-in's wizard inside a booted machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lab.machine import Machine

WIZARD = "/usr/lib/bm-standin/setup-wizard"


def set_up(
    machine: Machine,
    *,
    external_url: str = "mail.example.org",
    partitions: Literal["small", "full"] = "small",
    disable: Sequence[str] = (),
    fresh: bool = False,
) -> None:
    """Set the server up, as the vendor's page asks for both; it runs when this returns.

    `disable` names services that the person at the wizard turned off.
    """
    argv = [WIZARD, f"--external-url={external_url}", f"--partitions={partitions}"]
    argv += [f"--disable={service}" for service in disable]
    machine.exec([*argv, "--fresh"] if fresh else argv)
