"""Leaves what years of administration leave on a server, outside the folders everyone thinks of."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import settings
from .identity import put

_FILES = {
    "/var/spool/bm-hollowed/sso/tokens.json": '{"user1": "sign-on token"}\n',
    "/var/spool/bm-core/rules/vacation-user1.json": '["told@outside.example"]\n',
    "/var/spool/bm-mapi/replica/user1.state": "known to Outlook\n",
    "/etc/bm-keycloak/realms/example.org.json": '{"realm": "example.org"}\n',
    "/etc/krb5.conf": "[libdefaults]\ndefault_realm = EXAMPLE.ORG\n",
    "/etc/nginx/bm-local.d/headers.conf": "add_header X-Site example always;\n",
    "/etc/bm-webmail/settings.ini": "[skin]\nname = alpine\n",
    "/etc/postfix/sender_canonical": "root@example.org postmaster@example.org\n",
    "/var/lib/influxdb/data/bluemind/autogen/1/000001.tsm": "measurements\n",
}
_VHOST = """server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name webmail.second.example;
    ssl_certificate /etc/ssl/certs/bm_cert.pem;
    ssl_certificate_key /etc/ssl/certs/bm_cert.pem;
    location / { proxy_pass http://127.0.0.1:8080; }
}
"""
# Nothing answers there, and no name has to be looked up: such a message stays in the queue.
_NOWHERE = "someone@[192.0.2.99]"


def _command(*argv: str, text: str | None = None) -> None:
    subprocess.run(argv, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def files() -> None:
    for path, text in _FILES.items():
        put(Path(path), text)
    put(Path("/etc/nginx/bluemind/example.org/bluemind-vhosts.conf"), _VHOST)
    put(settings.POSTFIX / "relay_passwd", "[relay.outside.example]:587 user:secret\n", 0o600)
    for name in ("relay_passwd", "sender_canonical"):
        _command("postmap", f"hash:{settings.POSTFIX / name}")
    maps = "smtp_sasl_password_maps=hash:/etc/postfix/relay_passwd"
    _command("postconf", "-e", maps, "sender_canonical_maps=hash:/etc/postfix/sender_canonical")
    aliases = Path("/etc/aliases")
    if "backup:" not in aliases.read_text():
        with aliases.open("a") as file:
            file.write("backup: postmaster@example.org\n")
        _command("newaliases")
    local = next(Path("/etc/postgresql").glob("*/main")) / "postgresql.conf.local"
    if "work_mem" not in local.read_text():
        with local.open("a") as file:
            file.write("work_mem = 16MB\n")
    _command("postfix", "reload")
    _command("nginx", "-s", "reload")


def queued(count: int) -> list[str]:
    """Queue messages that cannot be delivered now; return their message ids."""
    names = [f"<queued-{number}@example.org>" for number in range(count)]
    for name in names:
        text = f"From: admin@example.org\nTo: {_NOWHERE}\nMessage-ID: {name}\n\nwaiting\n"
        _command("sendmail", "-f", "admin@example.org", _NOWHERE, text=text)
    return names


def run(count: int) -> dict[str, object]:
    files()
    return {"queued": queued(count)}
