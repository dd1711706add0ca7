"""What stands on a machine that is watched over: the program, its scripts, its units."""

from __future__ import annotations

from transhume.agent import program
from transhume.core.change import Act, Place, RemoveFile, Run, Series, WriteFile
from transhume.core.host import Host

FOLDER = "/etc/transhume/guard"
UNIT = "transhume-guard.service"
BOOT = "transhume-guard-boot.service"
_UNITS = "/etc/systemd/system"
_PROGRAM = f"{FOLDER}/guard.py"

_WATCH = f"""\
# Written by transhume: gives a server its place back when a move isn't confirmed.
[Unit]
Description=Watches over the move of a server
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/env python3 {_PROGRAM} watch {FOLDER} {{limit}}
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""

_BEFORE_NETWORK = f"""\
# Written by transhume: an address that isn't confirmed isn't come up with.
[Unit]
Description=Leaves an unconfirmed address alone
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/usr/bin/env python3 {_PROGRAM} boot {FOLDER}

[Install]
WantedBy=multi-user.target
"""
_ABOVE = FOLDER.rpartition("/")[0]


def state(host: Host) -> str:
    """The word that agent/guard.py keeps there; empty where nothing is watched over."""
    return (host.file(f"{FOLDER}/state") or b"").decode(errors="replace").strip()


def told(place: Place, word: str, ok: tuple[int, ...] = (0,)) -> Run:
    """Tell the guard of a machine something; 3 is what it answers once it has gone back."""
    return Run(place, ("python3", _PROGRAM, word, FOLDER), ok=ok)


def watched(host: Host, *words: str) -> bool:
    """Whether a guard is at work there, in one of these states."""
    active = host.ask("systemctl", "is-active", "--quiet", UNIT).status == 0
    return active and state(host) in words


def posted(
    place: Place, limit: int, scripts: dict[str, bytes], *, boots: bool, word: str = "armed"
) -> Act:
    """Put a guard there that goes back after `limit` seconds without a word, once it is armed.

    `boots`: what it holds is for a trial, and given up before the network is up again. `word` is
    the state in which it begins.
    """
    # The one of an earlier attempt mustn't see half of this.
    stop = Run(place, ("systemctl", "stop", UNIT), ok=(0, 5))
    folder = Run(place, ("mkdir", "-p", "-m", "0700", FOLDER))
    files = {"guard.py": program("guard"), **scripts, "state": f"{word}\n".encode()}
    written = (
        WriteFile(place, f"{FOLDER}/{name}", content, "0600") for name, content in files.items()
    )
    units = {UNIT: _WATCH.format(limit=limit), **({BOOT: _BEFORE_NETWORK} if boots else {})}
    described = (
        WriteFile(place, f"{_UNITS}/{name}", text.encode()) for name, text in units.items()
    )
    # Not --now for all: the other one is for a boot.
    enable = Run(place, ("systemctl", "enable", "-q", "--no-reload", *units))
    reload = Run(place, ("systemctl", "daemon-reload"))
    start = Run(place, ("systemctl", "start", UNIT))
    return Series((stop, folder, *written, *described, enable, reload, start))


def removed(place: Place) -> Act:
    """Take the guard away, whatever is left of it."""
    return Series(
        (
            Run(place, ("systemctl", "stop", UNIT), ok=(0, 5)),
            Run(place, ("systemctl", "disable", "-q", "--no-reload", UNIT, BOOT), ok=(0, 1)),
            RemoveFile(place, f"{_UNITS}/{UNIT}"),
            RemoveFile(place, f"{_UNITS}/{BOOT}"),
            Run(place, ("systemctl", "daemon-reload")),
            Run(place, ("rm", "-rf", "--", FOLDER)),
            # On the target more stands in it, such as the settings; 1 is what it says of none.
            Run(place, ("rmdir", "--ignore-fail-on-non-empty", _ABOVE), ok=(0, 1)),
        )
    )
