// SPDX-License-Identifier: MIT
// Workflows of all keys, most of them spoilt in one or two places; the official reader's errors.
import {convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow} from "@actions/workflow-parser";

const texts = ["x", "${{ github.ref }}", "${{ vars.A || 'b' }}", "", "ubuntu-latest", "3.10", "true", "null",
  "a ${{ github.sha }} b", "${{ fromJSON('[1]') }}", "${{ inputs.a }}", "${{ github.event.x[0]['y'].* }}"];
const wrongTexts = ["${{ nope.x }}", "${{ github.ref", "${{ success() }}", "${{ format('{0}', 1, }}", "${{ insert }}",
  "${{ env.A }}", "${{ secrets.T }}", "${{ steps.a.outputs.b }}", "${{ needs.a.result }}", "${{ hashFiles('**') }}",
  "${{ runner.os }}", "${{ job.status }}", "a ${{ matrix.os }} b", "${{ github.x.y", "${{ 1 == }}", "${{ 'a }}"];
const conditions = ["always()", "success() && github.ref == 'x'", "${{ failure() }}", "github.event_name == 'push'",
  "cancelled()", "true", "!cancelled()", "${{ github.ref }} == 'x'", "contains(github.ref, 'x')"];
const wrongConditions = ["needs.a.result == 'success'", "env.A", "secrets.A", "matrix.os == 'x'",
  "steps.a.outcome == 'failure'", "a b", "github.", "hashFiles('x') != ''", "(github.ref", "nope()"];
const events = ["push", "pull_request", "workflow_dispatch", "schedule", "release", "issues", "workflow_call", "workflow_run",
  "merge_group", "label", "pull_request_target", "repository_dispatch", "deployment", "watch", "fork"];

class Builder {
  constructor(random) {
    this.random = random;
    this.count = 0;
  }
  // Mostly what is right, so that a file is not wrong everywhere.
  pick(right, wrong) {
    return this.random.pick(this.random.chance(0.04) ? wrong : right);
  }
  text() {
    return this.pick(texts, wrongTexts);
  }
  some(value, probability = 0.3) {
    return this.random.chance(probability) ? value : undefined;
  }
  trigger(event) {
    const {random} = this;
    if (random.chance(0.4)) return null;
    const filter = () => this.some(random.pick([["main", "v*"], "main", ["!x"], ["a/**", "!a/b"]]));
    switch (event) {
      case "push":
        return {branches: filter(), tags: filter(), paths: filter(), "branches-ignore": this.some(["x"], 0.02)};
      case "pull_request": case "pull_request_target":
        return {types: this.some(this.pick([["opened"], "closed"], [["nonsense"], []])), branches: filter(), paths: filter(),
                tags: this.some(["x"], 0.01)};
      case "schedule":
        return [{cron: random.pick(["0 0 * * *", "*/5 1-3 * JAN MON", "30 2 * * 1,3"])}];
      case "workflow_dispatch":
        return {inputs: this.some({a: this.input(["string", "boolean", "number", "environment"])}, 0.8)};
      case "workflow_call":
        return {inputs: this.some({a: this.input(["string", "boolean", "number"])}),
                secrets: this.some({s: random.pick([null, {required: true}, {description: "d"}])}),
                outputs: this.some({o: {value: this.pick(["${{ jobs.a.outputs.x }}", "v"], ["${{ steps.a }}"])}})};
      case "workflow_run":
        return {workflows: ["w"], types: this.some(["completed"]), branches: filter()};
      case "release": case "issues": case "label":
        return {types: this.pick([["edited"], "edited", ["edited", "deleted"]], [["bogus"]])};
      case "repository_dispatch":
        return {types: random.pick([["any"], "one"])};
      default:
        return null;
    }
  }
  input(types) {
    const {random} = this;
    return {type: this.some(this.pick(types, ["choice", "other"]), 0.98), required: this.some(random.chance(0.5)), description: this.some("d"),
            options: this.some(["a", "b"], 0.2)};
  }
  on() {
    const {random} = this;
    if (random.chance(0.2)) return random.pick(events);
    if (random.chance(0.25)) return [random.pick(events), "push"];
    const map = {};
    for (let i = random.below(3); i >= 0; --i) {
      const event = random.pick(events);
      map[event] = this.trigger(event);
    }
    return map;
  }
  step() {
    const {random} = this;
    const step = {
      id: this.some(this.pick(["_c" + this.count++], ["1x", "__d", "a.b", "_c0"]), 0.2), name: this.some(this.text()),
      if: this.some(this.pick(conditions, wrongConditions)), env: this.some({A: this.text(), B: 1}), "continue-on-error":
      this.some(this.pick([true, "${{ true }}"], ["yes"]), 0.15), "timeout-minutes": this.some(this.pick([5, "${{ 5 }}"], ["five"]), 0.15),
    };
    if (random.chance(0.6)) {
      Object.assign(step, {run: this.pick(["make", "echo ${{ github.sha }}", "${{ matrix.x }}", 7], ["${{ bad( }}", "${{ bad() }}"]),
                           shell: this.some("bash"), "working-directory": this.some("x", 0.1)});
    } else {
      Object.assign(step, {uses: random.pick(["actions/checkout@v4", "./local", "docker://alpine:3", "o/r/p@v1"]),
                           with: this.some({x: this.text(), y: true})});
    }
    return step;
  }
  matrix() {
    return this.pick([{os: ["a", "b"]}, {os: ["a", "b"], v: [1, 2.5], exclude: [{os: "a", v: 1}]}, "${{ fromJSON(vars.M) }}",
      {include: [{os: "a", x: {y: 1}}]}, {os: "${{ fromJSON('[1]') }}"}], [{os: []}, {}, {os: ["a"], exclude: [{z: 1}]}, {os: "a"}]);
  }
  job(ids) {
    const {random} = this;
    const needs = ids.length > 0 ? this.some(random.chance(0.5) ? random.pick(ids) : [random.pick(ids)], 0.5) : undefined;
    const common = {
      name: this.some(this.text()), needs: random.chance(0.02) ? "nobody" : needs, if: this.some(this.pick(conditions, wrongConditions)),
      permissions: this.some(this.pick(["read-all", "write-all", {}, {contents: "read"}], [{contents: "execute"}, {nope: "read"}]), 0.2),
      concurrency: this.some(this.pick(["g", "g-${{ github.ref }}", {group: "g", "cancel-in-progress": true}], [{"cancel-in-progress": true}]), 0.2),
      strategy: this.some({matrix: this.matrix(), "fail-fast": this.some(this.pick([false, "${{ true }}"], ["no"])),
                           "max-parallel": this.some(this.pick([2, "${{ 2 }}"], ["two"]))}),
    };
    if (random.chance(0.12)) {
      return {...common, uses: random.pick(["o/r/.github/workflows/w.yml@v1", "o/r/.github/workflows/w.yml@main"]),
              with: this.some({a: this.text()}), secrets: this.some(random.pick(["inherit", {s: "${{ secrets.S }}"}]))};
    }
    return {
      ...common,
      "runs-on": random.pick(["ubuntu-latest", ["self-hosted", "linux"], "${{ matrix.os }}", {group: "g", labels: ["l"]}, {labels: "l"}, "${{ fromJSON('[1]') }}"]),
      env: this.some({A: this.text()}), outputs: this.some({o: random.pick(["${{ steps.a.outputs.b }}", "x", "${{ env.A }}"])}),
      "timeout-minutes": this.some(this.pick([10, "${{ 10 }}"], ["ten"]), 0.2),
      "continue-on-error": this.some(this.pick([true, "${{ matrix.x }}"], ["maybe"]), 0.2),
      defaults: this.some({run: {shell: "bash", "working-directory": "x"}}, 0.1),
      environment: this.some(this.pick(["prod", {name: "p", url: "${{ steps.a.outputs.u }}"}], [{url: "x"}]), 0.15),
      container: this.some(random.pick(["alpine", {image: "alpine", env: {A: "b"}, ports: [80]}, {image: "x", options: "--y"}, ""]), 0.15),
      services: this.some({db: random.pick([{image: "pg", ports: ["5432:5432"]}, "redis", {ports: [1]}])}, 0.1),
      steps: Array.from({length: 1 + random.below(3)}, () => this.step()),
    };
  }
  workflow() {
    const {random} = this;
    const jobs = {};
    const ids = [];
    for (let i = 1 + random.below(3); i > 0; --i) {
      const id = random.pick(["a", "b", "c-d", "_e", "f9"]);
      jobs[id] = this.job(ids.filter(one => one !== id));
      ids.push(id);
    }
    return {
      name: this.some("W"), "run-name": this.some(this.pick(["R ${{ github.actor }}", "x"], ["${{ secrets.A }}"]), 0.15), on: this.on(),
      permissions: this.some(this.pick(["read-all", {contents: "write", "id-token": "write"}], [{"id-token": "read"}]), 0.2),
      env: this.some({A: this.text()}, 0.2), defaults: this.some({run: {shell: "sh"}}, 0.1),
      concurrency: this.some(random.pick(["x", {group: "${{ github.ref }}"}]), 0.15), jobs,
    };
  }
}

