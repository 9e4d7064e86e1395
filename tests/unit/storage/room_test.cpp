// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "storage/layout.hpp"

#include <doctest/doctest.h>

using namespace gantry;

TEST_CASE("layout: paths of a job, a thousand logs to a folder") {
  const storage::Layout layout("/s");
  CHECK(layout.log(core::JobId{1234}) == "/s/logs/1/1234.log");
  CHECK(layout.log_compressed(core::JobId{1234}) == "/s/logs/1/1234.log.zst");
  CHECK(layout.mirror(core::RepoId{7}) == "/s/mirrors/7.git");
}

TEST_CASE("layout: the state folder is for its owner only") {
  const core::TempDir dir;
  const storage::Layout layout(dir.path() / "state");
  layout.create();
  CHECK(core::fs::status(layout.state()).permissions() == core::fs::perms::owner_all);
}
