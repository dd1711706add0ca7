"""Every check of a move, in the order in which they are made and shown."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core.check import Check
from transhume.core.settings import Settings
from transhume.profiles.bluemind import checks_installed as installed
from transhume.profiles.bluemind import checks_left as left
from transhume.profiles.bluemind import checks_nightly as nightly
from transhume.profiles.bluemind import checks_page as page
from transhume.profiles.bluemind import checks_running as running
from transhume.profiles.bluemind import checks_silent as silent
from transhume.profiles.bluemind.layout import Layout
from transhume.steps.queue import messages
from transhume.steps.requirements import (
    features,
    health,
    machine,
    mail,
    mounts,
    notified,
    owners,
    people,
    postgres,
    programs,
    roles,
    room,
    ssh,
    younger,
)


def checks(layout: Layout, settings: Settings, jobs: int) -> tuple[Check, ...]:
    """Every check, the cheap and decisive ones first; `jobs` processes dump the databases."""
    return (
        *_machines(layout),
        *_server(layout, settings),
        *_databases(layout, jobs),
        *_page(layout),
        *_trees(layout, settings),
    )


def _machines(layout: Layout) -> Iterator[Check]:
    served = layout.services.ports
    allowed = (*layout.services.patterns, "postgresql.service", "postgresql@*.service")
    yield Check("root", "the login on the source", programs.root_by_ssh)
    yield Check("programs", "the programs", programs.programs)
    yield Check("python", "Python on the source", programs.python_version)
    yield Check("rsync", "rsync's version", programs.rsync_version)
    yield Check("openssh", "OpenSSH's version", ssh.openssh)
    yield Check("ssh-server", "what the source's sshd allows", ssh.server)
    yield Check("ciphers", "a cipher of both", ssh.ciphers)
    yield Check("firewall", "the target's firewall", programs.door)
    yield Check("clocks", "the clocks", machine.clocks)
    yield Check("time-zone", "the machines' time zones", machine.time_zone)
    yield Check("load", "the source's load", machine.load)
    yield Check("memory", "memory and swap space", machine.memory)
    yield Check("logins", "who is logged in", people.logins)
    yield Check("ports", "ports in use", people.ports((*served, *layout.services.inner), allowed))
    yield Check("clients", "clients of the target", people.clients(served))


def _server(layout: Layout, settings: Settings) -> Iterator[Check]:
    moved = left.moves(layout, settings)
    yield Check("bluemind", "BlueMind on the source", installed.is_bluemind(layout))
    yield Check("version", "BlueMind's version", installed.versions)
    yield Check("plugins", "BlueMind's packages and plug-ins", installed.plugins)
    yield Check("wizard", "the set-up wizard", installed.wizard(layout))
    yield Check("external-url", "the external-url", installed.external_url(layout))
    yield Check("subscription", "the subscription", installed.subscription(layout))
    yield Check("servers", "the number of servers", running.one_server)
    yield Check("own-address", "the server's own address", running.known_address(settings))
    yield Check("old-address", "where the old address stands", left.old_address(settings))
    yield Check("new-address", "the target's own address", left.new_address(settings))
    yield Check("archive-kind", "where bodies are", running.bodies_on_disk)
    yield Check("core", "the source's core and units", running.core_state(layout))
    yield Check("certificate", "the certificate", running.certificate(layout))
    yield Check("backup-job", "backup jobs", nightly.backup_job)
    yield Check("windows", "nightly work", nightly.windows(layout))
    yield Check("data", "data outside of the trees", left.data(moved))
    yield Check("local", "additions of the admins", left.local)
    yield Check("switched-off", "services that are switched off", left.switched_off)
    yield Check("cluster-name", "the search engine's name", left.cluster_name)
    yield Check("dumps", "dumps that lie about", left.dumps)
    yield Check("maps", "Postfix's maps", mail.maps)
    yield Check("chroot", "Postfix's chroot habit", mail.chroot)
    yield Check("host-name", "the mail server's name", mail.host_name)
    yield Check("mail-files", "files that Postfix names", mail.named_files(moved))
    yield Check("queue", "the mail queue", mail.queue_size(messages))


def _databases(layout: Layout, jobs: int) -> Iterator[Check]:
    known = layout.databases
    names = known.names + known.optional
    newest = younger.younger(known.names[-1], "t_message_body", "created", "guid")
    yield Check("databases", "the databases", roles.databases(known.names, known.optional))
    yield Check("exchanged", "which machine is the older", newest)
    yield Check("postgresql", "PostgreSQL's version", postgres.major)
    yield Check("pg-dump", "pg_dump's version", programs.dump_version)
    yield Check("settings", "PostgreSQL's settings", postgres.settings)
    yield Check("access", "who may log in to PostgreSQL", left.access)
    yield Check("extensions", "PostgreSQL's extensions", postgres.extensions(names))
    yield Check("locales", "locales and encodings", postgres.locales(names))
    yield Check("collations", "versions of collations", health.collations(names))
    yield Check("c-library", "the C libraries", health.libraries)
    yield Check("roles", "PostgreSQL's roles", roles.roles(names))
    yield Check("members", "memberships of roles", roles.members)
    yield Check("role-settings", "settings of roles", roles.role_settings)
    yield Check("database-settings", "settings of databases", roles.database_settings(names))
    yield Check("tablespaces", "tablespaces", roles.tablespaces(names))
    yield Check("indexes", "unfinished indexes", health.indexes(names))
    yield Check("prepared", "forgotten transactions", health.prepared(names))
    yield Check("connections", "connections that are left", health.connections(names, jobs))
    yield Check("sessions", "sessions on the target's databases", people.sessions(names))
    time_zones = postgres.time_zones(names, "timezone")
    yield Check("time-zones", "names of time zones in use", time_zones, reads_data=True)


def _page(layout: Layout) -> Iterator[Check]:
    """What the documented procedure loses on these machines, and the plan closes."""
    yield Check("cold-mail", "mail that is copied in the outage", page.mail_only_cold)
    yield Check("forgotten", "data that the page forgets", page.forgotten)
    yield Check("keycloak", "Keycloak's data", page.keycloak(layout))
    yield Check("other-folders", "other folders in /etc", page.other_folders)
    yield Check("dot-files", "hidden and left files in /etc/bm", page.dot_files)
    yield Check("aliases", "aliases of the system's users", page.aliases)
    yield Check("custom-maps", "Postfix's maps of the site's own", page.custom_maps(layout))
    yield Check("indexed-maps", "the form of indexed maps", silent.indexed_maps)
    yield Check("cluster-id", "the search engine's identity", silent.cluster)
    yield Check("password", "the databases' password", silent.password(layout))
    yield Check("process-list", "who may list processes", silent.process_list)
    yield Check("dump-folder", "where the page puts dumps", silent.dumps(layout))
    yield Check("restore-status", "databases that are here already", silent.restore_status(layout))
    yield Check("triggers", "triggers of tables in partitions", silent.triggers(layout))
    yield Check("firewall-save", "what the firewall lets in", silent.firewall_save)
    yield Check("maps-run", "the routing tables", silent.maps_run(layout))
    yield Check("early-clients", "what starts by itself here", silent.early_clients(layout))
    yield Check("second-server", "what starts by itself there", silent.second_server(layout))


def _trees(layout: Layout, settings: Settings) -> Iterator[Check]:
    folders = (*(tree.path for tree in layout.tree), *settings.trees)
    names = layout.databases.names + layout.databases.optional
    needed = room.room(folders, names, f"{settings.state}/dumps")
    yield Check("mounts", "file systems inside the trees", mounts.parted(folders))
    yield Check("writable", "file systems that can be written", mounts.writable(folders))
    yield Check("tree-links", "trees that are links", mounts.led_elsewhere(folders))
    yield Check("notified", "whether the kernel tells of changes", notified.notified(folders))
    yield Check("source-room", "room on the source", room.source_room)
    yield Check("room", "room on the target", needed, reads_data=True)
    yield Check("users", "owners of files", owners.users(folders), reads_data=True)
    yield Check("features", "what files make use of", features.features(folders), reads_data=True)
    yield Check("used", "what moves beyond plain files", features.used(folders), reads_data=True)
    yield Check("links", "links that lead out", features.links(folders), reads_data=True)
    yield Check("devices", "device files", features.specials(folders), reads_data=True)
