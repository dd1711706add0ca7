"""Two BlueMind servers in memory, as a move meets them: one that serves, one fresh."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.fakes import FakeHost
from transhume.core.host import Output, Pair
from transhume.core.settings import AddressSettings, Settings, SourceSettings
from transhume.profiles.bluemind.layout import load

PASSWORD = "s3cret 'in \\the \"ini% "
TOKEN = "0b6f-admin0-token"
UNITS = {
    "bluemind.target": ("active", "enabled"),
    "bm-core.service": ("active", "enabled"),
    "bm-nginx.service": ("active", "enabled"),
    "postfix.service": ("active", "enabled"),
    "telegraf.service": ("active", "enabled"),
    "postgresql.service": ("inactive", "enabled"),
}
_LAYOUT = load("bluemind-5")
MAPS = ("transport", "virtual_alias", "virtual_domains", "virtual_mailbox")
TREES = ("cyrus", "bm-hsm", "bm-elasticsearch", "bm-docs", "bm-filehosting", "bm-core")
ADDRESS = AddressSettings(
    how="take",
    service=("192.0.2.10/24", "2001:db8::10/64"),
    source_device="ens3",
    target_device="ens3",
    maintenance=("192.0.2.11/24",),
)
ADDRESSES = {
    "take": ADDRESS,
    "script": AddressSettings(how="script", script="/root/move-address"),
    "manual": AddressSettings(how="manual", service=("192.0.2.10/24",)),
    "none": AddressSettings(how="none", becomes="192.0.2.20"),
}
MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       {0}       -       -       smtpd
pickup    unix  n       -       {0}       60      1       pickup
  -o content_filter=
"""
RSYNC = (
    "\nNumber of files: 1,234 (reg: 1,000)\nTotal file size: 99,000 bytes\n"
    "Total transferred file size: 0 bytes\n"
)


def settings(how: str = "take") -> Settings:
    """The settings of a move that replaces the server in this way."""
    source = SourceSettings(ssh="root@old.example.org", host_key="ssh-ed25519 AAAAC3Nza")
    return Settings(source=source, address=ADDRESSES[how])


def addresses(*texts: str) -> str:
    """What `ip -j addr` prints of a device with these."""
    held = [
        {
            "family": "inet6" if ":" in text else "inet",
            "local": text.partition("/")[0],
            "prefixlen": int(text.partition("/")[2]),
            "scope": "global",
        }
        for text in texts
    ]
    return json.dumps([{"ifname": "ens3", "ifindex": 2, "addr_info": held}])


def _network(own: str) -> dict[str, Any]:
    link = [{"ifname": "ens3", "ifindex": 2, "address": "02:00:00:00:00:10"}]
    route = [{"dst": "default", "gateway": "192.0.2.1", "dev": "ens3", "flags": []}]
    return {
        "ip -j link show dev ens3": json.dumps(link),
        "ip -j addr show dev ens3": addresses(own),
        "ip -j addr show to": "[]",
        "ip -j neigh show": "[]",
        "ip -4 -j route show": json.dumps(route),
        "ip -6 -j route show": "[]",
        "ping": 1,
        "sysctl -n net.ipv4.conf.ens3.promote_secondaries": "0\n",
        "printenv SSH_CONNECTION": "192.0.2.20 40000 192.0.2.10 22\n",
        "sshd -T": "listenaddress 0.0.0.0:22\n",
        "nmcli": 1,
        "networkctl": 1,
        "stat -c %F|%a|%U:%G": "regular file|644|root:root\n",
        "stat -L -c %a %u": "755 0\n",
    }


def _interfaces(*texts: str) -> bytes:
    lines = ["auto ens3"]
    for text in texts:
        lines += [f"iface ens3 inet{6 if ':' in text else ''} static", f"    address {text}"]
    return "\n".join(lines).encode() + b"\n"


def _known(argv: tuple[str, ...]) -> str:
    """What getent knows: every name that may be one (useradd(8))."""
    named = (name for name in argv[2:] if re.fullmatch(r"[a-z_][\w-]*", name))
    return "".join(f"{name}:x:7:\n" for name in named)


