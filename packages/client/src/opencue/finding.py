"""Queries in words: ids of jobs, layers, frames, hosts and procs. All of it is also in `opencue.api`."""

from __future__ import annotations

from typing import Any

from opencue.rpc import call

PAGE_SIZE = 1000  # the most ids that a server gives at a time


def findIds(noun: str, query: str = "", *, order: str = "", job: str = "", limit: int = 0) -> list[str]:
    """Return the ids of the things that a query asks for, such as `state:pending show:big* dead>0 user:me`.

    `noun` is job, layer, frame, host or proc; `job` names the job whose layers or frames are meant. Jobs are pending
    ones unless the query says something of `state` or `ended`. `order` is a field, or several with commas between
    them, with `-` before one for the largest first; without it things come by name. At most `limit` ids, 0 for all.
    Raises CueException with the column of what is written wrongly; EntityNotFoundException where there is no such job.
    """
    found: list[str] = []
    while True:
        room = min(limit - len(found), PAGE_SIZE) if limit else PAGE_SIZE
        response = call("farm", "Find", noun=noun, query=query, order=order, job=job, offset=len(found), limit=room)
        found.extend(response.ids)
        if not response.ids or len(found) >= response.found or (limit and len(found) >= limit):
            return list(dict.fromkeys(found))


def getQueryFields() -> list[Any]:
    """Return everything that queries can ask: `noun`, `name`, what it `accepts` and `help`, in words."""
    return list(call("farm", "GetQueryFields").fields)
