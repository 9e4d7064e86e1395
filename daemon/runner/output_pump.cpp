// SPDX-License-Identifier: MIT
#include "daemon/runner/output_pump.hpp"

#include "core/base/error.hpp"

#include <boost/asio/redirect_error.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace gantry::daemon::runner {
namespace {

namespace asio = async::asio;

constexpr int kPipeBytes = 1 << 20;
// At most so much before other work of the loop gets its turn.
constexpr std::size_t kPortionBytes = 4 << 20;
// A reader that wakes for every line slows the writer down; the pipe has room for a while.
constexpr std::chrono::microseconds kBatchPause{1000};
constexpr std::size_t kWorthReadingAtOnce = 64 << 10;

}  // namespace

OutputPump::OutputPump(const asio::any_io_executor& executor, JobLog& log,
                       StepOutput::OnCommand on_command, StepOutput::WantsAll wants_all,
                       std::function<void()> on_progress)
    : read_end_(executor),
      pause_(executor),
      log_(log),
      output_(std::make_unique<StepOutput>(log, std::move(on_command), std::move(wants_all))),
      on_progress_(std::move(on_progress)) {
  core::Pipe pipe = core::make_pipe();
  // Without the larger pipe it is only slower: the user may have used up what the kernel allows.
  (void)::fcntl(pipe.read.get(), F_SETPIPE_SZ, kPipeBytes);
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) core::throw_errno("setting up a pipe");
  read_end_.assign(pipe.read.release());
  write_end_ = std::move(pipe.write);
}

OutputPump::Found OutputPump::read_portion() {
  std::size_t total = 0;
  while (!at_end_ && total < kPortionBytes) {
    const std::span<char> into = output_->space();
    const ssize_t count = ::read(read_end_.native_handle(), into.data(), into.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) core::throw_errno("reading a step's output");
    if (count == 0) {
      end();
      break;
    }
    output_->commit(static_cast<std::size_t>(count));
    total += static_cast<std::size_t>(count);
  }
  log_.flush();
  if (total > 0 || at_end_) on_progress_();
  if (total == 0) return Found::nothing;
  return total < kWorthReadingAtOnce ? Found::some : Found::much;
}

void OutputPump::end() {
  at_end_ = true;
  output_->finish();
  output_.reset();
  read_end_.close();
  pause_.cancel();
}

void OutputPump::drain() {
  while (!at_end_ && read_portion() != Found::nothing)
    continue;
}

async::Task<> OutputPump::run() {
  is_running_ = true;
  const std::unique_ptr<bool, void (*)(bool*)> at_exit(&is_running_,
                                                       [](bool* running) { *running = false; });
  boost::system::error_code ended;  // drain() may close the pipe while this waits
  while (!at_end_) {
    co_await read_end_.async_wait(asio::posix::descriptor_base::wait_read,
                                  asio::redirect_error(asio::use_awaitable, ended));
    if (at_end_ || ended == asio::error::operation_aborted) co_return;
    Found found = Found::nothing;
    try {
      found = read_portion();
    } catch (const core::Exception&) {
      at_end_ = true;
      read_end_.close();  // the writer gets SIGPIPE; unread it would hang
      throw;
    }
    if (at_end_) co_return;
    if (found == Found::much) {
      co_await asio::post(read_end_.get_executor(), asio::use_awaitable);
    } else {
      pause_.expires_after(kBatchPause);
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    }
  }
}

}  // namespace gantry::daemon::runner
