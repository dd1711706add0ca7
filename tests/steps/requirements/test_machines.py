"""Programs, ssh, clocks, memory, and who is on the machines already."""

from __future__ import annotations

import pytest

from tests.profiles.troubles import Case, both, found, holds, said, says_no
from transhume.core.host import Output

_RSYNC = "rsync  version 3.2.3  protocol version 31\n"
_APACHE = 'LISTEN 0 511 *:443 *:* users:(("apache2",pid=9,fd=4),("apache2",pid=7,fd=4))\n'
_CGROUP = b"1:name=systemd:/x\n0::/system.slice/apache2.service\n"
_SEVERAL = "root pts/0 2026-11-23\nanna pts/1 2026-11-23\n"
_MEMORY = b"MemAvailable: 9000 kB\nSwapTotal: 2000 kB\nSwapFree: 100 kB\n"
_CLIENT = "0 0 192.0.2.20:443 198.51.100.7:40000\n0 0 [::1]:443 [::1]:40000\n"


def _ssh(version: str) -> Output:
    return Output(0, b"", f"OpenSSH_{version}p1 Debian-5, OpenSSL 1.1.1w\n".encode())


CASES = [
    Case("root", said("source", "id -u", "1000\n"), "not-root", "blocks", "root"),
    Case("programs", said("source", "which", ""), "program-missing", "blocks", "python3"),
    Case("programs", said("target", "which", "/bin/rsync\n"), "program-missing", "blocks", "nft"),
    Case(
        "python",
        said("source", "python3 --version", "Python 3.5.3\n"),
        "python-old",
        "blocks",
        "3.5",
    ),
    Case("rsync", said("source", "rsync --version", _RSYNC), "rsync-old", "warns", "3.2"),
    Case("openssh", said("source", "ssh -V", _ssh("6.6")), "openssh-old", "blocks", "6.6"),
    Case("openssh", said("target", "ssh -V", _ssh("9.2")), "openssh-race", "notes", "9.2"),
    Case(
        "ssh-server",
        said("source", "sshd -T", "allowtcpforwarding no\n"),
        *("ssh-forwarding", "blocks", "allowtcpforwarding no"),
    ),
    Case(
        "ssh-server",
        said("source", "sshd -T", "disableforwarding yes\n"),
        *("ssh-forwarding", "blocks", "disableforwarding yes"),
    ),
    Case(
        "ssh-server",
        said("source", "sshd -T", "maxsessions 2\n"),
        *("ssh-sessions", "warns", "2 sessions"),
    ),
    Case(
        "ciphers",
        said("source", "sshd -T", "ciphers aes256-ctr\n"),
        *("cipher-slow", "warns", "only aes256-ctr"),
    ),
    Case("firewall", said("target", "nft list tables", 1), "nftables", "blocks", "it failed"),
    Case("clocks", said("target", "date +%s", "1795420890\n"), "clocks-differ", "warns", "90 s"),
    Case(
        "time-zone",
        said("target", "readlink /etc/localtime", "../usr/share/zoneinfo/Etc/UTC\n"),
        *("time-zone-differs", "warns", "is UTC, the source's is Europe/Paris"),
    ),
    Case("load", holds("source", "/proc/loadavg", b"9.5 1 1"), "source-busy", "warns", "9.5 on 2"),
    Case(
        "memory",
        holds("source", "/proc/meminfo", _MEMORY),
        *("source-memory", "warns", "9,216,000 bytes"),
    ),
    Case(
        "memory",
        holds("target", "/proc/meminfo", _MEMORY),
        *("target-swap", "warns", "102,400 of 2,048,000 bytes"),
    ),
    Case("memory", lambda source, target: None, "target-no-swap", "notes", "no swap space"),
    Case("logins", said("target", "who", _SEVERAL), "logged-in", "notes", "anna on pts/1"),
    Case(
        "ports",
        both(said("target", "ss -Hltnp", _APACHE), holds("target", "/proc/7/cgroup", _CGROUP)),
        *("port-taken", "blocks", "443 is held by apache2 (apache2.service)"),
    ),
    Case(
        "ports",
        said("target", "ss -Hltnp", _APACHE.replace("*:443", "127.0.0.1:8090")),
        *("port-taken", "blocks", "8090 is held by apache2"),
    ),
    Case(
        "clients",
        said("target", "ss -Htn", _CLIENT),
        *("target-serves", "warns", "1 on port 443"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_no(case: Case) -> None:
    says_no(case)


def test_the_admin_who_types_is_nobody_else() -> None:
    assert [item.where for item in found("logins")] == ["source"]


@pytest.mark.parametrize("zone", ["/usr/share/zoneinfo/UTC\n", "/usr/share/zoneinfo/Etc/UCT\n"])
def test_one_zone_may_have_several_names(zone: str) -> None:
    utc = said("source", "readlink /etc/localtime", "/usr/share/zoneinfo/Etc/UTC\n")
    assert found("time-zone", both(utc, said("target", "readlink /etc/localtime", zone))) == []


def test_a_listener_that_no_unit_owns_is_named_by_its_process() -> None:
    (seen,) = found("ports", said("target", "ss -Hltnp", _APACHE))
    assert "apache2 (process 7)" in seen.seen


def test_a_server_of_the_move_may_hold_its_port() -> None:
    assert found("ports") == []


@pytest.mark.parametrize("printed", ["", "rsync of an odd kind\n"])
def test_a_program_that_tells_no_version_is_unknown(printed: str) -> None:
    (seen,) = found("rsync", said("source", "rsync --version", printed))
    assert (seen.key, seen.severity) == ("rsync", "unknown")


def test_without_hardware_for_it_no_cipher_is_asked_for() -> None:
    without = holds("target", "/proc/cpuinfo", b"flags : fpu\n")
    assert found("ciphers", both(said("source", "sshd -T", "ciphers x\n"), without)) == []
