// SPDX-License-Identifier: MIT
// gantryd as a whole: owns every service in the order they depend on each other, starts, reloads
// and stops them. main() makes one.
#pragma once

#include "core/base/time.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/async/runtime.hpp"
#include "daemon/control/api.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/git_pool.hpp"
#include "daemon/control/github_tokens.hpp"
#include "daemon/control/id_tokens.hpp"
#include "daemon/control/intake.hpp"
#include "daemon/control/job_services.hpp"
#include "daemon/control/live.hpp"
#include "daemon/control/mirror_desk.hpp"
#include "daemon/control/repo_keeper.hpp"
#include "daemon/control/reports.hpp"
#include "daemon/control/schedules.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/control/supervisor.hpp"
#include "daemon/http/client.hpp"
#include "daemon/http/server.hpp"
#include "daemon/http/tls.hpp"
#include "daemon/os/systemd.hpp"
#include "storage/layout.hpp"

#include <boost/asio/signal_set.hpp>

#include <functional>
#include <memory>
#include <optional>

namespace gantry::daemon::control {

class App {
 public:
  // Reads the config anew for SIGHUP; throws core::Exception with everything wrong in it.
  using Reload = std::function<Settings()>;

  // Locks the state folder, opens the database. Throws core::Exception.
  App(Settings settings, Programs programs, os::ServiceNotifier notifier, Reload reload);
  ~App();

  int run();  // until told to stop; the exit code

 private:
  async::Task<> start();
  async::Task<> watch_signals();
  async::Task<> keep_watchdog();
  async::Task<> drain();
  async::Task<> stop();
  void reload();
  async::Task<> listen();
  async::Task<> listen_on(http::Endpoint endpoint);
  core::UniqueFd lock_state() const;
  static std::string_view report_words(const Settings& settings);

  core::SystemClock clock_;
  SettingsHolder settings_;
  storage::Layout layout_;
  Programs programs_;
  os::ServiceNotifier notifier_;
  Reload reload_;
  core::UniqueFd lock_;
  async::Runtime runtime_;
  DbThread db_;
  Live live_;
  async::TaskGroup tasks_;   // jobs, deliveries, followers
  async::TaskGroup ending_;  // the one task that ends the others
  std::unique_ptr<http::TlsConnector> tls_;
  std::unique_ptr<http::Client> http_client_;
  std::unique_ptr<github::GithubClient> github_;  // null without credentials
  GithubTokens tokens_;
  GitPool git_;
  Conductor conductor_;
  IdTokens id_tokens_;
  JobServices services_;
  Supervisor supervisor_;
  MirrorDesk mirror_desk_;
  RepoKeeper repo_keeper_;
  Intake intake_;
  Schedules schedules_;
  OutboxQueue outbox_;
  std::unique_ptr<github::Reporter> reporter_;
  Api api_;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  async::asio::signal_set signals_;
  bool stopping_ = false;  // asked to
  bool ended_ = false;
  int exit_code_ = 0;
};

}  // namespace gantry::daemon::control
