// SPDX-License-Identifier: MIT
#include "daemon/git/client.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "daemon/git/confine.hpp"
#include "daemon/os/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;
using Clock = std::chrono::steady_clock;

constexpr int kEndingLimitMs = 1000;

int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// False when `end` came first.
bool wait_for(int fd, short events, Clock::time_point end) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, milliseconds_until(end));
    if (ready > 0) return true;
    if (ready == 0 && Clock::now() >= end) return false;
    if (ready < 0 && errno != EINTR) core::throw_errno("waiting for gantry-git");
  }
}

enum class Outcome { done, ended, timed_out };

Outcome send_line(int fd, std::string_view line, Clock::time_point end) {
  while (!line.empty()) {
    if (!wait_for(fd, POLLOUT, end)) return Outcome::timed_out;
    const ssize_t sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return Outcome::ended;
    line.remove_prefix(static_cast<std::size_t>(sent));
  }
  return Outcome::done;
}

Outcome receive_line(int fd, std::string& line, Clock::time_point end) {
  char chunk[65536];
  for (;;) {
    if (!wait_for(fd, POLLIN, end)) return Outcome::timed_out;
    const ssize_t got = ::recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return Outcome::ended;
    line.append(chunk, static_cast<std::size_t>(got));
    if (line.back() == '\n') return Outcome::done;
    if (line.size() > kMaxLineBytes) {
      throw Exception(Errc::too_large, "reading the answer of gantry-git: longer than " +
                                           std::to_string(kMaxLineBytes) + " bytes");
    }
  }
}

// The end of what it said on stderr, on one line.
std::string last_words(int fd) {
  std::array<char, 1024> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got <= 0) return {};
  const std::string text(buffer.data(), static_cast<std::size_t>(got));
  return core::replace_all(core::to_valid_utf8(core::trim(text)), "\n", "; ");
}

std::string asking(const fs::path& mirror) {
  return "asking gantry-git about mirror '" + mirror.string() + "'";
}

// What the other side said before it ended, as an error.
Exception ended_error(const fs::path& mirror, os::Child& child, int errors) {
  // It has closed its socket, so it is ending; were it not, this must not hang.
  pollfd waiting{child.pidfd(), POLLIN, 0};
  if (::poll(&waiting, 1, kEndingLimitMs) == 0) child.kill(SIGKILL);
  const std::string how = os::to_string(child.wait());
  const std::string words = last_words(errors);
  if (words.starts_with("bwrap:")) {
    const bool is_forbidden = words.find("namespace") != std::string::npos ||
                              words.find("not permitted") != std::string::npos ||
                              words.find("Permission denied") != std::string::npos;
    return Exception(Errc::denied,
                     "confining gantry-git: " + words +
                         (is_forbidden ? "; allow user namespaces to this user, or set "
                                         "git.confine to false"
                                       : ""));
  }
  return Exception(Errc::unavailable, asking(mirror) + ": it ended in the middle (" + how + ")" +
                                          (words.empty() ? "" : ": " + words) +
                                          "; the request may be repeated");
}

void make_folder(const fs::path& folder) {
  fs::create_directories(folder);
  fs::permissions(folder, fs::perms::owner_all);
}

}  // namespace

struct Client::Process {
  os::Child child;
  core::UniqueFd socket;
  core::UniqueFd errors;
  Clock::time_point last_used = Clock::now();
};

// The process of a running call, for interrupt(). It is not waited for while this lives.
class Client::Asked {
 public:
  Asked(Client& client, Process& process) : client_(client) {
    const std::lock_guard lock(client_.asked_mutex_);
    if (client_.is_interrupted_) {
      throw Exception(Errc::unavailable, asking(client_.options_.mirror) + ": it was interrupted");
    }
    client_.asked_ = &process;
  }
  ~Asked() {
    const std::lock_guard lock(client_.asked_mutex_);
    client_.asked_ = nullptr;
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

 private:
  Client& client_;
};

Client::Client(ClientOptions options) : options_(std::move(options)) {}

Client::~Client() {
  stop();
}

std::vector<std::string> Client::command_line() const {
  return gantry_git_argv(options_);
}

bool Client::is_running() {
  const std::lock_guard lock(mutex_);
  return process_ != nullptr && !process_->child.try_wait();
}

void Client::close_if_idle(std::chrono::milliseconds idle) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock && process_ && Clock::now() - process_->last_used >= idle) stop();
}

void Client::interrupt() {
  const std::lock_guard lock(asked_mutex_);
  is_interrupted_ = true;
  if (asked_ != nullptr) asked_->child.kill(SIGKILL);
}

std::unique_ptr<Client::Process> Client::start() {
  const std::string doing = "starting gantry-git for mirror '" + options_.mirror.string() + "'";
  if (options_.access == MirrorAccess::read_write) make_folder(options_.mirror);
  const fs::path local = local_folder(options_.source);
  if (!local.empty() && !fs::is_directory(local)) {
    throw Exception(Errc::not_found, doing + ": the source '" + local.string() +
                                         "' is not a folder; correct the repository's clone url");
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) core::throw_errno(doing);
  auto process = std::make_unique<Process>();
  process->socket = core::UniqueFd(ends[0]);
  const core::UniqueFd theirs(ends[1]);
  core::Pipe errors = core::make_pipe();
  if (::fcntl(errors.read.get(), F_SETFL, O_NONBLOCK) != 0) core::throw_errno(doing);

  os::SpawnOptions spawn;
  spawn.argv = gantry_git_argv(options_);
  spawn.cwd = "/";
  spawn.fds = {{theirs.get(), STDIN_FILENO},
               {theirs.get(), STDOUT_FILENO},
               {errors.write.get(), STDERR_FILENO}};
  process->child = os::spawn(spawn);
  process->errors = std::move(errors.read);
  return process;
}

void Client::stop() noexcept {
  process_.reset();
}

Answer Client::exchange(const Request& request, std::chrono::milliseconds deadline) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point end = Clock::now() + deadline;
  // Given back only after a whole answer: whatever is thrown on the way ends the process.
  std::unique_ptr<Process> process = std::move(process_);
  if (!process || process->child.try_wait()) process = start();
  std::optional<Asked> asked(std::in_place, *this, *process);
  std::string line;
  Outcome outcome = send_line(process->socket.get(), encode(request), end);
  if (outcome == Outcome::done) outcome = receive_line(process->socket.get(), line, end);
  asked.reset();
  if (outcome == Outcome::ended) {
    throw ended_error(options_.mirror, process->child, process->errors.get());
  }
  if (outcome == Outcome::timed_out) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline).count();
    throw Exception(Errc::timed_out, asking(options_.mirror) + ": no answer within " +
                                         std::to_string(seconds) + " seconds; it was ended");
  }
  line.pop_back();
  process->last_used = Clock::now();
  process_ = std::move(process);
  try {
    return decode_answer(line, request);
  } catch (const Exception& error) {
    // After a stalled network the process ends; one that is not understood should.
    const Errc code = error.error().code;
    if (code == Errc::timed_out || code == Errc::protocol) stop();
    throw;
  }
}

}  // namespace gantry::daemon::git
