// SPDX-License-Identifier: MIT
// The runners of this machine: starts one process per job, serves the runner protocol, sees runners
// end, takes up those that outlived a gantryd. Loop thread only.
#pragma once

#include "core/base/files.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/job_events.hpp"
#include "daemon/control/nursery.hpp"
#include "daemon/control/programs.hpp"
#include "daemon/control/runner_folder.hpp"
#include "daemon/http/router.hpp"
#include "daemon/os/child.hpp"
#include "proto/actions_services.hpp"
#include "proto/runner_mirror.hpp"
#include "proto/runner_protocol.hpp"
#include "storage/layout.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace gantry::daemon::control {

class Supervisor final : public JobStarter {
 public:
  // A token for the job's `github.token` and clones; may be slow, may give "".
  using TokenSource = std::function<async::Task<std::string>(std::shared_ptr<ActiveJob> job)>;
  // The mirror of a repository for a job of the run.
  using MirrorSource = std::function<async::Task<proto::MirrorResult>(
      std::shared_ptr<ActiveRun> run, proto::MirrorRequest request)>;

  Supervisor(async::Runtime& runtime, Conductor& conductor, storage::Layout layout,
             Programs programs, std::string socket, async::TaskGroup& tasks, TokenSource tokens,
             MirrorSource mirrors);
  ~Supervisor() override;

  void start(std::shared_ptr<ActiveJob> job) override;
  void adopt(std::shared_ptr<ActiveJob> job) override;
  bool has_runner(core::JobId job) const override;

  // What answers calls of the runtime services.
  using ServiceHandler = std::function<async::Task<proto::ServiceAnswer>(
      std::shared_ptr<ActiveJob> job, proto::ServiceCall call)>;
  void set_services(ServiceHandler services) { services_ = std::move(services); }

  void add_routes(http::Router& router);  // /runner/v1/…

  // Starts runners ahead of need, so that a job does not wait for one.
  void warm_up();
  // Removes folders of jobs that ended, or runners that waited, when gantryd was killed. Once,
  // after the conductor's restore().
  void sweep();
  // Kills runners that outlive their job's time: a job may find a way to keep its runner busy.
  async::Task<> end_overdue();
  // Kills all runners, and with them their jobs' sandboxes.
  void kill_all();
  // Lets go of all runners: they go on without us.
  void release_all();

 private:
  struct Runner;
  using RunnerPointer = std::shared_ptr<Runner>;

  async::Task<> run(RunnerPointer runner);
  async::Task<> ended(RunnerPointer runner, std::string how);
  async::Task<> take_rest(RunnerPointer runner, std::vector<proto::RunnerEvent> events);
  bool try_again(const std::shared_ptr<ActiveJob>& job, const std::string& how);
  async::Task<> remove_left(std::vector<core::fs::path> left);
  async::Task<> tidy(core::JobId job);
  struct Spare {
    core::fs::path folder;
    Nursery::Runner runner;
  };
  Spare spawn_spare();
  Spare spawn_spare_in(const LockedFolder& folder);
  Spare take_spare();
  async::Task<proto::JobMessage> message_for(std::shared_ptr<ActiveJob> job);
  void hand_over(Runner& runner, proto::JobMessage message);
  std::chrono::steady_clock::time_point patience_for(const ActiveJob& job) const;
  RunnerPointer find(const http::Request& request) const;
  async::Task<EventsStored> take(RunnerPointer runner, std::vector<proto::RunnerEvent> events);
  std::string acknowledgement(const Runner& runner, std::int64_t acked) const;

  async::Task<http::Response> get_job(http::Request& request);
  async::Task<http::Response> post_events(http::Request& request);
  async::Task<http::Response> get_control(http::Request& request);
  async::Task<http::Response> post_service(http::Request& request);
  async::Task<http::Response> post_mirror(http::Request& request);

  async::Runtime& runtime_;
  Conductor& conductor_;
  storage::Layout layout_;
  Programs programs_;
  Nursery nursery_;
  std::string socket_;
  async::TaskGroup& tasks_;
  TokenSource tokens_;
  ServiceHandler services_;
  MirrorSource mirrors_;
  std::unordered_map<std::string, RunnerPointer> by_token_hash_;
  std::deque<Spare> spares_;
  std::size_t last_offer_ = 0;  // of the job started last
  storage::Trust last_trust_ = storage::Trust::trusted;
  bool released_ = false;
};

}  // namespace gantry::daemon::control
