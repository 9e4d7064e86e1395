// SPDX-License-Identifier: MIT
#include "daemon/runner/step_commands.hpp"

#include "core/base/files.hpp"

#include <doctest.h>

#include <vector>

using namespace gantry;
using namespace gantry::daemon::runner;

namespace {

struct Fixture {
  core::TempDir folder;
  JobFolder job{folder.path(), "project"};
  JobLog log{folder.path() / "1.log", folder.path() / "1.idx", 0};
  JobState state;
  std::vector<proto::JobAnnotation> annotations;
  std::vector<proto::StepSummary> summaries;
  StepFiles files = StepFiles::named("u");
  StepCommands commands{state, log,
                        [this](auto body) {
                          if (auto* one = std::get_if<proto::JobAnnotation>(&body)) {
                            annotations.push_back(*one);
                          }
                          if (auto* one = std::get_if<proto::StepSummary>(&body)) {
                            summaries.push_back(*one);
                          }
                        },
                        StepCommandsConfig{.step = 2}};

  std::string text() {
    log.flush();
    return core::read_file(folder.path() / "1.log");
  }
  bool said(std::string_view what) { return text().find(what) != std::string::npos; }
};

}  // namespace

TEST_CASE("an error command is a marked line and an annotation with its place") {
  Fixture fixture;
  CHECK(fixture.commands.on_line("::error file=a.c,line=3,endLine=5,col=2,title=Bad::broken"));
  REQUIRE(fixture.annotations.size() == 1);
  const auto& annotation = fixture.annotations[0];
  CHECK(annotation.level == proto::AnnotationLevel::error);
  CHECK(annotation.message == "broken");
  CHECK(annotation.title == "Bad");
  CHECK(annotation.file == "a.c");
  CHECK(annotation.line == 3);
  CHECK(annotation.end_line == 5);
  CHECK(annotation.column == 0);  // columns across lines mean nothing
  CHECK(annotation.step == 2);
  CHECK(annotation.log_line == 1);
  CHECK(fixture.said("##[error]broken\n"));
  CHECK_FALSE(fixture.commands.failed());
}

TEST_CASE("ten annotations of a level are reported, all are in the log") {
  Fixture fixture;
  for (int i = 0; i < 12; ++i)
    fixture.commands.on_line("::warning::w" + std::to_string(i));
  fixture.commands.on_line("::error::" + std::string(5000, 'x'));
  CHECK(fixture.annotations.size() == 11);
  CHECK(fixture.annotations.back().message.size() == kAnnotationCharacters);
  CHECK(fixture.said("##[warning]w11\n"));
}

TEST_CASE("set-output works, set-env and add-path fail the step") {
  Fixture fixture;
  CHECK(fixture.commands.on_line("::set-output name=a::b"));
  CHECK(fixture.commands.outputs().find("a")->string() == "b");
  CHECK_FALSE(fixture.commands.failed());
  CHECK(fixture.commands.on_line("::set-env name=X::1"));
  CHECK(fixture.commands.failed());
  CHECK(fixture.state.env.find("X") == nullptr);
  CHECK(fixture.said("The `set-env` command is disabled"));
}

TEST_CASE("add-mask hides the value from then on and is not printed") {
  Fixture fixture;
  CHECK(fixture.commands.on_line("::add-mask::hunter2"));
  fixture.log.write_lines("my hunter2\n");
  fixture.commands.on_line("::error::lost hunter2");
  CHECK(fixture.said("my ***\n"));
  CHECK_FALSE(fixture.said("hunter2"));
  CHECK(fixture.annotations.at(0).message == "lost ***");
}

TEST_CASE("stopped commands are plain text until the token comes") {
  Fixture fixture;
  CHECK(fixture.commands.on_line("::stop-commands::a-long-token"));
  CHECK_FALSE(fixture.commands.on_line("::error::no"));
  CHECK(fixture.annotations.empty());
  CHECK_FALSE(fixture.commands.on_line("::a-long-token::"));
  CHECK(fixture.commands.on_line("::error::yes"));
  CHECK(fixture.annotations.size() == 1);
}

TEST_CASE("groups pass through as text, unknown commands too") {
  Fixture fixture;
  CHECK(fixture.commands.on_line("::group::Build"));
  CHECK(fixture.said("##[group]Build\n"));
  CHECK_FALSE(fixture.commands.on_line("::nonsense::x"));
  CHECK(fixture.commands.on_line("::debug::quiet"));
  CHECK_FALSE(fixture.said("quiet"));
}

