// SPDX-License-Identifier: MIT
#include "tests/functional/runner/fixture.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using proto::Conclusion;
using tests::RunnerJob;

TEST_CASE("runner: steps run in order and hand variables, outputs and paths on") {
  RunnerJob job(
      R"js(
    {"id": "first", "name": "First of ${{ github.ref }}", "env": {"MINE": "m"},
     "run": "echo \"$MINE $JOB_WIDE $GITHUB_REPOSITORY $RUNNER_OS $CI\"\npwd\necho A=1 >> $GITHUB_ENV\necho word=hello >> $GITHUB_OUTPUT\nmkdir -p $HOME/tools; echo $HOME/tools >> $GITHUB_PATH"},
    {"run": "echo \"got $A ${{ steps.first.outputs.word }} ${PATH%%:*} $MINE.\"\ncat $GITHUB_EVENT_PATH"},
    {"run": "[ \"${{ steps.first.conclusion }}\" = success ]", "shell": "sh"})js",
      R"js("env": {"JOB_WIDE": "j"}, "outputs": {"out": "${{ steps.first.outputs.word }}", "none": ""}, )js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.step(2).name == "First of refs/heads/main");
  CHECK(job.step(2).id == "first");
  CHECK(job.step(3).name == "Run echo \"got $A hello ${PATH%%:*} $MINE.\"");
  CHECK(job.log_of_step(2).find(
            "m j owner/project Linux true\n/home/runner/work/project/project\n") !=
        std::string::npos);
  CHECK(job.log_of_step(2).find("shell: /usr/bin/bash -e {0}\n") != std::string::npos);
  CHECK(job.log_of_step(3).find("got 1 hello /home/runner/tools .\n{\"n\":1}\n") !=
        std::string::npos);
  for (int number = 1; number <= 5; ++number) {
    CAPTURE(number);
    CHECK(job.step(number).conclusion == Conclusion::success);
    CHECK(job.step(number).first_line > 0);
  }
  REQUIRE(job.completed().outputs.size() == 1);
  CHECK(job.completed().outputs[0].second == "hello");
  CHECK(job.log_of_step(1).find("Current runner version: '") != std::string::npos);
  CHECK(job.log_of_step(1).find("network none") != std::string::npos);
}

