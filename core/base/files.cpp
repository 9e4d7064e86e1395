// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace gantry::core {
namespace {

std::string quoted(std::string_view doing, const fs::path& path) {
  return std::string(doing) + " '" + path.string() + "'";
}

std::string read_all(int fd, const fs::path& path, std::uint64_t limit_bytes) {
  std::string bytes;
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno(quoted("reading", path));
  if (status.st_size > 0) bytes.reserve(static_cast<std::size_t>(status.st_size));
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(quoted("reading", path));
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() > limit_bytes) {
      throw Exception(Errc::too_large, quoted("reading", path) + ": larger than " +
                                           std::to_string(limit_bytes) + " bytes");
    }
  }
}

void sync_directory(const fs::path& path) {
  const UniqueFd directory = open_directory(path);
  if (::fsync(directory.get()) != 0) throw_errno(quoted("flushing folder", path));
}

}  // namespace

std::string read_file(const fs::path& path, std::uint64_t limit_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(quoted("opening", path));
  return read_all(fd.get(), path, limit_bytes);
}

std::optional<std::string> read_file_if_exists(const fs::path& path, std::uint64_t limit_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw_errno(quoted("opening", path));
  return read_all(fd.get(), path, limit_bytes);
}

void write_file_atomic(const fs::path& path, std::string_view bytes, Durability durability,
                       unsigned mode) {
  std::string temporary = path.string() + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) throw_errno(quoted("creating", temporary));
  try {
    write_all(fd.get(), bytes);
    if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0) {
      throw_errno(quoted("setting the mode of", temporary));
    }
    if (durability == Durability::synced && ::fdatasync(fd.get()) != 0) {
      throw_errno(quoted("flushing", temporary));
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno(quoted("replacing", path));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (durability == Durability::synced) {
    sync_directory(path.has_parent_path() ? path.parent_path() : fs::path("."));
  }
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw_errno("writing");
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

UniqueFd open_beneath(int directory_fd, const fs::path& relative, int flags, unsigned mode) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NONBLOCK);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, directory_fd, relative.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == ENOENT) return UniqueFd();
    throw_errno(quoted("opening, without following links,", relative));
  }
}

UniqueFd open_directory(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno(quoted("opening folder", path));
  return fd;
}

TempDir::TempDir(const fs::path& parent) {
  std::string name = (parent / "gantry-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw_errno(quoted("making a temporary folder in", parent));
  path_ = name;
}

TempDir::~TempDir() {
  if (!path_.empty()) remove_tree(path_);
}

}  // namespace gantry::core
