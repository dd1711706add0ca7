"""Gives Debian's Postfix the configuration that BlueMind would give it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import maps, settings
from .identity import Site, put

_MASTER = re.compile(
    r"^(\S+\s+(?:inet|unix|fifo|unix-dgram|pass)\s+\S+\s+\S+\s+)y(\s)", re.MULTILINE
)

# Short delays, so that a test sees a queued message go on soon.
_MAIN = """# stand-in for BlueMind's own main.cf
compatibility_level = 2
myhostname = {host}
mydomain = {domain}
myorigin = {domain}
mydestination =
inet_interfaces = all
inet_protocols = all
mynetworks = {networks}
alias_maps = {kind}:/etc/aliases
alias_database = {kind}:/etc/aliases
virtual_mailbox_domains = {kind}:/etc/postfix/virtual_domains
virtual_mailbox_maps = {kind}:/etc/postfix/virtual_mailbox
virtual_alias_maps = {kind}:/etc/postfix/virtual_alias
transport_maps = {kind}:/etc/postfix/transport, {kind}:/etc/postfix/master_relay_transport
recipient_delimiter = +
message_size_limit = 10485760
smtpd_banner = $myhostname ESMTP BlueMind stand-in
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
lmtp_host_lookup = native
smtpd_tls_cert_file = /etc/ssl/certs/bm_cert.pem
smtpd_tls_key_file = /etc/ssl/certs/bm_cert.pem
smtpd_tls_security_level = may
maillog_file = /var/log/mail.log
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 10s
biff = no
readme_directory = no
"""


def map_type() -> str:
    """Return hash where this Postfix has it, as up to Debian 13, and its own default elsewhere."""
    known = subprocess.run(["postconf", "-m"], check=True, capture_output=True, text=True).stdout
    if "hash" in known.split():
        return "hash"
    default = ["postconf", "-h", "default_database_type"]
    return subprocess.run(default, check=True, capture_output=True, text=True).stdout.strip()


def configure(site: Site, host: str) -> None:
    networks = f"127.0.0.0/8, {site.address}/32"
    text = _MAIN.format(host=host, domain=site.domain, networks=networks, kind=map_type())
    put(settings.POSTFIX / "main.cf", text)
    master = settings.POSTFIX / "master.cf"
    put(master, without_chroot(master.read_text()))
    for name in maps.NAMES:
        put(settings.POSTFIX / f"{name}-flat", "")
        for command in maps.commands(name):
            subprocess.run(command, check=True)
    put(Path("/etc/mailname"), f"{site.domain}\n")
    subprocess.run(["newaliases"], check=True)


def without_chroot(master: str) -> str:
    """BlueMind's master.cf leaves the chroot column to the default, which means no."""
    return _MASTER.sub(r"\1-\2", master)
