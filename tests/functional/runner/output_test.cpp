// SPDX-License-Identifier: MIT
// Much output, and one endless line.
#include "core/run/log_format.hpp"
#include "tests/functional/runner/fixture.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

using namespace gantry;
using proto::Conclusion;
using tests::RunnerJob;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::int64_t kMoreKib = 16 << 10;  // freed memory is held back there
#else
constexpr std::int64_t kMoreKib = 4 << 10;
#endif

double seconds_of(const proto::StepChanged& step) {
  return std::chrono::duration<double>(*step.completed_at - *step.started_at).count();
}

}  // namespace

TEST_CASE("runner: a hundred megabytes of lines are logged and indexed with little memory") {
  RunnerJob small(R"js({"run": "echo little"})js");
  CHECK(small.finish() == 0);
  RunnerJob job(
      R"js({"run": "yes 'a line of output, one hundred bytes long with its end, as many build tools print it all day' | head -n 1000000"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  const double megabytes =
      static_cast<double>(std::filesystem::file_size(job.message.paths.log)) / 1e6;
  const std::int64_t more_kib = job.gantryd().peak_kib() - small.gantryd().peak_kib();
  MESSAGE(megabytes << " MB in the log, " << megabytes / seconds_of(job.step(2)) << " MB/s, "
                    << more_kib << " KiB more memory");
  CHECK(more_kib <= kMoreKib);
  const core::UniqueFd text(::open(job.message.paths.log.c_str(), O_RDONLY | O_CLOEXEC));
  const core::UniqueFd index(::open(job.message.paths.log_index.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(core::run::count_lines(text.get(), index.get(),
                               std::filesystem::file_size(job.message.paths.log)) > 1'000'000);
  std::int64_t told = 0;
  for (const auto& event : job.gantryd().events()) {
    if (const auto* advanced = std::get_if<proto::LogAdvanced>(&event.body)) told = advanced->bytes;
  }
  CHECK(told == static_cast<std::int64_t>(std::filesystem::file_size(job.message.paths.log)));
}

TEST_CASE("runner: a line of a gigabyte is one line, in bounded time and memory") {
  RunnerJob small(R"js({"run": "echo little"})js");
  CHECK(small.finish() == 0);
  RunnerJob job(R"js({"run": "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo after"})js");
  CHECK(job.finish() == 0);
  CHECK(job.completed().conclusion == Conclusion::success);
  CHECK(std::filesystem::file_size(job.message.paths.log) > 1'000'000'000);
  CHECK(job.step(2).last_line - job.step(2).first_line < 10);
  const std::int64_t more_kib = job.gantryd().peak_kib() - small.gantryd().peak_kib();
  MESSAGE("a gigabyte in one line: " << seconds_of(job.step(2)) << " s, " << more_kib
                                     << " KiB more memory");
  CHECK(more_kib <= kMoreKib);
}
