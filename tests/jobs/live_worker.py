"""Moves jobs in a process of its own, as a worker would: a command a line, and a line of answer."""

from __future__ import annotations

import json
import os
import sys
import time

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.contrib.auth import get_user_model

    import tests.kinds  # noqa: F401
    from jobs import events
    from tests.jobs.watched import Work, token_of

    events.use_runner()
    works: dict[str, Work] = {}
    for line in sys.stdin:
        word, *arguments = line.split()
        if word == "user":
            user, _ = get_user_model().objects.get_or_create(username=arguments[0])
            answer = token_of(user)
        elif word == "create":
            work = Work(get_user_model().objects.get(username=arguments[0]))
            works[work.id] = work
            answer = work.id
        elif word == "run":
            # run <job> <steps> <pause>: percentages and log lines, then the end
            work = works[arguments[0]].claim()
            steps, pause = int(arguments[1]), float(arguments[2])
            for step in range(1, steps + 1):
                work.report(100.0 * step / (steps + 1), write=step % 5 == 0)
                work.note()
                time.sleep(pause)
            answer = "done"
            if len(arguments) < 4:
                work.complete()
        elif word == "flood":
            work = works[arguments[0]]
            for _ in range(int(arguments[1])):
                work.note(level="info", message="x" * int(arguments[2]))
            answer = "done"
        else:
            getattr(works[arguments[0]], word)()
            answer = "done"
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
