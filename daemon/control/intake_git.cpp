// SPDX-License-Identifier: MIT
// What the intake reads from repositories.
#include "core/base/text.hpp"
#include "core/workflow/dispatch.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/intake.hpp"
#include "daemon/control/new_run.hpp"

#include <algorithm>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using core::run::WorkflowFile;
using core::workflow::Changes;
using core::workflow::DiffForm;
using core::workflow::Event;

constexpr const char* kFolder = ".github/workflows";
// GitHub makes refs/pull/N/merge a moment after it sends the event.
constexpr int kMergeTries = 6;

// A file over the size limit is a diagnostic like any other mistake in it.
core::workflow::ParsedWorkflow too_large(std::uint64_t size) {
  core::workflow::ParsedWorkflow parsed;
  core::yaml::Diagnostic diagnostic;
  diagnostic.position.line = 1;
  diagnostic.position.column = 1;
  diagnostic.message = "The maximum file size of 1048576 characters has been exceeded (" +
                       std::to_string(size) + " bytes)";
  diagnostic.kind = "limit";
  parsed.diagnostics.push_back(std::move(diagnostic));
  return parsed;
}

bool is_selected(const core::config::Repository* entry, const std::string& file) {
  if (entry == nullptr || entry->workflows.empty()) return true;
  return std::find(entry->workflows.begin(), entry->workflows.end(), file) !=
         entry->workflows.end();
}

}  // namespace

async::Task<std::vector<WorkflowFile>> Intake::read_workflows(storage::Repository repo,
                                                              std::string token, std::string sha,
                                                              core::run::CalledTexts& sources) {
  git::Ensure ensure;
  ensure.source = git_.source_of(repo, token);
  ensure.shas.push_back(sha);
  ensure.unreferenced = git::Unreferenced::ask_for;
  co_await git_.call(repo, token, std::move(ensure));
  git::ReadFiles read;
  read.sha = sha;
  read.folder = kFolder;
  read.suffixes.emplace_back(".yml");
  read.suffixes.emplace_back(".yaml");
  const git::FileList list = co_await git_.call(repo, token, std::move(read));
  const auto settings = conductor_.settings();
  const auto* entry = settings->config.find_repository(repo.full_name);
  std::vector<WorkflowFile> files;
  for (const git::File& file : list.files) {
    WorkflowFile workflow;
    workflow.file = std::string(kFolder) + "/" + file.name;
    sources[workflow.file].text = file.content;  // one that runs may call one that does not
    if (!is_selected(entry, file.name)) continue;
    workflow.parsed = file.too_large ? too_large(file.size)
                                     : core::workflow::parse_workflow(workflow.file, file.content);
    files.push_back(std::move(workflow));
  }
  co_return files;
}

async::Task<std::optional<Changes>> Intake::changed_files(storage::Repository repo,
                                                          std::string token,
                                                          core::workflow::DiffRequest wanted,
                                                          std::string ref) {
  git::Diff diff;
  diff.base = wanted.form == DiffForm::new_ref ? "" : wanted.base;
  diff.head = wanted.head;
  diff.mode =
      wanted.form == DiffForm::three_dot ? git::DiffMode::three_dot : git::DiffMode::two_dot;
  diff.ref = ref;
  std::optional<git::Difference> difference;
  try {
    difference = co_await git_.call(repo, token, std::move(diff));
  } catch (const Exception& error) {
    // A base that is gone (a forced push): the files are unknown, and the workflow runs.
    if (error.error().code != Errc::not_found) throw;
  }
  if (!difference) co_return std::nullopt;
  std::optional<Changes> changes;
  changes.emplace();
  changes->files = std::move(difference->paths);
  changes->commits = difference->commits;
  co_return changes;
}

async::Task<bool> Intake::resolve_rev(storage::Repository repo, std::string token, std::string rev,
                                      Event& event) {
  git::Fetch fetch;
  fetch.source = git_.source_of(repo, token);
  co_await git_.call(repo, token, std::move(fetch));
  git::Resolve resolve;
  resolve.rev = rev;
  try {
    const git::Commit commit = co_await git_.call(repo, token, std::move(resolve));
    event.sha = commit.sha;
    // A pull request's checks stand on its head, wherever the workflow comes from.
    if (!event.pull_request) event.head_sha = commit.sha;
    if (event.head_commit_message.empty()) event.head_commit_message = commit.message;
  } catch (const Exception& error) {
    if (error.error().code != Errc::not_found) throw;
    co_return false;
  }
  co_return true;
}

// A deployment names a branch or a tag, or nothing that is there any more.
async::Task<> Intake::complete_ref(storage::Repository repo, std::string token, Event& event) {
  git::Fetch fetch;
  fetch.source = git_.source_of(repo, token);
  co_await git_.call(repo, token, std::move(fetch));
  git::Resolve resolve;
  resolve.rev = event.ref;
  try {
    const git::Commit commit = co_await git_.call(repo, token, std::move(resolve));
    core::workflow::set_ref(event, commit.ref);
  } catch (const Exception& error) {
    if (error.error().code != Errc::not_found) throw;
    core::workflow::set_ref(event, "");
  }
}

