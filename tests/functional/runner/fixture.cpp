// SPDX-License-Identifier: MIT
#include "tests/functional/runner/fixture.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

#include <boost/asio.hpp>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>

namespace gantry::tests {
namespace {

namespace http = daemon::http;
using daemon::async::Task;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
constexpr std::string_view kToken = "one-job-token";

bool is_allowed(const http::Request& request) {
  return request.header("Authorization") == "Bearer " + std::string(kToken);
}

}  // namespace

bool comes_true(const std::function<bool()>& condition) {
  const auto give_up_at = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > give_up_at) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

struct FakeGantryd::Serving {
  http::Router router;
  daemon::async::Runtime runtime;
  http::Server server;
  std::thread thread;

  Serving(http::Router routes, const fs::path& socket)
      : router(std::move(routes)), server(runtime.executor(), router) {
    server.listen({"runners", http::ListenUnix{socket, 0600}});
    thread = std::thread([this] { runtime.run(); });
  }
  ~Serving() {
    boost::asio::co_spawn(runtime.executor(), server.close(std::chrono::milliseconds(0)),
                          [this](const std::exception_ptr&) { runtime.stop(); });
    thread.join();
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
};

FakeGantryd::FakeGantryd(fs::path socket, const proto::JobMessage& message)
    : socket_(std::move(socket)), job_(proto::encode(message)) {}

FakeGantryd::~FakeGantryd() {
  stop();
}

void FakeGantryd::start() {
  serving_ = std::make_unique<Serving>(router(), socket_);
}

void FakeGantryd::stop() {
  serving_.reset();
  fs::remove(socket_);
}

void FakeGantryd::cancel() {
  const std::lock_guard lock(mutex_);
  cancel_ = true;
}

void FakeGantryd::forget_acknowledgements(bool forget) {
  const std::lock_guard lock(mutex_);
  forget_ = forget;
}

std::vector<proto::RunnerEvent> FakeGantryd::events() {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::int64_t FakeGantryd::repeated() {
  const std::lock_guard lock(mutex_);
  return repeated_;
}

std::int64_t FakeGantryd::peak_kib() {
  const std::lock_guard lock(mutex_);
  return peak_kib_;
}

bool FakeGantryd::wait_for(
    const std::function<bool(const std::vector<proto::RunnerEvent>&)>& found) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return found(events_); });
}

void FakeGantryd::take_event(proto::RunnerEvent event) {
  const auto next = static_cast<std::int64_t>(events_.size()) + 1;
  if (event.sequence < next) {
    ++repeated_;
    return;
  }
  REQUIRE(event.sequence == next);
  if (const auto* started = std::get_if<proto::JobStarted>(&event.body)) runner_pid_ = started->pid;
  if (std::holds_alternative<proto::JobCompleted>(event.body) && runner_pid_ != 0) {
    const std::string status = core::read_file("/proc/" + std::to_string(runner_pid_) + "/status");
    peak_kib_ = std::atol(status.c_str() + status.find("VmHWM:") + 6);
  }
  events_.push_back(std::move(event));
}

std::string FakeGantryd::take(std::string_view batch) {
  const std::lock_guard lock(mutex_);
  for (const std::string_view line : core::split(batch, '\n')) {
    if (line.empty()) continue;
    auto event = proto::decode_runner_event(line);
    REQUIRE(event.has_value());
    take_event(std::move(*event));
  }
  changed_.notify_all();
  proto::Acknowledgement answer;
  answer.acked_sequence = forget_ ? 0 : static_cast<std::int64_t>(events_.size());
  if (cancel_) answer.control = proto::Control::cancel;
  return proto::encode(answer);
}

http::Router FakeGantryd::router() {
  http::Router router;
  router.add("GET", proto::kRunnerJobPath, [this](http::Request& request) -> Task<http::Response> {
    if (!is_allowed(request)) co_return http::error_response(401, "not your job");
    co_return http::json_response(200, job_);
  });
  http::RouteOptions options;
  options.body_limit_bytes = 16 << 20;
  router.add(
      "POST", proto::kRunnerEventsPath,
      [this](http::Request& request) -> Task<http::Response> {
        if (!is_allowed(request)) co_return http::error_response(401, "not your job");
        co_return http::json_response(200, take(request.body));
      },
      options);
  router.add("GET", proto::kRunnerControlPath,
             [this](http::Request& request) -> Task<http::Response> {
               if (!is_allowed(request)) co_return http::error_response(401, "not your job");
               const auto end = steady_clock::now() + proto::kRunnerControlWait;
               for (bool asked = false; !asked && steady_clock::now() < end;) {
                 co_await daemon::async::sleep_for(std::chrono::milliseconds(5));
                 const std::lock_guard lock(mutex_);
                 asked = cancel_;
               }
               co_return http::json_response(200, take(""));
             });
  return router;
}