def _said() -> dict[str, Any]:
    return {
        "which": lambda argv: "".join(f"/usr/bin/{name}\n" for name in argv[1:]),
        "id -u": "0\n",
        "uname -n": "machine\n",
        "date +%s": "1795420800\n",
        "date +%s %H %M": "1795420800 12 00\n",
        "getent": _known,
        "find /var/spool/postfix/active": ".\n.\n",
        "find /var/spool/postfix/active /var/spool/postfix/bounce": "/var/spool/postfix/deferred\n",
        "find /var/spool/postfix/maildrop": "",
        "dpkg-query": "bm-core 5.1.2-1 installed\nbm-plugin-ldap 5.1.2-1 installed\n",
        "rsync --version": "rsync  version 3.5.0  protocol version 32\n",
        "du -s --apparent-size": "1000\t/x\n",
        "iptables -S": "-P INPUT ACCEPT\n-A bluemind -s 192.0.2.10/32 -j ACCEPT\n",
        "stat -c %.9Y": "1795410000.500000000\n",
        "stat -c %a|%U:%G": "600|postgres:postgres\n",
        "python3 --version": "Python 3.11.2\n",
        "pg_dump --version": "pg_dump (PostgreSQL) 17.2 (Debian 17.2-1)\n",
        "ssh -V": Output(0, b"", b"OpenSSH_9.8p1 Debian-1, OpenSSL 3.0.15\n"),
        "ssh -Q cipher": "aes256-ctr\naes128-gcm@openssh.com\n",
        "nft list tables": "",
        "nft list table": "table inet transhume {}\n",
        "nft list table inet transhume_freeze": 1,
        "nproc": "2\n",
        "who": "root     pts/0        2026-11-23 02:00 (192.0.2.99)\n",
        "ss -Hltnp": LISTENING,
        "ss -Htn": "0 0 127.0.0.1:443 127.0.0.1:40000\n",
        "readlink /etc/localtime": "/usr/share/zoneinfo/Europe/Paris\n",
        "readlink -z -m --": lambda argv: "".join(f"{path}\0" for path in argv[4:]),
        "ls -d --": 2,
        "openssl x509 -noout": "notAfter=Nov 23 02:00:00 2027 GMT\n",
        "systemctl list-units --state=failed": "",
        "postconf -h myhostname": "mail.example.org\n",
        "df --block-size=1 --output=avail": "Avail\n1000000000\n",
        "df --block-size=1 --output=avail --": "Avail\n100000000000\n",
        "df --block-size=1 --output=iavail": "IFree\n-\n",
        "df --block-size=1 --output=used": "Used\n900000000\n",
        "stat -c %a /tmp": "1777\n",
        "postqueue -j": "",
        "postconf -h default_database_type": "hash\n",
        "postconf -d": "alias_maps = hash:/etc/aliases\nconfig_directory = /etc/postfix\n",
        "postconf -m": "btree\nhash\nregexp\n",
    }


def probed(path: str, way: str = "names", refused: str = "") -> bytes:
    """Whether the kernel would tell of changes in a tree."""
    return json.dumps({"tree": path, "way": way, "refused": refused}).encode()


def surveyed(path: str, **differing: Any) -> bytes:
    """What the survey tells of a tree, with whatever is different."""
    told: dict[str, Any] = {
        "tree": path,
        "entries": 100,
        "bytes": 1_000_000,
        "allocated": 1_000_000,
        "largest": 50_000,
        "users": {"cyrus": 100},
        "groups": {"mail": 100},
        "nameless_users": {},
        "nameless_groups": {},
        "found": {},
    }
    return json.dumps({**told, **differing}).encode()


LISTENING = """\
LISTEN 0 511 0.0.0.0:443 0.0.0.0:* users:(("nginx",pid=460,fd=7))
LISTEN 0 200 127.0.0.1:5432 0.0.0.0:* users:(("postgres",pid=368,fd=7))
"""
_PROC = {
    "/proc/self/mountinfo": b"22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw\n",
    "/proc/cpuinfo": b"processor : 0\nflags : fpu aes\n",
    "/proc/loadavg": b"0.50 0.40 0.30 1/200 4242\n",
    "/proc/meminfo": b"MemAvailable: 4000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "/proc/368/cgroup": b"0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n",
    "/proc/460/cgroup": b"0::/system.slice/bm-nginx.service\n",
}