async::Task<std::string> Intake::resolve(storage::Repository repo, std::string token,
                                         Event& event) {
  if (!event.rev.empty()) {
    const bool found = co_await resolve_rev(repo, token, event.rev, event);
    std::string problem;
    if (!found) problem = "there is no '" + event.rev + "' in the repository";
    co_return problem;
  }
  if (core::workflow::runs_at_merge(event) && event.sha.empty()) {
    const bool can_merge = co_await resolve_pull(repo, token, event);
    std::string problem;
    if (!can_merge) {
      problem = "the pull request cannot be merged: there is no refs/pull/" +
                std::to_string(event.pull_request->number) + "/merge for its head";
    }
    co_return problem;
  }
  if (!event.ref.empty() && !event.ref.starts_with("refs/")) {
    co_await complete_ref(repo, token, event);
  }
  // An annotated tag's push names the tag object.
  const bool is_tag = event.ref_type == core::workflow::RefType::tag;
  if (is_tag && event.name == "push") co_await resolve_rev(repo, token, event.sha, event);
  co_return std::string();
}

async::Task<bool> Intake::resolve_pull(storage::Repository repo, std::string token, Event& event) {
  const core::workflow::PullRequest& pull = *event.pull_request;
  const std::string number = std::to_string(pull.number);
  for (int attempt = 0; attempt < kMergeTries; ++attempt) {
    if (attempt > 0) co_await async::sleep_for(std::chrono::seconds(1));
    git::Fetch fetch;
    fetch.source = git_.source_of(repo, token);
    fetch.pulls.push_back("refs/pull/" + number + "/head");
    fetch.pulls.push_back("refs/pull/" + number + "/merge");
    co_await git_.call(repo, token, std::move(fetch));
    std::optional<git::Commit> merge;
    std::optional<git::Commit> head;
    git::Resolve resolve_merge;
    resolve_merge.rev = "refs/pull/" + number + "/merge";
    git::Resolve resolve_head;
    resolve_head.rev = pull.head_sha;
    try {
      head = co_await git_.call(repo, token, std::move(resolve_head));
      merge = co_await git_.call(repo, token, std::move(resolve_merge));
    } catch (const Exception& error) {
      if (error.error().code != Errc::not_found) throw;
    }
    // An older merge commit is of an older head: GitHub has not made the new one yet.
    if (!merge || !head || merge->parents.size() < 2 || merge->parents[1] != pull.head_sha) {
      continue;
    }
    event.sha = merge->sha;
    event.head_commit_message = head->message;
    co_return true;
  }
  co_return false;
}

async::Task<core::RunId> Intake::dispatch(Dispatch wanted) {
  const storage::Repository& repo = wanted.repo;
  const std::string doing = "starting '" + wanted.workflow_path + "' on '" + wanted.ref + "'";
  const std::string token = co_await tokens_.clone_token(repo);
  git::Fetch fetch;
  fetch.source = git_.source_of(repo, token);
  co_await git_.call(repo, token, std::move(fetch));
  git::Resolve resolve;
  resolve.rev = wanted.ref;
  const git::Commit commit = co_await git_.call(repo, token, std::move(resolve));
  core::run::CalledTexts sources;
  const auto files = co_await read_workflows(repo, token, commit.sha, sources);
  const auto file = std::find_if(files.begin(), files.end(), [&](const WorkflowFile& item) {
    return item.file == wanted.workflow_path;
  });
  if (file == files.end()) {
    throw Exception(Errc::not_found, doing + ": the file is not there at commit " + commit.sha);
  }
  if (!file->parsed.workflow) {
    throw Exception(Errc::invalid, doing + ": the file has errors:\n" +
                                       core::yaml::render_all(file->parsed.diagnostics, file->file,
                                                              sources[file->file].text));
  }
  const auto* trigger = file->parsed.workflow->find_trigger("workflow_dispatch");
  if (trigger == nullptr) {
    throw Exception(Errc::invalid,
                    doing + ": Workflow does not have 'workflow_dispatch' trigger; add it to 'on'");
  }
  const auto inputs = core::or_throw(core::workflow::check_inputs(*trigger, wanted.inputs), doing);
  core::workflow::Repository event_repo;
  event_repo.full_name = repo.full_name;
  event_repo.owner = repo.full_name.substr(0, repo.full_name.find('/'));
  event_repo.name = repo.full_name.substr(repo.full_name.find('/') + 1);
  event_repo.id = repo.github_id.value_or(core::made_id(repo.full_name));
  event_repo.owner_id = core::made_id(event_repo.owner);
  event_repo.default_branch = repo.default_branch;
  event_repo.is_private = repo.is_private;
  core::workflow::Actor actor;
  actor.login = wanted.actor;
  const std::string full_ref = commit.ref.empty() ? wanted.ref : commit.ref;
  Event event = core::workflow::dispatch_event(event_repo, actor, full_ref, commit.sha,
                                               *file->parsed.workflow, inputs);
  event.head_commit_message = commit.message;
  if (!wanted.selection.is_null()) {
    core::expr::Object payload = event.payload.object();
    payload.set("gantry", wanted.selection);
    event.payload = std::move(payload);
  }
  core::run::PlannedWorkflow planned;
  planned.file = file->file;
  planned.outcome = core::run::PlanOutcome::starts;
  planned.workflow = file->parsed.workflow;
  planned.diagnostics = file->parsed.diagnostics;
  NewRun run = make_new_run(event, planned, sources[file->file].text, commit.sha, repo,
                            conductor_.settings()->config.github, conductor_.clock().now());
  run.inputs = inputs.typed;
  run.event_payload = core::expr::to_json(event.payload);
  co_await add_calls(run, sources);
  std::vector<NewRun> runs;
  runs.push_back(std::move(run));
  const auto ids = co_await conductor_.begin(repo, std::move(runs), std::nullopt);
  co_return ids.front();
}

}  // namespace gantry::daemon::control
