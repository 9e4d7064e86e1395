// SPDX-License-Identifier: MIT
#include "daemon/os/child_async.hpp"

#include "core/base/error.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/process/v2/process.hpp>
#include <fcntl.h>

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

boost::asio::awaitable<ExitStatus> async_wait(Child& child) {
  if (child.status()) co_return *child.status();
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  core::UniqueFd pidfd(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 3));
  if (!pidfd) core::throw_errno("waiting for process '" + std::to_string(child.pid()) + "'");
  BorrowedProcess borrowed(executor, child.pid(), pidfd.release());
  co_await borrowed.get().async_wait(boost::asio::use_awaitable);
  // The result of async_wait cannot tell `exit 9` from SIGKILL; the native code can.
  child.set_status(from_wait_status(borrowed.get().native_exit_code()));
  co_return *child.status();
}

}  // namespace gantry::daemon::os
