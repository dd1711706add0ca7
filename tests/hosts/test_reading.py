"""Which commands a Host lets through: those that are known to read, and not one more."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transhume.hosts.reading import RULES, only_reads

ALLOWED = """\
cat -- /etc/bm/bm.ini
/usr/bin/cat -- /etc/hosts
test -d /var/spool/cyrus
find /etc/bm -type f -print0
find /var/spool/postfix/active -type f -printf .
date +%s
date -u +%s
rpm -qa bm-*
rpm -q rsync
dpkg-query -W -f x bm-*
postconf -h default_database_type
postconf -m
postmap -s hash:/etc/postfix/transport
postmap -q key hash:/etc/postfix/transport
postqueue -p
systemctl is-active --quiet postfix.service
systemctl list-units --all --plain --no-legend --full bm-*
systemctl show -p ActiveState bm-core
ip -j addr show dev ens3
ip -6 -j route show default
ip -4 -j route get 192.0.2.1
sysctl -n net.ipv4.conf.ens3.promote_secondaries
nmcli -g GENERAL.CON-UUID device show ens3
networkctl list --no-legend --no-pager ens3
arping -D -I ens3 192.0.2.10
rsync -n --stats -aHAXS --delete-delay transhume-source:/x/ /x/
rsync --version
ssh -G root@old
ssh -V
sshd -T
openssl x509 -noout -subject -in /etc/ssl/certs/bm_cert.pem
openssl s_client -starttls smtp -connect 127.0.0.1:25 -showcerts
curl -sS -k -o /dev/null -w %{http_code} https://127.0.0.1:443/
curl -fsS http://127.0.0.1:8090/api/system/installation/state
nft list table inet transhume
nft -j list ruleset
bmctl status
pg_restore --list /var/lib/transhume/dumps/bj
pg_dump --version
ss -ltn
"""
REFUSED = """\
rm -rf /
sh -c true
env cat /etc/hosts
su postgres
tee /etc/hosts
find / -delete
find / -exec rm {} +
find / -fprintf /etc/passwd x
date -s 2020-01-01
date -s2020-01-01
date -us2020-01-01
date --set=2020-01-01
date 010203042026
rpm -e bm-core -q
rpm -qa --erase bm-core
postconf -e myhostname=x
postconf myhostname=x
postconf -#e x
postmap /etc/postfix/transport
postmap -d key hash:/etc/postfix/transport
postqueue -f
postqueue -p -f
postsuper -s
systemctl stop postfix.service
systemctl --now disable postfix.service
systemctl
ip addr add 192.0.2.1/24 dev ens3
ip link set ens3 down
ip -batch /tmp/x addr show
ip netns exec x sh
ip addr
sysctl -w net.ipv4.ip_forward=1
sysctl -n -w net.ipv4.ip_forward=1
sysctl -n net.ipv4.ip_forward=1
sysctl -n --system
sysctl -n -p /tmp/x
nmcli connection modify show ipv4.method auto
nmcli device disconnect ens3
nmcli networking off
nmcli general hostname x
nmcli connection migrate
networkctl down ens3
networkctl reload
arping -U 192.0.2.10
rsync -a /x/ /y/
ssh root@old true
ssh root@old rm -G
sshd
openssl genrsa
openssl x509 -in a -out /etc/ssl/b
curl -X POST http://127.0.0.1:8090/
curl -XPOST http://127.0.0.1:8090/
curl -sXPOST http://127.0.0.1:8090/
curl --request=DELETE http://127.0.0.1:8090/
curl -d x http://127.0.0.1:8090/
curl --data-binary @x http://127.0.0.1:8090/
curl --json {} http://127.0.0.1:8090/
curl -o /etc/passwd http://127.0.0.1:8090/
curl -O http://127.0.0.1:8090/x
curl -K - http://127.0.0.1:8090/
curl -T x ftp://127.0.0.1/
nft delete table inet list
nft flush ruleset
nft -f list
bmctl stop
bmctl
bm-cli maintenance update-fw
pg_restore -d bj /d
pg_dump bj
ss -K dst 192.0.2.1
psql -c select
"""


@pytest.mark.parametrize("line", ALLOWED.splitlines())
def test_reading_is_let_through(line: str) -> None:
    assert only_reads(shlex.split(line))


@pytest.mark.parametrize("line", REFUSED.splitlines())
def test_all_else_is_refused(line: str) -> None:
    assert not only_reads(shlex.split(line))


def test_nothing_at_all_is_refused() -> None:
    assert not only_reads(())
    assert not only_reads(("",))


@given(st.text(max_size=8).filter(lambda name: name.rpartition("/")[2] not in RULES), st.text())
def test_a_program_that_isnt_known_is_refused(name: str, argument: str) -> None:
    assert not only_reads((name, argument))
