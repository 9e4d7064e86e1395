// SPDX-License-Identifier: MIT
// Discovery, on made-up trees; real groups are in tests/sandbox/limits_test.cpp.
#include "daemon/os/cgroup.hpp"

#include "core/base/files.hpp"

#include <doctest/doctest.h>

namespace gantry::daemon::os {

namespace {

class FakeTree {
 public:
  const fs::path& root() const { return folder_.path(); }
  void add(const std::string& group, const std::vector<std::string>& files,
           const std::string& controllers = "") {
    const fs::path path = root() / group;
    fs::create_directories(path);
    for (const std::string& file : files)
      core::write_file_atomic(path / file, "");
    if (!controllers.empty()) core::write_file_atomic(path / "cgroup.controllers", controllers);
  }

 private:
  core::TempDir folder_;
};

const std::vector<std::string> kV2Files = {"cgroup.procs", "cgroup.subtree_control"};
constexpr const char* kV2Mount =
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kV1Mounts =
    "36 32 0:33 / /cg/memory rw - cgroup cgroup rw,memory\n"
    "37 32 0:34 /outer /cg/pids rw - cgroup cgroup rw,pids\n"
    "38 32 0:35 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

}  // namespace

TEST_CASE("cgroup: a delegated v2 group is found from the leaf the daemon stands in") {
  FakeTree tree;
  tree.add("sys/fs/cgroup/gantry.service", kV2Files, "cpuset cpu io memory pids\n");
  tree.add("sys/fs/cgroup/gantry.service/gantry-daemon", kV2Files);
  for (const char* own : {"0::/gantry.service\n", "0::/gantry.service/gantry-daemon\n"}) {
    const CgroupTree found = CgroupTree::discover_in(tree.root(), own, kV2Mount);
    CHECK(found.version() == CgroupVersion::v2);
    CHECK(found.controllers() == std::vector<std::string>{"memory", "pids", "cpu"});
    CHECK(found.reason().empty());
  }
}

TEST_CASE("cgroup: v2 preparation makes the leaf and asks for the controllers") {
  FakeTree tree;
  tree.add("sys/fs/cgroup/g", kV2Files, "memory pids\n");
  CgroupTree found = CgroupTree::discover_in(tree.root(), "0::/g\n", kV2Mount);
  found.prepare_delegation();
  CHECK(fs::is_directory(tree.root() / "sys/fs/cgroup/g/gantry-daemon"));
  const std::string asked = core::read_file(tree.root() / "sys/fs/cgroup/g/cgroup.subtree_control");
  CHECK(asked.find("+pids") != std::string::npos);
  CHECK(found.reason() ==
        "no control group we may write for cpu; run gantryd as a systemd service with "
        "'Delegate=yes', or make the control group writable for its user");
}

TEST_CASE("cgroup: v2 preparation that does not work is no limits, with the reason") {
  FakeTree tree;
  tree.add("sys/fs/cgroup/g", kV2Files, "memory\n");
  CgroupTree found = CgroupTree::discover_in(tree.root(), "0::/g\n", kV2Mount);
  fs::remove(tree.root() / "sys/fs/cgroup/g/cgroup.subtree_control");
  found.prepare_delegation();
  CHECK(found.version() == CgroupVersion::none);
  CHECK(found.controllers().empty());
  CHECK(found.reason().find("No such file or directory; run gantryd") != std::string::npos);
  CHECK_FALSE(found.create("job", {.pids = 5}));
}

TEST_CASE("cgroup: v1 takes the controllers it may write, relative to each mount's root") {
  FakeTree tree;
  tree.add("cg/memory/a", {"cgroup.procs"});
  tree.add("cg/pids/inner", {"cgroup.procs"});
  const CgroupTree found = CgroupTree::discover_in(
      tree.root(), "4:memory:/a\n3:pids:/outer/inner\n2:cpu,cpuacct:/\n0::/\n", kV1Mounts);
  CHECK(found.version() == CgroupVersion::v1);
  CHECK(found.controllers() == std::vector<std::string>{"memory", "pids"});
  CHECK(found.reason().find("for cpu;") != std::string::npos);
}

TEST_CASE("cgroup: texts that are not understood give none") {
  FakeTree tree;
  for (const char* text : {"", "nonsense", "0::", "::::\n", "4:memory:/../../x\n0::/../x\n"}) {
    const CgroupTree found = CgroupTree::discover_in(tree.root(), text, kV2Mount);
    CHECK(found.version() == CgroupVersion::none);
    CHECK_FALSE(found.reason().empty());
  }
}

}  // namespace gantry::daemon::os
