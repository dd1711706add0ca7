"""Which commands only read: a Host refuses to run any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = Callable[[Sequence[str]], bool]


def _any(arguments: Sequence[str]) -> bool:
    return True


def _none_of(*refused: str) -> Rule:
    return lambda arguments: not any(argument.split("=")[0] in refused for argument in arguments)


def _some_of(*wanted: str) -> Rule:
    return lambda arguments: any(argument in wanted for argument in arguments)


def _first_of(*wanted: str) -> Rule:
    return lambda arguments: next((a for a in arguments if a[:1] != "-"), "") in wanted


def _only(*patterns: str) -> Rule:
    """Every argument is of one of these forms."""
    form = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL)
    return lambda arguments: all(form.fullmatch(argument) for argument in arguments)


def _begins(*wanted: str) -> Rule:
    return lambda arguments: bool(arguments) and arguments[0] in wanted


def _both(one: Rule, other: Rule) -> Rule:
    return lambda arguments: one(arguments) and other(arguments)


def _ip(arguments: Sequence[str]) -> bool:
    words = [argument for argument in arguments if not argument.startswith("-")]
    return len(words) > 1 and words[1] in ("show", "get")


def _nmcli(arguments: Sequence[str]) -> bool:
    """`-g FIELDS` and the like first, then an object, then the verb."""
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        del rest[: 2 if rest[0] in ("-g", "-f") else 1]
    return rest[1:2] in (["show"], ["status"])


def _curl(arguments: Sequence[str]) -> bool:
    """GET and nothing else, and what is fetched goes nowhere but to the output."""
    valued = ("-o", "-w", "-H", "--max-time")
    words = iter(arguments)
    for word in words:
        if word in valued:
            value = next(words, "")
            if word == "-o" and value != "/dev/null":
                return False
        elif not re.fullmatch(r"-[fsSkI46]+|https?://.*", word):
            return False
    return True


_FIND_ACTS = (
    "-delete",
    "-exec",
    "-execdir",
    "-ok",
    "-okdir",
    "-fprint",
    "-fprint0",
    "-fprintf",
    "-fls",
)

_HARMLESS = (
    *(
        "cat",
        "stat",
        "ls",
        "du",
        "df",
        "wc",
        "sha256sum",
        "head",
        "grep",
        "test",
        "readlink",
        "getent",
    ),
    *(
        "getent",
        "id",
        "uname",
        "nproc",
        "getfacl",
        "getfattr",
        "dpkg-query",
        "ping",
        "which",
        "who",
        "printenv",
    ),
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_HARMLESS, _any),
    "find": _none_of(*_FIND_ACTS),
    "tail": _only("-c", r"\d+", "/.*"),
    "date": _only("-u", r"\+.*"),
    "rpm": _both(_some_of("-qa", "-q"), _only("-qa?", "--qf.*", "[^-].*")),
    "postconf": _only("-[hmdnMPF]+", r"\w[\w/]*"),
    "postmap": _begins("-q", "-s"),
    "postqueue": _only("-[pj]"),
    "journalctl": _only("-q", "--no-pager", "-o", "cat", "-t", r"[\w/]+", "--since=@[0-9]+"),
    "systemctl": _first_of(
        *("is-active", "is-enabled", "is-system-running"),
        *("show", "list-units", "list-unit-files", "cat"),
    ),
    "ip": _ip,
    "ss": _only("-[a-zA-JL-Z]+", "[^-].*"),
    "sysctl": _both(_some_of("-n"), _only("-n", r"\w[\w./@:-]*")),
    "nmcli": _nmcli,
    "networkctl": _first_of("list", "status", "cat"),
    "arping": _some_of("-D"),
    "rsync": _some_of("-n", "--version"),
    "ssh": _begins("-G", "-V", "-Q"),
    "python3": _only("--version"),
    "sshd": _some_of("-T"),
    "openssl": _both(_begins("x509", "version", "s_client"), _none_of("-out", "-sess_out")),
    "curl": _curl,
    "iptables": _only("-S"),
    "nft": _both(_first_of("list"), _only("-[jnasy]+", "[^-].*")),
    "bmctl": _first_of("status"),
    "pg_restore": _some_of("--list", "--version"),
    "pg_dump": _some_of("--version"),
}


def only_reads(argv: Sequence[str]) -> bool:
    """Whether this command is known to alter nothing."""
    rule = RULES.get(argv[0].rpartition("/")[2]) if argv else None
    return rule is not None and rule(argv[1:])
