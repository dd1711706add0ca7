"""What a visitor is answered at one address: recorded before the freeze, compared after it."""

from __future__ import annotations

import html
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from transhume.core.at_once import at_once
from transhume.core.change import Change, RemoveFile, WriteFile
from transhume.core.finding import Proof
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.core.tally import Tally, Tell, untold
from transhume.errors import StepFailed, TranshumeError
from transhume.steps import map_text

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# One that can be said in SMTP as it is.
_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_LIMIT = "20"
_ASKED = "\n%{http_code} %{redirect_url}"
PAGES = ("https", "http")

Answers = Mapping[str, str]
"""By what was asked; empty for what nobody answered."""


@dataclass(frozen=True)
class Visitor:
    """Who asks what. `address` is people's, as the target reaches it once it serves; `before` the
    same while the source does, empty when the source's own is to be found out.

    `mailboxes` is the text of the map that names people; `state` the core's call for its state;
    `record` where the answers of the source are kept on the target.
    """

    address: str
    before: str
    mailboxes: str
    state: str
    record: str

    def heard(self, pair: Pair, by: Host, former: Answers) -> Answers:
        """What this one of the two answers now; `former` is what was answered before."""
        people = self.before or own_address(pair)
        address = people if by is pair.source else self.address
        somebody = known(pair.source, self.mailboxes)
        # At once, as visitors come.
        questions: list[Callable[[], Answers]] = [
            partial(_mail, pair.target, address, somebody),
            *(partial(_page, pair.target, scheme, address) for scheme in PAGES),
            partial(_core, by, self.state, domains(pair), former),
        ]
        return {asked: said for part in at_once(questions) for asked, said in part.items()}

    def recorded(self, pair: Pair) -> Answers | None:
        """What the source answered when it was last asked; None when it never was."""
        content = pair.target.file(self.record)
        return None if content is None else json.loads(content)

    def prove(self, pair: Pair, tell: Tell = untold) -> Iterator[Proof]:
        """Everything that the source answered is answered alike; without a record nothing is."""
        before, tally = self.recorded(pair), Tally("services", "answers", tell)
        if before is None:
            tally.differs("what the source answered wasn't recorded before the freeze")
            yield tally.proof()
            return
        now = self.heard(pair, pair.target, before)
        for asked, answer in before.items():
            if not answer:
                tally.note(f"{asked}: the source didn't answer when it was asked")
            elif now.get(asked) == answer:
                tally.equal()
            else:
                tally.differs(f"{asked}: {_short(answer)}, now {_short(now.get(asked, ''))}")
        yield tally.proof()


def _short(answer: str) -> str:
    said = _CERTIFICATE.sub("another certificate", answer)
    return repr(said[:80]) if said else "no answer"


def own_address(pair: Pair) -> str:
    """The address by which the source is known to itself."""
    told = pair.source.sql("bj", "select ip from t_server order by item_id limit 1")
    try:
        return str(ipaddress.ip_address(told[0][0]))
    except (ValueError, LookupError):
        raise StepFailed(
            f"the source's own address stands nowhere: t_server says {told!r}",
            remedy="on the source: see what the console says under System Management, Servers",
        ) from None


def known(host: Host, mailboxes: str) -> str:
    """Somebody whom a machine takes mail for; empty when its map names nobody."""
    named = map_text.read((host.file(mailboxes) or b"").decode(errors="replace")).entries
    # A key without a name before its @ stands for everybody there, or isn't an address.
    return next((key for key in named if _ADDRESS.fullmatch(key)), "")


def stranger(somebody: str) -> str:
    """Nobody, where somebody is at home."""
    return f"nobody-of-this-name@{somebody.rpartition('@')[2]}"


def bracketed(address: str) -> str:
    """The address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def starttls(address: str) -> tuple[str, ...]:
    """The command that shows the certificate with which mail is encrypted."""
    where = f"{bracketed(address)}:25"
    return ("openssl", "s_client", "-starttls", "smtp", "-connect", where, "-showcerts")


def certificate(shown: str) -> str:
    """The first certificate in a text; empty when there is none."""
    found = _CERTIFICATE.search(shown)
    return found[0] if found else ""


def _mail(host: Host, address: str, somebody: str) -> Answers:
    answers = {"mail: certificate": certificate(host.ask(*starttls(address)).text)}
    wanted = (somebody, stranger(somebody)) if somebody else ()
    try:
        answers["mail: banner"] = host.greeting(address)
        codes = host.recipients(address, *wanted)
    except TranshumeError:
        # Told as no answer, which is no pass where there was one before.
        return {"mail: banner": "", **answers}
    told = zip(("somebody", "a stranger"), codes, strict=False)
    return {**answers, **{f"mail: for {who}": str(code) for who, code in told}}


def page(host: Host, scheme: str, address: str) -> str:
    """Status, title and where it leads to, of the page that a browser gets first."""
    url = f"{scheme}://{bracketed(address)}/"
    output = host.ask("curl", "-sS", "-k", "--max-time", _LIMIT, "-w", _ASKED, url)
    if output.status != 0:
        return ""
    body, _, ending = output.text.rpartition("\n")
    found = _TITLE.search(body)
    title = " ".join(html.unescape(found[1]).split()) if found else ""
    return " ".join(filter(None, (ending.strip(), title)))


def _page(host: Host, scheme: str, address: str) -> Answers:
    """The same without the address: a page may lead back to the one that was asked."""
    shown = page(host, scheme, address).replace(f"//{bracketed(address)}/", "//(the address)/")
    return {f"{scheme}: page": shown}


def domains(pair: Pair) -> list[str]:
    """The domains of the server that is moved."""
    return [name for (name,) in pair.source.sql("bj", "select name from t_domain order by name")]


def _core(host: Host, state: str, names: list[str], former: Answers) -> Answers:
    """The core's state, and a mailbox that it lists: the former one, if that is still there."""
    answers = {"core: state": _called(host, state)}
    for domain in names:
        asked = f"core: a mailbox of {domain}"
        listed = _called(host, f"/api/mailboxes/{quote(domain, safe='')}/_listUids").splitlines()
        if listed:
            answers[asked] = former[asked] if former.get(asked) in listed else min(listed)
    return answers


def _called(host: Host, path: str) -> str:
    """What the core answers, a line for each item of a list; empty when it doesn't."""
    try:
        answer = host.api(path)
    except TranshumeError:
        return ""
    return "\n".join(map(str, answer)) if isinstance(answer, list) else str(answer or "")


@dataclass(frozen=True)
class Ask(Step):
    """The source's answers are recorded on the target."""

    visitor: Visitor
    key = "ask-source"
    title = "ask the source as a visitor"
    why = "What people are answered today is what they must be answered after the switch."
    phase = "sync"
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        answers = self.visitor.heard(pair, pair.source, {})
        content = json.dumps(answers, indent=1).encode()
        path = self.visitor.record
        if pair.target.file(path) != content:
            back = RemoveFile("target", path)
            write = WriteFile("target", path, content, "0600")
            yield Change("record the answers", write, back)
