"""docs/recipes/django.md, on the tables that Django's own migrations make."""

import os
import subprocess
import sys

import psycopg
import pytest

from tests.parts.cli import KEPT
from tests.parts.inside import Inside
from tests.parts.waiting import PATIENCE
from tests.recipes.recipe import configured

Conn = psycopg.Connection[tuple[object, ...]]

MAIL = (
    'INSERT INTO post_office_email (id, from_email, "to", cc, bcc, subject, message,'
    " html_message, status, created, last_updated, backend_alias)"
    " SELECT %s, 'a@b.c', 'd@e.f', '', '', '', '', '', %s, now() - %s::interval, now(), ''"
)


@pytest.fixture
def site(inside: Inside, conn: Conn, db: str) -> Inside:
    """A migrated site; the recipe is in force."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity=0"],
        env={**kept, "DATABASE_URL": db, "DJANGO_SETTINGS_MODULE": "tests.recipes.django_settings"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert conn.execute("SELECT to_regclass('post_office_email')").fetchone() != (None,)
    return configured(inside, "django")


def ids(conn: Conn, table: str, column: str = "id") -> list[object]:
    """What is left of a table."""
    query = psycopg.sql.SQL("SELECT {1} FROM {0} ORDER BY {1}")
    names = (psycopg.sql.Identifier(table), psycopg.sql.Identifier(column))
    return [row[0] for row in conn.execute(query.format(*names))]


def test_sessions_that_ended_go(site: Inside, conn: Conn) -> None:
    """Over a day ago; one that is valid, or ended just now, stays."""
    conn.execute(
        "INSERT INTO django_session SELECT key, '', now() - age FROM (VALUES"
        " ('old', interval '2 d'), ('ended', interval '1 h'), ('valid', interval '-2 w'))"
        " AS v (key, age)"
    )
    assert site("django-sessions", "--dry-run", "--json").json["deleted_count"] == 1
    result = site("django-sessions", "--json")
    assert (result.code, result.json["deleted_count"]) == (0, 1), result.err
    assert ids(conn, "django_session", "session_key") == ["ended", "valid"]


def test_mail_that_was_sent_goes_after_its_log(site: Inside, conn: Conn) -> None:
    """What waits, failed, is young, has attachments or a young log entry stays."""
    sent, failed, queued, requeued = range(4)
    mails = [
        (1, sent, "91 d"),
        (2, sent, "89 d"),
        (3, failed, "1 y"),
        (4, queued, "1 y"),
        (5, requeued, "1 y"),
        (6, sent, "1 y"),  # with an attachment
        (7, sent, "91 d"),  # with a log entry of yesterday
        (8, sent, "1 y"),  # with an old log entry
    ]
    for mail in mails:
        conn.execute(MAIL, mail)
    conn.execute(
        "INSERT INTO post_office_attachment (id, file, name, mimetype) VALUES (1, 'f', 'f', '')"
    )
    conn.execute(
        "INSERT INTO post_office_attachment_emails (attachment_id, email_id) VALUES (1, 6)"
    )
    conn.execute(
        "INSERT INTO post_office_log (id, email_id, date, status, exception_type, message)"
        " VALUES (1, 7, now() - interval '1 d', 0, '', ''),"
        " (2, 8, now() - interval '1 y', 0, '', '')"
    )
    result = site("run", "django-mail-log", "django-mail", "--json")
    assert result.code == 0, result.err
    assert [run["deleted_count"] for run in result.json["runs"]] == [1, 2]
    assert ids(conn, "post_office_log") == [1]
    assert ids(conn, "post_office_email") == [2, 3, 4, 5, 6, 7]


def test_all_is_scheduled(site: Inside) -> None:
    """run --all takes the recipe's sweeps, too."""
    jobs = {run["job"] for run in site("run", "--all", "--json").json["runs"]}
    assert jobs >= {"django-sessions", "django-mail-log", "django-mail"}
