"""Every trap that the two machines can have, in the order of the procedure."""

from __future__ import annotations

from lab.traps.trap import Trap, either, noted, unlike

FILES = (
    Trap(
        "mail-only-cold",
        "the mail is copied for the first time in the outage",
        noted("outage"),
        ("trap-mail-only-cold",),
    ),
    Trap(
        "attributes",
        "rsync -avH leaves ACLs and extended attributes behind",
        unlike("tree *: attributes *"),
        ("attributes",),
    ),
    Trap(
        "leftovers",
        "a leftover of the wizard keeps a service off",
        either(noted("running"), unlike("tree /etc/bm/*.disabled: extra")),
        ("service-leftover",),
    ),
    Trap(
        "dot-files", "the glob skips hidden files", unlike("tree /etc/bm/.*"), ("trap-dot-files",)
    ),
    Trap(
        "hollowed",
        "sign-on tokens and derived folders",
        unlike("tree /var/spool/bm-hollowed/*"),
        ("trap-hollowed",),
    ),
    Trap(
        "rules",
        "who has already got a vacation reply",
        unlike("tree /var/spool/bm-core/*"),
        ("trap-rules",),
    ),
    Trap("mapi", "Outlook replicas", unlike("tree /var/spool/bm-mapi/*"), ("trap-mapi",)),
    Trap(
        "influxdb",
        "the monitoring's measurements",
        unlike("tree /var/lib/influxdb/*"),
        ("trap-influxdb",),
    ),
    Trap(
        "ldap", "the directory of bm-ldap-role and its configuration", noted("ldap"), ("trap-ldap",)
    ),
    Trap(
        "keycloak",
        "Keycloak's database, realms and krb5.conf",
        unlike("rows keycloak *", "tree /etc/bm-keycloak/*", "tree /etc/krb5.conf*"),
        ("trap-keycloak",),
    ),
    Trap(
        "other-folders",
        "the other folders /etc/bm-*",
        unlike("tree /etc/bm-webmail*"),
        ("trap-other-folders",),
    ),
    Trap(
        "nginx",
        "the site's own nginx files",
        unlike("tree /etc/nginx/bm-local.d*", "tree /etc/nginx/bluemind*"),
        ("trap-nginx",),
    ),
    Trap("aliases", "/etc/aliases", unlike("tree /etc/aliases*"), ("trap-aliases",)),
)

DATABASES = (
    Trap(
        "password",
        "the database's password isn't the documented one",
        noted("password"),
        ("trap-password",),
    ),
    Trap(
        "process-list",
        "the password stands in the list of processes",
        noted("process list"),
        ("trap-process-list",),
    ),
    Trap("dumps", "dumps that anybody can read", noted("dumps"), ("trap-dumps",)),
    Trap(
        "session",
        "a session on the target's databases: the wizard's data stays",
        noted("session"),
        ("sessions",),
    ),
    Trap(
        "restore-status",
        "pg_restore -C fails also when all went well",
        noted("status"),
        ("trap-restore-status",),
    ),
    Trap(
        "timezones",
        "a time zone unknown here: every appointment",
        noted("zones"),
        ("timezone-unknown",),
    ),
    Trap(
        "triggers",
        "triggers fire while their partitions are filled: every mailbox",
        noted("triggers"),
        ("trap-triggers",),
    ),
    Trap(
        "postgresql-settings",
        "PostgreSQL's own settings and who may log in",
        noted("settings"),
        ("pg-hba", "postgresql-settings"),
    ),
    Trap(
        "backup-job",
        "a backup that runs is cut off",
        noted("backup"),
        ("backup-running",),
    ),
)

MAIL = (
    Trap(
        "queue",
        "the mail queue",
        either(unlike("queue *"), noted("held")),
        ("queue",),
    ),
    Trap(
        "indexed-maps",
        "maps indexed by another distribution",
        noted("indexed"),
        ("trap-indexed-maps",),
    ),
    Trap(
        "custom-maps",
        "maps of the site's own, passwords for relays",
        either(noted("closed maps"), unlike("tree /etc/postfix/relay_passwd*")),
        ("trap-custom-maps",),
    ),
    Trap("chroot", "the chroot column of another distribution", noted("chroot"), ("chroot",)),
)

AFTER = (
    Trap("firewall", "the firewall's Save does nothing", noted("firewall"), ("trap-firewall",)),
    Trap(
        "maps", "the routing tables' Run is done before it has begun", noted("maps"), ("trap-maps",)
    ),
    Trap("early-clients", "clients are let in too early", noted("early"), ("trap-early-clients",)),
    Trap(
        "second-server",
        "the old server serves when it is switched on again",
        noted("awake"),
        ("trap-second-server",),
    ),
)

KEPT = (
    Trap(
        "split-brain",
        "the new core drives the old server",
        noted("driven"),
        ("address-changes",),
        address="kept",
    ),
    Trap(
        "places",
        "the old address stands in many places",
        noted("places"),
        ("address-changes",),
        address="kept",
    ),
)

TRAPS = (*FILES, *DATABASES, *MAIL, *AFTER, *KEPT)
