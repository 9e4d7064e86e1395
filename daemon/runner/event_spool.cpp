// SPDX-License-Identifier: MIT
#include "daemon/runner/event_spool.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gantry::daemon::runner {
namespace {

std::string read_range(int fd, std::uint64_t from, std::uint64_t count) {
  std::string text(count, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got =
        ::pread(fd, text.data() + filled, text.size() - filled, static_cast<off_t>(from + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) core::throw_errno("reading the job's events");
    if (got == 0) throw core::Exception(core::Errc::io, "reading the job's events: file cut off");
    filled += static_cast<std::size_t>(got);
  }
  return text;
}

}  // namespace

EventSpool::EventSpool(const std::filesystem::path& file)
    : file_(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_) return;
  if (errno != EEXIST) core::throw_errno("creating event file '" + file.string() + "'");
  throw core::Exception(core::Errc::conflict, "creating event file '" + file.string() +
                                                  "': it is there already; a job is run once");
}

std::int64_t EventSpool::append(decltype(proto::RunnerEvent::body) body, core::Timestamp now) {
  proto::RunnerEvent event;
  event.sequence = last_ + 1;
  event.at = now;
  event.body = std::move(body);
  const std::string line = proto::encode(event);
  core::write_all(file_.get(), line);
  bytes_ += line.size();
  return ++last_;
}

EventSpool::Batch EventSpool::next_batch(std::size_t limit_bytes) const {
  Batch batch;
  std::uint64_t count = std::min<std::uint64_t>(bytes_ - acknowledged_bytes_, limit_bytes);
  batch.text = read_range(file_.get(), acknowledged_bytes_, count);
  while (!batch.text.empty() && batch.text.find('\n') == std::string::npos) {
    count = std::min<std::uint64_t>(bytes_ - acknowledged_bytes_, 2 * count);
    batch.text = read_range(file_.get(), acknowledged_bytes_, count);
  }
  batch.text.resize(batch.text.rfind('\n') + 1);
  batch.last = acknowledged_ + std::count(batch.text.begin(), batch.text.end(), '\n');
  return batch;
}

void EventSpool::acknowledge(std::int64_t sequence) {
  if (sequence <= acknowledged_ || sequence > last_) return;
  while (acknowledged_ < sequence) {
    Batch batch = next_batch(64 << 10);
    std::size_t at = 0;
    for (; acknowledged_ < sequence && at < batch.text.size(); ++acknowledged_) {
      at = batch.text.find('\n', at) + 1;
    }
    acknowledged_bytes_ += at;
  }
}

}  // namespace gantry::daemon::runner
