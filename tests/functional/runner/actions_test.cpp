// SPDX-License-Identifier: MIT
// JavaScript and composite actions, local and from repositories, run by a real node in a real
// sandbox. Without node the tests say so.
#include "core/base/text.hpp"
#include "tests/functional/runner/fixture.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>

using namespace gantry;
using proto::Conclusion;
using tests::RunnerJob;

namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

bool has_node() {
  const bool found = std::system("node --version > /dev/null 2>&1") == 0;
  if (!found) MESSAGE("SKIPPED: no node on this machine");
  return found;
}

int run(const std::string& script) {
  return std::system(("set -e; " + script).c_str());
}

// A repository below the job's source of actions; the sha of its commit, which `v1` names too.
std::string add_action(RunnerJob& job, const std::string& name, const Files& files) {
  const fs::path source = fs::path(job.message.paths.mirror).parent_path() / "sources";
  const fs::path folder = source / name;
  for (const auto& [file, content] : files) {
    fs::create_directories((folder / file).parent_path());
    core::write_file_atomic(folder / file, content);
  }
  REQUIRE(run("cd '" + folder.string() +
              "'; git init -q -b main; git add -A; git -c user.name=A -c user.email=a@b.c commit "
              "-q -m x; git tag v1; git rev-parse HEAD > ../sha") == 0);
  job.message.actions.sources = {source.string()};
  job.message.actions.allow = {"*"};
  job.message.actions.store = source.parent_path() / "actions";
  return std::string(core::trim(core::read_file(folder.parent_path() / "sha")));
}

// A step that writes files into the workspace, as a checkout would.
std::string workspace_with(const Files& files) {
  std::string script;
  for (const auto& [file, content] : files) {
    script +=
        "mkdir -p $(dirname " + file + "); cat > " + file + " <<'END'\n" + content + "\nEND\n";
  }
  // The files' own expressions are not the workflow's.
  script = core::replace_all(script, "${{", "${{ '${{' }}");
  return "{\"run\": " + core::expr::to_json(core::expr::Value(script)) + "}";
}

// Prints a word and what it was given.
std::string script_that_says(const std::string& word) {
  return "const fs = require('fs');\n"
         "console.log('" +
         word + ' ' +
         "' + [process.env['INPUT_WHO'], process.env['INPUT_A-B_C'], process.env.STATE_mark,"
         " process.env.GITHUB_ACTION_REPOSITORY, process.env.GITHUB_ACTION_REF,"
         " process.env.GITHUB_ACTION].join('|'));\n"
         "fs.appendFileSync(process.env.GITHUB_STATE, 'mark=" +
         word +
         "\\n');\n"
         "fs.appendFileSync(process.env.GITHUB_OUTPUT, 'said=" +
         word + "\\n');\n";
}

const std::string kManifest = R"(
name: greet
inputs:
  who: {default: "${{ github.event_name }}"}
  a-b c: {deprecationMessage: say it otherwise}
outputs:
  said: {}
runs: {using: node20, main: main.js, post: post.js, pre: pre.js})";

Files greeter() {
  return {{"action.yml", kManifest},
          {"main.js", script_that_says("main")},
          {"pre.js", script_that_says("pre")},
          {"post.js", script_that_says("post")}};
}

std::string lines_with(const std::string& text, const std::vector<std::string>& starts) {
  std::string found;
  for (const std::string_view line : core::split(text, '\n')) {
    for (const std::string& start : starts) {
      if (line.starts_with(start)) found += std::string(line) + '\n';
    }
  }
  return found;
}

}  // namespace

TEST_CASE("actions: a repository's action runs its pre first, its post last, with state between") {
  if (!has_node()) return;
  RunnerJob job(R"js(
    {"run": "echo first ${{ steps.greet.outcome }}."},
    {"id": "greet", "uses": "some/greeter@v1", "with": {"a-b c": "x", "odd": 1}},
    {"uses": "some/greeter@v1", "with": {"who": "again"}},
    {"run": "echo said ${{ steps.greet.outputs.said }}"})js");
  const std::string sha = add_action(job, "some/greeter", greeter());
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(lines_with(job.log_text(), {"pre ", "main ", "post ", "first", "said"}) ==
        "pre push|x||some/greeter|v1|greet\n"
        "pre again|||some/greeter|v1|__some_greeter\n"
        "first .\n"
        "main push|x|pre|some/greeter|v1|greet\n"
        "main again||pre|some/greeter|v1|__some_greeter\n"
        "said main\n"
        "post again||main|some/greeter|v1|__some_greeter\n"
        "post push|x|main|some/greeter|v1|greet\n");
  CHECK(job.log_of_step(1).find("Action repository 'some/greeter@v1' (SHA:" + sha + ")") !=
        std::string::npos);
  CHECK(job.step(2).name == "Pre Run some/greeter@v1");
  CHECK(job.step(5).name == "Run some/greeter@v1");
  CHECK(job.step(5).id == "greet");
  CHECK(job.step(8).name == "Post Run some/greeter@v1");
  CHECK(job.step(10).name == "Complete job");
  const auto said = job.annotations();
  REQUIRE(said.size() == 2);
  CHECK(said[0].message == "Input 'a-b c' has been deprecated with message: say it otherwise");
  CHECK(said[1].message == "Unexpected input(s) 'odd', valid inputs are ['who', 'a-b c']");
}

