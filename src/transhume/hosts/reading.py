"""Which commands only read: a Host refuses to run any other."""

from __future__ import annotations

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


def _ip(arguments: Sequence[str]) -> bool:
    words = [argument for argument in arguments if not argument.startswith("-")]
    return len(words) > 1 and words[1] in ("show", "get")


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
    *("cat", "stat", "ls", "du", "df", "wc", "sha256sum", "head", "test", "readlink", "getent"),
    *(
        "id",
        "uname",
        "nproc",
        "getfacl",
        "getfattr",
        "dpkg-query",
        "ss",
        "ping",
        "which",
        "who",
        "printenv",
    ),
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_HARMLESS, _any),
    "find": _none_of(*_FIND_ACTS),
    "date": _none_of("-s", "--set"),
    "rpm": _some_of("-qa", "-q"),
    "postconf": _none_of("-e", "-X", "-#", "-MX", "-PX", "-FX"),
    "postmap": _some_of("-q", "-s"),
    "postqueue": _some_of("-p", "-j"),
    "systemctl": _first_of(
        "is-active", "is-enabled", "show", "list-units", "list-unit-files", "cat"
    ),
    "ip": _ip,
    "sysctl": _some_of("-n"),
    "nmcli": _none_of("modify", "add", "delete", "up", "down", "edit", "set", "reload", "load"),
    "networkctl": _first_of("list", "status", "cat"),
    "arping": _some_of("-D"),
    "rsync": _some_of("-n", "--version"),
    "ssh": _some_of("-G", "-V"),
    "sshd": _some_of("-T"),
    "openssl": _first_of("x509", "version", "s_client"),
    "curl": _none_of("-X", "-d", "-T", "-F", "--request", "--data", "--upload-file", "-K"),
    "nft": _some_of("list"),
    "bmctl": _first_of("status"),
    "pg_restore": _some_of("--list", "--version"),
    "pg_dump": _some_of("--version"),
}


def only_reads(argv: Sequence[str]) -> bool:
    """Whether this command is known to alter nothing."""
    rule = RULES.get(argv[0].rpartition("/")[2]) if argv else None
    return rule is not None and rule(argv[1:])
