// SPDX-License-Identifier: MIT
// Sandboxes are made by an unprivileged user. Started by root, this prepares what root can give
// that user (control groups, a tun device), all of it in namespaces of its own, and then becomes
// it.
#define DOCTEST_CONFIG_IMPLEMENT
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "tests/support/unprivileged.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

void give(const fs::path& path) {
  if (::chown(path.c_str(), gantry::tests::kUnprivilegedId, gantry::tests::kUnprivilegedId) != 0) {
    std::perror(path.c_str());
  }
}

bool write_line(const fs::path& path, const std::string& line) {
  std::ofstream file(path);
  file << line << std::endl;
  return file.good();
}

// The groups root lends to the tests: one folder in each hierarchy.
class LentGroups {
 public:
  explicit LentGroups(const fs::path& scratch) {
    for (const char* controller : {"memory", "pids", "cpu", "cpuacct", "freezer"}) {
      lend(scratch / controller, "cgroup", controller);
    }
    const fs::path unified = scratch / "unified";
    fs::create_directory(unified);
    if (folders_.empty() && ::mount("cgroup2", unified.c_str(), "cgroup2", 0, nullptr) == 0) {
      write_line(unified / "cgroup.subtree_control", "+memory +pids +cpu");
      lend(unified, "", "");
    }
  }
  LentGroups(const LentGroups&) = delete;
  LentGroups& operator=(const LentGroups&) = delete;
  ~LentGroups() {
    for (const fs::path& folder : folders_) {
      ::rmdir((folder / "gantry-daemon").c_str());
      // The last member is taken off a little after its death.
      for (int tries = 0; ::rmdir(folder.c_str()) != 0; ++tries) {
        if (tries == 1000) {
          std::perror(folder.c_str());
          break;
        }
        ::usleep(1000);
      }
    }
  }
  void join() const {
    for (const fs::path& folder : folders_) {
      if (!write_line(folder / "cgroup.procs", "0")) std::perror(folder.c_str());
    }
  }

 private:
  void lend(const fs::path& point, const char* type, const char* controller) {
    fs::create_directory(point);
    if (*type != 0 && ::mount("cgroup", point.c_str(), type, 0, controller) != 0) return;
    const fs::path folder = point / ("gantry-test-" + std::to_string(::getpid()));
    if (::mkdir(folder.c_str(), 0755) != 0) return;
    give(folder);
    for (const char* file : {"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}) {
      if (fs::exists(folder / file)) give(folder / file);
    }
    folders_.push_back(folder);
  }

  std::vector<fs::path> folders_;
};

void lend_tun(const fs::path& scratch) {
  const fs::path tun = scratch / "tun";
  if (::mknod(tun.c_str(), S_IFCHR | 0666, ::makedev(10, 200)) != 0) return;
  ::chmod(tun.c_str(), 0666);
  // Seen in our own mount namespace only.
  ::mount(tun.c_str(), "/dev/net/tun", nullptr, MS_BIND, nullptr);
}

int run_tests(int argc, char** argv) {
  doctest::Context context(argc, argv);
  return context.run();
}

int run_as_root(int argc, char** argv) {
  const gantry::core::TempDir scratch;
  ::chmod(scratch.path().c_str(), 0755);
  if (::unshare(CLONE_NEWNS | CLONE_NEWCGROUP) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    std::perror("no namespaces to prepare control groups in; tests of limits will be skipped");
    gantry::tests::become_unprivileged();
    return run_tests(argc, argv);
  }
  // Over the scratch folder, so that removing it never reaches into a control group.
  ::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "mode=755");
  int status = 1;
  {
    const LentGroups groups(scratch.path());
    lend_tun(scratch.path());
    const pid_t child = ::fork();
    if (child == 0) {
      groups.join();
      gantry::tests::become_unprivileged();
      std::fflush(nullptr);
      ::_exit(run_tests(argc, argv));
    }
    ::waitpid(child, &status, 0);
  }
  ::umount2(scratch.path().c_str(), MNT_DETACH);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return ::geteuid() == 0 ? run_as_root(argc, argv) : run_tests(argc, argv);
}
