"""Where the address is someone else's business: a script of the admin's, or the admin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Pause, Run
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step


@dataclass(frozen=True)
class Scripted(Step):
    """The script must be safe to call twice; an exit status other than 0 stops the move."""

    script: str
    addresses: tuple[str, ...]
    key = "take-address"
    title = "move the address with your script"
    why = "DNS, a load balancer or a cloud decides where people are led."
    phase = "cutover"
    account = "address"
    usual = (0.5, 30.0)
    rows = (17,)

    def check(self, pair: Pair) -> Iterator[Finding]:
        if pair.target.ask("test", "-x", self.script).status != 0:
            text = f"{self.script} isn't there, or can't be run"
            remedy = f"chmod 0755 {self.script}"
            yield Finding("address-script", "blocks", "target", text, self.why, remedy)
            return
        mode, owner = pair.target.read("stat", "-L", "-c", "%a %u", self.script).split()
        if owner != "0" or int(mode, 8) & 0o022:
            text = f"others than root may write {self.script}, which root runs"
            remedy = f"chown root: {self.script}; chmod 0755 {self.script}"
            yield Finding("address-script", "blocks", "target", text, self.why, remedy)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change(
            f"run {self.script} take",
            Run("target", (self.script, "take", *self.addresses)),
            Run("target", (self.script, "give-back", *self.addresses)),
        )


@dataclass(frozen=True)
class ByHand(Step):
    """Asks, and waits for the answer."""

    addresses: tuple[str, ...]
    key = "take-address"
    title = "wait until you have moved the address"
    why = "You move it yourself: in DNS, at a load balancer, in a cloud."
    phase = "cutover"
    account = "address"
    usual = (60.0, 900.0)
    rows = (17,)
    touches = frozenset()

    def run(self, pair: Pair) -> Iterator[Change]:
        what = ", ".join(self.addresses) or "the server's name"
        yield Change(
            "ask for the address",
            Pause(f"Lead {what} to the target now."),
            Pause(f"Lead {what} back to the source now."),
        )
