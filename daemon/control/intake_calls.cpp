// SPDX-License-Identifier: MIT
// The reusable workflows a run calls.
#include "core/base/text.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/intake.hpp"
#include "daemon/control/new_run.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using storage::Database;

constexpr std::uint64_t kMaxFileBytes = 1U << 20U;

bool calls_any(const core::workflow::Workflow& workflow) {
  return std::any_of(workflow.jobs.begin(), workflow.jobs.end(),
                     [](const auto& job) { return job.uses.has_value(); });
}

core::yaml::Diagnostic problem_of(const core::workflow::Workflow& workflow, std::string message) {
  const auto job = std::find_if(workflow.jobs.begin(), workflow.jobs.end(),
                                [](const auto& item) { return item.uses.has_value(); });
  core::yaml::Diagnostic diagnostic;
  diagnostic.position = job->uses->position;
  diagnostic.message = std::move(message);
  diagnostic.kind = "call";
  return diagnostic;
}

// A ref that is called twice is one commit, though it moves meanwhile.
core::run::CalledText read_before(const core::run::CalledTexts& texts,
                                  const RemoteWorkflow& wanted) {
  for (const auto& [name, file] : texts) {
    const auto remote = parse_remote_workflow(name);
    if (remote && remote->ref == wanted.ref &&
        core::equals_ignoring_case(remote->repository, wanted.repository)) {
      return file;
    }
  }
  return {};
}

}  // namespace

async::Task<> Intake::add_calls(NewRun& run, core::run::CalledTexts sources) {
  if (!run.workflow || !calls_any(*run.workflow)) co_return;
  core::workflow::LoadOptions options;
  options.default_permissions = default_permissions(conductor_.settings()->config.github);
  options.default_permissions.set("packages", core::workflow::AccessLevel::read);
  for (;;) {
    Calls calls = load_calls(run.workflow_path, run.source, sources, options);
    if (calls.missing.empty()) {
      run.loaded = std::move(calls.loaded);
      for (auto& problem : calls.problems)
        run.diagnostics.push_back(std::move(problem));
      break;
    }
    for (const std::string& name : calls.missing) {
      std::string why_not;
      auto file = co_await read_remote(name, sources, why_not);
      if (!file) {
        run.diagnostics.push_back(problem_of(*run.workflow, "calling '" + name + "': " + why_not));
        co_return;
      }
      sources[name] = std::move(*file);
    }
  }
  // Only what is called is kept with the run.
  if (!run.loaded) co_return;
  std::vector<const core::workflow::LoadedWorkflow*> open;
  open.push_back(run.loaded.get());
  while (!open.empty()) {
    const auto* loaded = open.back();
    open.pop_back();
    for (const auto& call : loaded->calls) {
      const auto* callee = &call.workflow.front();
      run.called[callee->workflow.file] = sources[callee->workflow.file];
      open.push_back(callee);
    }
  }
}

// Of a repository that may run here: what may be called is the config's to say.
async::Task<std::optional<core::run::CalledText>> Intake::read_remote(
    std::string name, const core::run::CalledTexts& known_texts, std::string& why_not) {
  const auto remote = parse_remote_workflow(name);
  const auto settings = conductor_.settings();
  const auto* entry = settings->config.find_repository(remote->repository);
  if (entry == nullptr) {
    why_not =
        "repository '" + remote->repository + "' is not allowed here; add it to 'repositories'";
    co_return std::nullopt;
  }
  core::workflow::Repository wanted;
  wanted.full_name = remote->repository;
  const auto known = co_await conductor_.db().read(
      [&](Database& d) { return storage::find_repository(d, remote->repository); });
  storage::Repository repo = known.value_or(storage::Repository());
  if (!known) repo = co_await keep_repository(wanted, 0);
  const std::string token = co_await tokens_.clone_token(repo);
  git::Fetch fetch;
  fetch.source = git_.source_of(repo, token);
  git::Resolve resolve;
  resolve.rev = remote->ref;
  core::run::CalledText called = read_before(known_texts, *remote);
  git::ReadFile read;
  read.path = remote->path;
  read.max_bytes = kMaxFileBytes;
  try {
    if (called.sha.empty()) {
      co_await git_.call(repo, token, std::move(fetch));
      const git::Commit commit = co_await git_.call(repo, token, std::move(resolve));
      called.sha = commit.sha;
      called.ref = commit.ref.empty() ? commit.sha : commit.ref;
    }
    read.sha = called.sha;
    const git::File file = co_await git_.call(repo, token, std::move(read));
    called.text = file.content;
    if (!file.too_large) co_return called;
    why_not = "the file is larger than 1 MiB";
  } catch (const Exception& error) {
    if (error.error().code != Errc::not_found) throw;
    why_not = error.what();
  }
  co_return std::nullopt;
}

}  // namespace gantry::daemon::control
