// SPDX-License-Identifier: MIT
#include "daemon/runner/git_calls.hpp"

#include "core/base/error.hpp"

namespace gantry::daemon::runner {
namespace {

core::Exception stopped() {
  return core::Exception(core::Errc::cancelled, "checking out: the job was cancelled");
}

}  // namespace

git::ClientOptions GitCalls::reader(const git::fs::path& mirror) const {
  git::ClientOptions options;
  options.program = message_.paths.git_binary;
  options.mirror = mirror;
  options.access = git::MirrorAccess::read_only;
  if (message_.confine_git == core::config::Confine::no) {
    options.confinement = git::Confinement::none;
  }
  return options;
}

GitCalls::Turn::Turn(GitCalls& of, git::ClientOptions options)
    : calls(of), client(std::make_shared<git::Client>(std::move(options))) {
  const std::lock_guard lock(calls.mutex_);
  if (calls.stopped_) throw stopped();
  calls.current_ = client;
}

GitCalls::Turn::~Turn() {
  const std::lock_guard lock(calls.mutex_);
  calls.current_.reset();
}

void GitCalls::check_not_stopped() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) throw stopped();
}

void GitCalls::begin() {
  const std::lock_guard lock(mutex_);
  stopped_ = false;
}

void GitCalls::stop() {
  std::shared_ptr<git::Client> current;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    current = current_;
  }
  if (current) current->interrupt();
}

}  // namespace gantry::daemon::runner
