// SPDX-License-Identifier: MIT
// Sandbox by bubblewrap with gantry-agent as pid 1. Use it through sandbox.hpp.
#pragma once

#include "daemon/runner/sandbox/control_socket.hpp"
#include "daemon/runner/sandbox/network.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <deque>
#include <map>

namespace gantry::daemon::runner {

class Bubblewrap final : public Sandbox {
 public:
  Bubblewrap(const core::run::SandboxSpec& spec, const BubblewrapConfig& config);
  Bubblewrap(const Bubblewrap&) = delete;
  Bubblewrap& operator=(const Bubblewrap&) = delete;
  ~Bubblewrap() override;

  int event_fd() const override { return epoll_.get(); }
  std::optional<SandboxEvent> next_event() override;
  StepHandle start_step(const StepRequest& request) override;
  void signal_step(StepHandle step, int signo) override;
  void kill_all() override;
  core::UniqueFd listen() override;
  SandboxUsage usage() const override;
  void close() override;

 private:
  enum class Phase { starting, running, ended };

  void launch(const core::run::SandboxSpec& spec);
  void watch(int fd, std::uint32_t events);
  void unwatch(int fd);
  void update_control_watch();
  void handle(int fd);
  void handle_info();
  void handle_replies();
  void handle_end();
  bool accept(const proto::agent::Reply& reply);
  void prepare();
  void become_ready();
  void give_up(const std::string& why);
  void end_everything() noexcept;

  BubblewrapConfig config_;
  bool network_wanted_ = false;
  Phase phase_ = Phase::starting;
  core::UniqueFd epoll_;
  os::Cgroup cgroup_;
  os::Child bwrap_;
  ControlSocket control_;
  bool watching_for_room_ = false;
  InternetAccess network_;
  core::UniqueFd info_;
  pid_t agent_pid_ = 0;  // in our pid namespace; known where limits or internet are wanted
  bool greeted_ = false;
  core::UniqueFd complaints_;  // standard error of bwrap and the agent
  std::string info_text_;
  std::string complaint_;
  std::string reason_;  // why we ended it ourselves
  StepHandle last_step_ = 0;
  std::map<StepHandle, StepRequest> steps_;
  std::chrono::microseconds cpu_of_steps_{};
  std::deque<SandboxEvent> events_;
};

}  // namespace gantry::daemon::runner
