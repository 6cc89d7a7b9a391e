"""What JSON Schema cannot say about this API, told to schemathesis.

Lines: OpenAPI 3.1 has no words for one JSON value a line, so openapi.json describes such a body as the list of its
lines. Bytes: JSON Schema counts characters, the server counts the bytes of UTF-8.
"""

import json
import os

import schemathesis

BYTES_MAX = {"session_id": 256, "category": 256, "name": 256, "source": 256, "type": 256, "subject": 256}
# A CloudEvent's id has no bound.
ID_BYTES_MAX = 128


# What all questions are asked with.
OWN_APPLICATION = "xtask"
OWN_TOKEN = os.environ.get("SCHEMATHESIS_OWN_TOKEN")


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """A list as its lines. (Schemathesis hands bytes and texts over as they are.)"""
    values = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in values).encode("utf-8", "replace")


@schemathesis.serializer("application/partial-upload")
def part(_context, value):
    """A part of a body is any text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.deserializer("application/x-ndjson")
def text(_context, response):
    """An answer in lines is described as a text."""
    return response.content.decode()


def _fits(event):
    if not isinstance(event, dict):
        return True
    bounds = BYTES_MAX if "specversion" in event else {**BYTES_MAX, "id": ID_BYTES_MAX}
    return all(
        len(event[field].encode("utf-8", "replace")) <= bytes_max
        for field, bytes_max in bounds.items()
        if isinstance(event.get(field), str)
    )


@schemathesis.hook
def filter_case(_context, case):
    """Leaves out what is good or bad by the schema only."""
    path = case.path_parameters or {}
    if path.get("name") == OWN_APPLICATION or path.get("id") == OWN_TOKEN:
        # Nobody saws off the branch that they sit on.
        return False
    if path.get("stream") == "events":
        # The stream with the envelope, which this path describes for none.
        return False
    body = case.body
    if case.media_type == "application/x-ndjson" and not isinstance(body, list):
        # Not a list of lines: sent as one line, it is one.
        return False
    if (case.headers or {}).get("Content-Encoding", "identity") in ("gzip", "zstd", ""):
        # Bodies are sent as they are made, so this would be a lie (compressed ones have tests of their own); and an empty
        # list of codings is none.
        return False
    query = case.query or {}
    if "max_rate" in query and str(query.get("frames")) != "1":
        # The one wants the other.
        return False
    return all(map(_fits, body)) if isinstance(body, list) else _fits(body)
