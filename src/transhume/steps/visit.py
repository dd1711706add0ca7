"""Look at the target as a visitor does, before any visitor is let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Await, Change, Keep, Run
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.once import once
from transhume.core.step import Step
from transhume.steps import answers
from transhume.steps.services import mail_held

_BANNER_LIMIT = 30


@dataclass(frozen=True)
class Visit(Step):
    """Mail answers with its name and certificate, the web pages answer, on the address of people.

    Mail runs with its queue on hold: nothing leaves, so the way back loses nothing.
    """

    mail: str
    certificate: str
    visitor: answers.Visitor
    key = "visit"
    title = "look at the target as a visitor"
    why = "What a client would meet is seen while going back still costs nothing."
    phase = "after"
    usual = (0.2, 1.0)
    settled_by = "open"

    def run(self, pair: Pair) -> Iterator[Change]:
        if pair.target.ask("systemctl", "is-active", "--quiet", self.mail).status != 0:
            back = Run("target", ("systemctl", "stop", self.mail))
            yield Change("start mail with its queue on hold", mail_held(self.mail), back)
        banner = Await("target", answers.starttls(self.visitor.address), _BANNER_LIMIT)
        yield Change("wait for its banner", banner, Keep("nothing was altered"))

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        # What is looked at and what is compared are the same answers.
        pair = once(pair)
        # First, for this asks everything at once.
        proofs = list(self.visitor.prove(pair)) if self.visitor.recorded(pair) is not None else []
        expected = (pair.source.file(self.certificate) or b"").decode(errors="replace")
        yield from self._mail(pair.target, answers.certificate(expected))
        yield from self._recipients(pair)
        for scheme in answers.PAGES:
            seen = answers.page(pair.target, scheme, self.visitor.address)
            if seen[:1] not in ("2", "3"):
                told = f"{scheme}://{self.visitor.address} answers {seen or 'nothing'}"
                yield Finding("web-unanswered", "blocks", "target", told)
        yield from proofs
        if not proofs:
            # Too late to ask: whoever is in the freeze needs a way on.
            seen = "what the source answered wasn't recorded before the freeze"
            yield Finding("answers-unknown", "warns", "source", seen)

    def _mail(self, target: Host, wanted: str) -> Iterator[Finding]:
        address = self.visitor.address
        output = target.ask(*answers.starttls(address))
        shown = answers.certificate(output.text)
        if output.status != 0 or not shown:
            seen = f"port 25 of {address} doesn't offer STARTTLS"
            yield Finding("smtp-unanswered", "blocks", "target", seen)
        elif wanted and shown != wanted:
            seen = f"port 25 of {address} shows another certificate than the source's"
            yield Finding("certificate-differs", "blocks", "target", seen)

    def _recipients(self, pair: Pair) -> Iterator[Finding]:
        """Somebody whom the source knows is let in; nobody at the same place isn't."""
        somebody = answers.known(pair.source, self.visitor.mailboxes)
        if not somebody:
            return
        nobody = answers.stranger(somebody)
        taken, refused = pair.target.recipients(self.visitor.address, somebody, nobody)
        if taken != 250:
            seen = f"mail for {somebody} is answered with {taken}"
            yield Finding("recipient-refused", "blocks", "target", seen)
        if refused < 400:
            seen = f"mail for {nobody} is answered with {refused}"
            # Rightly so where a domain's mail is caught whole, which is set in several places.
            yield Finding("stranger-accepted", "warns", "target", seen)
