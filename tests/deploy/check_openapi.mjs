// SPDX-License-Identifier: MIT
//
// check_openapi.mjs FILE - the API description is a valid OpenAPI 3.1 document, whole, without
// keys that stand twice, references that lead nowhere, or parts that nothing refers to.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { parseDocument } from "yaml";

const file = process.argv[2];
const problems = [];
const text = parseDocument(readFileSync(file, "utf8"), { uniqueKeys: true });
text.errors.concat(text.warnings).forEach((error) => problems.push(error.message));
const api = text.toJS();

const validator = new Validator();
const result = await validator.validate(structuredClone(api));
if (!result.valid) {
  problems.push(JSON.stringify(result.errors, null, 2));
}
if (validator.version !== "3.1") {
  problems.push(`this is OpenAPI ${validator.version}`);
}

const used = new Set();

function look(value, place) {
  if (typeof value !== "object" || value === null) {
    return;
  }
  if (typeof value.$ref === "string") {
    used.add(value.$ref);
    const target = value.$ref.split("/").slice(1).reduce((at, key) => at?.[key], api);
    if (!value.$ref.startsWith("#/") || target === undefined) {
      problems.push(`${place}: ${value.$ref} leads nowhere`);
    }
  }
  Object.entries(value).forEach(([key, inner]) => look(inner, `${place}/${key}`));
}

look(api, "#");
for (const [kind, parts] of Object.entries(api.components)) {
  for (const name of kind === "securitySchemes" ? [] : Object.keys(parts)) {
    if (!used.has(`#/components/${kind}/${name}`)) {
      problems.push(`#/components/${kind}/${name} is not used`);
    }
  }
}
const ids = Object.values(api.paths).flatMap((path) =>
  ["get", "head", "options", "post"].flatMap((method) => path[method]?.operationId ?? []),
);
if (new Set(ids).size !== ids.length) {
  problems.push(`an operationId stands twice: ${ids}`);
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${file}: OpenAPI ${api.openapi}, ${ids.length} operations`);
