"""Builds the machines' disks, layer on layer, and keeps each under a name for its content."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lab import disk, install, places
from lab.shell import LabError, run, say

# A target has the tool's dependencies below the stand-in, which changes far more often.
Kind = Literal["base", "server", "runtime", "target"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PACKAGES = (
    "systemd systemd-sysv dbus libpam-systemd openssh-server rsync postgresql postfix nginx-light "
    "python3 python3-venv python3-psycopg2 iproute2 iputils-arping iputils-ping procps nftables "
    "iptables zstd acl attr less ca-certificates openssl ssl-cert locales tzdata curl ifupdown "
    "netplan.io network-manager util-linux ndisc6 e2fsprogs cron"
)

# Debian 11 has no python3-zstandard.
OWN_PACKAGES = {
    "bullseye": "postgresql-13-repack python3-zstd",
    "bookworm": "postgresql-15-repack python3-zstandard",
    "trixie": "postgresql-17-repack python3-zstandard",
}
RELEASES = tuple(OWN_PACKAGES)

ANSWERS = """\
postfix postfix/main_mailer_type select Local only
postfix postfix/mailname string example.org
locales locales/locales_to_be_generated multiselect en_US.UTF-8 UTF-8, fr_FR.UTF-8 UTF-8
locales locales/default_environment_locale select C.UTF-8
"""

# Host keys and the machine id belong to one machine; the timers would disturb measurements.
CUSTOMISE = """set -e
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1/etc/machine-id"
rm -f "$1/var/lib/dbus/machine-id"
version=$(ls "$1/etc/postgresql")
chroot "$1" pg_dropcluster "$version" main
chroot "$1" pg_createcluster --locale en_US.UTF-8 --encoding UTF8 "$version" main
systemctl --root="$1" --quiet mask apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer fstrim.timer
"""


@dataclass(frozen=True)
class Layer:
    """What a kind of disk adds to the one below it, and what that depends on."""

    below: Kind | None
    parts: Callable[[str], Sequence[str]]
    make: Callable[[Path, str], None]


def kind(text: str) -> Kind:
    for known in KINDS:
        if text == known:
            return known
    raise LabError(f"{text!r} is no kind of disk: {', '.join(KINDS)}")


def build(release: str, *, kind: Kind) -> Path:
    """The cached image of that kind; makes it, and what lies below it, where it is missing."""
    with _locked(release, kind):
        return _ensure(release, kind)


def provide(release: str, kind: Kind, to: Path) -> None:
    """Copies the image of that kind, made where it is missing; a newer one can't push it out."""
    with _locked(release, kind):
        disk.copy(_ensure(release, kind), to)


def digest(release: str, kind: Kind) -> str:
    layer = LAYERS[kind]
    parts = [release, kind, *layer.parts(release)]
    if layer.below:
        parts.append(digest(release, layer.below))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _ensure(release: str, kind: Kind) -> Path:
    image = places.cache() / f"{release}-{kind}-{digest(release, kind)}.img"
    if not image.exists():
        _make(release, kind, image)
        for replaced in places.cache().glob(f"{release}-{kind}-*.img"):
            if replaced != image:
                replaced.unlink()
    return image


def _make(release: str, kind: Kind, image: Path) -> None:
    draft = image.with_name(f"{release}-{kind}.draft")
    draft.unlink(missing_ok=True)
    try:
        below = LAYERS[kind].below
        if below:
            provide(release, below, draft)
        else:
            disk.create(draft)
        say(f"building {image.name}")
        begun = time.monotonic()
        disk.work(draft, "layer", str(draft), release, kind)
        draft.rename(image)
        say(f"built {image.name} in {time.monotonic() - begun:.0f} s")
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(release: str, kind: Kind) -> Iterator[None]:
    if release not in RELEASES:
        raise LabError(f"{release!r} is no release of the lab: {', '.join(RELEASES)}")
    places.cache().mkdir(parents=True, exist_ok=True)
    with (places.cache() / f"{release}-{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _packages(release: str) -> list[str]:
    return f"{PACKAGES} {OWN_PACKAGES[release]}".split()


def _debootstrap(root: Path, release: str) -> None:
    answer = f"printf %s '{ANSWERS}' | chroot \"$1\" debconf-set-selections"
    run(
        [
            "mmdebstrap",
            "--variant=minbase",
            "--format=directory",
            f"--include={','.join(_packages(release))}",
            f"--essential-hook={answer}",
            f"--customize-hook={CUSTOMISE}",
            release,
            str(root),
        ]
    )


def _standin_files() -> list[Path]:
    files = (places.CHECKOUT / "lab" / "standin").rglob("*")
    return sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)


def _standin_parts(_: str) -> list[str]:
    return [
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in _standin_files()
    ]


def _install_standin(root: Path, release: str) -> None:
    # The lab's machines are of use without the stand-in too.
    if (places.CHECKOUT / "lab" / "standin" / "__init__.py").exists():
        importlib.import_module("lab.standin").install(root, release)


LAYERS: dict[Kind, Layer] = {
    "base": Layer(
        None, lambda release: [*_packages(release), ANSWERS, CUSTOMISE, *disk.FORMAT], _debootstrap
    ),
    "server": Layer("base", _standin_parts, _install_standin),
    "runtime": Layer("base", install.parts, install.dependencies),
    "target": Layer("runtime", _standin_parts, _install_standin),
}
