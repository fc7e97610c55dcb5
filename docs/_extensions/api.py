"""The page of the service's API, from the OpenAPI schema that the service itself has at /openapi.json."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digits import params
from digits.serving.app import create_app
from digits.serving.settings import Settings
from docs._extensions.markdown import ROOT, code, codes, prose, table

Schema = dict[str, Any]
FIELDS = ("field", "type", "meaning")
BOUNDS = {"minimum": "from", "maximum": "to"}


def page() -> str:
    """What holds for all routes, each route, the fields of the responses, and the statuses of errors."""
    schema = create_app(Settings(Path(), params.load(ROOT / "params.yaml").serve)).openapi()
    routes = [(f"{verb.upper()} {path}", one) for path, verbs in schema["paths"].items() for verb, one in verbs.items()]
    types = [f"### {name}\n\n{_table(one)}" for name, one in schema["components"]["schemas"].items()]
    errors = defaultdict(list)
    for name, route in routes:
        for status, response in route["responses"].items():
            if status >= "4":
                errors[status, response["description"]].append(name)
    rows = [(status, prose(meaning), codes(names)) for (status, meaning), names in sorted(errors.items())]
    described = [schema["info"]["description"], *(_route(*route) for route in routes)]
    return "\n".join([*described, "## Types\n", *types, "## Errors\n", table(("status", "meaning", "routes"), rows)])


def _route(name: str, route: Schema) -> str:
    parts = [f"## {name}\n", f"{route['summary']}.\n", route.get("description", "") + "\n"]
    options = {one["name"]: one["schema"] | one for one in route.get("parameters", [])}
    if options:
        parts.append(f"In the address:\n\n{_table({'properties': options})}")
    for media, content in route.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body {code(media)}:\n\n{_table(content['schema'])}")
    for status, response in route["responses"].items():
        for media, content in response.get("content", {}).items() if status < "4" else ():
            parts.append(f"Response {status} {code(media)}: {_type(content['schema'])}\n")
    return "\n".join(parts)


def _table(schema: Schema) -> str:
    rows = [(code(name), _type(one), prose(_meaning(one))) for name, one in _fields(schema, "")]
    return table(FIELDS, rows) or f"{_type(schema)}\n"


def _fields(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    """The fields of an object and of the objects in it, as `inputs[].shape`."""
    for name, one in schema.get("properties", {}).items():
        inner = one.get("items", one)
        path = f"{prefix}{name}[]" if "properties" in inner and inner is not one else prefix + name
        yield path, one
        yield from _fields(inner, f"{path}.")


def _meaning(schema: Schema) -> str:
    examples = [f"such as `{one}`" for one in schema.get("examples", [])[:1] if "`" not in str(one)]
    default = [f"by default `{json.dumps(schema['default'])}`"] if schema.get("default") is not None else []
    return "; ".join([*filter(None, [schema.get("description")]), *examples, *default])


def _type(schema: Schema) -> str:
    """The type and range in words; of a response's part a link to its fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " or ".join(code(f"{one}") for one in schema.get("enum", [schema.get("const")]))
    bounds = [f"{words} {schema[key]}" for key, words in BOUNDS.items() if schema.get(key) is not None]
    if schema.get("type") == "array":
        return " ".join([f"list of {_type(schema.get('items') or schema['prefixItems'][0])}", *bounds])
    names = {"integer": "whole number", "null": "null", "boolean": "true or false", None: "any", "string": "text"}
    kind = schema.get("format") or names.get(schema.get("type"), schema.get("type"))
    return " ".join([str(kind), *bounds])
