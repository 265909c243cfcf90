# SPDX-License-Identifier: MIT
"""docs/openapi.yaml, and whether an answer is what it says."""

import json
import warnings
from pathlib import Path

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from jsonschema import Draft202012Validator, RefResolver

PATH = Path(__file__).parents[3] / "docs/openapi.yaml"
METHODS = ("get", "head", "options", "post")

# What HTTP itself puts into every answer, and no description of an API repeats; and CORS's,
# of which the description speaks once, at its beginning.
FRAMING = {"vary", "access-control-allow-origin", "access-control-expose-headers", "date",
           "connection", "content-type", "content-length", "transfer-encoding"}


class ApiDescription:
    def __init__(self, path=PATH):
        self.document = yaml.safe_load(path.read_text())
        self.operations = {
            operation["operationId"]: (method, target, operation)
            for target, item in self.document["paths"].items()
            for method, operation in item.items() if method in METHODS
        }

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.document
            for key in node["$ref"].split("/")[1:]:
                found = found[key.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def tag(self, operation):
        """What kind it is: each has errors of its own."""
        return self.operations[operation][2]["tags"][0]

    def statuses(self):
        """Every (operationId, status) that is described."""
        return {(name, int(status)) for name, (_, _, operation) in self.operations.items()
                for status in operation["responses"]}

    def response(self, operation, status):
        responses = self.operations[operation][2]["responses"]
        assert str(status) in responses, f"{operation}: {status} is not described"
        return self.resolve(responses[str(status)])

    def problems(self, schema, value):
        resolver = RefResolver.from_schema(self.document)
        found = Draft202012Validator(schema, resolver=resolver).iter_errors(value)
        return [f"{'/'.join(map(str, problem.absolute_path))}: {problem.message}"
                for problem in found]

    def schema_problems(self, name, value):
        return self.problems({"$ref": f"#/components/schemas/{name}"}, value)

    def header_schema(self, response, name):
        return self.resolve(response["headers"][name])["schema"]

    def check(self, operation, reply, is_head=False):
        """Fail unless <reply> is one of the described answers: status, header and body."""
        response = self.response(operation, reply.status)
        problems = self._header_problems(response, reply)
        problems += [] if is_head else self._body_problems(response, reply)
        assert not problems, f"{operation} {reply.status}: {problems}\n{reply.head.decode()}"

    def _header_problems(self, response, reply):
        described = {name.lower(): self.resolve(header)
                     for name, header in response.get("headers", {}).items()}
        problems = [f"{name} is missing" for name, header in described.items()
                    if header.get("required") and reply.field(name) is None]
        for name, value in reply.fields:
            if name.lower() in FRAMING:
                continue
            if name.lower() not in described:
                problems.append(f"{name} is not described")
                continue
            schema = described[name.lower()]["schema"]
            typed = int(value) if schema.get("type") == "integer" else value
            problems += [f"{name}: {text}" for text in self.problems(schema, typed)]
        return problems

    def _body_problems(self, response, reply):
        contents = response.get("content", {})
        if not contents:
            return ["there is a body"] if reply.body else []
        kind = (reply.field("Content-Type") or "").split(";")[0]
        if kind not in contents:
            return [f"{kind} is not described"]
        value = reply.json() if kind == "application/json" else reply.text
        return self.problems(contents[kind]["schema"], value)


def examples(api):
    """(operationId, body) for every example of a request."""
    for name, (_, _, operation) in api.operations.items():
        content = operation.get("requestBody", {}).get("content", {})
        for example in content.get("application/json", {}).get("examples", {}).values():
            yield name, json.loads(json.dumps(example["value"]))
