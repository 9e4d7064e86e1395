// SPDX-License-Identifier: MIT
// node --import ./json_modules.mjs check_workflows.mjs PROGRAM [SEED [COUNT]]
import {ask, report} from "./compare.mjs";
import {Random} from "./random.mjs";
import {generate, oracle} from "./workflows.mjs";

const [program, seed = "20260824", count = "1500"] = process.argv.slice(2);
const random = new Random(Number(seed));
const cases = Array.from({length: Number(count)}, () => generate(random));
const theirs = [];
for (const text of cases) theirs.push(await oracle(text));

const lines = errors => new Set(errors.map(error => error.line));
const source = (text, error) => text.split("\n")[error.line - 1] ?? "";

// What only the official side reports, and may.
function theirReason(text, error, ours) {
  if (/repository_dispatch/.test(error.message)) return "'on: repository_dispatch': a slip in the package's schema";
  const above = source(text, {line: error.line - 1});
  if (/^ +types: \w/.test(source(text, error)) && /repository_dispatch/.test(above)) {
    return "repository_dispatch takes one type as text";
  }
  if (/'options'/.test(error.message) && ours.some(one => one.message === error.message)) {
    return "'options' of an input: reported at the input's name";
  }
  if (/Container image cannot be empty/.test(error.message)) return "a job container without image is no container";
  return "";
}

// What only Gantry reports of a file. The package stops after the schema when that found errors.
function ourReason(error, official) {
  if (["matrix", "step", "job", "trigger"].includes(error.kind)) return "matrices, filters and 'uses' are checked as GitHub's server does";
  if (official.length > 0 && error.kind !== "schema") return "Gantry goes on after the schema's errors";
  return "";
}

function reasons(text, official, ours) {
  const found = [];
  const [a, b] = [lines(official), lines(ours)];
  for (const error of official) if (!b.has(error.line)) found.push(theirReason(text, error, ours));
  for (const error of ours) {
    if (a.has(error.line)) continue;
    // The other side of a shifted report.
    const moved = official.some(one => one.message === error.message && !b.has(one.line));
    if (!moved) found.push(ourReason(error, official));
  }
  return found;
}

const answers = await ask(program, cases.map(workflow => ({workflow})));
report("workflows", cases, theirs, answers,
  (official, ours) => [...lines(official.errors)].every(line => lines(ours.errors).has(line)) &&
                      lines(official.errors).size === lines(ours.errors).size,
  (text, official, ours) => {
    const found = reasons(text, official.errors, ours.errors);
    return found.includes("") ? "" : [...new Set(found)].sort().join("; ");
  });
