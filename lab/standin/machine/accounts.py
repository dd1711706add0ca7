"""Creates the domain and its users in both databases, with the folders that mail is stored in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

FOLDERS = ("inbox", "sent", "drafts", "trash")
_SPACE = uuid.UUID("6f1f9bd2-7a2e-5d0c-9a53-0d4e1c1d7a11")


@dataclass(frozen=True)
class Account:
    """A user and where mail for the user goes."""

    uid: str
    address: str
    subtree_id: int
    folders: dict[str, int]


def uid_of(address: str) -> str:
    """Return the same uid for the same address on every machine and in every run."""
    return str(uuid.uuid5(_SPACE, address)).upper()


def container(cursor: Any, uid: str, kind: str, name: str, owner: str, domain: str) -> int:
    cursor.execute(
        "INSERT INTO t_container (uid, container_type, name, owner, createdby, updatedby, created,"
        " updated, defaultcontainer, domain_uid)"
        " VALUES (%s, %s, %s, %s, 'system', 'system', now(), now(), true, %s) RETURNING id",
        (uid, kind, name, owner, domain),
    )
    number = int(cursor.fetchone()[0])
    cursor.execute("INSERT INTO t_container_sequence VALUES (%s, 0)", (number,))
    cursor.execute("INSERT INTO t_container_acl VALUES (%s, %s, 'All')", (number, owner))
    return number


def item(cursor: Any, container_id: int, uid: str, name: str) -> int:
    cursor.execute(
        "UPDATE t_container_sequence SET seq = seq + 1 WHERE container_id = %s RETURNING seq",
        (container_id,),
    )
    version = cursor.fetchone()[0]
    cursor.execute(
        "INSERT INTO t_container_item (container_id, uid, version, displayname, createdby,"
        " updatedby, created, updated) VALUES (%s, %s, %s, %s, 'system', 'system', now(), now())"
        " RETURNING id",
        (container_id, uid, version, name),
    )
    number = int(cursor.fetchone()[0])
    cursor.execute(
        "INSERT INTO t_changeset VALUES (0, %s, %s, %s, 0, now(), %s)",
        (version, container_id, number, uid),
    )
    return number


def create_domain(directory: Any, name: str, aliases: list[str]) -> None:
    domains = _existing(directory, "domains_bluemind-core") or container(
        directory, "domains_bluemind-core", "domains", "domains", "system", "global.virt"
    )
    directory.execute(
        "INSERT INTO t_domain VALUES (%s, %s, %s, %s, %s, '', false)",
        (item(directory, domains, name, name), name, name, aliases, name),
    )
    container(directory, name, "dir", name, "system", name)


def _existing(cursor: Any, uid: str) -> int | None:
    cursor.execute("SELECT id FROM t_container WHERE uid = %s", (uid,))
    row = cursor.fetchone()
    return int(row[0]) if row else None


def create_user(directory: Any, mail: Any, domain: str, login: str, name: str) -> Account:
    address = f"{login}@{domain}"
    uid = uid_of(address)
    _directory_rows(directory, domain, login, name, uid)
    subtree, folders = _mail_rows(mail, domain, login, uid)
    return Account(uid, address, subtree, folders)


def _directory_rows(cursor: Any, domain: str, login: str, name: str, uid: str) -> None:
    home = _existing(cursor, domain)
    if home is None:
        raise LookupError(f"no domain {domain}")
    entry = item(cursor, home, uid, name)
    address = f"{login}@{domain}"
    cursor.execute(
        "INSERT INTO t_directory_entry VALUES (%s, 'user', 'FULL', %s, %s, %s, %s, false, false,"
        " false, 'bm-master', NULL)",
        (entry, uid, f"{domain}/users/{uid}", address, name),
    )
    cursor.execute(
        "INSERT INTO t_domain_user VALUES (%s, %s, md5(%s), false, false, 'bm-master', now(), '')",
        (entry, login, address),
    )
    cursor.execute(
        "INSERT INTO t_mailbox VALUES (%s, %s, 'user', 'internal', false, 0)", (entry, login)
    )
    emails = [(login, domain, False, True), (f"alias.{login}", None, True, False)]
    for left, right, everywhere, default in emails:
        cursor.execute(
            "INSERT INTO t_mailbox_email VALUES (%s, %s, %s, %s, %s)",
            (left, right, everywhere, default, entry),
        )


def _mail_rows(cursor: Any, domain: str, login: str, uid: str) -> tuple[int, dict[str, int]]:
    root = f"subtree_{domain.replace('.', '_')}!user.{uid}"
    subtree = container(cursor, root, "replicated_mailboxes", login, uid, domain)
    folders = {}
    for folder in FOLDERS:
        unique = f"{folder}.{uid}"
        records = container(
            cursor, f"mbox_records_{unique}", "mailbox_records", folder, uid, domain
        )
        replica = item(cursor, subtree, unique, folder)
        cursor.execute(
            "INSERT INTO t_mailbox_replica VALUES (%s, %s, %s, %s, %s, %s, NULL, 0, 0, 1, %s)",
            (replica, subtree, subtree, records, unique, folder.upper(), login),
        )
        folders[folder] = records
    container(cursor, f"calendar:Default:{uid}", "calendar", "calendar", uid, domain)
    container(cursor, f"book:Contacts_{uid}", "addressbook", "contacts", uid, domain)
    return subtree, folders
