"""Every trap that the two machines can have, in the order of the procedure."""

from __future__ import annotations

from lab.traps.trap import Trap, either, noted, unlike

FILES = (
    Trap(
        "mail-only-cold",
        "the mail is copied for the first time in the outage",
        noted("outage"),
        step="sync-trees",
    ),
    Trap(
        "attributes",
        "rsync -avH leaves ACLs and extended attributes behind",
        unlike("tree *: attributes *"),
        step="finish-trees",
    ),
    Trap(
        "leftovers",
        "a leftover of the wizard keeps a service off",
        either(noted("running"), unlike("tree /etc/bm/*.disabled: extra")),
        ("service-leftover",),
        step="configuration",
    ),
    Trap(
        "dot-files",
        "the glob skips hidden files",
        unlike("tree /etc/bm/.*"),
        step="configuration",
    ),
    Trap(
        "hollowed",
        "sign-on tokens and derived folders",
        unlike("tree /var/spool/bm-hollowed/*"),
        step="finish-trees",
    ),
    Trap(
        "rules",
        "who has already got a vacation reply",
        unlike("tree /var/spool/bm-core/*"),
        step="finish-trees",
    ),
    Trap("mapi", "Outlook replicas", unlike("tree /var/spool/bm-mapi/*"), step="finish-trees"),
    Trap(
        "influxdb",
        "the monitoring's measurements",
        unlike("tree /var/lib/influxdb/*"),
        step="finish-trees",
    ),
    Trap(
        "ldap",
        "the directory of bm-ldap-role and its configuration",
        noted("ldap"),
        step="finish-trees",
    ),
    Trap(
        "keycloak",
        "Keycloak's database, realms and krb5.conf",
        unlike("rows keycloak *", "tree /etc/bm-keycloak/*", "tree /etc/krb5.conf*"),
        step="restore-databases",
    ),
    Trap(
        "other-folders",
        "the other folders /etc/bm-*",
        unlike("tree /etc/bm-webmail*"),
        step="configuration",
    ),
    Trap(
        "nginx",
        "the site's own nginx files",
        unlike("tree /etc/nginx/bm-local.d*", "tree /etc/nginx/bluemind*"),
        step="configuration",
    ),
    Trap("aliases", "/etc/aliases", unlike("tree /etc/aliases*"), step="configuration"),
)

DATABASES = (
    Trap(
        "password",
        "the database's password isn't the documented one",
        noted("password"),
        step="dump-databases",
    ),
    Trap(
        "process-list",
        "the password stands in the list of processes",
        noted("process list"),
        step="dump-databases",
    ),
    Trap("dumps", "dumps that anybody can read", noted("dumps"), step="dump-databases"),
    Trap(
        "session",
        "a session on the target's databases: the wizard's data stays",
        noted("session"),
        ("sessions",),
        step="hold-target",
    ),
    Trap(
        "restore-status",
        "pg_restore -C fails also when all went well",
        noted("status"),
        step="restore-databases",
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
        step="restore-databases",
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
        step="move-queue",
    ),
    Trap(
        "indexed-maps",
        "maps indexed by another distribution",
        noted("indexed"),
        step="configuration",
    ),
    Trap(
        "custom-maps",
        "maps of the site's own, passwords for relays",
        either(noted("closed maps"), unlike("tree /etc/postfix/relay_passwd*")),
        step="configuration",
    ),
    Trap(
        "chroot", "the chroot column of another distribution", noted("chroot"), step="configuration"
    ),
)

AFTER = (
    Trap("firewall", "the firewall's Save does nothing", noted("firewall"), step="firewall"),
    Trap(
        "maps",
        "the routing tables' Run is done before it has begun",
        noted("maps"),
        step="maps",
    ),
    Trap("early-clients", "clients are let in too early", noted("early"), step="close"),
    Trap(
        "second-server",
        "the old server serves when it is switched on again",
        noted("awake"),
        step="freeze",
    ),
)

KEPT = (
    Trap(
        "split-brain",
        "the new core drives the old server",
        noted("driven"),
        ("address-changes",),
        step="readdress",
        address="kept",
    ),
    Trap(
        "places",
        "the old address stands in many places",
        noted("places"),
        ("address-changes",),
        step="readdress",
        address="kept",
    ),
)

TRAPS = (*FILES, *DATABASES, *MAIL, *AFTER, *KEPT)
