// SPDX-License-Identifier: MIT
// Asks Gantry's side, compares, and says which explained differences were met.
import {spawn} from "node:child_process";

export async function ask(program, cases) {
  const child = spawn(program, [], {stdio: ["pipe", "pipe", "inherit"]});
  const chunks = [];
  child.stdout.on("data", chunk => chunks.push(chunk));
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", code => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
  child.stdin.end(cases.map(one => JSON.stringify(one) + "\n").join(""));
  await ended;
  const answers = Buffer.concat(chunks).toString("utf8").trimEnd().split("\n").map(line => JSON.parse(line));
  if (answers.length !== cases.length) throw new Error(`${answers.length} answers for ${cases.length} cases`);
  return answers;
}

export function report(what, cases, theirs, ours, same, explanation) {
  const explained = new Map();
  let agree = 0, refused = 0, wrong = 0;
  cases.forEach((one, i) => {
    if (theirs[i].error || theirs[i].errors?.length) ++refused;
    if (same(theirs[i], ours[i])) return void ++agree;
    const why = explanation(one, theirs[i], ours[i]);
    if (why) return void explained.set(why, (explained.get(why) ?? 0) + 1);
    if (++wrong > 20) return;
    console.log(`differs: ${one}\n  official: ${JSON.stringify(theirs[i])}\n  gantry:   ${JSON.stringify(ours[i])}`);
  });
  console.log(`${what}: ${cases.length} cases, ${refused} of them refused by the official packages; ` +
              `${agree} agree, ${wrong} differ without a reason`);
  for (const [why, times] of explained) console.log(`  ${times} differ as documented: ${why}`);
  if (wrong > 0 || agree < cases.length / 2) process.exitCode = 1;
}
