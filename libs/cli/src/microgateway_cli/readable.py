"""JSON log lines of the services as a person wants to read them."""

from __future__ import annotations

import json
from typing import Any

#: Widest text shown of a match.
MAX_MATCH = 80


def readable(service: str, line: str) -> str:
    """One line for people. A line that is no JSON object is shown as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return f"{'':12} {service:<10} {line}"
    time = str(event.get("@timestamp", ""))[11:23]
    if _at(event, "event", "type") == ["access"]:
        return f"{time:<12} {service:<10} {_access(event)}"
    level = _at(event, "log", "level") or "info"
    loud = "" if level == "info" else f"{str(level).upper()} "
    text = f"{time:<12} {service:<10} {loud}{event.get('message', '')}"
    trace = _at(event, "error", "stack_trace")
    return f"{text}\n{trace}" if trace else text


def _access(event: dict[str, Any]) -> str:
    request = f"{_at(event, 'http', 'request', 'method')} {_at(event, 'url', 'path')}"
    status = _at(event, "http", "response", "status_code")
    milliseconds = (_at(event, "event", "duration") or 0) / 1e6
    text = f"{status} {request}  {milliseconds:.1f} ms"
    block = _at(event, "airlock", "actions", "block", "details")
    if block:
        text += f"  BLOCKED {threat(block)}  request id {_at(event, 'http', 'request', 'id')}"
    elif reason := _at(event, "event", "reason"):
        text += f"  {reason}"
    for logged in _at(event, "airlock", "actions", "log_only") or []:
        text += f"  would block: {threat(logged)}"
    return text


def threat(details: dict[str, Any]) -> str:
    """A threat of an access line in one phrase: what, where, which text, whose rule."""
    parts = [str(details.get("rule_id") or details["block_subtype"])]
    if description := details.get("description"):
        parts.append(f"({description})")
    if place := details.get("place"):
        parts.append(f"in {place['type']} {place['name']!r} ({place['part']})")
    if "limit" in details:
        parts.append(f"limit {details['limit']}, got {details['measured']}")
    if matched := details.get("matched"):
        parts.append(f"matched {matched[:MAX_MATCH]!r}")
    resource = details["resource"]
    if resource.get("name"):
        parts.append(f"by {resource['kind']} {resource.get('namespace', '')}/{resource['name']}")
    else:
        parts.append(f"by the defaults of {resource['kind']}")
    return " ".join(parts)


def _at(event: Any, *names: str) -> Any:
    """A member of nested objects, None when there is none."""
    for name in names:
        if not isinstance(event, dict):
            return None
        event = event.get(name)
    return event
