// SPDX-License-Identifier: MIT
#include "daemon/os/child_async.hpp"

#include "core/base/error.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/process/v2/process.hpp>
#include <fcntl.h>
#include <poll.h>

namespace gantry::daemon::os {

namespace {

// Boost's process kills what it still holds when it is destroyed; ours is only borrowed.
class BorrowedProcess {
 public:
  BorrowedProcess(const boost::asio::any_io_executor& executor, pid_t pid, int pidfd)
      : process_(executor, pid, pidfd) {}
  BorrowedProcess(const BorrowedProcess&) = delete;
  BorrowedProcess& operator=(const BorrowedProcess&) = delete;
  ~BorrowedProcess() { process_.detach(); }
  boost::process::v2::process& get() { return process_; }

 private:
  boost::process::v2::process process_;
};

}  // namespace

// Asio may wake a waiter with an event that was meant for an earlier descriptor (its states are
// pooled); reads of sockets bear that, a wait that goes on to waitpid would block the loop.
boost::asio::awaitable<void> wait_exited(int pidfd) {
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  core::UniqueFd copy(::fcntl(pidfd, F_DUPFD_CLOEXEC, 3));
  if (!copy) core::throw_errno("waiting for a process");
  boost::asio::posix::stream_descriptor descriptor(executor, copy.release());
  pollfd look{};
  look.fd = descriptor.native_handle();
  look.events = POLLIN;
  while (::poll(&look, 1, 0) == 0) {
    co_await descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                                   boost::asio::use_awaitable);
  }
}

boost::asio::awaitable<ExitStatus> async_wait(Child& child) {
  if (child.status()) co_return *child.status();
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  core::UniqueFd pidfd(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 3));
  if (!pidfd) core::throw_errno("waiting for process '" + std::to_string(child.pid()) + "'");
  const pid_t pid = child.pid();  // it may be released meanwhile
  co_await wait_exited(pidfd.get());
  BorrowedProcess borrowed(executor, pid, pidfd.release());
  borrowed.get().wait();
  // The result of wait cannot tell `exit 9` from SIGKILL; the native code can.
  child.set_status(from_wait_status(borrowed.get().native_exit_code()));
  co_return *child.status();
}

}  // namespace gantry::daemon::os