TEST_CASE("actions: a failing action, its post, and posts of steps that never began") {
  if (!has_node()) return;
  RunnerJob job(R"js(
    {"uses": "some/fails@v1"},
    {"uses": "some/greeter@v1"},
    {"uses": "some/greeter@v1", "if": "always()", "continue-on-error": true}
  )js");
  add_action(job, "some/greeter",
             {{"action.yaml", "runs: {using: node20, main: m.js, post: p.js}"},
              {"m.js", "console.log('main')"},
              {"p.js", "console.log('post')"}});
  add_action(job, "some/fails",
             {{"action.yml", "runs: {using: node24, main: m.js, post: p.js, post-if: failure()}"},
              {"m.js", "console.log('::error file=a.c,line=3::broken'); process.exitCode = 3"},
              {"p.js", "console.log('after ' + process.env.STATE_x)"}});
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.step(2).conclusion == Conclusion::failure);
  CHECK(job.step(3).conclusion == Conclusion::skipped);
  CHECK(lines_with(job.log_text(), {"main", "post", "after"}) == "main\npost\nafter undefined\n");
  REQUIRE(job.annotations().size() == 1);  // what the action said itself
  CHECK(job.annotations()[0].file == "a.c");
}

TEST_CASE("actions: composite actions nest, with scopes, conditions and outputs of their own") {
  if (!has_node()) return;
  const std::string inner = R"(
inputs:
  flag: {default: "true"}
outputs:
  o: {value: "${{ steps.s.outputs.o }}-${{ steps.outer.outputs.o }}-${{ inputs.flag == true }}"}
runs:
  using: composite
  steps:
    - id: s
      shell: bash
      run: echo o=inner >> $GITHUB_OUTPUT; echo "path $GITHUB_ACTION_PATH of ${{ github.action }}"
    - {shell: sh, run: exit 7, continue-on-error: true}
    - {shell: bash, run: "echo env $A$B$C; echo G=global >> $GITHUB_ENV", env: {C: c}}
)";
  const std::string outer = R"(
outputs:
  o: {value: "${{ steps.outer.outputs.o }}"}
runs:
  using: composite
  steps:
    - {id: outer, uses: ./inner, env: {B: b}}
    - {shell: bash, run: "exit 1"}
    - {shell: bash, run: echo not reached}
    - {shell: bash, if: failure(), run: 'echo "failed ${{ github.action_status }} ${{ job.status }}"'}
    - {shell: bash, if: always(), run: "echo global $G"}
)";
  RunnerJob job(workspace_with({{"inner/action.yml", inner}, {"outer/action.yml", outer}}) + R"js(,
    {"id": "it", "uses": "./outer", "env": {"A": "a"}},
    {"if": "failure()", "run": "echo out ${{ steps.it.outputs.o }} ${{ steps.it.outcome }}"}
  )js");
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(lines_with(job.log_text(), {"path ", "env a", "not ", "failed ", "global", "out "}) ==
        "path /home/runner/work/project/project/inner of it.outer.s\n"
        "env abc\n"
        "failed failure success\n"
        "global global\n"
        "out inner--false failure\n");
}

