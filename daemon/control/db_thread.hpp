// SPDX-License-Identifier: MIT
// The threads that own the database. Writers run one after another, waiting ones grouped into one
// commit; readers run beside them on a connection of their own and never wait for a writer.
//
//   const core::RunId run = co_await db.write([&](Database& d) { return insert_run(d, …); });
//
// `[&]` is safe: the call waits for its closure whatever is cancelled meanwhile. A closure that
// throws undoes only its own changes and rethrows at the caller. When the commit itself fails
// (disk full), every closure of the group fails with that error and the thread goes on.
#pragma once

#include "daemon/async/task.hpp"
#include "storage/sqlite.hpp"

#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gantry::daemon::control {

using storage::Database;

class DbThread {
 public:
  // Opens and migrates the database, then starts the threads. Throws core::Exception.
  explicit DbThread(const std::filesystem::path& database);
  DbThread(const DbThread&) = delete;
  DbThread& operator=(const DbThread&) = delete;
  // Carries out what is queued, then joins. Destroy it before the loop that awaits it.
  ~DbThread();

  // Durable when it returns. `work(Database&)` must not touch the loop's state while it runs.
  template <class F>
  auto write(F work) -> async::Task<std::invoke_result_t<F&, Database&>> {
    Call<F> call(work);
    co_await carry_out(*writer_, call);
    co_return call.take();
  }
  // In one read transaction: sees one state of the database.
  template <class F>
  auto read(F work) -> async::Task<std::invoke_result_t<F&, Database&>> {
    Call<F> call(work);
    co_await carry_out(*reader_, call);
    co_return call.take();
  }

  // The same for callers without a loop.
  template <class F>
  auto submit(F work) -> std::future<std::invoke_result_t<F&, Database&>> {
    return submit_to(*writer_, std::move(work));
  }
  template <class F>
  auto submit_read(F work) -> std::future<std::invoke_result_t<F&, Database&>> {
    return submit_to(*reader_, std::move(work));
  }

 private:
  // One closure on its way. `done` is called once, on the database thread, after the commit.
  struct Task {
    virtual ~Task() = default;
    virtual void execute(Database& database) = 0;
    std::exception_ptr error;
    std::function<void()> done;
  };

  template <class F>
  struct Call final : Task {
    using Value = std::invoke_result_t<F&, Database&>;
    explicit Call(F& closure) : work(closure) {}
    void execute(Database& database) override {
      if constexpr (std::is_void_v<Value>) {
        work(database);
      } else {
        value.emplace(work(database));
      }
    }
    Value take() {
      if (this->error) std::rethrow_exception(std::exchange(this->error, nullptr));
      if constexpr (!std::is_void_v<Value>) return std::move(*value);
    }
    F& work;
    std::optional<std::conditional_t<std::is_void_v<Value>, char, Value>> value;
  };

  class Worker;

  static void enqueue(Worker& worker, Task& task);
  static async::Task<void> carry_out(Worker& worker, Task& task);

  template <class F>
  auto submit_to(Worker& worker, F work) -> std::future<std::invoke_result_t<F&, Database&>> {
    // Owned by `done`, and gone with it.
    struct Pending {
      explicit Pending(F closure) : work(std::move(closure)), call(work) {}
      F work;
      Call<F> call;
      std::promise<std::invoke_result_t<F&, Database&>> promise;
    };
    auto pending = std::make_shared<Pending>(std::move(work));
    auto future = pending->promise.get_future();
    pending->call.done = [pending] {
      if (pending->call.error) {
        pending->promise.set_exception(std::exchange(pending->call.error, nullptr));
      } else if constexpr (std::is_void_v<typename Call<F>::Value>) {
        pending->promise.set_value();
      } else {
        pending->promise.set_value(pending->call.take());
      }
    };
    enqueue(worker, pending->call);
    return future;
  }

  std::unique_ptr<Worker> writer_;
  std::unique_ptr<Worker> reader_;
};

}  // namespace gantry::daemon::control