TEST_CASE("files of a step set variables, outputs, paths and the summary") {
  Fixture fixture;
  fixture.log.masker().add_secret("hunter2");
  fixture.job.write_temp_file(fixture.files.env, "A=1\nB<<E\nx\ny\nE\nNODE_OPTIONS=bad\n");
  fixture.job.write_temp_file(fixture.files.output, "out=v=w\n");
  fixture.job.write_temp_file(fixture.files.path, "/tools\n");
  fixture.job.write_temp_file(fixture.files.summary, "# Hi hunter2\n");
  fixture.commands.apply_files(fixture.job, fixture.files);
  CHECK(fixture.state.env.find("A")->string() == "1");
  CHECK(fixture.state.env.find("B")->string() == "x\ny");
  CHECK(fixture.state.env.find("NODE_OPTIONS") == nullptr);
  CHECK(fixture.commands.outputs().find("out")->string() == "v=w");
  CHECK(fixture.state.added_path == std::vector<std::string>{"/tools"});
  CHECK(fixture.summaries.at(0).text == "# Hi ***\n");
  CHECK_FALSE(fixture.commands.failed());
}

TEST_CASE("a broken command file fails the step, what came before stays applied") {
  Fixture fixture;
  fixture.job.write_temp_file(fixture.files.env, "A=1\nnonsense\nB=2\n");
  fixture.commands.apply_files(fixture.job, fixture.files);
  CHECK(fixture.commands.failed());
  CHECK(fixture.state.env.find("A")->string() == "1");
  CHECK(fixture.state.env.find("B") == nullptr);
  CHECK(fixture.said("Unable to process file command 'env' successfully."));
  CHECK(fixture.said("Invalid format 'nonsense'"));
}

TEST_CASE("a command file that is a link or too large fails the step") {
  Fixture fixture;
  const auto output = fixture.folder.path() / "home/work/_temp" / fixture.files.output;
  std::filesystem::create_symlink("/etc/passwd", output);
  fixture.commands.apply_files(fixture.job, fixture.files);
  CHECK(fixture.commands.failed());
  CHECK(fixture.commands.outputs().size() == 0);
}

TEST_CASE("a summary that is too large is dropped without failing the step") {
  Fixture fixture;
  fixture.job.write_temp_file(fixture.files.summary, std::string((1 << 20) + 1, 'x'));
  fixture.commands.apply_files(fixture.job, fixture.files);
  CHECK_FALSE(fixture.commands.failed());
  CHECK(fixture.summaries.empty());
  CHECK(fixture.said("$GITHUB_STEP_SUMMARY upload aborted"));
}

TEST_CASE("background processes of a step that has ended can still hide values, nothing else") {
  Fixture fixture;
  fixture.commands.end_step();
  CHECK(fixture.commands.on_line("::add-mask::hunter2"));
  CHECK(fixture.log.masker().has_secret("hunter2"));
  CHECK_FALSE(fixture.commands.on_line("::set-output name=a::b"));
  CHECK(fixture.commands.outputs().size() == 0);
}

TEST_CASE("a step that asks to hide ever more values closes the log instead of filling memory") {
  Fixture fixture;
  for (int i = 0; fixture.log.closed().empty() && i < 1'000'000; ++i) {
    fixture.commands.on_line("::add-mask::a value to be hidden, number " + std::to_string(i));
  }
  CHECK(fixture.log.closed() ==
        "The job has asked to hide too many values; what steps print from here on is dropped.");
  fixture.log.write_lines("a value to be hidden, number 999999\n");
  fixture.log.say("the runner goes on");
  CHECK_FALSE(fixture.said("999999"));
  CHECK(fixture.said("the runner goes on"));
}

TEST_CASE("what commands print counts for the log's limit") {
  Fixture fixture;
  JobLog log(fixture.folder.path() / "2.log", fixture.folder.path() / "2.idx", 1000);
  StepCommands commands(
      fixture.state, log, [](auto) {}, StepCommandsConfig{.step = 2});
  const std::string line = "::group::" + std::string(64 << 10, 'x');
  for (int i = 0; i < 100; ++i)
    commands.on_line(line);
  log.flush();
  CHECK_FALSE(log.closed().empty());
  CHECK(log.written_bytes() < (3 << 20));
}

TEST_CASE("titles and paths of annotations are cut, and a job has at most twenty summaries") {
  Fixture fixture;
  fixture.commands.on_line("::error title=" + std::string(1000, 't') +
                           ",file=" + std::string(10'000, 'f') + "::x");
  CHECK(fixture.annotations[0].title.size() == 255);
  CHECK(fixture.annotations[0].file.size() == 4096);
  for (int i = 0; i < 30; ++i) {
    fixture.job.write_temp_file(fixture.files.summary, "text");
    fixture.commands.apply_files(fixture.job, fixture.files);
  }
  CHECK(fixture.summaries.size() == 20);
}
