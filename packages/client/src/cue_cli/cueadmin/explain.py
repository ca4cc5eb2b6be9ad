"""-explain: why the frames of a job wait."""

from __future__ import annotations

from typing import Any

from cue_cli.cueadmin.records import printJson
from cue_cli.cueadmin.session import CommandError, Session
from opencue import api
from opencue.exception import EntityNotFoundException

COUNTED = (
    ("waiting_frames", "waiting"),
    ("depend_frames", "depend"),
    ("running_frames", "running"),
    ("dead_frames", "dead"),
)


def explain(session: Session, values: list[str]) -> None:
    """Say why a job or one of its layers waits, with what would change it."""
    job, layer = values[0], values[1] if len(values) > 1 else None
    answer = _ask(job, layer)
    if session.options.json:
        printJson(explanationRecord(answer))
        return
    print(f"{answer.job_name}: {answer.summary}")
    for entry in answer.layers:
        print()
        print(f"{entry.layer_name}  ({_frame_counts(entry)})")
        print(f"  {entry.summary}")
        for reason in entry.reasons:
            print(f"  - {reason.text}{_amount(reason)}")
            if reason.remedy:
                print(f"    {reason.remedy}")


def _ask(job: str, layer: Any) -> Any:
    try:
        return api.explain(job, layer)
    except EntityNotFoundException as error:
        kept = layer.lower().replace("-", "_") if layer else layer
        if kept != layer:
            return _ask(job, kept)
        raise CommandError(f"{error.details()} `cueadmin -lj` lists pending jobs") from None


def explanationRecord(answer: Any) -> dict[str, Any]:
    """Return an ExplainResponse as plain data."""
    return {
        "job_id": answer.job_id,
        "job": answer.job_name,
        "summary": answer.summary,
        "layers": [
            {
                "layer_id": entry.layer_id,
                "layer": entry.layer_name,
                **{field: getattr(entry, field) for field, _ in COUNTED},
                "summary": entry.summary,
                "reasons": [
                    {
                        "code": reason.code,
                        "count": reason.count,
                        "counts": reason.counts,
                        "text": reason.text,
                        "remedy": reason.remedy,
                    }
                    for reason in entry.reasons
                ],
            }
            for entry in answer.layers
        ],
    }


def _frame_counts(entry: Any) -> str:
    counts = [f"{getattr(entry, field)} {word}" for field, word in COUNTED if getattr(entry, field)]
    return ", ".join(counts) or "nothing to do"


def _amount(reason: Any) -> str:
    return f" ({reason.count} {reason.counts})" if reason.counts else ""