// Takes out, renames, replaces or adds one thing somewhere.
function spoil(random, tree) {
  const places = [];
  const visit = node => {
    if (node === null || typeof node !== "object") return;
    for (const key of Object.keys(node)) {
      if (node[key] === undefined) continue;
      places.push([node, key]);
      visit(node[key]);
    }
  };
  visit(tree);
  const [node, key] = random.pick(places);
  switch (random.below(5)) {
    case 0: delete node[key]; break;
    case 1: node[key] = random.pick([null, "", "x", 1, true, [], {}, ["x"], {x: "y"}]); break;
    case 2: if (!Array.isArray(node)) { node[key + "s"] = node[key]; delete node[key]; } break;
    case 3: if (!Array.isArray(node)) node[random.pick(["extra", "if", "name", "uses", "steps", "types", "with"])] = "x"; break;
    default: node[key] = [node[key]];
  }
}

function toYaml(value, indent) {
  const pad = "  ".repeat(indent);
  if (Array.isArray(value)) {
    const items = value.filter(item => item !== undefined);
    return items.length === 0 ? " []\n" : "\n" + items.map(item => `${pad}-${toYaml(item, indent + 1)}`).join("");
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(entry => entry[1] !== undefined);
    return entries.length === 0 ? " {}\n" : "\n" + entries.map(([key, item]) => `${pad}${key}:${toYaml(item, indent + 1)}`).join("");
  }
  if (value === null) return "\n";
  return ` ${typeof value === "string" && !/^[a-z][\w./-]*$/i.test(value) ? JSON.stringify(value) : value}\n`;
}

export function generate(random) {
  const tree = new Builder(random).workflow();
  for (let i = random.below(5) - 2; i > 0; --i) spoil(random, tree);
  return toYaml(tree, 0).trimStart();
}

export async function oracle(content) {
  const read = parseWorkflow({name: "w.yml", content}, new NoOperationTraceWriter());
  if (read.value !== undefined) await convertWorkflowTemplate(read.context, read.value);
  const errors = read.context.errors.getErrors().map(error => ({
    line: error.range?.start.line ?? 0, column: error.range?.start.column ?? 0, message: error.rawMessage}));
  return {errors};
}
