"""What the trees make use of, against what the target's file systems can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.steps.requirements.mounts import Mount, inside, landing
from transhume.steps.requirements.remedy import quoted
from transhume.steps.requirements.survey import Surveyed, parts

_LOCAL = ("ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs")
_FOLDING = ("vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "hfsplus")
"""File systems in which two names that differ only in case are usually one."""

_LARGEST = {"vfat": 2**32 - 1, "ext3": 2**41, "ext4": 2**44, "ext2": 2**41}
"""The largest file in bytes, with blocks of 4 KiB (Documentation/filesystems/ext4)."""


@dataclass(frozen=True)
class Feature:
    """Something that a file system may lack: as the survey calls it, and for people."""

    kind: str
    words: str
    lost: str


_FEATURES = (
    Feature("acl", "entries with an ACL", "Who may read them would be decided by the mode alone."),
    Feature("attribute", "entries with extended attributes", "The attributes would be lost."),
    Feature(
        "hard-link", "names of files that have several", "Each would become a file of its own."
    ),
    Feature("sparse", "sparse files", "Their holes would fill the disk."),
    Feature("case", "names that differ from another only in case", "One would replace the other."),
)


def lacks(mount: Mount) -> frozenset[str]:
    """The kinds of features that a file system can't hold, as far as its kind and options tell."""
    if mount.kind == "tmpfs":
        return frozenset({"attribute"})
    lacking = set()
    if mount.kind not in _LOCAL:
        lacking |= {"acl", "attribute"}
    if mount.kind in _FOLDING:
        lacking |= {"hard-link", "sparse", "case"}
    lacking |= {"acl"} if "noacl" in mount.options else set()
    lacking |= {"attribute"} if "nouser_xattr" in mount.options else set()
    return frozenset(lacking)


def features(folders: tuple[str, ...]) -> Look:
    """What files make use of must exist on the target's file system, or it is lost in silence."""

    def look(pair: Pair) -> Iterator[Finding]:
        landed = landing(pair.target, folders)
        for tree in parts(pair, folders):
            mount = landed[tree.path]
            yield from _lost(tree, mount)
            largest = _LARGEST.get(mount.kind)
            if largest is not None and tree.largest > largest:
                yield Finding(
                    "file-too-large",
                    "blocks",
                    "target",
                    f"a file of {tree.path} has {tree.largest:,} bytes, {mount.kind} on "
                    f"{mount.path} holds {largest:,}",
                    "The copy would stop in its middle.",
                    f"make {mount.path} an xfs file system",
                )

    return look


def _lost(tree: Surveyed, mount: Mount) -> Iterator[Finding]:
    for feature in _FEATURES:
        seen = tree.of(feature.kind)
        if seen.number and feature.kind in lacks(mount):
            yield Finding(
                "feature-lost",
                "blocks",
                "target",
                f"{tree.path} has {feature.words} ({seen.named}); {mount.kind} on {mount.path} "
                "can't hold that",
                feature.lost,
                f"make {mount.path} an ext4 or xfs file system, mounted without noacl "
                "and nouser_xattr",
            )


def used(folders: tuple[str, ...]) -> Look:
    """Say what the trees make use of beyond plain files: it moves along."""

    def look(pair: Pair) -> Iterator[Finding]:
        for tree in parts(pair, folders):
            fine, other = (_counts(tree, kinds) for kinds in (_ATTRIBUTES, _OTHERS))
            if fine:
                yield Finding(
                    "attributes",
                    "notes",
                    "source",
                    f"{tree.path}, {tree.entries:,} entries; {fine}",
                    "The page's rsync -avH leaves them behind; here they move along.",
                )
            if other:
                yield Finding(
                    "features",
                    "notes",
                    "source",
                    f"{tree.path}, {tree.entries:,} entries; {other}",
                    "They move along.",
                )

    return look


_ATTRIBUTES = ("acl", "attribute")
_OTHERS = ("hard-link", "sparse", "case")


def _counts(tree: Surveyed, kinds: tuple[str, ...]) -> str:
    """How many of these features the tree has, in words; empty for none."""
    seen = [(tree.of(each.kind).number, each) for each in _FEATURES if each.kind in kinds]
    return ", ".join(f"{each.words}: {number:,}" for number, each in seen if number)


def links(folders: tuple[str, ...]) -> Look:
    """What a link leads to outside of all trees stays behind."""

    def look(pair: Pair) -> Iterator[Finding]:
        for tree in parts(pair, folders):
            outside, split = tree.of("outside"), tree.of("split-link")
            leading = [each for each in outside.examples if not _system(each)]
            if leading:
                yield Finding(
                    "link-outside",
                    "warns",
                    "source",
                    f"symbolic links lead out of all trees, {outside.number:,} in {tree.path}: "
                    + "; ".join(leading[:3]),
                    "What they lead to doesn't move with them.",
                    'name its folder in the settings: trees = ["/…"], or accept: '
                    '[check] accept = ["link-outside"]',
                )
            if split.number:
                yield Finding(
                    "link-split",
                    "warns",
                    "source",
                    f"{split.named}: has names in {tree.path} and elsewhere",
                    "Trees are copied one by one: it becomes two files, and takes room twice.",
                    'accept it: [check] accept = ["link-split"]',
                )

    return look


def _system(example: str) -> bool:
    """Whether a link leads to what every machine has."""
    reached = example.rpartition(" -> ")[2]
    return any(inside(reached, folder) for folder in ("/dev/null", "/proc", "/sys", "/usr"))


def specials(folders: tuple[str, ...]) -> Look:
    """A device or a set-uid program in a tree of mail is nothing that a server made."""

    def look(pair: Pair) -> Iterator[Finding]:
        for tree in parts(pair, folders):
            devices = tree.of("device")
            if devices.number:
                yield Finding(
                    "device-file",
                    "warns",
                    "source",
                    f"{tree.path} holds device files ({devices.named})",
                    "Whoever may open such a file on the target reaches its disk or memory.",
                    f"look at it: ls -la {quoted(tree.path)}; remove what nobody needs",
                )
            programs = tree.of("set-uid")
            if programs.number:
                yield Finding(
                    "set-uid-file",
                    "warns",
                    "source",
                    f"{tree.path} holds files that run as their owner ({programs.named})",
                    "Whoever may run such a file on the target gets its owner's rights.",
                    "look at it: find " + quoted(tree.path) + " -xdev -type f -perm /6000 -ls; "
                    "chmod u-s,g-s what nobody needs",
                )

    return look
