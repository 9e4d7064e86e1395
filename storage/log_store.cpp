// SPDX-License-Identifier: MIT
#include "storage/log_store.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "storage/compressed_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <variant>

namespace gantry::storage {
namespace {

core::UniqueFd open_if_there(const fs::path& path) {
  core::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno != ENOENT) core::throw_errno("opening log '" + path.string() + "'");
  return fd;
}

void remove_if_there(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    core::throw_errno("removing log '" + path.string() + "'");
  }
}

fs::path unfinished(const fs::path& compressed) {
  return compressed.string() + ".new";
}

// A log while it is written, or not compressed yet. Its index may be missing.
class PlainLog {
 public:
  PlainLog(core::UniqueFd text, core::UniqueFd index)
      : text_(std::move(text)), index_(std::move(index)) {}

  LogSize size() {
    // Goes on from the last count: asked again and again of a growing log.
    LogSize now{.bytes = core::run::log_file_size(text_.get())};
    core::run::LogMark from = mark_before_offset(now.bytes);
    if (known_.bytes <= now.bytes && known_.bytes > from.offset) {
      from = {.lines = known_.lines, .offset = known_.bytes};
    }
    now.lines = from.lines;
    scan(from.offset, now.bytes, [&](std::uint64_t, std::string_view chunk) {
      now.lines += core::run::count_line_ends(chunk);
      return true;
    });
    known_ = now;
    return now;
  }

  std::uint64_t offset_of_line(std::uint64_t line) {
    if (line == 0) return 0;
    const std::uint64_t end = core::run::log_file_size(text_.get());
    const core::run::LogMark mark =
        index_ ? core::run::mark_before_line(index_.get(), line, end) : core::run::LogMark{};
    std::uint64_t left = line - mark.lines;
    std::uint64_t found = end;
    scan(mark.offset, end, [&](std::uint64_t offset, std::string_view chunk) {
      for (std::size_t at = 0; (at = chunk.find('\n', at)) != std::string_view::npos;) {
        ++at;
        if (--left == 0) {
          found = offset + at;
          return false;
        }
      }
      return true;
    });
    return found;
  }

  std::size_t read_at(std::uint64_t offset, std::span<char> to) {
    return core::run::read_log(text_.get(), offset, to);
  }

 private:
  core::run::LogMark mark_before_offset(std::uint64_t offset) {
    return index_ ? core::run::mark_before_offset(index_.get(), offset) : core::run::LogMark{};
  }

  // Calls take(offset, chunk) from `from` to `end` until it says false.
  template <class Take>
  void scan(std::uint64_t from, std::uint64_t end, Take take) {
    std::array<char, 64 << 10> buffer;
    while (from < end) {
      const auto want =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - from));
      const std::size_t got = read_at(from, std::span(buffer.data(), want));
      if (got == 0 || !take(from, std::string_view(buffer.data(), got))) return;
      from += got;
    }
  }

  core::UniqueFd text_;
  core::UniqueFd index_;
  LogSize known_;
};

}  // namespace

struct LogReader::Source {
  std::variant<PlainLog, CompressedLog> log;
};

LogReader::LogReader(std::unique_ptr<Source> source) : source_(std::move(source)) {}
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;
LogReader::~LogReader() = default;

std::optional<LogReader> LogReader::open(const Layout& layout, core::JobId job) {
  // The index first: after compress_log took the text away the compressed file is there.
  core::UniqueFd index = open_if_there(layout.log_index(job));
  if (core::UniqueFd text = open_if_there(layout.log(job))) {
    return LogReader(std::make_unique<Source>(Source{PlainLog(std::move(text), std::move(index))}));
  }
  const fs::path path = layout.log_compressed(job);
  if (core::UniqueFd packed = open_if_there(path)) {
    return LogReader(
        std::make_unique<Source>(Source{CompressedLog(std::move(packed), path.string())}));
  }
  return std::nullopt;
}

LogSize LogReader::size() {
  if (auto* plain = std::get_if<PlainLog>(&source_->log)) return plain->size();
  const auto& compressed = std::get<CompressedLog>(source_->log);
  return {.lines = compressed.lines(), .bytes = compressed.bytes()};
}

std::uint64_t LogReader::offset_of_line(std::uint64_t line) {
  return std::visit([&](auto& log) { return log.offset_of_line(line); }, source_->log);
}

std::size_t LogReader::read_at(std::uint64_t offset, std::span<char> to) {
  return std::visit([&](auto& log) { return log.read_at(offset, to); }, source_->log);
}

std::string LogReader::read_lines(std::uint64_t first, std::uint64_t count,
                                  std::uint64_t limit_bytes) {
  const std::uint64_t last = count > ~first ? ~std::uint64_t{0} : first + count;
  const std::uint64_t from = offset_of_line(first);
  const std::uint64_t to = offset_of_line(last);
  std::string bytes(static_cast<std::size_t>(std::min(to - from, limit_bytes)), '\0');
  bytes.resize(read_at(from, bytes));
  return bytes;
}

std::uint64_t LogReader::tail_line(std::uint64_t count) {
  const std::uint64_t lines = size().lines;
  return lines > count ? lines - count : 0;
}

void compress_log(const Layout& layout, core::JobId job) {
  const fs::path compressed = layout.log_compressed(job);
  if (!open_if_there(compressed)) {
    const core::UniqueFd text = open_if_there(layout.log(job));
    if (!text) return;
    const fs::path unnamed = unfinished(compressed);
    const core::UniqueFd out(
        ::open(unnamed.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!out) core::throw_errno("creating log '" + unnamed.string() + "'");
    write_compressed_log(text.get(), core::run::log_file_size(text.get()), out.get());
    if (::fsync(out.get()) != 0) core::throw_errno("syncing log '" + unnamed.string() + "'");
    if (::rename(unnamed.c_str(), compressed.c_str()) != 0) {
      core::throw_errno("renaming log '" + unnamed.string() + "'");
    }
    const core::UniqueFd folder = core::open_directory(layout.log_folder(job));
    if (::fsync(folder.get()) != 0) {
      core::throw_errno("syncing folder '" + layout.log_folder(job).string() + "'");
    }
  }
  remove_if_there(layout.log(job));
  remove_if_there(layout.log_index(job));
}

std::vector<core::JobId> uncompressed_logs(const Layout& layout) {
  std::vector<core::JobId> jobs;
  for (const auto& entry : fs::recursive_directory_iterator(layout.state() / "logs")) {
    if (entry.path().extension() != ".log") continue;
    const std::string stem = entry.path().stem().string();
    core::JobId job;
    const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), job.value);
    if (error == std::errc() && end == stem.data() + stem.size()) jobs.push_back(job);
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

void remove_log(const Layout& layout, core::JobId job) {
  remove_if_there(layout.log(job));
  remove_if_there(layout.log_index(job));
  remove_if_there(layout.log_compressed(job));
  remove_if_there(unfinished(layout.log_compressed(job)));
}

}  // namespace gantry::storage
