// SPDX-License-Identifier: MIT
// Expressions out of the whole grammar, and texts that only nearly are; the official evaluator's
// answer to each.
import {data, Evaluator, ExpressionEvaluationError, Lexer, Parser} from "@actions/expressions";

export const contexts = {
  github: {
    ref: "refs/heads/main", event_name: "push", run_number: "17", empty: "",
    event: {number: 7, title: "A 'title'", labels: [{name: "bug", id: 1}, {name: "Fix", id: 2}, {id: 3}],
            commits: [{message: "one", author: {name: "A"}}, {message: "two", author: {name: "B"}}],
            nothing: null, yes: true, no: false, deep: {list: [[1, 2], [3], []]}},
  },
  matrix: {os: "Linux", version: 3.1, flags: ["-a", "-B"], zero: 0, text: "10"},
  env: {HOME: "/root", lang: "C"},
  needs: {build: {result: "success", outputs: {tag: "v1.2"}}, test: {result: "failure", outputs: {}}},
};

const paths = [
  "github.ref", "github.event_name", "github.event", "github.event.number", "github.event.title",
  "github.event.labels", "github.event.labels[0].name", "github.event.labels.*.name",
  "github.event.labels.*.id", "github.event.commits.*.author.name", "github.event.nothing",
  "github.event.yes", "github.event.no", "github.event.deep.list", "github.event.deep.list.*[0]",
  "github.event.deep.list[0]", "github.missing", "github.missing.more", "github.empty",
  "GITHUB.Event.Title", "github['event']['labels'][1]", "github.event.labels[1.9].name",
  "github.event.labels[-1]", "github.event.labels[9]", "github.event.labels['0']",
  "github.*", "github.event.*", "matrix.os", "matrix.version", "matrix.flags", "matrix.flags[1]",
  "matrix.zero", "matrix.text", "matrix", "env.HOME", "env.lang", "needs.*.result",
  "needs.build.outputs", "needs.build.outputs.tag", "needs.test.outputs.tag", "needs",
];
const literals = [
  "true", "false", "null", "0", "1", "-1", "3.1", "10", "0x1f", "0o17", "1e3", "1E-2", "-0", ".5", "5.", "+7",
  "0xFFFFFFFF", "1e400", "NaN", "Infinity", "-Infinity", "123456789012345678", "0.1", "1e21", "1e-7",
  "''", "' '", "'a'", "'A'", "'main'", "'10'", "'3.10'", "'true'", "'0x1F'", "'1e3'", "'it''s'",
  "'push'", "'Linux'", "'linux'", "'NaN'", "'Infinity'", "'\u00e9'", "'\u00c9'", "'{0}'", "'{0}-{1}'",
  "'a,b'", "' 7 '", "'[1,2]'", "'{\"a\": [1, {\"B\": null}]}'", "'\"x\"'", "'{{}}'",
];
const operators = ["==", "!=", "<", "<=", ">", ">=", "&&", "||"];

export function generate(random, depth = 4) {
  if (depth === 0 || random.chance(0.2)) return random.pick(random.chance(0.5) ? paths : literals);
  const sub = () => generate(random, depth - 1);
  switch (random.below(11)) {
    case 0: return `(${sub()})`;
    case 1: return `!${random.chance(0.5) ? "(" + sub() + ")" : random.pick(paths)}`;
    case 2: case 3: case 4: return `${sub()} ${random.pick(operators)} ${sub()}`;
    case 5: return `${random.pick(["contains", "startsWith", "endsWith", "Contains"])}(${sub()}, ${sub()})`;
    case 6: return `format('${random.pick(["{0}", "{0} {1}", "{{{0}}}", "x{1}", "{0", "a}", "{0:x}", "{2}"])}', ${sub()}, ${sub()})`;
    case 7: return random.chance(0.5) ? `join(${sub()})` : `join(${sub()}, ${sub()})`;
    case 8: return `toJSON(${sub()})`;
    case 9: return `fromJSON(${random.chance(0.6) ? random.pick(["'[1,2]'", "'{\"a\": {\"b\": 2}}'", "'\"s\"'", "'3.50'", "'true'", "''", "'{'", "toJSON(github.event)"]) : sub()})`
                   + random.pick(["", ".a", ".a.b", "[0]", ".*"]);
    default: return `case(${sub()} == ${sub()}, ${sub()}, ${sub()})`;
  }
}

const noise = ["(", ")", "[", "]", ".", ",", "*", "!", "=", "&", "|", "<", ">", "'", "\"", " ", "-", "0", "x", "true", "$", "`", "%", "\t"];
export function spoil(random, text) {
  const at = random.below(text.length + 1);
  switch (random.below(3)) {
    case 0: return text.slice(0, at) + text.slice(at + 1);
    case 1: return text.slice(0, at) + random.pick(noise) + text.slice(at);
    default: return text.slice(0, at) + random.pick(noise) + text.slice(at + 1);
  }
}

function fromPlain(value) {
  if (value === null) return new data.Null();
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "string") return new data.StringData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(fromPlain));
  const pairs = Object.entries(value).map(([key, item]) => ({key, value: fromPlain(item)}));
  return new data.Dictionary(...pairs);
}

function encode(value) {
  switch (value.kind) {
    case data.Kind.Null: return null;
    case data.Kind.Boolean: return value.value;
    case data.Kind.String: return value.value;
    case data.Kind.Number: {
      if (Number.isNaN(value.value)) return {number: "NaN"};
      if (!Number.isFinite(value.value)) return {number: value.value > 0 ? "inf" : "-inf"};
      return {number: value.value === 0 ? 0 : value.value};
    }
    case data.Kind.Array: return value.values().map(encode);
    default: return {object: value.pairs().map(pair => [pair.key, encode(pair.value)])};
  }
}

const plain = fromPlain(contexts);
export function oracle(text) {
  let tree;
  try {
    tree = new Parser(new Lexer(text).lex().tokens, Object.keys(contexts), []).parse();
  } catch (error) {
    return {error: "parsing", text: error.message};
  }
  try {
    return {value: encode(new Evaluator(tree, plain).evaluate())};
  } catch (error) {
    return {error: "evaluation", text: error.message};
  }
}
