"""What an admin decides about a move: the settings file, read from TOML and checked here."""

from __future__ import annotations

import ipaddress
import posixpath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_KERNEL = ("/proc", "/sys", "/dev", "/run")


def _folder(value: str) -> str:
    inside = value.startswith("/") and posixpath.normpath(value) == value and value != "/"
    # normpath leaves two slashes at the beginning as they are.
    inside = inside and not value.startswith("//") and value.isprintable()
    if not inside or any(value == top or value.startswith(f"{top}/") for top in _KERNEL):
        raise ValueError("must be an absolute path without . or .., not / and not of the kernel")
    return value


def _interface(value: str) -> str:
    if "/" not in value:
        raise ValueError("must be an address with its prefix length, such as 192.0.2.10/24")
    return ipaddress.ip_interface(value).with_prefixlen


def _ipv4(value: str) -> str:
    return str(ipaddress.IPv4Address(value))


IPv4 = Annotated[str, AfterValidator(_ipv4)]
Folder = Annotated[str, AfterValidator(_folder)]
Address = Annotated[str, AfterValidator(_interface)]
"""An address with its prefix length, in its shortest form."""


class Part(BaseModel):
    """Unknown keys are errors: a mistyped name must not be a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SourceSettings(Part):
    """How the source is reached."""

    ssh: str = Field(
        pattern=r"^[A-Za-z0-9_.:%\[][A-Za-z0-9_.@:%\[\]-]*$", description="as typed after `ssh`"
    )
    host_key: str = Field(
        pattern=r"^(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+$",
        description="the public host key that was confirmed",
    )


class AddressSettings(Part):
    """How the target takes the source's place."""

    how: Literal["take", "script", "manual", "none"] = Field(
        default="take",
        description=(
            "take: the target takes the service addresses; script: a program of yours moves them; "
            "manual: you are asked to move them; none: the target keeps its own"
        ),
    )
    service: tuple[Address, ...] = Field(
        default=(), description="the addresses under which people reach the server"
    )
    source_device: str = ""
    target_device: str = ""
    maintenance: tuple[Address, ...] = Field(
        default=(), description="free addresses over which the source stays reachable"
    )
    script: Folder | None = Field(
        default=None, description="called with `take` or `give-back` and the service addresses"
    )

    becomes: IPv4 | None = Field(
        default=None,
        description="the target's own address, when people will reach it by that one",
    )

    @model_validator(mode="after")
    def _complete(self) -> AddressSettings:
        if self.how == "script" and self.script is None:
            raise ValueError('how = "script" needs script = "/path/to/program"')
        if self.how == "none" and self.becomes is None:
            raise ValueError('how = "none" needs becomes = "192.0.2.20", the address of the target')
        if self.how == "take" and self.becomes is not None:
            raise ValueError('with how = "take" the target is reached by service, not by becomes')
        if self.how == "take" and not (self.service and self.source_device and self.target_device):
            raise ValueError('how = "take" needs service, source_device and target_device')
        return self


class DatabaseSettings(Part):
    """How the databases are copied."""

    strategy: Literal["auto", "replicate", "dump"] = Field(
        default="auto",
        description=(
            "auto: each database that can follow the source does, the others are dumped while "
            "everyone waits; replicate: one that can't blocks the move; dump: none follows"
        ),
    )
    restart: str = Field(
        default="now",
        pattern=r"^(now|never|([01]\d|2[0-3]):[0-5]\d)$",
        description=(
            "when PostgreSQL on the source may be restarted, once, so that databases can follow: "
            "now: when sync begins; 03:30: at that hour of the source's clock; never"
        ),
    )

    jobs: int = Field(
        default=0,
        ge=0,
        le=64,
        description="processes that copy them, shared by size; 0: one per core",
    )


class CopySettings(Part):
    """What copies of trees and databases may ask of the source while people work, all together.
    It counts at once when it is changed, also for what runs; in the outage nothing is held back.
    A dump that is held back keeps its snapshot and its locks on the source for so much longer."""

    bandwidth: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]*[KMG]?$",
        description="bytes per second at most, such as 50M",
    )
    max_load: float | None = Field(
        default=None,
        gt=0,
        strict=False,
        description="while the source's load average of a minute is above, copies stand still",
    )

    @property
    def bytes_per_second(self) -> int:
        """The limit as a number; 0 for none."""
        if self.bandwidth is None:
            return 0
        digits = self.bandwidth.rstrip("KMG")
        power: int = 1024 ** " KMG".index(self.bandwidth[len(digits) :] or " ")
        return int(digits) * power


class CutoverSettings(Part):
    """When the services may be stopped."""

    rest: float = Field(
        default=5.0,
        gt=0,
        description="seconds that people may have to wait for what isn't copied yet; with more "
        "than that to go `transhume cutover` stops nothing",
    )
    guard: int = Field(
        default=180,
        ge=30,
        description="seconds without a word from transhume after which the source, if the switch "
        "wasn't confirmed, takes its place back by itself; the target gives it up after half of "
        "it, and after half of it serves on where a way back has only closed it",
    )


class CheckSettings(Part):
    """What of the findings is known and accepted."""

    accept: tuple[str, ...] = Field(default=(), description="keys of warnings to show as notes")


class Settings(Part):
    """The whole file."""

    profile: Literal["bluemind-5"] = "bluemind-5"
    source: SourceSettings
    address: AddressSettings = AddressSettings(how="manual")
    databases: DatabaseSettings = DatabaseSettings()
    copying: CopySettings = Field(default=CopySettings(), alias="copy")
    cutover: CutoverSettings = CutoverSettings()
    check: CheckSettings = CheckSettings()
    trees: tuple[Folder, ...] = Field(
        default=(), description="further trees to move beside those of the layout"
    )
    state: Folder = Field(default="/var/lib/transhume", description="journal and what was replaced")
