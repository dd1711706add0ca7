"""Room, mounts, owners, and what files make use of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract import machines
from tests.fakes import FakeHost
from tests.profiles.troubles import CYRUS, Alter, Case, both, found, held, holds, said, says_no
from tests.profiles.troubles import surveyed as finds
from transhume.errors import StepFailed
from transhume.steps.requirements.mounts import mounts, under

_AVAIL = "df --block-size=1 --output=avail --"
_INODES = "df --block-size=1 --output=iavail"
_SPACES = "pg_tablespace_location"
_ROOT = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
_MOUNTINFO = "/proc/self/mountinfo"


def _mounted(place: str, *rest: str) -> Alter:
    return holds(place, _MOUNTINFO, "".join((_ROOT, *rest)).encode())


def _uses(kind: str, example: str = f"{CYRUS}/x", number: int = 3) -> Alter:
    return finds("source", found={kind: [number, [example]]})


def _on(kind: str, options: str = "rw") -> Alter:
    return _mounted("target", f"30 22 8:2 / {CYRUS} rw - {kind} /dev/sdb {options}\n")


def _probed(way: str, refused: str) -> Alter:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.printed["probe"] = [machines.probed(CYRUS, way, refused)]

    return alter


_NESTED = f"31 22 8:3 / {CYRUS}/old\\040mail rw - xfs /dev/sdc rw\n"
_READ_ONLY = f"31 22 8:3 / {CYRUS} ro - xfs /dev/sdc rw\n"


def _linked(argv: tuple[str, ...]) -> str:
    return "".join(f"{'/data' if path == CYRUS else path}\0" for path in argv[4:])


CASES = [
    Case(
        "mounts",
        _mounted("source", _NESTED),
        *("mount-inside", "warns", f"{CYRUS}/old mail inside {CYRUS}"),
    ),
    Case("writable", _mounted("target", _READ_ONLY), "read-only", "blocks", f"{CYRUS} (xfs)"),
    Case(
        "tree-links", said("source", "readlink -z -m --", _linked), "tree-is-link", "notes", "/data"
    ),
    Case(
        "notified",
        _probed("scan", "fanotify_init: Operation not permitted"),
        *("tree-scanned", "warns", f"{CYRUS} (fanotify_init: Operation not permitted)"),
    ),
    Case(
        "notified",
        _probed("folders", "fanotify_init: Invalid argument"),
        *("tree-by-folder", "notes", f"folders in {CYRUS}"),
    ),
    Case(
        "source-room",
        said("source", _AVAIL, "Avail\n1000\n"),
        *("source-room", "warns", "1,000 bytes"),
    ),
    Case("room", said("target", _AVAIL, "Avail\n999\n"), "no-room", "blocks", "999 bytes"),
    Case("room", said("target", _INODES, "IFree\n9\n"), "no-room", "blocks", "9 inodes"),
    Case(
        "users",
        said("target", "getent passwd", 2),
        *("user-missing", "blocks", "cyrus owns 600 entries"),
    ),
    Case("users", said("target", "getent group", 2), "group-missing", "blocks", "the group mail"),
    Case(
        "users",
        said("target", "getent passwd", "cyrus:x:99:\n"),
        *("user-number", "notes", "cyrus 7 → 99"),
    ),
    Case(
        "users",
        finds("source", nameless_users={"4711": 8}),
        *("user-nameless", "warns", "4711 (8)"),
    ),
    Case(
        "features",
        both(_uses("acl"), _on("ext4", "rw,noacl")),
        *("feature-lost", "blocks", "entries with an ACL (3"),
    ),
    Case(
        "features",
        both(_uses("hard-link"), _on("vfat")),
        *("feature-lost", "blocks", "names of files that have several"),
    ),
    Case(
        "features",
        both(finds("source", largest=2**33), _on("vfat")),
        *("file-too-large", "blocks", "8,589,934,592 bytes"),
    ),
    Case("used", _uses("sparse"), "features", "notes", "sparse files: 3"),
    Case("used", _uses("acl"), "attributes", "notes", "entries with an ACL: 3"),
    Case(
        "links",
        _uses("outside", f"{CYRUS}/a -> /srv/elsewhere"),
        *("link-outside", "warns", "/srv/elsewhere"),
    ),
    Case("links", _uses("split-link"), "link-split", "warns", f"3: {CYRUS}/x"),
    Case("devices", _uses("device"), "device-file", "warns", "device files (3"),
    Case("devices", _uses("set-uid"), "set-uid-file", "warns", "run as their owner (3"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_no(case: Case) -> None:
    says_no(case)


def test_what_couldnt_be_read_is_unknown_to_every_check_of_the_trees() -> None:
    unreadable = _uses("unreadable", f"{CYRUS}/data: Input/output error", 1)
    for check in ("room", "users", "features", "used", "links", "devices"):
        (seen,) = found(check, unreadable)
        assert seen.severity == "unknown"
        assert f"{CYRUS}/data: Input/output error" in seen.seen
        assert "dmesg" in seen.remedy


def test_an_agent_that_fails_is_unknown() -> None:
    def lines() -> Any:
        yield b""
        raise StepFailed("survey on the source: python3 ended with status 1: MemoryError")

    def alter(source: FakeHost, target: FakeHost) -> None:
        source.printed["survey"] = lines()

    (seen,) = found("users", alter)
    assert seen.severity == "unknown"


def test_room_is_summed_by_file_system_with_its_parts() -> None:
    (seen,) = found("room", said("target", _AVAIL, "Avail\n1\n"))
    # Six trees of a megabyte; the databases are there already, their dumps are not.
    assert "/: 1 bytes free, 56,000,000 will arrive" in seen.seen
    assert "dumps 50,000,000" in seen.seen


def test_a_dump_that_isnt_compressed_needs_more_room() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        target.said[_AVAIL] = "Avail\n1\n"
        target.said["pg_dump --version"] = "pg_dump (PostgreSQL) 15.3\n"

    (seen,) = found("room", alter)
    assert "dumps 150,000,000" in seen.seen


def test_each_file_system_has_its_own_room() -> None:
    def free(argv: tuple[str, ...]) -> str:
        return "Avail\n5\n" if argv[-1] == CYRUS else "Avail\n900000000\n"

    (seen,) = found("room", both(_on("ext4"), said("target", _AVAIL, free)))
    assert f"{CYRUS}: 5 bytes free, 1,000,000 will arrive" in seen.seen


_LARGE = 2 * 10**12
_PART = f"31 22 8:3 / {CYRUS}/data rw - xfs /dev/sdc rw\n"


def _parts(top: int, data: int) -> Alter:
    """The source's survey of a tree and of a part of it, sizes in bytes."""

    def alter(source: FakeHost, target: FakeHost) -> None:
        sizes = {CYRUS: top, f"{CYRUS}/data": data}
        source.printed["survey"] = [
            machines.surveyed(path, allocated=size) for path, size in sizes.items()
        ]

    return alter


