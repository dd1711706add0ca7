"""Acts as a shell script, for a machine that has to do them without anybody's help."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Iterator

from transhume.core.change import Act, Await, Place, leaves
from transhume.core.command import Command

_HEAD = """\
# Written by transhume; "boot" as first argument: the network isn't up yet, nothing is waited for.
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
at=$1 failed=0
try() {
    good=$1
    shift
    "$@" && status=0 || status=$?
    case " $good " in *" $status "*) return 0 ;; esac
    echo "status $status: $*" >&2
    return 1
}
wait_for() {
    left=$1
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ "$at" = boot ] || [ "$left" -lt 0 ]; then
            echo "in vain: $*" >&2
            return 1
        fi
        sleep 1
    done
}
"""


def script(acts: Iterable[Act], place: Place, *, strict: bool) -> bytes:
    """What these acts type on one machine, in order.

    Going back does as much as it can, so that one failure doesn't keep the rest from its place;
    `strict` ends at the first failure. The exit status says whether anything failed.
    """
    after = "exit 1" if strict else "failed=1"
    lines = [f"{line} || {after}" for line in _lines(acts, place)]
    return "\n".join((_HEAD.rstrip("\n"), *lines, "exit $failed\n")).encode()


def _lines(acts: Iterable[Act], place: Place) -> Iterator[str]:
    for act in acts:
        for leaf in leaves(act):
            for command in leaf.commands():
                if command.place == place:
                    yield _line(leaf, command)


def _line(act: Act, command: Command) -> str:
    typed = shlex.join(command.argv)
    if isinstance(act, Await):
        return f"wait_for {act.limit} {typed}"
    tried = f"try {shlex.quote(' '.join(map(str, command.ok)))} {typed}"
    if not command.input:
        return tried
    return f"echo {base64.b64encode(command.input).decode()} | base64 -d | {tried}"
