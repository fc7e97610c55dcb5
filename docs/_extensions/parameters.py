"""The page of parameters: keys, defaults and reasons from params.yaml, types and ranges from `digits.params`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from digits.params.file import Params
from docs._extensions.markdown import ROOT, code, prose, table

FILE = ROOT / "params.yaml"
HEADINGS = ("key", "type and range", "default", "reason")
COMMENT = re.compile(r"(?:^|\s)# ?(.*)$")
BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
TYPES = {"null": "empty", "number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
Schema = dict[str, Any]


def page(path: Path = FILE) -> str:
    """A heading for each section, and a table for each group of keys, with the comment before the group above it."""
    content = path.read_text(encoding="utf-8")
    definitions = Params.model_json_schema(by_alias=True)
    (root,) = yaml.compose_all(content, Loader=yaml.SafeLoader)
    parts: list[str] = []
    rows: list[tuple[str, str, str, str]] = []
    for key, node, schema, note, reason in _entries(root, content.splitlines(), definitions, definitions, ""):
        if note or _is_section(node):
            parts.append(table(HEADINGS, rows))
            rows = []
        if "." not in key:
            parts.append(f"## {key}\n")
        parts.append(prose(note) + "\n")
        if not _is_section(node):
            default = code(content[node.start_mark.index : node.end_mark.index]) if node.value else "empty"
            rows.append((code(key), _type(schema, definitions, node), default, prose(reason)))
        elif reason:
            parts.append(f"{code(key)}: {prose(reason)}\n")
    return "\n".join(part for part in [*parts, table(HEADINGS, rows)] if part.strip())


def _entries(
    node: yaml.Node, lines: list[str], schema: Schema, definitions: Schema, prefix: str
) -> Iterator[tuple[str, yaml.Node, Schema, str, str]]:
    """Each key, its value and schema, the comment in the lines before it, and the comment in its own line."""
    properties = _resolved(schema, definitions)
    for key, value in node.value:
        number = key.start_mark.line
        before: list[str] = []
        while number - len(before) > 0 and lines[number - len(before) - 1].lstrip().startswith("#"):
            before.insert(0, lines[number - len(before) - 1].strip(" #"))
        own = COMMENT.search(lines[number])
        inner = properties.get("properties", {}).get(key.value) or properties["additionalProperties"]
        yield prefix + key.value, value, inner, " ".join(before), own[1] if own else ""
        if _is_section(value):
            yield from _entries(value, lines, inner, definitions, f"{prefix}{key.value}.")


def _is_section(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    return definitions["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _type(schema: Schema, definitions: Schema, value: yaml.Node | None = None) -> str:
    """The type and range of a value in words; of a mapping those of the keys that it has."""
    schema = _resolved(schema, definitions)
    if "anyOf" in schema:
        kinds = [_type(one, definitions) for one in schema["anyOf"]]
        return " or ".join(kind for kind in kinds if not (kind == "whole number" and "number" in kinds))
    if isinstance(value, yaml.MappingNode) and "properties" in schema:
        keys = [key.value for key, _ in value.value]
        return "; ".join(f"{code(key)}: {_type(schema['properties'][key], definitions)}" for key in keys)
    if "enum" in schema:
        return " or ".join(code(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], definitions)}"
    bounds = [f"{word} {schema[bound]:,}" for bound, word in BOUNDS.items() if bound in schema]
    return " ".join([TYPES.get(schema.get("type", ""), "changes to `train`"), *bounds])
