// SPDX-License-Identifier: MIT
#include "daemon/control/app.hpp"

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/control/job_message.hpp"
#include "daemon/os/cgroup.hpp"
#include "daemon/os/log_sink.hpp"
#include "proto/version.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <charconv>
#include <csignal>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;

constexpr std::chrono::seconds kCloseGrace{2};
constexpr std::chrono::seconds kListenPatience{3};
constexpr std::chrono::milliseconds kListenPause{50};

storage::Layout prepared_layout(const Settings& settings) {
  storage::Layout layout(settings.config.state);
  layout.create();
  return layout;
}

core::fs::path socket_path(const Settings& settings, const storage::Layout& layout) {
  return settings.config.listen.socket.empty() ? layout.socket() : settings.config.listen.socket;
}

// "127.0.0.1:8480", "[::1]:8480"
http::ListenTcp parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  http::ListenTcp listen;
  listen.address = text.substr(0, colon);
  if (listen.address.starts_with('[') && listen.address.ends_with(']')) {
    listen.address = listen.address.substr(1, listen.address.size() - 2);
  }
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size()) {
    throw Exception(Errc::invalid,
                    "listening on '" + text + "': expected host:port, e.g. 127.0.0.1:8480");
  }
  return listen;
}

std::unique_ptr<github::GithubClient> make_github(http::Client& client, const Settings& settings,
                                                  const core::Clock& clock) {
  const auto& config = settings.config.github;
  if (!config.has_app() && settings.personal_token.empty()) return nullptr;
  github::ApiConfig api;
  api.base_url = config.api_url;
  github::CredentialsConfig credentials;
  if (config.has_app()) credentials.app = github::AppConfig{config.app_id, settings.app_key};
  credentials.personal_token = settings.personal_token;
  return std::make_unique<github::GithubClient>(client, api, credentials, clock);
}

http::ClientConfig client_config(http::TlsConnector& tls) {
  http::ClientConfig config;
  config.tls = &tls;
  config.user_agent = "gantry/" + std::string(proto::product_version());
  return config;
}

}  // namespace

App::App(Settings settings, Programs programs, os::ServiceNotifier notifier, Reload reload)
    : settings_(std::move(settings)),
      layout_(prepared_layout(*settings_.get())),
      programs_(std::move(programs)),
      notifier_(std::move(notifier)),
      reload_(std::move(reload)),
      lock_(lock_state()),
      db_(layout_.database()),
      live_(runtime_.executor()),
      tasks_(runtime_.executor()),
      ending_(runtime_.executor()),
      tls_(http::make_tls_connector(settings_.get()->config.github.ca_file.value_or(""))),
      http_client_(std::make_unique<http::Client>(runtime_.executor(), client_config(*tls_))),
      github_(make_github(*http_client_, *settings_.get(), clock_)),
      tokens_(settings_, github_.get()),
      git_(runtime_, settings_, layout_, programs_, tasks_),
      conductor_(runtime_, db_, settings_, live_, clock_, tasks_),
      id_tokens_(runtime_, conductor_, layout_),
      services_(conductor_, id_tokens_, layout_),
      supervisor_(
          runtime_, conductor_, layout_, programs_, socket_path(*settings_.get(), layout_).string(),
          tasks_,
          [this](std::shared_ptr<ActiveJob> job) {
            return tokens_.job_token(job->run->repo, permissions_of(*job, *settings_.get()));
          },
          [this](std::shared_ptr<ActiveRun> run, proto::MirrorRequest request) {
            return mirror_desk_.find(std::move(run), std::move(request));
          }),
      mirror_desk_(conductor_, git_, tokens_, layout_),
      repo_keeper_(runtime_, conductor_, git_, layout_),
      intake_(runtime_, conductor_, git_, tokens_, tasks_),
      schedules_(conductor_, [this](const storage::Delivery& due) { intake_.take(due); }),
      outbox_(db_, clock_),
      api_(runtime_, conductor_, intake_, settings_, layout_, live_),
      signals_(runtime_.executor(), SIGTERM, SIGINT, SIGHUP) {
  conductor_.set_starter(supervisor_);
  conductor_.set_take([this](const storage::Delivery& told) { intake_.take(told); });
  supervisor_.set_services([this](std::shared_ptr<ActiveJob> job, proto::ServiceCall call) {
    return services_.call(std::move(job), std::move(call));
  });
  if (github_) {
    reporter_ = std::make_unique<github::Reporter>(runtime_.executor(), *github_, outbox_, clock_);
    conductor_.set_reports_changed([this] { reporter_->notify(); });
  }
  intake_.add_routes(router_);
  supervisor_.add_routes(router_);
  api_.add_routes(router_);
  id_tokens_.add_routes(router_);
  server_ = std::make_unique<http::Server>(runtime_.executor(), router_);
}

App::~App() = default;

core::UniqueFd App::lock_state() const {
  const core::fs::path path = layout_.run() / "gantryd.lock";
  core::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) core::throw_errno("opening '" + path.string() + "'");
  // A record lock: unlike flock's, a child that has not come to exec yet does not keep it.
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(lock.get(), F_SETLK, &whole) != 0) {
    throw Exception(Errc::conflict, "starting on '" + layout_.state().string() +
                                        "': another gantryd runs on this state folder; stop it, "
                                        "or give this one its own 'state'");
  }
  return lock;
}

