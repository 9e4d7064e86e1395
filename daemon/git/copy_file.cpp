// SPDX-License-Identifier: MIT
#include "daemon/git/copy_file.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace gantry::daemon::git {
namespace {

// Below this one read and one write are cheaper than setting up a copy in the kernel.
constexpr std::uint64_t kSmall = 64 << 10;

void copy_by_buffer(int from, int to, const std::string& name) {
  char buffer[kSmall];
  for (;;) {
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) core::throw_errno("copying '" + name + "'");
    if (got == 0) return;
    core::write_all(to, {buffer, static_cast<std::size_t>(got)});
    if (static_cast<std::size_t>(got) < sizeof buffer) return;
  }
}

bool copy_in_kernel(int from, int to, std::uint64_t size, const std::string& name) {
  for (std::uint64_t done = 0; done < size;) {
    const ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, size - done, 0);
    if (copied > 0) {
      done += static_cast<std::uint64_t>(copied);
      continue;
    }
    if (copied < 0 && errno == EINTR) continue;
    if (copied == 0) break;
    const bool is_unsupported = errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                                errno == EOPNOTSUPP || errno == EPERM;
    if (!is_unsupported || done > 0) core::throw_errno("copying '" + name + "'");
    return false;
  }
  return true;
}

}  // namespace

CopyMethod copy_contents(int from, int to, std::uint64_t size, const std::string& name) {
  if (size == 0) return CopyMethod::copied;
  // A file system without reflinks says so once; asking for every file would cost a call each.
  static std::atomic<int> refusals = 0;
  if (refusals.load(std::memory_order_relaxed) < 8) {
    if (::ioctl(to, FICLONE, from) == 0) return CopyMethod::reflinked;
    refusals.fetch_add(1, std::memory_order_relaxed);
  }
  if (size < kSmall || !copy_in_kernel(from, to, size, name)) copy_by_buffer(from, to, name);
  return CopyMethod::copied;
}

}  // namespace gantry::daemon::git
