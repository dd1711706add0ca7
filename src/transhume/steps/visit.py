"""Look at the target as a visitor does, before any visitor is let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Await, Change, Keep, Run
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.steps import postfix
from transhume.steps.services import mail_alone

_BANNER_LIMIT = 30
_FINGERPRINT = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Visit(Step):
    """Mail answers with its name and certificate, the web pages answer, on the address of people.

    Mail runs with an empty queue here: until the queue is moved nothing leaves, so the way back
    loses nothing.
    """

    mail: str
    certificate: str
    address: str
    mailboxes: str
    key = "visit"
    title = "look at the target as a visitor"
    why = "What a client would meet is seen while going back still costs nothing."
    phase = "after"
    usual = (0.2, 1.0)
    settled_by = "move-queue"

    def run(self, pair: Pair) -> Iterator[Change]:
        if pair.target.ask("systemctl", "is-active", "--quiet", self.mail).status != 0:
            back = Run("target", ("systemctl", "stop", self.mail))
            yield Change("start mail with an empty queue", mail_alone(self.mail), back)
        answers = Await("target", _smtp(self.address), _BANNER_LIMIT)
        yield Change("wait for its banner", answers, Keep("nothing was altered"))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        expected = (pair.source.file(self.certificate) or b"").decode(errors="replace")
        yield from self._mail(pair.target, expected)
        yield from self._recipients(pair)
        for port, scheme in ((443, "https"), (80, "http")):
            url = f"{scheme}://{_bracketed(self.address)}:{port}/"
            output = pair.target.ask(
                "curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", url
            )
            if output.status != 0 or output.text[:1] not in ("2", "3"):
                seen = f"{url} answers {output.text or 'nothing'}"
                yield Finding("web-unanswered", "blocks", "target", seen)

    def _mail(self, target: Host, expected: str) -> Iterator[Finding]:
        output = target.ask(*_smtp(self.address))
        shown = _FINGERPRINT.search(output.text)
        wanted = _FINGERPRINT.search(expected)
        if output.status != 0 or shown is None:
            seen = f"port 25 of {self.address} doesn't offer STARTTLS"
            yield Finding("smtp-unanswered", "blocks", "target", seen)
        elif wanted is not None and shown[0] != wanted[0]:
            seen = f"port 25 of {self.address} shows another certificate than the source's"
            yield Finding("certificate-differs", "blocks", "target", seen)

    def _recipients(self, pair: Pair) -> Iterator[Finding]:
        """Somebody whom the source knows is let in; nobody at the same place isn't."""
        known = postfix.entries((pair.source.file(self.mailboxes) or b"").decode(errors="replace"))
        # A key without a name before its @ stands for everybody there, or isn't an address.
        somebody = next((key for key in known if key.find("@") > 0), None)
        if somebody is None:
            return
        nobody = f"nobody-of-this-name@{somebody.rpartition('@')[2]}"
        taken, refused = pair.target.recipients(self.address, somebody, nobody)
        if taken != 250:
            seen = f"mail for {somebody} is answered with {taken}"
            yield Finding("recipient-refused", "blocks", "target", seen)
        if refused < 400:
            seen = f"mail for {nobody} is answered with {refused}"
            # Rightly so where a domain's mail is caught whole, which is set in several places.
            yield Finding("stranger-accepted", "warns", "target", seen)


def _smtp(address: str) -> tuple[str, ...]:
    where = f"{_bracketed(address)}:25"
    return ("openssl", "s_client", "-starttls", "smtp", "-connect", where, "-showcerts")


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
