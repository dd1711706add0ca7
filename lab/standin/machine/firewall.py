"""The stand-in's firewall: internal ports answer BlueMind's own servers only."""

from __future__ import annotations

from pathlib import Path

SCRIPT = Path("/etc/bm-iptables/rules.sh")
_INTERNAL = "2400,5432,8022,8082,8086,8087,8090,9200"


def script(servers: list[str], additional: list[str]) -> str:
    """Return the script for the addresses in t_server and those the administrator added."""
    allowed = [
        f'$IPTABLES -A bluemind -s {ip} -m comment --comment "{why}" -j ACCEPT'
        for why, ips in (("t_server", servers), ("fwAdditionalIPs", additional))
        for ip in ips
    ]
    return "\n".join(
        [
            "#!/bin/sh",
            "# Stand-in for BlueMind's own firewall rules. Generated: changes are lost.",
            "IPTABLES=iptables",
            "$IPTABLES -N bluemind 2>/dev/null || $IPTABLES -F bluemind || exit 1",
            "$IPTABLES -A bluemind -i lo -j ACCEPT",
            *allowed,
            "$IPTABLES -A bluemind -j DROP",
            f"for rule in '-p tcp -m multiport --dports {_INTERNAL} -j bluemind'; do",
            "  $IPTABLES -C INPUT $rule 2>/dev/null || $IPTABLES -A INPUT $rule",
            "done",
            "",
        ]
    )