def _free(by_mount: dict[str, int]) -> Alter:
    """What df says of the target's mounts; others have room enough."""
    return said("target", _AVAIL, lambda argv: f"Avail\n{by_mount.get(argv[-1], 10**12)}\n")


def test_a_mount_inside_a_tree_holds_its_own_part() -> None:
    """What the remedy of mount-inside asks for."""
    mounted = _mounted("target", f"30 22 8:2 / {CYRUS} rw - ext4 /dev/sdb rw\n", _PART)
    large = both(mounted, _parts(10**9, _LARGE))
    assert found("room", both(large, _free({CYRUS: 2 * 10**10, f"{CYRUS}/data": 3 * 10**12}))) == []
    (seen,) = found("room", both(large, _free({CYRUS: 10**13, f"{CYRUS}/data": 10**12})))
    assert f"{CYRUS}/data: 1,000,000,000,000 bytes free, 2,000,000,000,000" in seen.seen


def test_a_tree_that_is_a_link_on_the_target_lands_where_it_leads() -> None:
    data = "32 22 8:4 / /data rw - ext4 /dev/sdd rw\n"
    linked = both(_mounted("target", data), said("target", "readlink -z -m --", _linked))
    (seen,) = found("room", both(linked, _free({"/data": 5})))
    assert f"/data: 5 bytes free, 1,000,000 will arrive ({CYRUS} 1,000,000" in seen.seen
    inner = _mounted("target", data, "33 32 8:5 / /data/data rw - xfs /dev/sde rw\n")
    inside = both(inner, said("target", "readlink -z -m --", _linked))
    assert found("room", both(inside, _parts(1, 10), _free({"/data/data": 50, "/data": 9}))) == []
    assert found("mounts", both(inside, _mounted("source", _PART))) == []


def test_two_places_of_one_file_system_share_its_room() -> None:
    """Bind mounts of one disk have one number and one free space."""
    shared = [
        f"3{n} 22 8:2 / {path} rw - ext4 /dev/sdb rw\n"
        for n, path in enumerate((CYRUS, "/var/spool/bm-hsm"))
    ]
    (seen,) = found("room", both(_mounted("target", *shared), _free({CYRUS: 1_500_000})))
    assert "1,500,000 bytes free, 2,000,000 will arrive" in seen.seen


