// SPDX-License-Identifier: MIT
// node --import ./json_modules.mjs check_expressions.mjs PROGRAM [SEED [COUNT]]
import {ask, report} from "./compare.mjs";
import {contexts, generate, oracle, spoil} from "./expressions.mjs";
import {Random} from "./random.mjs";

const [program, seed = "20260824", count = "4000"] = process.argv.slice(2);
const random = new Random(Number(seed));
const cases = [];
for (let i = 0; i < Number(count); ++i) {
  const text = generate(random);
  cases.push(random.chance(0.3) ? spoil(random, text) : text);
}

// What differs on purpose: docs/compatibility.md, "Differences from the official packages".
const digits = text => JSON.stringify(text)
  .replace(/-?\d+(\.\d+)?([eE][+-]?\d+)?/g, number => Number(number).toPrecision(15));
function explanation(text, theirs, ours) {
  if (/,\s*\)/.test(text) && ours.error === "parsing") return "a comma is followed by an argument";
  if (text.trim() === "") return "the empty expression is null";
  if (/NaN|Infinity|1e400/.test(text) && /toJSON/i.test(text)) return "toJSON of NaN and infinities is not null";
  if (theirs.error === "evaluation" && /fromJSON/i.test(text) && /parsing JSON/.test(theirs.text)) {
    return "fromJSON reads JSON as leniently as GitHub's server";
  }
  if (theirs.value !== undefined && ours.text?.includes("format string")) return "an index of format() is digits only";
  if (ours.text?.includes("format specifiers")) return "a format specifier is refused, not ignored";
  if (/0xFFFFFFFF/i.test(text)) return "0xFFFFFFFF is -1, a 32-bit integer";
  if (theirs.value !== undefined && ours.value !== undefined && digits(theirs.value) === digits(ours.value)) {
    return "numbers become text with 15 digits";
  }
  const nested = /(case|join|format|contains|startsWith|endsWith)\(.*(format|fromJSON|case)\(/i.test(text);
  if (theirs.error === "evaluation" && ours.value !== undefined && nested) {
    return "an argument that decides nothing is not evaluated, so it cannot fail";
  }
  return "";
}

const answers = await ask(program, cases.map(expr => ({expr, contexts})));
report("expressions", cases, cases.map(oracle), answers, (theirs, ours) =>
  theirs.error || ours.error ? theirs.error === ours.error
                             : JSON.stringify(theirs.value) === JSON.stringify(ours.value), explanation);
