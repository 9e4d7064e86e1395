// SPDX-License-Identifier: MIT
// Sandbox by bubblewrap. The order at the start, none of it blocking: bwrap makes the namespaces
// and mounts and becomes the agent, which says hello. Where limits or internet are wanted, only
// then is it put into its control group (its number is known from the info fd) and slirp4netns
// started: earlier bwrap itself would still be at work on the loopback device. Steps that are asked
// for meanwhile are held back. (bwrap's --block-fd is of no use: it does not tell when it waits.)
#include "daemon/runner/sandbox/bubblewrap.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/doctor.hpp"
#include "daemon/os/find_program.hpp"
#include "daemon/runner/sandbox/listener.hpp"
#include "daemon/runner/sandbox/seccomp_filter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace gantry::daemon::runner {

namespace {

using core::Errc;
using core::Exception;
using core::UniqueFd;
namespace agent = proto::agent;

constexpr const char* kDoing = "starting the sandbox";
constexpr std::size_t kMaxComplaintBytes = 16 << 10;
constexpr int kCloseTimeoutMs = 5000;
// Where bwrap's descriptors go; files follow.
constexpr int kControlTarget = 3;
constexpr int kAgentTarget = 4;
constexpr int kSeccompTarget = 5;
constexpr int kInfoTarget = 6;
constexpr int kFirstFileTarget = 7;

UniqueFd memory_file(std::string_view content) {
  UniqueFd file(::memfd_create("gantry", MFD_CLOEXEC));
  if (!file) core::throw_errno(kDoing);
  core::write_all(file.get(), content);
  if (::lseek(file.get(), 0, SEEK_SET) != 0) core::throw_errno(kDoing);
  return file;
}

void make_nonblocking(const UniqueFd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) core::throw_errno(kDoing);
}

