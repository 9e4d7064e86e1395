// SPDX-License-Identifier: MIT
#include "daemon/control/db_thread.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "storage/migrations.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace gantry::daemon::control {
namespace {

namespace asio = boost::asio;
using storage::Transaction;

// So that the first of a group does not wait long for its commit.
constexpr std::size_t kMostInGroup = 256;

Database open_migrated(const std::filesystem::path& path) {
  Database database(path);
  storage::migrate(database);
  return database;
}

}  // namespace

// A queue of tasks and the thread that carries them out on its connection.
class DbThread::Worker {
 public:
  explicit Worker(Database database)
      : database_(std::move(database)), thread_([this] { loop(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void enqueue(Task& task) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(&task);
    }
    changed_.notify_one();
  }

 private:
  void loop() {
    for (std::vector<Task*> group = take(); !group.empty(); group = take()) {
      if (database_.access() == storage::Access::read_only) {
        for (Task* task : group)
          carry_out_group({task});
      } else {
        carry_out_group(group);
      }
    }
  }

  // What is waiting, up to a group; empty when closing and all is done.
  std::vector<Task*> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_closing_ || !queue_.empty(); });
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMostInGroup));
    std::vector<Task*> group(queue_.begin(), queue_.begin() + count);
    queue_.erase(queue_.begin(), queue_.begin() + count);
    return group;
  }

  // One transaction. When it is lost as a whole, so is every task in it.
  void carry_out_group(const std::vector<Task*>& group) {
    try {
      Transaction transaction(database_);
      for (Task* task : group)
        carry_out_one(*task);
      transaction.commit();
    } catch (const core::Exception& exception) {
      core::log::error("database transaction lost",
                       {{"closures", group.size()}, {"error", exception.what()}});
      for (Task* task : group) {
        // Each its own: waiters may look at it on different threads.
        if (!task->error) task->error = std::make_exception_ptr(core::Exception(exception));
      }
    }
    for (Task* task : group) {
      // The waiter may free the task as soon as `done` has told it.
      const std::function<void()> done = std::move(task->done);
      done();
    }
  }

  // Leaves the failure of one closure in its task, undone; throws when the transaction is gone.
  void carry_out_one(Task& task) {
    try {
      Transaction part(database_);
      task.execute(database_);
      part.commit();
    } catch (...) {
      task.error = std::current_exception();
    }
    if (!database_.in_transaction()) std::rethrow_exception(task.error);
  }

  Database database_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task*> queue_;
  bool is_closing_ = false;
  std::thread thread_;  // last: uses all of the above
};

DbThread::DbThread(const std::filesystem::path& database)
    : writer_(std::make_unique<Worker>(open_migrated(database))),
      reader_(std::make_unique<Worker>(Database(database, storage::Access::read_only))) {}

DbThread::~DbThread() = default;

void DbThread::enqueue(Worker& worker, Task& task) {
  worker.enqueue(task);
}

async::Task<> DbThread::carry_out(Worker& worker, Task& task) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&worker, &task](auto handler) {
        auto executor = asio::prefer(asio::get_associated_executor(handler),
                                     asio::execution::outstanding_work.tracked);
        // std::function wants to copy what it holds; only one copy is ever called.
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        task.done = [executor, kept] { asio::post(executor, std::move(*kept)); };
        worker.enqueue(task);
      },
      asio::use_awaitable);
}

}  // namespace gantry::daemon::control