def test_the_databases_land_where_their_folder_leads() -> None:
    def linked(argv: tuple[str, ...]) -> str:
        return "".join(f"{path.replace('/var/lib/postgresql', '/pg')}\0" for path in argv[4:])

    pg = _mounted("target", "30 22 8:2 / /pg rw - ext4 /dev/sdb rw\n")
    fresh = held("target", "select datname, pg_database_size(oid)", [])
    at = said("target", "readlink -z -m --", linked)
    (seen,) = found("room", both(pg, fresh, at, _free({"/pg": 1000})))
    assert "/pg: 1,000 bytes free, 100,000,000 will arrive (databases" in seen.seen


def test_a_tablespace_lands_in_its_own_folder() -> None:
    fresh = held("target", "select datname, pg_database_size(oid)", [])
    there = held("source", _SPACES, [("fast", "/srv/fast", 60_000_000, ["bj"])])
    here = held("target", _SPACES, [("fast", "/srv/quick", 10_000_000, [])])
    ssd = _mounted("target", "30 22 8:2 / /srv/quick rw - ext4 /dev/sdb rw\n")
    (small,) = found("room", both(fresh, there, here, ssd, _free({"/srv/quick": 1000})))
    assert "/srv/quick: 1,000 bytes free, 50,000,000 will arrive (/srv/quick" in small.seen
    (root,) = found("room", both(fresh, there, here, ssd, _free({"/": 1000})))
    assert "databases 50,000,000" in root.seen


def test_a_tablespace_that_the_target_lacks_is_another_checks_finding() -> None:
    there = held("source", _SPACES, [("fast", "/srv/fast", 60_000_000, ["bj"])])
    assert found("room", both(there, _free({}))) == []


def test_a_dash_for_inodes_is_room_enough() -> None:
    assert found("room", said("target", _INODES, "IFree\n-\n")) == []


def test_what_is_on_the_target_already_needs_no_room() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        target.printed["survey"] = source.printed["survey"]
        target.said[_INODES] = "IFree\n1\n"

    assert found("room", alter) == []


def test_what_the_source_compresses_needs_its_whole_length() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.files[_MOUNTINFO] = _ROOT.replace("ext4", "btrfs").encode()
        _uses("acl")(source, target)
        finds("source", bytes=10**12, allocated=10**6)(source, target)

    (seen,) = found("room", alter)
    assert f"{CYRUS} 1,000,000,000,000" in seen.seen


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs"])
def test_a_real_file_system_holds_everything(kind: str) -> None:
    everything = {name: [1, ["x"]] for name in ("acl", "attribute", "hard-link", "sparse", "case")}
    assert found("features", both(finds("source", found=everything), _on(kind))) == []


def test_a_mount_that_the_target_has_as_well_is_no_finding() -> None:
    assert found("mounts", both(_mounted("source", _NESTED), _mounted("target", _NESTED))) == []


def test_links_to_what_every_machine_has_are_no_finding() -> None:
    assert found("links", _uses("outside", f"{CYRUS}/a -> /usr/share/zoneinfo/UTC")) == []


def test_the_last_of_two_on_one_place_counts() -> None:
    lines = (f"30 22 8:2 / {CYRUS} rw - ext4 /dev/sdb rw\n", _READ_ONLY)
    host = FakeHost("target", {_MOUNTINFO: "".join((_ROOT, *lines)).encode()})
    assert under(mounts(host), f"{CYRUS}/data").kind == "xfs"
    assert under(mounts(host), "/var/spool/cyrusx").path == "/"


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"1 2 3 4 / - \n"])
def test_mounts_that_arent_understood_are_unknown(content: bytes) -> None:
    with pytest.raises(StepFailed, match="mount"):
        mounts(FakeHost("target", {_MOUNTINFO: content}))


def test_databases_that_the_target_lacks_need_room() -> None:
    fresh = held("target", "select datname, pg_database_size(oid)", [])
    (seen,) = found("room", both(fresh, said("target", _AVAIL, "Avail\n120000000\n")))
    assert "databases 100,000,000" in seen.seen


def test_what_a_part_of_a_tree_needs_is_judged_by_the_mount_that_holds_it() -> None:
    vfat = f"30 22 8:2 / {CYRUS}/data rw - vfat /dev/sdb rw\n"

    def alter(source: FakeHost, target: FakeHost) -> None:
        source.printed["survey"] = [
            machines.surveyed(f"{CYRUS}/data", found={"acl": [3, ["x"]]}),
        ]

    (seen,) = found("features", both(_mounted("target", vfat), alter))
    assert f"vfat on {CYRUS}/data can't hold that" in seen.seen
