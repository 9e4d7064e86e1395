// SPDX-License-Identifier: MIT
#include "daemon/runner/job_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace gantry;
using core::Exception;
using daemon::runner::JobFolder;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  core::TempDir folder;
  JobFolder job{folder.path(), "project"};
  fs::path temp = folder.path() / "home/work/_temp";
  fs::path name = "_runner_file_commands/set_output_1";
};

}  // namespace

TEST_CASE("a job folder has GitHub's layout inside the sandbox") {
  Fixture fixture;
  CHECK(fixture.job.workspace_inside() == "/home/runner/work/project/project");
  CHECK(fixture.job.temp_inside() == "/home/runner/work/_temp");
  CHECK(fs::is_directory(fixture.folder.path() / "home/work/project/project"));
  CHECK(fs::is_directory(fixture.folder.path() / "tmp"));
}

TEST_CASE("a file for the job is written and read back; without it there is nothing") {
  Fixture fixture;
  fixture.job.write_temp_file(fixture.name, "a=b\n");
  CHECK(fixture.job.read_temp_file(fixture.name, 100) == "a=b\n");
  fixture.job.remove_temp_file(fixture.name);
  CHECK_FALSE(fixture.job.read_temp_file(fixture.name, 100).has_value());
}

TEST_CASE("what the job put in the place of its file is refused, whatever it is") {
  Fixture fixture;
  core::write_file_atomic(fixture.folder.path() / "secret", "host");
  fs::create_symlink(fixture.folder.path() / "secret", fixture.temp / fixture.name);
  CHECK_THROWS_AS(fixture.job.read_temp_file(fixture.name, 100), Exception);
  fixture.job.remove_temp_file(fixture.name);
  CHECK(fs::exists(fixture.folder.path() / "secret"));

  REQUIRE(::mkfifo((fixture.temp / fixture.name).c_str(), 0600) == 0);
  CHECK_THROWS_AS(fixture.job.read_temp_file(fixture.name, 100), Exception);
  fs::remove(fixture.temp / fixture.name);
  fs::create_directory(fixture.temp / fixture.name);
  CHECK_THROWS_AS(fixture.job.read_temp_file(fixture.name, 100), Exception);
}

TEST_CASE("a folder on the way that became a link is not followed") {
  Fixture fixture;
  fs::create_directory(fixture.folder.path() / "elsewhere");
  fs::remove_all(fixture.temp / "_runner_file_commands");
  fs::create_directory_symlink(fixture.folder.path() / "elsewhere",
                               fixture.temp / "_runner_file_commands");
  CHECK_THROWS_AS(fixture.job.write_temp_file(fixture.name, "x"), Exception);
  CHECK(fs::is_empty(fixture.folder.path() / "elsewhere"));
  CHECK_THROWS_AS(
      fixture.job.open_workspace("../../_temp/_runner_file_commands", JobFolder::Create::yes),
      Exception);
}

TEST_CASE("a folder of the runner that the job removed is made again") {
  Fixture fixture;
  fs::remove_all(fixture.temp);
  fixture.job.write_temp_file(fixture.name, "x");
  CHECK(fixture.job.read_temp_file(fixture.name, 100) == "x");
}

TEST_CASE("a file larger than its limit is an error that says so") {
  Fixture fixture;
  fixture.job.write_temp_file(fixture.name, std::string((1 << 20) + 1, 'x'));
  try {
    fixture.job.read_temp_file(fixture.name, 1 << 20);
    FAIL("not refused");
  } catch (const Exception& exception) {
    CHECK(std::string(exception.what()) ==
          "reading '_runner_file_commands/set_output_1': it is larger than 1 MiB");
  }
}

TEST_CASE("a job folder has one runner at a time") {
  core::TempDir folder;
  {
    const core::UniqueFd lock = daemon::runner::lock_job_folder(folder.path());
    CHECK_THROWS_AS(daemon::runner::lock_job_folder(folder.path()), Exception);
    CHECK(core::read_file(folder.path() / "runner.pid") == std::to_string(::getpid()) + "\n");
  }
  CHECK_NOTHROW(daemon::runner::lock_job_folder(folder.path()));
}