TEST_CASE("runner: after a failure only steps that ask for it run") {
  RunnerJob job(R"js(
    {"id": "bad", "run": "exit 3"},
    {"run": "echo no"},
    {"run": "echo cleanup", "if": "always()"},
    {"run": "echo mourn ${{ steps.bad.outcome }}", "if": "failure()"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.step(2).conclusion == Conclusion::failure);
  CHECK(job.step(3).conclusion == Conclusion::skipped);
  CHECK(job.step(3).first_line == 0);
  CHECK(job.step(4).conclusion == Conclusion::success);
  CHECK(job.log_of_step(5).find("mourn failure\n") != std::string::npos);
  REQUIRE(job.annotations().size() == 1);
  CHECK(job.annotations()[0].message == "Process completed with exit code 3.");
  CHECK(job.annotations()[0].step == 2);
}

TEST_CASE("runner: a tolerated failure leaves the job a success") {
  RunnerJob job(R"js(
    {"id": "bad", "run": "false", "continue-on-error": true},
    {"run": "echo ${{ steps.bad.outcome }} ${{ steps.bad.conclusion }}"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.step(2).outcome == Conclusion::failure);
  CHECK(job.step(2).conclusion == Conclusion::success);
  CHECK(job.logged("failure success\n"));
}

TEST_CASE("runner: what cannot be run fails its step in words") {
  RunnerJob job(R"js(
    {"run": "x", "shell": "perl", "continue-on-error": true},
    {"run": "x", "shell": "no-such-program {0}", "continue-on-error": true},
    {"run": "x", "working-directory": "missing", "continue-on-error": true},
    {"run": "kill -SEGV $$", "continue-on-error": true},
    {"run": "${{ fromJSON('{') }}"})js");
  CHECK(job.finish() == 0);
  CAPTURE(job.log_text());
  CHECK(job.completed().conclusion == Conclusion::failure);
  const auto said = job.annotations();
  REQUIRE(said.size() == 5);
  CHECK(said[0].message.find("Invalid shell option") != std::string::npos);
  CHECK(said[1].message.find("no-such-program") != std::string::npos);
  CHECK(said[2].message.find("missing") != std::string::npos);
  CHECK(said[3].message.find("Segmentation fault") != std::string::npos);
  CHECK(said[4].message.starts_with(".github/workflows/ci.yml:"));
}

TEST_CASE("runner: a workflow with what is not supported fails in the set-up, with its place") {
  RunnerJob job(R"js({"run": "true"})js", R"js("container": "debian:12",)js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.completed().reason.find("ci.yml:") != std::string::npos);
  CHECK(job.step(1).conclusion == Conclusion::failure);
}

TEST_CASE("runner: defaults of the job replace those of the workflow as a whole") {
  RunnerJob job(R"js(
    {"run": "pwd; ps -o args= $$ || cat /proc/$$/cmdline"},
    {"run": "pwd", "working-directory": ""})js",
                R"js("defaults": {"run": {"working-directory": "/tmp"}}, )js",
                R"js("defaults": {"run": {"shell": "sh"}}, )js");
  CHECK(job.finish() == 0);
  CHECK(job.log_of_step(2).find("\n/tmp\n") != std::string::npos);
  CHECK(job.log_of_step(2).find("shell: /usr/bin/bash -e {0}\n") != std::string::npos);
  CHECK(job.log_of_step(3).find("\n/home/runner/work/project/project\n") != std::string::npos);
}

TEST_CASE("runner: secrets, their encodings and added masks never reach log or events") {
  RunnerJob job(R"js(
    {"id": "leak", "name": "uses ${{ secrets.KEY }}", "env": {"KEY": "${{ secrets.KEY }}"},
     "run": "echo plain $KEY\necho -n $KEY | base64\nv=run-time; echo \"::add-mask::$v-value\"\necho a $v-value b\necho \"::error::lost $KEY\"\necho \"s=$KEY\" >> $GITHUB_OUTPUT\necho \"# $KEY\" >> $GITHUB_STEP_SUMMARY"})js",
                R"js("outputs": {"s": "${{ steps.leak.outputs.s }}"}, )js");
  job.message.secrets = {{"KEY", "correct-horse-battery"}};
  CHECK(job.finish() == 0);
  CHECK(job.logged("plain ***\n***\na *** b\n"));
  CHECK(job.step(2).name == "uses ***");
  CHECK(job.annotations().at(0).message == "lost ***");
  CHECK(job.completed().outputs.empty());
  CHECK(job.logged("Skip output 's' since it may contain secret."));
  const std::string all = job.log() + core::read_file(job.folder() / "events.ndjson");
  for (const char* secret : {"correct-horse-battery", "run-time-value b", "Y29ycmVjdC1ob3"}) {
    CAPTURE(secret);
    CHECK(all.find(secret) == std::string::npos);
  }
}

TEST_CASE("runner: a background process lives on to the next steps and ends with the job") {
  RunnerJob job(R"js(
    {"run": "(while sleep 0.02; do echo tick; done) & echo $! > pid; echo started"},
    {"run": "sleep 0.3; kill -0 $(cat pid) && echo alive"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(job.log_of_step(3).find("tick\n") != std::string::npos);
  CHECK(job.log_of_step(3).find("alive\n") != std::string::npos);
}

TEST_CASE("runner: output without a line end, NUL bytes and invalid UTF-8 are kept") {
  RunnerJob job(R"js({"run": "printf 'a\\0b\\377c\\rd'; printf 'end' >&2"})js");
  CHECK(job.finish() == 0);
  CHECK(job.logged(std::string("a\0b\377c\rdend\n", 11)));
}

TEST_CASE("runner: what the job puts in the place of its command files is never read") {
  RunnerJob job(R"js(
    {"id": "link", "run": "ln -sf /etc/hostname $GITHUB_OUTPUT", "continue-on-error": true},
    {"id": "pipe", "run": "rm $GITHUB_ENV; mkfifo $GITHUB_ENV", "continue-on-error": true},
    {"id": "folder", "run": "rm $GITHUB_PATH; mkdir $GITHUB_PATH", "continue-on-error": true},
    {"id": "large", "run": "head -c 11000000 /dev/zero > $GITHUB_OUTPUT", "continue-on-error": true},
    {"id": "moved", "run": "cd $RUNNER_TEMP; mv _runner_file_commands away; ln -s /tmp _runner_file_commands", "continue-on-error": true},
    {"id": "after", "run": "echo not ${X}reached"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  for (int number = 2; number <= 6; ++number) {
    CAPTURE(number);
    CHECK(job.step(number).outcome == Conclusion::failure);
  }
  CHECK(job.logged("it is larger than 10 MiB"));
  CHECK_FALSE(job.logged("not reached\n"));
}

TEST_CASE("runner: outputs and names are bounded, as gantryd must be able to take them") {
  RunnerJob job(R"js(
    {"id": "big", "run": "{ printf word=; head -c 400000 /dev/zero | tr '\\0' x; echo; } >> $GITHUB_OUTPUT"},
    {"name": "${{ steps.big.outputs.word }}", "run": "true"})js",
                R"js("outputs": {"a": "${{ steps.big.outputs.word }}",
                                 "b": "${{ steps.big.outputs.word }}"}, )js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::failure);
  CHECK(job.completed().outputs.empty());
  CHECK(job.completed().reason ==
        "setting output 'b' of the job: its outputs take more than 1 MiB (as UTF-16); hand big "
        "values on in a file");
  CHECK(job.step(3).name.size() <= 1100);
}