_BYTES = {"bj": 10_000_000, "bj-data": 82_000_000, "keycloak": 8_000_000}


def _held_of_the_machine() -> dict[str, Any]:
    return {
        "from pg_hba_file_rules r": [(1, "host {all} {all} 127.0.0.1")],
        "from pg_hba_file_rules where error is not null": [],
        "from pg_file_settings": [],
        "pg_postmaster_start_time": [(1795420000.5,)],
        "bj select ip from t_server union all": [("192.0.2.10",), (None,)],
        "bj select mail_host from rc_users": [],
        "bj select string_agg(mail_host": [(None,)],
        "pg_tablespace_location": [],
    }


def _held_of_the_page() -> dict[str, Any]:
    """What the checks ask that the page forgets."""
    return {
        "bj select configuration -> 'fwAdditionalIPs'": [("198.51.100.7 192.0.2.20",)],
        "select datname::text, pg_get_userbyid": [("bj", "bj", "TimeZone=GMT")],
        "from pg_trigger t": [(28, 5)],
        "from pg_auth_members": [],
    }


def _held() -> dict[str, Any]:
    return {
        **_held_of_the_machine(),
        **_held_of_the_page(),
        "bj select name from t_domain": [("example.org",)],
        "bj select name, ip from t_server": [("mail", "192.0.2.10")],
        "bj select ip from t_server": [("192.0.2.10",)],
        "bj select string_agg(ip": [("192.0.2.10 mail",)],
        "bj select configuration::text": [("archive_kind=>cyrus",)],
        "bj select configuration -> 'archive_kind'": [("cyrus",)],
        "bj-data select encode(": [],
        'order by "created" desc': [(12, "2026-11-22", "\\xfeed")],
        'where "guid" = ': [(1,)],
        "select coalesce(max(pg_collation_actual_version": [("2.36",)],
        "server_version_num": [(15,)],
        "select extname": [("hstore", "1.8"), ("pg_repack", "1.5.0")],
        "from pg_available_extensions": [("hstore", "1.8"), ("pg_repack", "1.5.0")],
        "select datcollate, datctype": [("C.UTF-8", "C.UTF-8", "UTF8", "c")],
        "pg_char_to_encoding": [(6,)],
        "show data_directory": [("/var/lib/postgresql/15/main",)],
        "show hba_file": [("/etc/postgresql/15/main/pg_hba.conf",)],
        "select datname, pg_database_size(oid)": [*_BYTES.items()],
        "where application_name like 'pg_repack%'": [],
        "select distinct pg_get_userbyid(refobjid)": [("bj",)],
        "from pg_roles where rolname !~": [
            ("bj", "superuser login"),
            ("postgres", "superuser login"),
        ],
        "r.oid = s.setrole where s.setdatabase = 0": [("bj", "work_mem=8MB")],
        "split_part(unnest(setconfig)": [("bj", "TimeZone")],
        "select name from pg_settings": [("TimeZone",), ("work_mem",)],
        "where not i.indisvalid": [],
        "pg_collation_actual_version(oid) from": [],
        "datcollversion <>": [],
        "from pg_prepared_xacts": [],
        "pg_stat_activity where backend_type": [(97, 20)],
        "group by 1, 2, 3": [("bj", "bj", "bm-core", 1)],
        "select count(*) from rc_users": [(3,)],
        "select count(*) from t_s": [(1,)],
        "select 1 from pg_collation": [(1,)],
        "typname": [("public", "t_calendar", "timezone")],
        'select "timezone"::text': [("Europe/Paris", 3)],
        "now() at time zone": [("2026-11-23 02:00:00",)],
        "select current_user": [("bj",)],
        "postgres select 1": [(1,)],
        "select datname from pg_database": [("bj",), ("bj-data",), ("keycloak",)],
        "select 1 from pg_class": [(1,)],
        "select name, setting from pg_settings": [("shared_buffers", "16384")],
        "select d.datname, pg_get_userbyid": [
            ("bj", "bj", "UTF8", "C.UTF-8", "C.UTF-8", -1, "", [["", "CONNECT", ""]]),
        ],
        "from pg_db_role_setting": [("", "TimeZone=GMT")],
        "select count(*) from pg_class": [(104,)],
        "select n.nspname, c.relname from pg_class c join": [("public", "t_server")],
        **_compared(),
        **_followed(),
    }


