"""Creates the role, the databases with their settings, the schema and the first rows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from . import accounts, settings
from .db import DIRECTORY, MAIL, connect
from .identity import Site

KEYCLOAK = "keycloak"
_TAGS = ["bm/core", "bm/pgsql", "bm/pgsql-data", "bm/es", "bm/nginx", "mail/imap", "mail/smtp"]

# What a tool finds on a vendor-like server: no replication until someone asks for it.
_LOCAL = """# stand-in for the file that BlueMind keeps its own PostgreSQL settings in
wal_level = minimal
max_wal_senders = 0
shared_preload_libraries = 'pg_stat_statements'
"""
_INCLUDE = "include_if_exists = 'postgresql.conf.local'"


def configure() -> None:
    """Add BlueMind's own settings to the cluster that Debian made, then restart it."""
    main = next(Path("/etc/postgresql").glob("*/main"))
    local = main / "postgresql.conf.local"
    local.write_text(_LOCAL)
    text = (main / "postgresql.conf").read_text()
    if _INCLUDE not in text:
        (main / "postgresql.conf").write_text(f"{text}\n{_INCLUDE}\n")
    subprocess.run(["systemctl", "enable", "--quiet", "postgresql.service"], check=True)
    unit = f"postgresql@{main.parent.name}-main.service"
    subprocess.run(["systemctl", "restart", unit], check=True)


def psql(database: str, *arguments: str, script: str | None = None) -> None:
    """Run psql as postgres; secrets travel on standard input only."""
    fixed = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={database}"]
    subprocess.run(
        ["runuser", "-u", "postgres", "--", *fixed, *arguments],
        input=script,
        text=True,
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )


def custom_settings(size: str) -> dict[str, str]:
    """Read the settings that the schema's first line names."""
    with _schema(size).open() as file:
        return dict(re.findall(r"(bm\.\w+)=(\d+)", file.readline()))


def _schema(size: str) -> Path:
    return settings.SHARE / f"schema-{size}.sql"


def create(site: Site, password: str) -> None:
    psql("postgres", script=_role(password))
    for name in (DIRECTORY, MAIL):
        psql("postgres", script=_database(name, custom_settings(site.partitions)))
        schema = _schema(site.partitions)
        psql(name, "--single-transaction", script=f"SET ROLE bj;\n{schema.read_text()}")
    psql(
        "postgres",
        script=f'CREATE DATABASE "{KEYCLOAK}" OWNER bj ENCODING UTF8 TEMPLATE template0;',
    )
    psql(KEYCLOAK, script=_KEYCLOAK_TABLES)
    _fill_first_rows(site)


def drop() -> None:
    for name in (DIRECTORY, MAIL, KEYCLOAK):
        psql("postgres", script=f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')


def _role(password: str) -> str:
    return f"""DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bj') THEN CREATE ROLE bj; END IF;
    END $$;
    ALTER ROLE bj LOGIN SUPERUSER PASSWORD '{password}';"""


def _database(name: str, custom: dict[str, str]) -> str:
    lines = [
        f'CREATE DATABASE "{name}" OWNER bj ENCODING UTF8 TEMPLATE template0;',
        f"ALTER DATABASE \"{name}\" SET TimeZone = 'GMT';",
        *(f"ALTER DATABASE \"{name}\" SET {key} = '{value}';" for key, value in custom.items()),
    ]
    return "\n".join(lines)


_KEYCLOAK_TABLES = """SET ROLE bj;
CREATE TABLE realm (id varchar(36) PRIMARY KEY, name varchar(255) UNIQUE, enabled boolean);
CREATE TABLE client (id varchar(36) PRIMARY KEY, realm_id varchar(36) REFERENCES realm (id),
  client_id varchar(255), secret varchar(255));
INSERT INTO realm VALUES (gen_random_uuid()::text, 'master', true);
INSERT INTO client
  SELECT gen_random_uuid()::text, id, 'bluemind', gen_random_uuid()::text FROM realm;
"""


def _fill_first_rows(site: Site) -> None:
    directory, mail = connect(DIRECTORY, "setup-wizard"), connect(MAIL, "setup-wizard")
    with directory, mail, directory.cursor() as first, mail.cursor() as second:
        for cursor in (first, second):
            _versions(cursor)
        _server(first, site)
        accounts.create_domain(first, site.domain, [f"alias.{site.domain}"])
        accounts.create_user(first, second, site.domain, "admin", "Administrator")
        accounts.create_user(first, second, site.domain, "postmaster", "Postmaster")
    directory.close()
    mail.close()


def _versions(cursor: Any) -> None:
    version = settings.version()
    major, _, build = version.rpartition(".")
    cursor.execute(
        "INSERT INTO schema_version VALUES ('bm/core', %s, %s, true, now())",
        (major.partition(".")[0], build),
    )
    cursor.execute("INSERT INTO t_component_version VALUES ('bm/core', %s, now())", (version,))


def _server(cursor: Any, site: Site) -> None:
    servers = accounts.container(cursor, "default", "server", "servers", "system", "global.virt")
    number = accounts.item(cursor, servers, "bm-master", site.external_url)
    cursor.execute(
        "INSERT INTO t_server VALUES (%s, %s, %s, %s, %s)",
        (number, site.address, site.external_url, "bm-master", _TAGS),
    )
    cursor.execute(
        "INSERT INTO t_systemconf VALUES (hstore(%s, %s))",
        (
            ["mynetworks", "external-url", "archive_kind", "fwAdditionalIPs", "message_size_limit"],
            [f"127.0.0.0/8, {site.address}/32", site.external_url, "cyrus", "", "10485760"],
        ),
    )
    cursor.execute(
        "INSERT INTO t_job_plan (job_id, domain_uid, kind, cron, next_run) VALUES"
        " ('DataProtect', 'global.virt', 'SCHEDULED', '0 0 23 * * ?', now() + interval '1 day')"
    )
    cursor.execute(
        "INSERT INTO rc_users (username, mail_host) VALUES ('admin', %s)", (site.address,)
    )
