// SPDX-License-Identifier: MIT
#include "core/base/unique_fd.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::core {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Pipe make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("making a pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace gantry::core