int App::run() {
  std::signal(SIGPIPE, SIG_IGN);
  os::CgroupTree cgroups = os::CgroupTree::discover();
  cgroups.prepare_delegation();
  if (!cgroups.reason().empty()) {
    core::log::warn("limits of jobs cannot all be kept", {{"why", cgroups.reason()}});
  }
  tasks_.spawn("starting", start());
  runtime_.run();
  return exit_code_;
}

async::Task<> App::start() {
  std::string failed;
  try {
    co_await conductor_.restore();
    co_await listen();
    co_await intake_.restore();
  } catch (const Exception& error) {
    failed = error.what();
  }
  if (!failed.empty()) {
    core::log::error("gantryd cannot start", {{"why", failed}});
    exit_code_ = 1;
    ending_.spawn("stopping", stop());
    co_return;
  }
  if (reporter_) reporter_->start();
  supervisor_.sweep();
  supervisor_.warm_up();
  tasks_.spawn("overdue runners", supervisor_.end_overdue());
  tasks_.spawn("cleaning up", services_.sweep());
  tasks_.spawn("signals", watch_signals());
  tasks_.spawn("watchdog", keep_watchdog());
  tasks_.spawn("schedules", schedules_.run());
  tasks_.spawn("idle git", git_.let_idle_go());
  tasks_.spawn("tidying repositories", repo_keeper_.keep_tidy());
  const auto settings = settings_.get();
  core::log::info("gantryd is ready", {{"version", proto::product_version()},
                                       {"state", layout_.state().string()},
                                       {"socket", socket_path(*settings, layout_).string()},
                                       {"http", core::join(settings->config.listen.http, ",")},
                                       {"repositories", settings->config.repositories.size()},
                                       {"reports", report_words(*settings)}});
  notifier_.ready("taking events");
}

async::Task<> App::listen() {
  const auto settings = settings_.get();
  http::Endpoint socket;
  socket.name = "socket";
  http::ListenUnix where;
  where.path = socket_path(*settings, layout_);
  where.mode = settings->config.listen.socket_mode;
  socket.where = where;
  co_await listen_on(socket);
  for (const std::string& address : settings->config.listen.http) {
    http::Endpoint endpoint;
    endpoint.name = address;
    endpoint.where = parse_address(address);
    co_await listen_on(endpoint);
  }
}

// A process that a killed gantryd was about to start keeps its sockets until it comes to exec.
async::Task<> App::listen_on(http::Endpoint endpoint) {
  const auto limit = std::chrono::steady_clock::now() + kListenPatience;
  for (bool said = false;; said = true) {
    try {
      server_->listen(endpoint);
      co_return;
    } catch (const Exception& error) {
      const bool waits = error.error().code == Errc::conflict;
      if (!waits || std::chrono::steady_clock::now() > limit) throw;
      if (!said) core::log::warn("waiting for an address", {{"why", error.what()}});
    }
    co_await async::sleep_for(kListenPause);
  }
}

std::string_view App::report_words(const Settings& settings) {
  if (settings.config.github.has_app()) return "check runs";
  return settings.personal_token.empty() ? "none" : "commit statuses";
}

void App::reload() {
  notifier_.reloading();
  try {
    Settings next = reload_();
    os::change_log_level(next.config.log_level);
    settings_.replace(std::move(next));
    conductor_.settings_changed();
    core::log::info("config reloaded");
  } catch (const Exception& error) {
    core::log::error("config not reloaded, the old one stays", {{"why", error.what()}});
  }
  notifier_.ready("taking events");
}

async::Task<> App::watch_signals() {
  for (;;) {
    const int signal = co_await signals_.async_wait(async::asio::use_awaitable);
    if (signal == SIGHUP) {
      reload();
      continue;
    }
    const core::config::OnStop how = settings_.get()->config.on_stop;
    // The second signal does not wait for jobs.
    if (stopping_ && how == core::config::OnStop::cancel) supervisor_.kill_all();
    if (stopping_ || how == core::config::OnStop::stop) break;
    stopping_ = true;
    core::log::info("draining", {{"running", conductor_.running_jobs()}});
    if (how == core::config::OnStop::cancel) {
      tasks_.spawn("cancelling all runs", conductor_.cancel_all("gantryd is stopping"));
    }
    notifier_.stopping("waiting for running jobs");
    tasks_.spawn("draining", drain());
  }
  notifier_.stopping("stopping");
  ending_.spawn("stopping", stop());
}

async::Task<> App::drain() {
  conductor_.set_accepting(Conductor::Accepting::no);
  const auto limit = std::chrono::steady_clock::now() + settings_.get()->config.drain_timeout;
  while (conductor_.running_jobs() > 0 && std::chrono::steady_clock::now() < limit) {
    co_await async::sleep_for(std::chrono::milliseconds(100));
  }
  ending_.spawn("stopping", stop());
}

async::Task<> App::stop() {
  if (ended_) co_return;
  ended_ = true;
  core::log::info("stopping", {{"running", conductor_.running_jobs()}});
  supervisor_.release_all();
  co_await server_->close(kCloseGrace);
  if (reporter_) co_await reporter_->close();
  git_.interrupt_all();
  co_await tasks_.close();
  runtime_.stop();
}

async::Task<> App::keep_watchdog() {
  const auto interval = notifier_.watchdog_interval();
  if (!interval) co_return;
  for (;;) {
    // The database answers too: a hung disk is a reason to be restarted.
    co_await db_.read([](storage::Database&) { return 0; });
    notifier_.watchdog();
    co_await async::sleep_for(*interval);
  }
}

}  // namespace gantry::daemon::control
