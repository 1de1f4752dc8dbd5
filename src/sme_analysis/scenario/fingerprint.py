"""A name for a set of parameters that depends on their values only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FINGERPRINT_LENGTH = 16


def canonical_json(values: Mapping[str, Any]) -> str:
    """Write values in inner units so that equal values give equal bytes.

    Parameters
    ----------
    values : mapping of str to value
        Values by key.

    Returns
    -------
    str
        JSON with sorted keys, no spaces, and the shortest text that gives each number back.
    """
    return json.dumps(
        dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def fingerprint(values: Mapping[str, Any]) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the canonical JSON.

    Parameters
    ----------
    values : mapping of str to value
        Values by key, in inner units.

    Returns
    -------
    str
        16 characters, independent of order and of how a value was spelled.
    """
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()[:FINGERPRINT_LENGTH]
