"""The move's own ssh key goes when the move ends, on the source first."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core.change import KEY, Change, Keep, RemoveFile, Run, Series
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
_GONE = Keep("the move is over: nobody needs the key any more")


class ForgetKey(Step):
    """Where `transhume key` made one."""

    key = "forget-key"
    title = "forget the key of the move"
    why = "A way for root into the old server must not outlive what it was for."
    phase = "finish"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        public = (pair.target.file(f"{KEY}.pub") or b"").decode(errors="replace").split()
        if len(public) > 1 and self._reached(pair):
            forget = Run("source", ("sh", "-c", _FORGET, "forget", public[1]))
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
