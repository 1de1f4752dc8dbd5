"""The JSON Schema of scenario files, generated from the catalogue, for editors to complete and check by."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sme_analysis.scenario import paths
from sme_analysis.scenario.catalogue import Catalogue, Record, load_catalogue
from sme_analysis.scenario.scenario import REQUIRED_FIELDS
from sme_analysis.scenario.units import spellings

SCHEMA_NAME = "scenario.schema.json"
_NUMBER = r"[-+]?[0-9][0-9,_]*(\.[0-9]*)?([eE][-+]?[0-9]+)?"


def scenario_schema(catalogue: Catalogue) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario file.

    Parameters
    ----------
    catalogue : Catalogue
        The parameters that a scenario may change.

    Returns
    -------
    dict
        The schema. It refuses less than the loader does: rules between parameters are not in it.
    """
    changes = _group_schema(catalogue, "", list(catalogue))
    changes["properties"] = {key: _reference(key) for key in catalogue} | changes["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of sme-analysis",
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED_FIELDS),
        "properties": {
            "title": {"type": "string", "minLength": 1, "description": "What is asked, in a few words."},
            "author": {"type": "string", "minLength": 1, "description": "Who answers for it."},
            "reference": {
                "type": "string",
                "minLength": 1,
                "description": "The article, document or proposal that it represents.",
            },
            "description": {
                "type": "string",
                "minLength": 1,
                "description": "A few sentences for the reader.",
            },
            "extends": {
                "type": "string",
                "minLength": 1,
                "description": "Name of a scenario, or the path of a YAML file, that this one starts from.",
            },
            "calibration": {
                "type": "string",
                "minLength": 1,
                "description": "Name of a file in parameters/calibrations: its estimates stand in place of the defaults.",
            },
            "changes": {
                **changes,
                "type": ["object", "null"],
                "description": "What differs from the parent, by key of the catalogue.",
            },
        },
        "$defs": {key: _record_schema(record) for key, record in catalogue.items()},
    }


def schema_text() -> str:
    """Return the schema of the project's catalogue as it stands in `parameters/scenario.schema.json`."""
    return json.dumps(scenario_schema(load_catalogue()), indent=2, ensure_ascii=False) + "\n"


def write_schema(folder: Path | None = None) -> Path:
    """Write the schema file.

    Parameters
    ----------
    folder : Path, optional
        Where to; the project's `parameters` folder by default.

    Returns
    -------
    Path
        The file written.
    """
    file = (paths.project_root() / "parameters" if folder is None else folder) / SCHEMA_NAME
    file.write_text(schema_text(), encoding="utf-8", newline="\n")
    return file


def _group_schema(catalogue: Catalogue, prefix: str, keys: list[str]) -> dict[str, Any]:
    """Return the schema of nested parameters below a prefix ("" or "firms.")."""
    properties: dict[str, Any] = {}
    for name in dict.fromkeys(key.removeprefix(prefix).partition(".")[0] for key in keys):
        path = f"{prefix}{name}"
        if path in catalogue:
            properties[name] = _reference(path)
        else:
            below = [key for key in keys if key.startswith(f"{path}.")]
            properties[name] = _group_schema(catalogue, f"{path}.", below)
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _reference(key: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{key}"}


def _record_schema(record: Record) -> dict[str, Any]:
    basis = f"Article {', '.join(map(str, record.article))}. " if record.article else ""
    text = f"{record.label}. {record.description} Allowed: {record.range_text}. {basis}{record.source}"
    return {"description": text, "default": record.show(record.value), **_value_schema(record)}


def _value_schema(record: Record) -> dict[str, Any]:
    low, high = record.low, record.high
    words = "|".join(map(re.escape, spellings(record.unit)))
    written = {"type": "string", "pattern": rf"^\s*(CNY\s*)?{_NUMBER}\s*({words})\s*$"}
    match record.unit:
        case "share" | "rate":
            number = {"type": "number", "minimum": max(low, -1.0), "maximum": min(high, 1.0)}
            return {"anyOf": [{**written, "pattern": rf"^\s*{_NUMBER}\s*({words})\s*$"}, number]}
        case "money" | "duration":
            return {"anyOf": [written, {"const": 0}]}
        case "count":
            digits = {"type": "string", "pattern": r"^[0-9][0-9,_]*$"}
            return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, digits]}
        case "number":
            return {"type": "number", "minimum": low, "maximum": high}
        case "month":
            return {"type": "string", "pattern": r"^[0-9]{4}-(0?[1-9]|1[0-2])$"}
        case "switch":
            return {"enum": [True, False, "yes", "no", "on", "off"]}
        case "choice":
            return {"enum": list(record.choices)}
        case "tags":
            return {"type": "array", "uniqueItems": True, "items": {"enum": list(record.choices)}}
