// SPDX-License-Identifier: MIT
// The runner's side of the runner protocol: fetches the job, delivers events in order and hears
// what gantryd wants. gantryd may go away at any time and for any time: the job goes on, events
// wait in the spool. Used from the loop thread. Throws core::Exception.
#pragma once

#include "daemon/async/runtime.hpp"
#include "daemon/http/client.hpp"
#include "daemon/runner/event_spool.hpp"
#include "proto/actions_services.hpp"
#include "proto/runner_mirror.hpp"
#include "proto/runner_protocol.hpp"

#include <functional>
#include <string>

namespace gantry::daemon::runner {

class GantrydLink {
 public:
  GantrydLink(const async::asio::any_io_executor& executor, proto::RunnerStart start);

  // Tries until gantryd answers; throws denied when it does not know this job (any more).
  async::Task<proto::JobMessage> fetch_job();

  // Durable when it returns; sent soon.
  void report(decltype(proto::RunnerEvent::body) body);
  bool all_acknowledged() const { return spool_.all_acknowledged(); }

  // Background tasks. deliver() ends when finish() was called and everything is acknowledged, or
  // when gantryd refuses the job; watch_control() when it has been cancelled.
  async::Task<> deliver();
  async::Task<> watch_control();
  // A runtime service of the job, asked of gantryd; waits through a restart of it for a while, then
  // throws Errc::unavailable.
  async::Task<proto::ServiceAnswer> call_service(proto::ServiceCall call);
  // The mirror of a repository, up to date; waits for gantryd as long as it takes. Throws with
  // gantryd's reason.
  async::Task<proto::MirrorAnswer> find_mirror(proto::MirrorRequest request);
  void finish();
  bool refused() const { return refused_; }

  // Called once: gantryd wants the job to end, or has given it up.
  std::function<void()> on_cancel = [] {};
  // Called after each acknowledgement.
  std::function<void()> on_acknowledged = [] {};

 private:
  struct Reply {
    int status = 0;  // 0: no answer
    std::string body;
  };
  async::Task<Reply> ask(http::Client& client, std::string method, std::string_view path,
                         std::string body);
  void take(const Reply& reply);
  void request_cancel();
  void give_up(int status);

  proto::RunnerStart start_;
  http::Client client_;
  http::Client control_client_;
  http::Client mirror_client_;
  EventSpool spool_;
  async::Wakeup wake_;
  async::Wakeup finished_;  // finish() was called
  bool finishing_ = false;
  bool refused_ = false;
  bool cancel_requested_ = false;
};

}  // namespace gantry::daemon::runner
