"""Database time, as SQL.

Hosts disagree about the time; the database is one clock for all of them, so every lease and every
`run_at` is compared with it and never with `datetime.now()`.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def sql_now(seconds: float = 0.0) -> str:
    """An SQL expression for the database's time plus `seconds`, in the form the backend stores.

    The number is written into the text (it is a float, so nothing can be injected).
    """
    if connection.vendor == "postgresql":
        return (
            f"(statement_timestamp() + {float(seconds):.6f} * interval '1 second')"
            if seconds
            else ("statement_timestamp()")
        )
    # SQLite compares times as text and knows milliseconds; Django stores microseconds.
    return f"(strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{float(seconds):+.3f} seconds') || '000')"


def now() -> datetime:
    """The database's time, aware, in UTC."""
    from datetime import UTC

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql_now()}", ())
        value = cursor.fetchone()[0]
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value
