"""A layout says where one version of BlueMind keeps what; it is TOML, checked here."""

from __future__ import annotations

from importlib import resources

from pydantic import Field

from transhume.core import toml
from transhume.core.settings import Folder, Part


class TreeLayout(Part):
    """One tree of data."""

    path: Folder
    holds: str = Field(description="what it contains, for people")
    optional: bool = Field(default=False, description="not every server has it")
    churns: bool = Field(default=False, description="its files are replaced all the time")


class DatabaseLayout(Part):
    """The databases and where their login stands."""

    names: tuple[str, ...]
    optional: tuple[str, ...] = Field(default=(), description="not every server has these")
    ini: str = Field(pattern=r"^/[\w./-]+$", description="[global] holds user, password and port")


class BodyLayout(Part):
    """Mail bodies, each in a file named by the SHA-1 of its message, and the rows about them."""

    tiers: tuple[Folder, ...] = Field(description="folders of the form TIER/H/H/SHA1.zst")
    database: str
    table: str
    column: str = Field(description="holds the SHA-1, as bytes")


class ServiceLayout(Part):
    """The units, and how they are driven."""

    patterns: tuple[str, ...] = Field(description="every unit that may write or serve")
    mail: str
    core: str = Field(description="the unit whose start takes longest")
    stop: tuple[str, ...]
    start: tuple[str, ...]
    others: tuple[str, ...] = Field(description="units that `stop` forgets")
    port: int = Field(gt=0, lt=65536, description="of the core's HTTP interface, on the loopback")
    token: Folder = Field(description="the file with the key to that interface")
    state: str = Field(description="the core's call that tells its state")
    serving: str = Field(description="what it answers when it serves")
    starting: str = Field(description="what it answers until then")
    limit: int = Field(gt=0, description="seconds that a start may take")
    ports: tuple[int, ...] = Field(description="TCP ports of clients")
    inner: tuple[int, ...] = Field(description="TCP ports that the server's own parts meet at")


class ConfigurationLayout(Part):
    """What of /etc and beside it moves."""

    folders: tuple[Folder, ...] = Field(description="mirrored; may be shell patterns")
    files: tuple[Folder, ...] = Field(description="copied; may be shell patterns")
    certificate: Folder = Field(description="what mail and web show to visitors")
    own: tuple[Folder, ...] = Field(description="what the target keeps; may be shell patterns")
    maps: tuple[Folder, ...] = Field(description="Postfix's maps, each made from a -flat file")


class AddressLayout(Part):
    """Where the server's own address stands, for a target that keeps its own."""

    files: tuple[Folder, ...] = Field(description="the new one is put in here; shell patterns")
    folders: tuple[Folder, ...] = Field(description="and into every text beneath these")
    written: tuple[Folder, ...] = Field(description="what the core writes anew by itself")
    backups: Folder = Field(description="holds a folder that is named after the address")


class Layout(Part):
    """The whole file."""

    name: str
    versions: str = Field(description="beginning of the versions that it describes")
    tree: tuple[TreeLayout, ...]
    databases: DatabaseLayout
    bodies: BodyLayout
    services: ServiceLayout
    configuration: ConfigurationLayout
    address: AddressLayout


def load(name: str) -> Layout:
    """The layout of that name; SettingsError with the line that is wrong."""
    path = resources.files(__package__) / f"{name}.toml"
    return toml.read(Layout, path.read_text(), f"the layout {name}")