RunnerJob::RunnerJob(const std::string& steps, const std::string& job_keys,
                     const std::string& workflow_keys) {
  fs::create_directory(folder());
  message.run.value = 1;
  message.run_number = 1;
  message.job.value = ::getpid() * 1000L + std::rand() % 1000;
  message.job_key = "build";
  message.job_name = "build";
  message.workflow_file = ".github/workflows/ci.yml";
  message.workflow_text = R"({"on": "push", )" + workflow_keys +
                          R"("jobs": {"build": {"runs-on": "linux", )" + job_keys +
                          R"("steps": [)" + steps + "]}}}\n";
  message.github = *core::expr::parse_json(
      R"({"ref": "refs/heads/main", "sha": "0123456789012345678901234567890123456789",
          "repository": "owner/project", "event_name": "push", "event": {"n": 1}})");
  message.trust = proto::Trust::trusted;
  message.labels = {"linux"};
  message.paths.log = state_.path() / "1.log";
  message.paths.log_index = state_.path() / "1.idx";
  message.paths.mirror = state_.path() / "mirror.git";
  message.paths.trees = state_.path() / "trees";
  message.paths.git_binary = std::string(GANTRY_BIN_DIR) + "/gantry-git";
  message.paths.agent_binary = std::string(GANTRY_BIN_DIR) + "/gantry-agent";
  message.repository.full_name = "owner/project";
  message.repository.server_url = "https://github.com";
}

void RunnerJob::start() {
  const fs::path socket = state_.path() / "gantryd.sock";
  gantryd_ = std::make_unique<FakeGantryd>(socket, message);
  gantryd_->start();
  proto::RunnerStart start;
  start.socket = socket;
  start.token = kToken;
  start.job = message.job;
  start.folder = folder();
  if (message_on_stdin) start.message = message;
  core::Pipe input = core::make_pipe();
  daemon::os::SpawnOptions options;
  options.argv = {std::string(GANTRY_BIN_DIR) + "/gantry-runner"};
  options.env = daemon::os::current_environment();
  options.fds = {{input.read.get(), 0}, {2, 2}};
  child_ = daemon::os::spawn(options);
  if (ahead) core::write_all(input.write.get(), proto::encode(*ahead) + '\n');
  core::write_all(input.write.get(), proto::encode(start) + '\n');
}

void RunnerJob::make_ahead() {
  ahead.emplace();
  ahead->folder = folder();
  ahead->sandbox = message.sandbox;
  ahead->agent_binary = message.paths.agent_binary;
  ahead->roots = message.paths.roots;
}

int RunnerJob::finish() {
  if (!child_) start();
  std::optional<daemon::os::ExitStatus> status;
  REQUIRE(comes_true([&] { return (status = child_.try_wait()).has_value(); }));
  return status->shell_code();
}

proto::JobCompleted RunnerJob::completed() {
  const auto events = gantryd_->events();
  REQUIRE_FALSE(events.empty());
  const auto* completed = std::get_if<proto::JobCompleted>(&events.back().body);
  REQUIRE(completed != nullptr);
  return *completed;
}

proto::StepChanged RunnerJob::step(int number) {
  proto::StepChanged newest;
  for (const proto::RunnerEvent& event : gantryd_->events()) {
    const auto* changed = std::get_if<proto::StepChanged>(&event.body);
    if (changed != nullptr && changed->number == number) newest = *changed;
  }
  REQUIRE(newest.number == number);
  return newest;
}

std::vector<proto::JobAnnotation> RunnerJob::annotations() {
  std::vector<proto::JobAnnotation> annotations;
  for (const proto::RunnerEvent& event : gantryd_->events()) {
    if (const auto* one = std::get_if<proto::JobAnnotation>(&event.body)) {
      annotations.push_back(*one);
    }
  }
  return annotations;
}

std::string RunnerJob::log() {
  return core::read_file_if_exists(message.paths.log, 1ULL << 30).value_or("");
}

std::string RunnerJob::log_text() {
  constexpr std::size_t kStamp = 29;
  std::string text;
  const std::string all = log();
  for (const std::string_view line : core::split(all, '\n')) {
    if (line.size() >= kStamp) text += std::string(line.substr(kStamp)) + '\n';
  }
  return text;
}

std::string RunnerJob::log_of_step(int number) {
  const proto::StepChanged changed = step(number);
  const std::string text = log_text();
  const auto lines = core::split(text, '\n');
  std::string own;
  for (auto line = changed.first_line; line != 0 && line <= changed.last_line; ++line) {
    own += std::string(lines.at(static_cast<std::size_t>(line - 1))) + '\n';
  }
  return own;
}

bool RunnerJob::wait_for_log(const std::string& text) {
  return comes_true([&] { return logged(text); });
}

}  // namespace gantry::tests
