"""Where the lab keeps its things, and how an instance and its two hosts are named."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from lab.shell import LabError

Role = Literal["source", "target"]
ROLES: tuple[Role, Role] = ("source", "target")
SHORT: dict[Role, str] = {"source": "src", "target": "tgt"}

CHECKOUT = Path(__file__).resolve().parents[1]
INSTANCES = CHECKOUT / "build" / "lab"
SAVED = CHECKOUT / "build" / "lab-saved"


def cache() -> Path:
    return Path(os.environ.get("TRANSHUME_LAB_CACHE", "/var/cache/transhume-lab"))


def named(name: str) -> str:
    """The name, if it may stand in a path, a namespace and a container's name."""
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
        raise LabError(f"{name!r}: a name is 1 to 16 lower-case letters and digits")
    return name


def instance(name: str) -> Path:
    return INSTANCES / named(name)


def host(name: str, role: Role) -> Path:
    return instance(name) / role
