"""The move's own ssh key goes when the move ends or is taken back, on the source first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from transhume.core.change import KEY, SSH_CONFIG, Change, Keep, RemoveFile, Run, Series
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.errors import Unreachable

# Of the user as whom ssh logs in; a line of whatever options, by the key that is in it.
_LISTED = "~/.ssh/authorized_keys"
_FORGET = (
    'f=$HOME/.ssh/authorized_keys; test -f "$f" || exit 0; t=$(mktemp "$f.XXXXXX") || exit; '
    'grep -vF -e "$1" -- "$f" >"$t"; test $? -le 1 && chmod --reference="$f" "$t" && '
    'chown --reference="$f" "$t" && sync "$t" && mv -fT "$t" "$f"'
)
# In one command, which a run that dies doesn't end: half done, nobody could say so to the source.
# Taken twice, the key is gone already, or it is another move's.
_FORGET_BOTH = f"""\
grep -qsF -e "$2" -- {KEY}.pub || exit 0
trap '' TERM INT HUP
ssh -F {SSH_CONFIG} transhume-source -- "$1" && rm -f -- {KEY} {KEY}.pub
"""
_GONE = Keep("the move is over: nobody needs the key any more")


def _public(pair: Pair) -> str:
    """What of the public key is in its line, whatever the options; empty where there is none."""
    words = (pair.target.file(f"{KEY}.pub") or b"").decode(errors="replace").split()
    return words[1] if len(words) > 1 else ""


class UseKey(Step):
    """Noted before anything else, so that on the way back it is the last thing to go."""

    key = "use-key"
    title = "use the key of the move"
    why = "Taken back, the move leaves no way for root into the source behind."
    phase = "prepare"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        public = _public(pair)
        if public:
            there = shlex.join(("sh", "-c", _FORGET, "forget", public))
            back = Run("target", ("sh", "-c", _FORGET_BOTH, "forget", there, public))
            look = Run("target", ("test", "-e", KEY))
            yield Change(f"note that {KEY} is of this move", look, back)


class ForgetKey(Step):
    """Where `transhume key` made one."""

    key = "forget-key"
    title = "forget the key of the move"
    why = "A way for root into the old server must not outlive what it was for."
    phase = "finish"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        public = _public(pair)
        if public and self._reached(pair):
            forget = Run("source", ("sh", "-c", _FORGET, "forget", public))
            yield Change(f"take the key out of {_LISTED}", forget, _GONE)
        if any(pair.target.file(path) is not None for path in (KEY, f"{KEY}.pub")):
            files = Series((RemoveFile("target", KEY), RemoveFile("target", f"{KEY}.pub")))
            yield Change(f"remove {KEY}", files, _GONE)

    def _reached(self, pair: Pair) -> bool:
        """Killed after its line went, the key opens nothing any more: that is what was wanted."""
        try:
            return pair.source.ask("id", "-u").status == 0
        except Unreachable:
            return False

    def verify(self, pair: Pair) -> Iterator[Finding]:
        # The source can't be asked: the way to it has gone with the key.
        if pair.target.file(KEY) is not None:
            yield Finding("left-over", "blocks", "target", f"{KEY} is still there")
