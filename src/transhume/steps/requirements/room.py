"""Room for what arrives on the target, and for what the move starts on the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.copier import UNCOMPRESSED, compression
from transhume.steps.requirements.mounts import Mount, inside, landing
from transhume.steps.requirements.remedy import quoted
from transhume.steps.requirements.survey import Surveyed, parts, survey
from transhume.steps.sized import database_sizes, tablespaces

_GROWTH = 1.1
"""What arrives, and a tenth for what grows until the switch."""

_DUMPED, _DUMPED_RAW = 0.5, 1.5
"""A dump against its database: no indexes in it, and compressed; half leaves a margin. Uncompressed
it is text, and values that the server keeps packed are as long as they are."""

_COMPRESSING = ("btrfs", "zfs", "bcachefs")
_FILES_OF_A_DATABASE = 20_000
"""Files of one with this schema: 922 tables, 6,472 indexes and their forks."""

_SOURCE_NEEDS = 2 << 30
"""Bytes to leave free there: WAL that is held back for the target, and the tracker's lists."""


@dataclass
class Need:
    """What will arrive on one file system: bytes, inodes, and of what."""

    bytes: int = 0
    inodes: int = 0
    parts: list[str] = field(default_factory=list)

    def add(self, part: str, size: int, inodes: int) -> None:
        """One more part; sizes in bytes."""
        self.bytes += size
        self.inodes += inodes
        if size or inodes:
            self.parts.append(f"{part} {size:,}")


def room(folders: tuple[str, ...], databases: tuple[str, ...], dumps: str) -> Look:
    """Bytes and inodes for trees, databases and dumps, summed by file system of the target."""

    def look(pair: Pair) -> Iterator[Finding]:
        folder = str(pair.target.sql("postgres", "show data_directory")[0][0])
        landed = landing(pair.target, folders)
        spaces = _spaces(pair, databases)
        beside = landing(pair.target, (folder, dumps, *spaces))
        # By its number: of two mounts of one file system each shows all that is free.
        needed: dict[str, tuple[Mount, Need]] = {}

        def add(mount: Mount, part: str, size: int, inodes: int) -> None:
            needed.setdefault(mount.device, (mount, Need()))[1].add(part, size, inodes)

        here = {tree.path: tree for tree in survey(pair.target, (*landed, dumps))}
        for tree, size, inodes in _arriving(pair, folders, here):
            add(landed[tree], tree, size, inodes)
        sizes = [_sizes(host, databases) for host in (pair.source, pair.target)]
        restored = sum(sizes[0].values()) - sum(sizes[1].values()) - sum(spaces.values())
        files = _FILES_OF_A_DATABASE * len(set(sizes[0]) - set(sizes[1]))
        add(beside[folder], "databases", max(0, restored), files)
        for place, size in spaces.items():
            add(beside[place], place, size, 0)
        raw = compression(pair.target) == UNCOMPRESSED
        dumped = int(sum(sizes[0].values()) * (_DUMPED_RAW if raw else _DUMPED))
        present = here[dumps].allocated if dumps in here else 0
        add(beside[dumps], "dumps", max(0, dumped - present), 0)
        for mount, need in needed.values():
            yield from _lacking(pair.target, mount, need)

    return look


def _arriving(
    pair: Pair, folders: tuple[str, ...], here: dict[str, Surveyed]
) -> Iterator[tuple[str, int, int]]:
    """Each part of the trees with what it will add to the target: bytes and inodes."""
    lying = landing(pair.source, folders)
    packed = [path for path, mount in lying.items() if mount.kind in _COMPRESSING]
    for tree in parts(pair, folders):
        present = here.get(tree.path)
        compressed = any(inside(tree.path, path) or inside(path, tree.path) for path in packed)
        size = _size(tree, compressed) - (present.allocated if present else 0)
        inodes = tree.entries - (present.entries if present else 0)
        yield tree.path, max(0, size), max(0, inodes)


def _size(tree: Surveyed, packed: bool) -> int:
    """Holes stay holes; what the source's file system compresses is long on the target."""
    return tree.bytes if packed else tree.allocated


def _sizes(host: Host, names: tuple[str, ...]) -> dict[str, int]:
    """How large each of these databases is that exists there, in bytes."""
    return {name: size for name, size in database_sizes(host).items() if name in names}


def _spaces(pair: Pair, names: tuple[str, ...]) -> dict[str, int]:
    """Bytes that will arrive in each tablespace of these databases, by its folder on the target.

    One that the target lacks is another check's finding.
    """
    here = {space.name: space for space in tablespaces(pair.target)}
    return {
        here[space.name].folder: max(0, space.bytes - here[space.name].bytes)
        for space in tablespaces(pair.source)
        if space.name in here and space.databases & set(names)
    }


def _lacking(target: Host, mount: Mount, need: Need) -> Iterator[Finding]:
    for unit, column, amount in (("bytes", "avail", need.bytes), ("inodes", "iavail", need.inodes)):
        free = _free(target, mount.path, column)
        if free is not None and free < amount * _GROWTH:
            yield Finding(
                "no-room",
                "blocks",
                "target",
                f"{mount.path}: {free:,} {unit} free, {amount:,} will arrive "
                f"({', '.join(need.parts)} bytes)",
                "The copy would stop in its middle.",
                f"enlarge the file system {mount.path}, or mount a larger one there",
            )


def _free(host: Host, path: str, column: str) -> int | None:
    """What is free there; None when there is no fixed number of inodes, shown as a dash."""
    printed = host.read("df", "--block-size=1", f"--output={column}", "--", path).split()[-1:]
    if printed == ["-"]:
        return None
    if not printed or not printed[0].isdigit():
        raise StepFailed(f"df on the {host.place} doesn't say what is free on {path}")
    return int(printed[0])


def source_room(pair: Pair) -> Iterator[Finding]:
    """What the move starts on the source must not fill its disk."""
    folder = str(pair.source.sql("postgres", "show data_directory")[0][0])
    for path in sorted({folder, "/var/lib"}):
        free = _free(pair.source, path, "avail")
        if free is not None and free < _SOURCE_NEEDS:
            yield Finding(
                "source-room",
                "warns",
                "source",
                f"{free:,} bytes are free for {path}, {_SOURCE_NEEDS:,} should be",
                "While changes are followed, the source keeps them until the target has them.",
                f"make room there: du -xh --max-depth=2 {quoted(path)} | sort -h | tail",
            )
