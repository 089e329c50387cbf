"""A task that writes a ledger as little as one can: claim and finish, one committed statement each."""

from __future__ import annotations

from django.db import connection

TABLE = """
CREATE TABLE stock_jobs (
  id serial PRIMARY KEY, state text NOT NULL DEFAULT 'queued', result jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), started_at timestamptz, finished_at timestamptz
)"""


def run(job_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE stock_jobs SET state = 'running', started_at = clock_timestamp()"
            " WHERE id = %s AND state = 'queued' RETURNING id",
            [job_id],
        )
        if cursor.fetchone() is None:
            return
        cursor.execute(
            "UPDATE stock_jobs SET state = 'completed', result = '{\"ok\": true}',"
            " finished_at = clock_timestamp() WHERE id = %s AND state = 'running'",
            [job_id],
        )