// Appends what is there, up to the limit. False at the end of the stream.
bool drain(int fd, std::string& into) {
  char bytes[4096];
  for (;;) {
    const ssize_t n = ::read(fd, bytes, sizeof bytes);
    if (n > 0) {
      const std::size_t room = kMaxComplaintBytes - std::min(kMaxComplaintBytes, into.size());
      into.append(bytes, std::min(static_cast<std::size_t>(n), room));
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

// The number after "child-pid": in bwrap's info; 0 until it is there as a whole.
pid_t child_pid_in(std::string_view info) {
  constexpr std::string_view key = "\"child-pid\":";
  if (info.find('}') == std::string_view::npos) return 0;
  const std::size_t at = info.find(key);
  if (at == std::string_view::npos) return 0;
  info.remove_prefix(at + key.size());
  info = core::trim(info);
  pid_t pid = 0;
  std::from_chars(info.data(), info.data() + info.size(), pid);
  return pid;
}

bool has_limits(const core::run::SandboxLimits& limits) {
  return limits.memory_bytes != 0 || limits.pids != 0 || limits.cpu_percent != 0;
}

std::string phase_text(agent::SetupPhase phase, const StepRequest& request) {
  switch (phase) {
    case agent::SetupPhase::descriptors:
      return "connecting its output";
    case agent::SetupPhase::folder:
      return "entering working directory '" + request.cwd + "'";
    case agent::SetupPhase::program:
      return "executing '" + request.argv.front() + "'";
    case agent::SetupPhase::process:
      return "creating a process";
  }
  return {};
}

std::string hint_for(agent::SetupPhase phase, int error_number) {
  if (phase != agent::SetupPhase::program) return {};
  if (error_number == ENOENT) {
    return "; install it on this machine, or add its folder to 'path' of the config";
  }
  if (error_number == E2BIG) {
    return "; a variable or argument holds 128 KiB at most, all together 2 MiB: hand big values on "
           "in a file";
  }
  return {};
}

std::string hint_for(std::string_view complaint) {
  // AppArmor grants the namespace and refuses what is done in it.
  for (const char* word : {"uid map", "namespace", "RTM_NEWADDR"}) {
    if (complaint.find(word) == std::string_view::npos) continue;
    return "; unprivileged user namespaces seem to be off, 'gantry doctor' says how to allow them";
  }
  const std::string remedy = os::hidden_proc_remedy(complaint);
  return remedy.empty() ? "" : "; " + remedy;
}

}  // namespace

Bubblewrap::Bubblewrap(const core::run::SandboxSpec& spec, const BubblewrapConfig& config)
    : config_(config), network_wanted_(spec.network == core::run::Network::internet) {
  if (::geteuid() == 0) {
    throw Exception(Errc::denied, std::string(kDoing) +
                                      ": running as root, a job would own every file it can see; "
                                      "run Gantry as a user of its own");
  }
  const std::string bwrap = os::find_program(config_.bwrap);
  if (bwrap.empty()) {
    throw Exception(Errc::unavailable, std::string(kDoing) + ": '" + config_.bwrap +
                                           "' is not installed; apt-get install bubblewrap");
  }
  config_.bwrap = bwrap;
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) core::throw_errno(kDoing);
  if (config_.cgroups != nullptr && has_limits(spec.limits)) {
    cgroup_ = config_.cgroups->create(
        config_.name, {spec.limits.memory_bytes, spec.limits.pids, spec.limits.cpu_percent});
  }
  launch(spec);
}

Bubblewrap::~Bubblewrap() {
  end_everything();
}

void Bubblewrap::launch(const core::run::SandboxSpec& spec) {
  UniqueFd agent_program(::open(config_.agent.c_str(), O_RDONLY | O_CLOEXEC));
  if (!agent_program) {
    core::throw_errno(std::string(kDoing) + ": opening '" + config_.agent.string() + "'");
  }
  UniqueFd agent_end;
  control_ = ControlSocket(agent_end);
  core::Pipe complaints = core::make_pipe();
  const UniqueFd seccomp = memory_file(seccomp_filter());

  os::SpawnOptions options;
  options.session = os::Session::session;
  options.fds = {{agent_end.get(), kControlTarget},
                 {agent_program.get(), kAgentTarget},
                 {seccomp.get(), kSeccompTarget},
                 {complaints.write.get(), 2}};
  core::run::SandboxFds fds;
  fds.seccomp = kSeccompTarget;
  core::Pipe info;
  if (cgroup_ || network_wanted_) {
    info = core::make_pipe();
    fds.info = kInfoTarget;
    options.fds.push_back({info.write.get(), kInfoTarget});
    control_.hold();
  }
  std::vector<UniqueFd> files;
  for (const core::run::Mount& mount : spec.mounts) {
    if (mount.kind != core::run::Mount::Kind::file) continue;
    files.push_back(memory_file(mount.source));
    fds.files.push_back(kFirstFileTarget + static_cast<int>(fds.files.size()));
    options.fds.push_back({files.back().get(), fds.files.back()});
  }
  // By descriptor: no mount is needed for it, and the job has no path to it.
  core::run::SandboxSpec possible = spec;
  if (!os::can_disable_nested_namespaces()) {
    possible.nested = core::run::NestedNamespaces::allowed;  // the filter still refuses them
  }
  std::vector<std::string> command = {"/proc/self/fd/" + std::to_string(kAgentTarget)};
  // A control group counts what it refuses, so it comes first.
  const bool is_counted = cgroup_ && config_.cgroups->has("pids");
  if (spec.limits.pids != 0 && !is_counted) {
    command.insert(command.end(), {"--processes", std::to_string(spec.limits.pids)});
  }
  options.argv = core::or_throw(bwrap_arguments(possible, fds, command), kDoing);
  options.argv.insert(options.argv.begin(), config_.bwrap);
  bwrap_ = os::spawn(options);

  complaints_ = std::move(complaints.read);
  info_ = std::move(info.read);
  make_nonblocking(complaints_);
  watch(control_.fd(), EPOLLIN);
  watch(complaints_.get(), EPOLLIN);
  watch(bwrap_.pidfd(), EPOLLIN);
  if (info_) {
    make_nonblocking(info_);
    watch(info_.get(), EPOLLIN);
  }
}

void Bubblewrap::watch(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return;
  if (errno == EEXIST && ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return;
  core::throw_errno("watching the sandbox");
}

// Before the descriptor is closed: a copy of it in a child would keep it reporting.
void Bubblewrap::unwatch(int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::optional<SandboxEvent> Bubblewrap::next_event() {
  while (events_.empty() && phase_ != Phase::ended) {
    epoll_event ready[8];
    const int count = ::epoll_wait(epoll_.get(), ready, 8, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) core::throw_errno("watching the sandbox");
    if (count == 0) break;
    bool bwrap_ended = false;
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.fd == bwrap_.pidfd()) {
        bwrap_ended = true;
      } else {
        handle(ready[i].data.fd);
      }
    }
    // Last, and after everything the agent had still said.
    if (bwrap_ended) handle_end();
  }
  if (events_.empty()) return std::nullopt;
  SandboxEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void Bubblewrap::handle(int fd) {
  if (fd == control_.fd()) {
    control_.flush();
    update_control_watch();
    handle_replies();
  } else if (fd == complaints_.get()) {
    if (!drain(fd, complaint_)) {
      unwatch(fd);
      complaints_.reset();
    }
  } else if (fd == info_.get()) {
    handle_info();
  } else if (fd == network_.ready_fd()) {
    unwatch(fd);
    const std::string problem = network_.take_result();
    if (problem.empty()) {
      watch(network_.log_fd(), EPOLLIN);
      become_ready();
    } else {
      give_up(problem);
    }
  } else if (fd == network_.log_fd()) {
    std::string ignored;  // hostile traffic may make it talk; a full pipe would stop it
    if (!drain(fd, ignored)) unwatch(fd);
  }
}

void Bubblewrap::handle_info() {
  const bool open = drain(info_.get(), info_text_);
  agent_pid_ = child_pid_in(info_text_);
  if (agent_pid_ == 0 && open) return;
  unwatch(info_.get());
  info_.reset();
  if (agent_pid_ != 0 && greeted_) prepare();
}

// The agent is there and runs nothing yet.
void Bubblewrap::prepare() {
  try {
    if (cgroup_) cgroup_.add(agent_pid_);
    if (network_wanted_) {
      network_ = InternetAccess(agent_pid_, config_.agent, config_.slirp4netns);
      watch(network_.ready_fd(), EPOLLIN);
      return;
    }
  } catch (const Exception& e) {
    return give_up(e.what());
  }
  become_ready();
}

void Bubblewrap::become_ready() {
  phase_ = Phase::running;
  control_.release();
  update_control_watch();
  events_.emplace_back(SandboxReady());
}

// Ends the sandbox with this reason instead of what bwrap will say. Before the agent runs, bwrap
// must not be killed: its child may still be waiting for it, and would do so for ever. Without a
// control socket the agent ends as soon as it starts.
void Bubblewrap::give_up(const std::string& why) {
  if (reason_.empty()) reason_ = why;
  if (phase_ == Phase::running) {
    bwrap_.kill(SIGKILL);
    return;
  }
  unwatch(control_.fd());
  control_.close();
}

void Bubblewrap::update_control_watch() {
  const bool wants = control_.wants_to_write();
  if (wants == watching_for_room_) return;
  watching_for_room_ = wants;
  watch(control_.fd(), wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Bubblewrap::handle_replies() {
  const auto state = control_.receive();
  if (!state) return give_up(state.error().message);
  while (control_.fd() >= 0) {
    auto reply = control_.next_reply();
    if (!reply) return give_up(reply.error().message);
    if (!reply->has_value()) break;
    if (!accept(**reply)) return give_up("the sandbox's agent broke the protocol");
  }
  if (*state == ControlSocket::State::closed && control_.fd() >= 0) {
    unwatch(control_.fd());
    control_.close();
  }
}

// False: not what an agent says at this point.
bool Bubblewrap::accept(const agent::Reply& reply) {
  if (const auto* hello = std::get_if<agent::Hello>(&reply)) {
    if (greeted_) return false;
    greeted_ = true;
    if (hello->version != agent::kVersion) {
      give_up(std::string(kDoing) + ": the agent speaks version " + std::to_string(hello->version) +
              ", this runner " + std::to_string(agent::kVersion) +
              "; install both from one package");
      return true;
    }
    if (!cgroup_ && !network_wanted_) {
      become_ready();
    } else if (agent_pid_ != 0) {
      prepare();
    }
    return true;
  }
  if (phase_ != Phase::running) return false;
  if (const auto* started = std::get_if<agent::Started>(&reply)) {
    if (!steps_.contains(started->step)) return false;
    events_.emplace_back(StepStarted{started->step});
  } else if (const auto* failed = std::get_if<agent::SetupFailed>(&reply)) {
    const auto step = steps_.find(failed->step);
    if (step == steps_.end()) return false;
    const std::string doing = "starting the step: " + phase_text(failed->phase, step->second);
    events_.emplace_back(StepNotStarted{failed->step, failed->error_number,
                                        core::errno_error(doing, failed->error_number).message +
                                            hint_for(failed->phase, failed->error_number)});
    steps_.erase(step);
  } else if (const auto* exited = std::get_if<agent::Exited>(&reply)) {
    if (steps_.erase(exited->step) == 0) return false;
    const bool signaled = exited->kind == agent::ExitKind::signaled;
    StepExited event;
    event.step = exited->step;
    event.status = {signaled ? os::ExitStatus::Kind::signaled : os::ExitStatus::Kind::exited,
                    exited->value};
    event.user = std::chrono::microseconds(exited->user_usec);
    event.system = std::chrono::microseconds(exited->system_usec);
    event.max_rss_bytes = exited->max_rss_bytes;
    cpu_of_steps_ += event.user + event.system;
    events_.emplace_back(event);
  }
  return true;
}

void Bubblewrap::handle_end() {
  if (control_.fd() >= 0) handle_replies();
  if (complaints_) drain(complaints_.get(), complaint_);
  const os::ExitStatus status = bwrap_.wait();
  unwatch(bwrap_.pidfd());
  SandboxEnded ended;
  ended.why = phase_ == Phase::starting ? SandboxEnded::Why::setup_failed : SandboxEnded::Why::died;
  const std::string said(core::trim(core::to_valid_utf8(complaint_)));
  if (!reason_.empty()) {
    ended.message = reason_;
  } else if (phase_ == Phase::starting) {
    ended.message = std::string(kDoing) + ": " +
                    (said.empty() ? "bubblewrap ended with " + to_string(status) : said) +
                    hint_for(said);
  } else {
    ended.message = "the sandbox ended by itself: its agent is gone (" + to_string(status) + ")" +
                    (said.empty() ? "" : ": " + said);
  }
  phase_ = Phase::ended;
  steps_.clear();
  events_.emplace_back(std::move(ended));
}

StepHandle Bubblewrap::start_step(const StepRequest& request) {
  agent::Start start;
  start.step = ++last_step_;
  start.argv = request.argv;
  start.env = request.env;
  start.cwd = request.cwd;
  std::vector<int> fds = {request.stdout_fd};
  if (request.stderr_fd >= 0) fds.push_back(request.stderr_fd);
  start.descriptors = static_cast<std::uint8_t>(fds.size());
  const StepHandle step = start.step;
  if (phase_ == Phase::ended) {
    throw Exception(Errc::conflict, "starting a step: the sandbox has ended");
  }
  control_.send(std::move(start), fds);
  update_control_watch();
  // Kept for words only.
  steps_[step] = StepRequest{{request.argv.front()}, {}, request.cwd};
  return step;
}

void Bubblewrap::signal_step(StepHandle step, int signo) {
  if (!steps_.contains(step) || control_.fd() < 0) return;
  control_.send(agent::Signal{step, signo});
  update_control_watch();
}

void Bubblewrap::kill_all() {
  if (control_.fd() < 0) return;
  control_.send(agent::Signal{0, SIGKILL});
  update_control_watch();
}

core::UniqueFd Bubblewrap::listen() {
  if (control_.fd() < 0) throw Exception(Errc::conflict, "listening: the sandbox has ended");
  UniqueFd agent_end;
  UniqueFd our_end = make_listener_channel(agent_end);
  control_.send(agent::Listen(), {agent_end.get()});
  update_control_watch();
  return our_end;
}

SandboxUsage Bubblewrap::usage() const {
  SandboxUsage usage;
  usage.cpu = cpu_of_steps_;
  if (!cgroup_) return usage;
  const os::CgroupStats stats = cgroup_.stats();
  usage.memory_peak_bytes = stats.memory_peak_bytes;
  usage.oom_kills = stats.oom_kills;
  usage.forks_refused = stats.forks_refused;
  usage.cpu = std::max(usage.cpu, std::chrono::microseconds(stats.cpu_usec));
  return usage;
}

void Bubblewrap::close() {
  const bool was_running = phase_ != Phase::ended;
  end_everything();
  if (was_running) events_.emplace_back(SandboxEnded());
}

// The agent ends with its socket and takes the pid namespace along; bwrap ends after that, so that
// nothing is left when it has been waited for. Only what does not obey is killed.
void Bubblewrap::end_everything() noexcept {
  phase_ = Phase::ended;
  if (control_.fd() >= 0) unwatch(control_.fd());
  control_.close();
  if (bwrap_ && !bwrap_.status()) {
    pollfd ended{bwrap_.pidfd(), POLLIN, 0};
    if (::poll(&ended, 1, kCloseTimeoutMs) != 1) bwrap_.kill(SIGKILL);
    try {
      bwrap_.wait();
    } catch (const Exception&) {
      reason_ = "waiting for bubblewrap did not work";  // nobody is left to be told
    }
  }
  cgroup_.destroy();
  network_ = InternetAccess();
}

std::unique_ptr<Sandbox> start_bubblewrap(const core::run::SandboxSpec& spec,
                                          const BubblewrapConfig& config) {
  return std::make_unique<Bubblewrap>(spec, config);
}

}  // namespace gantry::daemon::runner