TEST_CASE("actions: posts inside composite actions run in reverse at the composite's own post") {
  if (!has_node()) return;
  RunnerJob job(R"js(
    {"uses": "some/greeter@v1", "with": {"who": "plain"}},
    {"uses": "some/both/sub@v1", "with": {"x": "given"}},
    {"run": "echo last main"}
  )js");
  add_action(job, "some/greeter", greeter());
  add_action(job, "some/both", {{"sub/action.yml", R"(
inputs: {x: {}}
runs:
  using: composite
  steps:
    - {uses: some/greeter@v1, with: {who: "one ${{ inputs.x }}"}}
    - {id: say, shell: bash, run: "echo o=late >> $GITHUB_OUTPUT"}
    - {uses: some/greeter@v1, with: {who: "two ${{ steps.say.outputs.o }}"}}
)"}});
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  const std::string id = "__some_both.__some_greeter";
  CHECK(lines_with(job.log_text(), {"pre ", "main ", "post ", "last "}) ==
        "pre plain|||some/greeter|v1|__some_greeter\n"
        "pre one given|||some/greeter|v1|" +
            id +
            "\n"
            "pre two |||some/greeter|v1|" +
            id +
            "_2\n"
            "main plain||pre|some/greeter|v1|__some_greeter\n"
            "main one given||pre|some/greeter|v1|" +
            id +
            "\n"
            "main two late||pre|some/greeter|v1|" +
            id +
            "_2\n"
            "last main\n"
            "post two late||main|some/greeter|v1|" +
            id +
            "_2\n"
            "post one given||main|some/greeter|v1|" +
            id +
            "\n"
            "post plain||main|some/greeter|v1|__some_greeter\n");
  CHECK(job.completed().conclusion == Conclusion::success);
}

TEST_CASE("actions: a local composite action may use a repository's, found when its step comes") {
  if (!has_node()) return;
  RunnerJob job(workspace_with({{"a/action.yml", R"(
runs:
  using: composite
  steps:
    - {uses: some/greeter@v1, with: {who: late}}
    - {uses: some/missing@v1})"}}) +
                R"js(,
    {"uses": "./a", "continue-on-error": true},
    {"run": "sed -i /missing/d a/action.yml"},
    {"uses": "./a"}
  )js");
  add_action(job, "some/greeter", greeter());
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(lines_with(job.log_text(), {"pre ", "main ", "post "}) ==
        "main late|||some/greeter|v1|__self_2.__some_greeter\n"
        "post late||main|some/greeter|v1|__self_2.__some_greeter\n");
  REQUIRE(!job.annotations().empty());
  CHECK(job.annotations()[0].message.starts_with(
      "a/action.yml:6: Unable to resolve action 'some/missing@v1': there is no repository"));
}

TEST_CASE("actions: what cannot be had fails the set-up, all of it at its line") {
  RunnerJob job(R"js(
    {"run": "echo not reached"},
    {"uses": "some/missing@v1"},
    {"uses": "some/broken@v1"},
    {"uses": "some/empty@v9"},
    {"uses": "some/empty/no/folder@main"},
    {"uses": "some/link@v1"},
    {"uses": "other/thing@v1"},
    {"uses": "some/loop@v1"},
    {"uses": "./../../x"}
  )js");
  add_action(job, "some/broken", {{"action.yml", "runs:\n  using: node20\n  man: x.js\n"}});
  add_action(job, "some/empty", {{"README", "x"}});
  add_action(job, "some/loop",
             {{"action.yml", "runs: {using: composite, steps: [{uses: some/loop@v1}]}"}});
  const fs::path source = job.message.actions.sources[0];
  fs::create_directories(source / "some/link");
  REQUIRE(run("cd '" + (source / "some/link").string() + "'; ln -s /etc/passwd action.yml") == 0);
  add_action(job, "some/link", {{"x", "x"}});
  job.message.actions.allow = {"some/*"};
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK_FALSE(job.logged("\nnot reached"));
  const auto said = job.annotations();
  std::string all;
  for (const auto& one : said) {
    CHECK(one.file == ".github/workflows/ci.yml");
    CHECK(one.line > 0);
    all += one.message + '\n';
  }
  CAPTURE(all);
  CHECK(said.size() == 8);
  for (const char* part :
       {"Unable to resolve action 'some/missing@v1': there is no repository",
        "some/broken/action.yml:3:3: error: Unexpected value 'man'; did you mean 'main'?",
        "has no branch or tag 'v9'; did you mean 'v1'?",
        "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under 'some/empty/no/folder@main'",
        "opening, without following links, 'action.yml'",
        "using action 'other/thing@v1': this Gantry allows only some/*",
        "Composite action depth exceeded max depth 10",
        "reading './../../x': the path of an action must stay inside its repository"}) {
    CHECK_MESSAGE(all.find(part) != std::string::npos, part);
  }
}

TEST_CASE("actions: local ones that are missing, behind a link or recurse fail their step") {
  RunnerJob job(
      workspace_with({{"me/action.yml", "runs: {using: composite, steps: [{uses: ./me}]}"},
                      {"docker/Dockerfile", "FROM scratch"}}) +
      R"js(,
    {"uses": "./absent", "continue-on-error": true},
    {"run": "ln -s /tmp out; echo 'runs: {plugin: x}' > action.yml"},
    {"uses": "./out", "continue-on-error": true},
    {"uses": "./", "continue-on-error": true},
    {"uses": "./docker", "continue-on-error": true},
    {"uses": "docker://alpine:3", "continue-on-error": true},
    {"uses": "./me", "continue-on-error": true}
  )js");
  add_action(job, "some/any", {{"x", "x"}});
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  const auto said = job.annotations();
  REQUIRE(said.size() == 6);
  CHECK(said[0].message ==
        "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under "
        "'/home/runner/work/project/project/absent'. Did you forget to run actions/checkout before "
        "running your local action?");
  CHECK(said[1].message.find("without following links") != std::string::npos);
  CHECK(said[2].message.find("action.yml:1:7: error: Plugin actions") != std::string::npos);
  CHECK(said[3].message.find("container action (docker/Dockerfile)") != std::string::npos);
  CHECK(said[4].message.starts_with("Running 'docker://alpine:3': container actions need images"));
  CHECK(said[5].message == "Composite action depth exceeded max depth 10");
  for (int step : {3, 5, 6, 7, 8, 9})
    CHECK(job.step(step).outcome == Conclusion::failure);
}

TEST_CASE("actions: cancelling ends the running one; posts that ask for it run") {
  if (!has_node()) return;
  RunnerJob job(R"js(
    {"uses": "some/sleeper@v1"},
    {"run": "echo not reached"}
  )js");
  add_action(job, "some/sleeper",
             {{"action.yml", "runs: {using: composite, steps: [{uses: some/node@v1}]}"}});
  add_action(job, "some/node",
             {{"action.yml", "runs: {using: node20, main: m.js, post: p.js}"},
              {"m.js", "console.log('sleeping'); setTimeout(() => {}, 60000)"},
              {"p.js", "console.log('tidy')"}});
  job.start();
  REQUIRE(job.wait_for_log("sleeping"));
  job.gantryd().cancel();
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::cancelled);
  CHECK(job.step(2).conclusion == Conclusion::cancelled);
  CHECK(job.step(3).conclusion == Conclusion::skipped);
  CHECK(job.step(4).name == "Post Run some/sleeper@v1");
  CHECK(job.logged("\ntidy\n"));
  CHECK_FALSE(job.logged("not reached\n\x1b"));
}

TEST_CASE(
    "actions: kept by commit, one that is here is not asked for again; a job cannot change it") {
  RunnerJob job(R"js(
    {"uses": "some/kept@v1"},
    {"run": "cd /home/runner/work/_actions/some/kept/v1; echo x > action.yml || rm -f m.sh || mv m.sh y || chmod 777 . || ln -s a b || ! echo unchanged"}
  )js");
  const Files files = {{"action.yml", R"(
runs: {using: composite, steps: [{shell: bash, run: "$GITHUB_ACTION_PATH/m.sh"}]})"},
                       {"m.sh", "#!/bin/sh\necho from a script\n"}};
  const std::string sha = add_action(job, "some/kept", files);
  REQUIRE(run("cd '" + job.message.actions.sources[0] +
              "/some/kept'; chmod +x m.sh; git -c user.name=A -c user.email=a@b.c commit -qam y; "
              "git tag -f v1 2> /dev/null") == 0);
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.logged("\nfrom a script\n"));
  CHECK(job.logged("\nunchanged\n"));
  CHECK(job.step(3).conclusion == Conclusion::failure);

  // The same store, and a source that is gone: a pinned commit needs nobody, a tag says so.
  REQUIRE(run("mv '" + job.message.actions.sources[0] + "/some/kept' '" +
              job.message.actions.sources[0] + "/some/moved'") == 0);
  RunnerJob fresh(R"js({"uses": "some/kept@v1"})js");
  fresh.message.actions = job.message.actions;
  CHECK(fresh.finish() == 0);
  CHECK(fresh.completed().conclusion == Conclusion::success);
  CHECK_FALSE(fresh.logged("could not be looked up"));
  RunnerJob stale(R"js({"uses": "some/kept@v1"})js");
  stale.message.actions = job.message.actions;
  stale.message.actions.refresh = std::chrono::seconds(0);
  CHECK(stale.finish() == 0);
  CHECK(stale.completed().conclusion == Conclusion::success);
  CHECK(stale.logged("could not be looked up"));
  RunnerJob pinned(R"js({"uses": "some/kept@)js" + sha + R"js("})js");
  pinned.message.actions = job.message.actions;
  pinned.message.actions.pinning = core::config::Pinning::full_sha;
  CHECK(pinned.finish() == 0);
  CAPTURE(pinned.log_text());
  CHECK(pinned.completed().conclusion == Conclusion::failure);  // that commit was never fetched
}

TEST_CASE("actions: pre-if and post-if decide; a time-out ends an action in a composite one") {
  if (!has_node()) return;
  RunnerJob job(R"js(
    {"uses": "some/picky@v1"},
    {"uses": "some/slow@v1", "timeout-minutes": 0.01, "continue-on-error": true},
    {"run": "exit 1"},
    {"uses": "some/silent@v1", "if": "always()"}
  )js");
  add_action(job, "some/picky",
             {{"action.yml",
               "runs: {using: node16, pre: p.js, pre-if: runner.os == 'Windows', main: m.js, "
               "post: p.js, post-if: success()}"},
              {"m.js", "console.log('picky main')"},
              {"p.js", "console.log('picky pre or post')"}});
  add_action(job, "some/slow",
             {{"action.yml",
               "runs: {using: composite, steps: [{uses: some/sleeps@v1}, {run: sleep 9; echo slow "
               "went on, shell: bash, if: always()}]}"}});
  add_action(job, "some/sleeps",
             {{"action.yml", "runs: {using: node20, main: m.js, post: p.js}"},
              {"m.js", "setTimeout(() => {}, 60000)"},
              {"p.js", "console.log('slow post')"}});
  add_action(job, "some/silent", {{"action.yml", "runs: {using: node20, main: missing.js}"}});
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(lines_with(job.log_text(), {"picky", "slow"}) == "picky main\nslow post\n");
  CHECK(job.step(2).conclusion == Conclusion::skipped);  // pre
  CHECK(job.step(4).outcome == Conclusion::failure);
  CHECK(job.step(4).conclusion == Conclusion::success);
  const auto said = job.annotations();
  REQUIRE(said.size() >= 3);
  CHECK(said[0].message == "The action 'Run some/slow@v1' has timed out after 0.01 minutes.");
  CHECK(said.back().message == "Process completed with exit code 1.");
  CHECK(said.back().step == 6);
}

TEST_CASE("actions: problem matchers turn output into annotations, with files of the repository") {
  const std::string matcher =
      R"({"problemMatcher": [{"owner": "cc", "pattern": [{"regexp": "^(.+):(\\d+): (warning|error): (.*)$",
          "file": 1, "line": 2, "severity": 3, "message": 4}]}]})";
  RunnerJob job(
      workspace_with({{"m.json", matcher},
                      {"src/a.c", "int x;"},
                      {".git/config", "[remote]\n\turl = https://github.com/Owner/project"}}) +
      R"js(,
    {"run": "echo 'src/a.c:1: error: before'; echo ::add-matcher::m.json; echo 'src/a.c:2: error: it is wrong'; echo plain"},
    {"run": "printf '\\033[31m/tmp/../home/runner/work/project/project/src/a.c:3: warning: odd\\033[0m\\n'; echo 'b.c:4: error: no such file'; ln -s /etc/passwd l; echo 'l:1: error: a link'"},
    {"run": "echo ::remove-matcher owner=CC::; echo 'src/a.c:9: error: after'; echo ::add-matcher::/etc/passwd"}
  )js");
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  const auto said = job.annotations();
  REQUIRE(said.size() == 6);
  CHECK(said[0].message == "it is wrong");
  CHECK(said[0].file == "src/a.c");
  CHECK(said[0].line == 2);
  CHECK(said[0].step == 3);
  CHECK(said[1].message == "odd");
  CHECK(said[1].file == "src/a.c");
  CHECK(said[1].level == proto::AnnotationLevel::warning);
  CHECK(said[2].message == "no such file");
  CHECK(said[2].file.empty());
  CHECK(said[3].message == "a link");
  CHECK(said[3].file.empty());
  CHECK(said[4].message == "Unable to process command '##[add-matcher]' successfully.");
  CHECK(job.logged("\nsrc/a.c:1: error: before\n##[error]src/a.c:2: error: it is wrong\nplain\n"));
  CHECK(job.logged("\nsrc/a.c:9: error: after\n"));
}
