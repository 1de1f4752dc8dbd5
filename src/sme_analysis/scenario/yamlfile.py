"""Reading a YAML file with the line of every entry, and every scalar as the text that stands there.

Values are read as text, not as YAML's own types, because those depend on the version of YAML: `no` may be
false, `010` eight, `1e3` a word. What a text means is decided by the unit of its parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sme_analysis.errors import Problem
from sme_analysis.scenario.paths import readable

_LARGEST_BYTES = 2_000_000
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Entry:
    """What stands at one place of a file: text, nothing, a list, or named entries."""

    content: str | list[Entry] | dict[str, Entry] | None
    line: int

    def plain(self) -> Any:
        """Return the content as text, None, lists and dictionaries."""
        if isinstance(self.content, list):
            return [entry.plain() for entry in self.content]
        if isinstance(self.content, dict):
            return {key: entry.plain() for key, entry in self.content.items()}
        return self.content


def read_mapping(path: Path) -> tuple[dict[str, Entry], list[Problem]]:
    """Read a file whose top level is `key: value`.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    dict of str to Entry
        What could be read; empty if nothing could.
    list of Problem
        Everything wrong with the file as YAML: unreadable, binary, bad syntax, duplicated keys, no mapping.
    """
    where = readable(path)
    text, problem = _read_text(path, where)
    if problem is not None:
        return {}, [problem]
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        return {}, [_syntax_problem(error, where)]
    except YAMLError as error:
        return {}, [Problem(where, str(error).splitlines()[0], "a text file in YAML")]
    except RecursionError:
        return {}, [Problem(where, "brackets nested very deeply", 'plain lines of "key: value"')]
    if node is None:
        return {}, [Problem(where, "an empty file", 'lines of "key: value"')]
    if not isinstance(node, MappingNode):
        kind = "a list" if isinstance(node, SequenceNode) else "a single value"
        return {}, [Problem(f"{where}, line {_line(node)}", f"{kind} at the top", 'lines of "key: value"')]
    problems: list[Problem] = []
    return _mapping(node, where, "", problems, seen=set()), problems


def _read_text(path: Path, where: str) -> tuple[str, Problem | None]:
    """Return the text of a file, or the problem with it."""
    allowed = "a YAML file"
    try:
        if path.is_dir():
            return "", Problem(where, "a folder", allowed)
        if not path.exists():
            return "", Problem(where, "no such file", allowed)
        if not path.is_file():
            return "", Problem(where, "not a regular file", allowed)
        if path.stat().st_size > _LARGEST_BYTES:
            return "", Problem(where, f"a file of {path.stat().st_size:,} bytes", "a short YAML file")
        data = path.read_bytes()
    except OSError as error:
        return "", Problem(where, f"a file that cannot be read ({error.strerror})", allowed)
    if b"\0" in data:
        return "", Problem(where, "a binary file", "a text file in YAML, saved as UTF-8")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", Problem(
            f"{where}, line {line}",
            "bytes that are not UTF-8 text",
            "a text file in YAML, saved as UTF-8",
            "if it is a text in GBK or another encoding, save it again as UTF-8",
        )


def _syntax_problem(error: MarkedYAMLError, where: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = f"{where}, line {mark.line + 1}" if mark is not None else where
    found = str(error.problem or error.context or "unreadable")
    hint = None
    if "%" in found or "@" in found:
        hint = "put the value in quotes"
    elif "\\t" in found:
        hint = "indent with spaces, not with tabs"
    elif "another document" in found:
        hint = 'one file holds one document: remove the line "---"'
    return Problem(place, f"a YAML syntax error: {found}", "valid YAML", hint)


def _mapping(
    node: MappingNode, where: str, prefix: str, problems: list[Problem], seen: set[int]
) -> dict[str, Entry]:
    """Return the named entries of a node; add what is wrong with the names to `problems`."""
    entries: dict[str, Entry] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, ScalarNode):
            problems.append(Problem(f"{where}, line {line}", "a list or mapping as a key", "a name as a key"))
            continue
        key = str(key_node.value)
        name = f"{prefix}.{key}" if prefix else key
        if key in entries:
            problems.append(
                Problem(
                    f"{where}, line {line}, {name}",
                    f"a key that stands on line {entries[key].line} already",
                    "every key once",
                    "remove one of the two",
                )
            )
            continue
        entries[key] = Entry(_content(value_node, where, name, problems, seen), line)
    return entries


def _content(
    node: Node, where: str, name: str, problems: list[Problem], seen: set[int]
) -> str | list[Entry] | dict[str, Entry] | None:
    if isinstance(node, ScalarNode):
        return None if str(node.tag) == _NULL else str(node.value)
    # A node met twice is an alias: aliases can nest without end, and nothing here needs them.
    if id(node) in seen:
        problems.append(
            Problem(f"{where}, line {_line(node)}, {name}", "an alias (*name)", "the value written out")
        )
        return None
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        return [Entry(_content(item, where, name, problems, seen), _line(item)) for item in node.value]
    assert isinstance(node, MappingNode)
    return _mapping(node, where, name, problems, seen)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
