// SPDX-License-Identifier: MIT
//
// check_manifests.mjs FOLDER - every manifest must be a value of its own published type.
//
// No cluster is needed: each document becomes a typed constant, so that the compiler finds a
// field that is misspelt, missing or of another type. Keys that stand twice are refused.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";

const TYPES = {
  "v1 Namespace": "core/v1",
  "v1 ConfigMap": "core/v1",
  "v1 Secret": "core/v1",
  "v1 Service": "core/v1",
  "apps/v1 Deployment": "apps/v1",
  "autoscaling/v2 HorizontalPodAutoscaler": "autoscaling/v2",
  "policy/v1 PodDisruptionBudget": "policy/v1",
  "networking.k8s.io/v1 NetworkPolicy": "networking/v1",
};

const folder = process.argv[2];
const scratch = join(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "made");
const problems = [];
const names = new Set();
let listed = [];

function note(file, problem) {
  problems.push(`${file}: ${problem}`);
}

function typed(file, index, value) {
  const type = TYPES[`${value.apiVersion} ${value.kind}`];
  if (!type) {
    note(file, `unknown kind ${value.apiVersion} ${value.kind}`);
    return;
  }
  names.add(file);
  const path = join(scratch, `${file.replace(/\W/g, "_")}_${index}.ts`);
  writeFileSync(
    path,
    `import type { ${value.kind} } from "kubernetes-types/${type}";\n` +
      `export const value: ${value.kind} = ${JSON.stringify(value, null, 2)};\n`,
  );
}

rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch);
for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
  parseAllDocuments(readFileSync(join(folder, file), "utf8"), { uniqueKeys: true }).forEach(
    (document, index) => {
      document.errors.concat(document.warnings).forEach((error) => note(file, error.message));
      const value = document.toJS();
      if (value?.kind === "Kustomization") {
        listed = value.resources;
      } else {
        typed(file, index, value);
      }
    },
  );
}
const expected = [...names].filter((name) => !name.includes(".example.")).sort();
if (JSON.stringify(expected) !== JSON.stringify([...listed].sort())) {
  note("kustomization.yaml", `resources are ${listed}, but the folder has ${expected}`);
}
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const run = spawnSync(
  process.execPath,
  [tsc, "--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module",
    "esnext", "--target", "esnext",
    ...readdirSync(scratch).map((name) => join(scratch, name))],
  { encoding: "utf8" },
);
if (run.status !== 0) {
  problems.push(run.stdout + run.stderr);
}
rmSync(scratch, { recursive: true, force: true });
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${names.size} manifests are values of their types`);