def _compared() -> dict[str, Any]:
    """What a proof asks of a database."""
    return {
        "select extname::text, extversion": [("hstore", "1.8")],
        "max_replication_slots')::int > count": [(True,)],
        "coalesce(to_jsonb(s) ->> 'wal_status'": [],
        "select txid_snapshot_xmax": [(77,)],
        "n_tup_upd + n_tup_del": [("public.t_server", 0)],
        "with own as ( select c.oid, n.nspname": [("relation", "public.t_server", "rp")],
        "& 0)::int, count(*)": [],
        "= any ('{}')": [],
        "coalesce(sum(hashtextextended( concat_ws": [(1, "55")],
        "select n.nspname::text, c.relname::text, array": [
            ("public", "t_server", [["ip", ""]], ["ip"], True, 8192, 1, 150000)
        ],
        "select 0::int, count(*), coalesce(sum(hashtextextended": [(0, 1, "77")],
        "select n.nspname::text, c.relname::text, s.seqincrement": [("public", "s", 1)],
        "select 0::int, last_value, is_called": [(0, 4, True)],
    }


def _followed() -> dict[str, Any]:
    """Of the databases bj follows, bj-data doesn't yet, and keycloak can't."""
    slot = {"restart_lsn": "0/10", "active": True, "wal_status": "reserved"}
    data = "/var/lib/postgresql/15/main"
    server = (15, "logical", 10, 10, 0, 0, True, False, "", data, 5432, "bj", True)
    return {
        "application_name not like": [server],
        "max_logical_replication_workers": [(4, True)],
        "select 'it holds large objects": [],
        "keycloak select 'it holds large objects": [("it holds large objects",)],
        "where k.best = ''": [],
        "left join lateral": [("public", "t_server", "d", "", "")],
        "select 'transhume_' || oid": [("transhume_5",)],
        "to_jsonb(s)": [(slot, "0/20", 16, 0.1, True)],
        "select confirmed_flush_lsn >=": [(True,)],
        "from pg_subscription s join": [],
        "from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = %s and "
        "s.subname like 'transhume\\_%%' bj": [("transhume_5", True)],
        "from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = %s and "
        "s.subname like 'transhume\\_%%' bj-data": [],
        "select md5(string_agg(c::text": [("ab12",)],
        "select schemaname, sequencename": [("public", "s")],
        "last_value, is_called": [('"public"."s"', 4, True)],
    }


def _record(how: str) -> bytes:
    return json.dumps({"how": how, "position": "", "identities": []}).encode()


def _files(chroot: str) -> dict[str, bytes]:
    ini = f"[global]\nexternal-url = mail.example.org\nuser = bj\npassword = {PASSWORD}\n"
    maps = {f"/etc/postfix/{name}-flat": b"a@example.org\tb@example.org\n" for name in MAPS}
    return {
        **maps,
        **_PROC,
        "/etc/bm/mcast.id": b"4f2a\n",
        "/usr/share/bm-elasticsearch/config/elasticsearch.yml": b"cluster.name: bluemind-4f2a\n",
        "/etc/postgresql/15/main/pg_hba.conf": b"local all postgres peer  # local\n",
        "/etc/bm/bm.ini": ini.encode(),
        "/etc/bm/bm-core.tok": TOKEN.encode(),
        "/etc/bm/server.uid": b"uid",
        "/etc/bm/subscription.bmz": b"mine",
        "/etc/postfix/main.cf": b"alias_maps = hash:/etc/aliases\nmyhostname = old\n",
        "/etc/postfix/master.cf": MASTER.format(chroot).encode(),
        "/etc/ssl/certs/bm_cert.pem": _PEM,
        "/etc/debian_version": b"12.1\n",
        "/etc/os-release": b'NAME="Debian GNU/Linux"\n',
    }


_PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def source() -> FakeHost:
    """The server that people use now."""
    host = FakeHost("source", _files("-"), units=dict(UNITS), held=_held())
    host.said = {**_said(), **_network("192.0.2.10/24")}
    host.said["ip -j addr show dev ens3"] = addresses("192.0.2.10/24", "2001:db8::10/64")
    host.said["du -s --apparent-size --block-size=1 /var/spool/cyrus"] = "900000000\t/x\n"
    host.printed["manifest"] = manifest
    host.printed["changes"] = changes()
    host.files["/etc/network/interfaces"] = _interfaces("192.0.2.10/24", "2001:db8::10/64")
    host.folders = {f"/var/spool/{name}" for name in TREES} | {"/etc/bm", "/etc/network"}
    host.printed["survey"] = [surveyed(f"/var/spool/{name}") for name in TREES]
    host.printed["probe"] = [probed(f"/var/spool/{name}") for name in TREES]
    host.served = {"/api/system/installation/state": "core.state.running"}
    host.said["sshd -T"] = "listenaddress 0.0.0.0:22\nciphers aes128-gcm@openssh.com,aes256-ctr\n"
    host.files["/etc/postgresql/15/main/postgresql.conf.local"] = b"work_mem = 16MB\n"
    return host


def target() -> FakeHost:
    """The fresh machine, with a wizard's data."""
    host = FakeHost("target", _files("n"), units=dict(UNITS), held=_held())
    host.said = {
        **_said(),
        **_network("192.0.2.20/24"),
        "rsync -n": RSYNC,
        "pg_restore --list": ";\n; Archive\n;\n1; 2 TABLE public t_server bj\n",
        "postmap -s": "a@example.org\tb@example.org\n",
        "postqueue -p": "Mail queue is empty\n",
        "curl": "200",
        "openssl s_client": _PEM,
    }
    host.printed["manifest"] = manifest
    host.files["/etc/network/interfaces"] = _interfaces("192.0.2.20/24")
    host.folders = {"/etc/bm", "/etc/network", "/var/spool"}
    host.files["/var/lib/transhume/following/bj.json"] = _record("follow")
    host.files["/var/lib/transhume/following/keycloak.json"] = _record("dump")
    host.printed["survey"] = host.printed["probe"] = []
    return host


def changes(count: int = 1, gap: str = "bm-hsm") -> list[bytes]:
    """What a tracker tells: so many paths of the mail changed, and one tree must be scanned."""
    told: list[Any] = [{"run": "1-2", "seq": 7, "refused": "", "list": "/x"}]
    for tree in _LAYOUT.tree:
        name = tree.path.rpartition("/")[2]
        gaps = ["more happened at once than the kernel keeps"] if name == gap else []
        way = "names" if name in TREES else "absent"
        told.append({"tree": tree.path, "way": way, "gaps": gaps})
        told += [f"a/{number}" for number in range(count if name == "cyrus" else 0)]
    return [json.dumps(line).encode() for line in told]


def manifest(spec: bytes) -> Iterator[bytes]:
    """Trees with nothing in them, as the agent lists them."""
    for number, _ in enumerate(json.loads(spec)["trees"]):
        yield from (b"=%d" % number, b"/", b" \0d\000755\0root\0root\0\0001\0\0\0\0")


def returning() -> Pair:
    """Both when people were let in to the target, and every database follows."""
    there, here = source(), target()
    for host in (there, here):
        host.held["select datname from pg_database"] = [("bj",), ("bj-data",)]
        host.held["select d.datname from pg_database d join pg_replication_slots"] = [
            ("bj",),
            ("bj-data",),
        ]
        host.held["select confirmed_flush_lsn - '0/0'"] = [(32,)]
        host.held["pg_logical_slot_peek_binary_changes"] = []
        host.held["select 1 from pg_publication"] = [(1,)]
        host.held["select slot_name from pg_replication_slots"] = [("transhume_5",)]
    here.held["application_name not like"] = [
        (17, "replica", 10, 10, 0, 0, True, False, "", "/var/lib/postgresql/17/main", 5432, "bj", 0)
    ]
    here.files["/var/lib/transhume/following/bj-data.json"] = _record("follow")
    here.folders |= {f"/var/spool/{name}" for name in TREES}
    here.printed["changes"] = changes()
    here.files["/etc/postfix/main.cf"] += b"relayhost = [mx.example.org]\n"
    return Pair(there, here)


def servers() -> Pair:
    """Both, before anything was done."""
    return Pair(source(), target())
