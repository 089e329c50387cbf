"""Puts `sys.argv[1]` tasks into the peer's queue; run with the peer's settings."""

import sys

import django

django.setup()

from django.db import connection  # noqa: E402
from django_q.brokers import get_broker  # noqa: E402
from django_q.tasks import async_task  # noqa: E402

from tests.benchmarks.stock.tasks import TABLE  # noqa: E402

with connection.cursor() as cursor:
    cursor.execute("DROP TABLE IF EXISTS stock_jobs")
    cursor.execute(TABLE)
    cursor.execute(
        "INSERT INTO stock_jobs (state) SELECT 'queued' FROM generate_series(1, %s)", [int(sys.argv[1])]
    )
broker = get_broker()
for number in range(1, int(sys.argv[1]) + 1):
    async_task("tests.benchmarks.stock.tasks.run", number, broker=broker)
