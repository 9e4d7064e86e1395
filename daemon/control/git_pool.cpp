// SPDX-License-Identifier: MIT
#include "daemon/control/git_pool.hpp"

#include "core/base/error.hpp"

namespace gantry::daemon::control {
namespace {

// Repositories that can be fetched at once.
constexpr std::size_t kThreads = 4;

}  // namespace

GitPool::GitPool(async::Runtime& runtime, SettingsHolder& settings, storage::Layout layout,
                 Programs programs, async::TaskGroup& tasks)
    : runtime_(runtime),
      settings_(settings),
      layout_(std::move(layout)),
      programs_(std::move(programs)),
      tasks_(tasks) {}

git::Source GitPool::source_of(const storage::Repository& repo, const std::string& token) const {
  const auto settings = settings_.get();
  git::Source source;
  source.url = settings->clone_url_of(repo.full_name);
  if (source.url.starts_with("https://")) source.token = token;
  if (const auto& ca = settings->config.github.ca_file) source.ca_file = ca->string();
  if (const auto* entry = settings->config.find_repository(repo.full_name)) {
    if (entry->ssh_key_file) source.ssh_key = entry->ssh_key_file->string();
    if (entry->known_hosts_file) source.known_hosts = entry->known_hosts_file->string();
  }
  return source;
}

std::shared_ptr<GitPool::Entry> GitPool::open(const storage::Repository& repo,
                                              const std::string& token) {
  const git::Source source = source_of(repo, token);
  std::shared_ptr<Entry>& entry = entries_[repo.id];
  // What the process may reach is part of its sandbox: another address, another process.
  if (entry && entry->url == source.url) return entry;
  git::ClientOptions options;
  options.program = programs_.git;
  options.mirror = layout_.mirror(repo.id);
  options.confinement = settings_.get()->config.confine_git == core::config::Confine::yes
                            ? git::Confinement::required
                            : git::Confinement::none;
  options.source = source;
  entry = std::make_shared<Entry>(runtime_.executor(), std::move(options));
  entry->url = source.url;
  return entry;
}

async::asio::thread_pool& GitPool::threads() {
  if (!threads_) threads_ = std::make_unique<async::asio::thread_pool>(kThreads);
  return *threads_;
}

void GitPool::refuse_when_ending() const {
  if (!ending_) return;
  throw core::Exception(core::Errc::unavailable, "reading a repository: gantryd is stopping");
}

void GitPool::interrupt_all() {
  ending_ = true;
  for (const auto& [repo, entry] : entries_)
    entry->client.interrupt();
}

async::Task<> GitPool::let_idle_go() {
  for (;;) {
    co_await async::sleep_for(std::chrono::seconds(30));
    for (const auto& [repo, entry] : entries_) {
      entry->client.close_if_idle(std::chrono::seconds(60));
    }
  }
}

}  // namespace gantry::daemon::control
