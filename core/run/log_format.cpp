// SPDX-License-Identifier: MIT
#include "core/run/log_format.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace gantry::core::run {
namespace {

LogMark read_mark(int index_fd, std::uint64_t number) {
  std::array<char, kLogMarkBytes> bytes{};
  if (read_log(index_fd, number * kLogMarkBytes, bytes) != bytes.size()) {
    throw Exception(Errc::io, "reading a log index: it became shorter");
  }
  return {log_number(bytes.data()), log_number(bytes.data() + 8)};
}

// The last mark for which `is_before` holds; marks are in rising order.
template <class Predicate>
LogMark last_mark(int index_fd, Predicate is_before) {
  std::uint64_t low = 0, high = log_file_size(index_fd) / kLogMarkBytes;
  LogMark best;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const LogMark mark = read_mark(index_fd, middle);
    if (is_before(mark)) {
      best = mark;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return best;
}

UniqueFd open_for_append(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd) throw_errno("opening log '" + path.string() + "'");
  return fd;
}

}  // namespace

std::uint64_t log_file_size(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_errno("reading the size of a log");
  return static_cast<std::uint64_t>(info.st_size);
}

std::size_t read_log(int fd, std::uint64_t offset, std::span<char> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got =
        ::pread(fd, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("reading a log");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::uint64_t log_number(const char* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void put_log_number(std::uint64_t value, char* to) {
  for (std::size_t i = 0; i < 8; ++i)
    to[i] = static_cast<char>(value >> (8 * i) & 0xff);
}

LogMark mark_before_line(int index_fd, std::uint64_t line, std::uint64_t text_bytes) {
  return last_mark(index_fd, [&](const LogMark& mark) {
    return mark.lines < line && mark.offset <= text_bytes;
  });
}

LogMark mark_before_offset(int index_fd, std::uint64_t offset) {
  return last_mark(index_fd, [&](const LogMark& mark) { return mark.offset <= offset; });
}

std::uint64_t count_line_ends(std::string_view bytes) {
  std::uint64_t count = 0;
  for (const char c : bytes)
    count += c == '\n' ? 1 : 0;
  return count;
}

std::uint64_t count_lines(int text_fd, int index_fd, std::uint64_t text_bytes) {
  const LogMark mark = mark_before_offset(index_fd, text_bytes);
  std::vector<char> buffer(kLogMarkSpacing);
  std::uint64_t lines = mark.lines;
  for (std::uint64_t at = mark.offset; at < text_bytes;) {
    const std::size_t want =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), text_bytes - at));
    const std::size_t got = read_log(text_fd, at, std::span(buffer.data(), want));
    if (got == 0) break;
    lines += count_line_ends({buffer.data(), got});
    at += got;
  }
  return lines;
}

LogWriter::LogWriter(const std::filesystem::path& text, const std::filesystem::path& index)
    : text_(open_for_append(text)),
      index_(open_for_append(index)),
      bytes_(log_file_size(text_.get())) {
  // Marks that are torn, or promise text that a crash took away, go.
  const std::uint64_t index_bytes = log_file_size(index_.get());
  std::uint64_t marks = index_bytes / kLogMarkBytes;
  while (marks > 0 && read_mark(index_.get(), marks - 1).offset > bytes_)
    --marks;
  if (marks * kLogMarkBytes != index_bytes &&
      ::ftruncate(index_.get(), static_cast<off_t>(marks * kLogMarkBytes)) != 0) {
    throw_errno("mending log index '" + index.string() + "'");
  }
  lines_ = count_lines(text_.get(), index_.get(), bytes_);
  next_mark_at_ = bytes_ + kLogMarkSpacing;
  char last = '\n';
  if (bytes_ > 0) read_log(text_.get(), bytes_ - 1, std::span(&last, 1));
  if (last != '\n') append("\n", 1);
}

void LogWriter::append(std::string_view block, std::uint64_t line_ends) {
  write_all(text_.get(), block);
  bytes_ += block.size();
  lines_ += line_ends;
  if (bytes_ < next_mark_at_) return;
  std::array<char, kLogMarkBytes> mark{};
  put_log_number(lines_, mark.data());
  put_log_number(bytes_, mark.data() + 8);
  write_all(index_.get(), {mark.data(), mark.size()});
  next_mark_at_ = bytes_ + kLogMarkSpacing;
}

void LogWriter::sync() {
  if (::fdatasync(text_.get()) != 0) throw_errno("syncing a log");
}

}  // namespace gantry::core::run
