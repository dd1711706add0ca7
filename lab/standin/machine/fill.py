"""Fills a set-up server with mail, people, events and files, always the same for the same seed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from . import db, fill_forgotten, fill_mail, fill_rows, fill_trees, maps

_DOMAIN = "example.org"


def _first_item() -> int:
    session = db.connect(db.MAIL, "fill")
    with session, session.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM t_container_item")
        first = int(cursor.fetchone()[0])
    session.close()
    return first


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fill", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--median-size", type=int, default=12_000)
    parser.add_argument("--archived", type=float, default=0.1)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--index-bytes", type=int, help="default: a tenth of the mail")
    parser.add_argument("--queued", type=int, default=5)
    parser.add_argument("--legacy-zones", action="store_true")
    parser.add_argument("--plain-names", action="store_true")
    return parser.parse_args()


def fill(given: argparse.Namespace) -> dict[str, object]:
    begun = time.monotonic()
    if fill_rows.filled():
        raise SystemExit("fill: this server is filled already")
    people = fill_rows.people(given.users, _DOMAIN)
    order = fill_mail.Order(
        given.seed,
        given.messages,
        given.median_size,
        given.archived,
        _first_item(),
        tuple(people),
    )
    done: dict[str, object] = {**fill_mail.generate(order)}
    done.update(fill_rows.run(given.events, given.legacy_zones))
    wanted = given.index_bytes
    index_bytes = int(str(done["stored"])) // 10 if wanted is None else wanted
    done.update(fill_trees.run(given.seed, index_bytes, given.files, not given.plain_names))
    maps.write(db.Pool(db.DIRECTORY, "fill"))
    done.update(fill_forgotten.run(given.queued))
    os.sync()
    done["addresses"] = [person.address for person in people]
    done["seconds"] = round(time.monotonic() - begun, 1)
    return done


def main() -> None:
    json.dump(fill(arguments()), sys.stdout)


if __name__ == "__main__":
    main()
