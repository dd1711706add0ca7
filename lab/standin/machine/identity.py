"""What makes each installation another one: keys, tokens, certificates and names under /etc/bm."""

from __future__ import annotations

import grp
import json
import os
import secrets
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import settings

CA = Path("/var/lib/bm-ca")
CERTIFICATE = Path("/etc/ssl/certs/bm_cert.pem")
ELASTICSEARCH = Path("/usr/share/bm-elasticsearch/config/elasticsearch.yml")
_OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class Site:
    """What the person at the wizard answers."""

    external_url: str
    address: str
    domain: str
    partitions: str


def put(path: Path, content: str | bytes, mode: int = 0o644, group: str = "root") -> None:
    """Write a file that is private from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    os.chown(path, 0, grp.getgrnam(group).gr_gid)
    path.chmod(mode)


def write_all(site: Site) -> str:
    """Write every file of the identity; return the new database password."""
    password = secrets.token_urlsafe(18)
    mcast = str(uuid.uuid4())
    put(settings.INI, _ini(site, password), 0o640, "bluemind")
    put(settings.ETC / "mcast.id", mcast)
    put(settings.ETC / "server.uid", str(uuid.uuid4()))
    put(settings.ETC / "bm-core.tok", secrets.token_hex(64), 0o440, "bluemind")
    _stores()
    _settings(site)
    put(ELASTICSEARCH, f"cluster.name: bluemind-{mcast}\npath.data: /var/spool/bm-elasticsearch\n")
    _certificates(site)
    put(
        Path("/etc/nginx/sw.htpasswd"),
        f"admin:{{PLAIN}}{secrets.token_hex(8)}\n",
        0o640,
        "www-data",
    )
    return password


def _ini(site: Site, password: str) -> str:
    lines = {
        "external-protocol": "https",
        "external-url": site.external_url,
        "other-urls": "",
        "dbtype": "PGSQL",
        "host": site.address,
        "hz-member-address": site.address,
        "db": "bj",
        "user": "bj",
        "password": password,
        "port": "5432",
        "dbpoolsize": "10",
    }
    body = "\n".join(f"{key} = {value}" for key, value in lines.items())
    return f"# stand-in for BlueMind's own file\n[global]\n{body}\n"


def _stores() -> None:
    put(settings.ETC / "bm.jks", secrets.token_bytes(2048), 0o400)
    put(settings.ETC / "nodeclient_keystore.jks", secrets.token_bytes(2048), 0o400)
    put(settings.ETC / "nodeclient_truststore.jks", secrets.token_bytes(1024), 0o644)
    put(settings.ETC / "nodeclient_cert.pem", secrets.token_hex(512), 0o400)


def _settings(site: Site) -> None:
    """Write the lesser files, among them a hidden one that a glob would leave behind."""
    ready = str(uuid.uuid4())
    put(settings.ETC / "domains-settings", f"{site.domain}:{site.external_url}:{ready}\n")
    put(settings.ETC / "local/tika.ini", f"[tika]\nhost = {site.address}\n")
    put(settings.ETC / "local/elasticsearch.ini", f"[elasticsearch]\nnode = {ready}\n")
    put(settings.ETC / "kafka.properties", f"bootstrap.servers={site.address}:9093\n")
    put(settings.ETC / ".installation", f"{ready}\n", 0o600)
    lines = (line.partition("=") for line in _OS_RELEASE.read_text().splitlines())
    codename = {key: value.strip('"') for key, _, value in lines}["VERSION_CODENAME"]
    bought = {"kind": "PROD", "customer": "example", "distribution": codename, "maxAccounts": 5000}
    put(settings.ETC / "subscription.bmz", json.dumps(bought))
    put(Path("/etc/apt/sources.list.d/bm.list"), f"# stand-in: {codename} of this server's own\n")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _certificates(site: Site) -> None:
    """Make an authority in /var/lib/bm-ca and a certificate with its key in one file."""
    CA.mkdir(parents=True, exist_ok=True)
    key, cert = CA / "cakey.pem", CA / "cacert.pem"
    common = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650")
    ca_name = f"/CN=stand-in CA of {secrets.token_hex(4)}"
    _openssl("req", *common, "-subj", ca_name, "-keyout", str(key), "-out", str(cert))
    put(CA / "index.txt", "")
    server_key, server_cert = CA / "server.key", CA / "server.crt"
    name = (
        "-subj",
        f"/CN={site.external_url}",
        "-addext",
        f"subjectAltName=DNS:{site.external_url}",
    )
    _openssl("req", *common, *name, "-keyout", str(server_key), "-out", str(server_cert))
    both = server_cert.read_text() + server_key.read_text()
    put(CERTIFICATE, both, 0o640, "ssl-cert")
    put(CERTIFICATE.with_name(f"bm_cert-{site.domain}.pem"), both, 0o640, "ssl-cert")
    put(settings.ETC / "certs/cacert.pem", cert.read_text())
