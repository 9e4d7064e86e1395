// SPDX-License-Identifier: MIT
#include "daemon/cli/file_checker.hpp"

#include "core/workflow/call_checks.hpp"
#include "core/workflow/converter.hpp"
#include "core/workflow/glob.hpp"
#include "core/yaml/node.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace gantry::daemon::cli {
namespace {

using namespace core::workflow;
using core::fs::path;
using core::yaml::Severity;

constexpr std::string_view kWorkflows = ".github/workflows";

bool is_yaml(const path& name) {
  return name.extension() == ".yml" || name.extension() == ".yaml";
}

bool is_manifest(const path& name) {
  const std::string file = name.filename().string();
  return std::find(std::begin(kManifestNames), std::end(kManifestNames), file) !=
         std::end(kManifestNames);
}

path find_top(path folder) {
  std::error_code ignored;  // what cannot be looked into is no work tree
  for (;; folder = folder.parent_path()) {
    if (core::fs::exists(folder / ".git", ignored)) return folder;
    if (folder == folder.parent_path()) return {};
  }
}

// Where GitHub looks for workflows a file is one; elsewhere what it holds decides.
bool is_action(const std::string& name, std::string_view source) {
  if (is_manifest(name)) return true;
  const core::yaml::Document document = core::yaml::parse(source);
  return document.root && document.root->find("runs") != nullptr &&
         document.root->find("jobs") == nullptr;
}

void find_workflow_files(const path& top, std::set<std::string>& found) {
  std::error_code none;  // a tree without the folder has no workflows
  for (const auto& entry : core::fs::directory_iterator(top / kWorkflows, none)) {
    if (!is_yaml(entry.path()) || !entry.is_regular_file()) continue;
    found.insert((path(kWorkflows) / entry.path().filename()).string());
  }
}

void find_manifests(const path& top, std::set<std::string>& found) {
  for (const std::string_view name : kManifestNames) {
    if (core::fs::is_regular_file(core::fs::symlink_status(top / name))) found.emplace(name);
  }
  std::error_code none;
  for (const auto& entry :
       core::fs::recursive_directory_iterator(top / ".github" / "actions", none)) {
    if (is_manifest(entry.path()) && entry.is_regular_file()) {
      found.insert(entry.path().lexically_relative(top).string());
    }
  }
}

std::string folder_of(std::string_view uses) {
  return path(uses.substr(2)).lexically_normal().string();
}

const std::vector<Step>* steps_at(const CheckedFile& file, std::size_t job) {
  if (!file.workflow || job >= file.workflow->jobs.size()) return nullptr;
  return &file.workflow->jobs[job].steps;
}

}  // namespace

std::string read_open_file(int fd, std::string_view name) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) core::throw_errno("reading '" + std::string(name) + "'");
    if (count == 0 || text.size() > kMaxFileBytes) return text;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

FileChecker::FileChecker(const path& folder) : top_(find_top(core::fs::absolute(folder))) {
  files_.action = [this](std::string_view uses) { return local_action(uses); };
  files_.workflow = [this](std::string_view uses) { return local_workflow(uses); };
}

std::optional<std::string> FileChecker::read(const std::string& name) const {
  if (top_.empty()) return std::nullopt;
  const core::UniqueFd top = core::open_directory(top_);
  try {
    const core::UniqueFd file = core::open_beneath(top.get(), name, O_RDONLY);
    if (!file) return std::nullopt;
    return read_open_file(file.get(), name);
  } catch (const core::Exception&) {
    return std::nullopt;  // a link, a folder, a place outside: no file that GitHub would read
  }
}

std::shared_ptr<const Action> FileChecker::local_action(std::string_view uses) const {
  if (!uses.starts_with("./")) return nullptr;
  const std::string folder = folder_of(uses);
  const auto known = actions_.find(folder);
  if (known != actions_.end()) return known->second;
  std::shared_ptr<const Action> action;
  for (const std::string_view name : kManifestNames) {
    const std::string file = (path(folder) / name).lexically_normal().string();
    const auto text = read(file);
    if (!text) continue;
    action = parse_action(file, *text).action;
    break;
  }
  return actions_[folder] = action;
}

std::shared_ptr<const Workflow> FileChecker::local_workflow(std::string_view uses) const {
  if (!uses.starts_with("./")) return nullptr;
  const std::string file = folder_of(uses);
  const auto known = workflows_.find(file);
  if (known != workflows_.end()) return known->second;
  const auto text = read(file);
  return workflows_[file] = text ? parse_as_github(file, *text).workflow : nullptr;
}

std::vector<std::string> FileChecker::find_files() const {
  std::set<std::string> found;
  find_workflow_files(top_, found);
  find_manifests(top_, found);
  std::set<std::string> used;
  for (const std::string& name : found) {
    if (!name.starts_with(kWorkflows)) continue;
    const auto text = read(name);
    const auto workflow = text ? parse_as_github(name, *text).workflow : nullptr;
    if (!workflow) continue;
    for (const Job& job : workflow->jobs) {
      for (const Step& step : job.steps) {
        if (!local_action(step.uses ? std::string_view(step.uses->value) : "")) continue;
        used.insert(local_action(step.uses->value)->file);
      }
    }
  }
  found.merge(used);
  return {found.begin(), found.end()};
}

// Local reusable workflows: that they are there, and take what they are given.
void FileChecker::check_calls(CheckedFile& file) const {
  for (const Job& job : file.workflow->jobs) {
    if (!job.uses || !job.uses->value.starts_with("./") || top_.empty()) continue;
    const std::string name = folder_of(job.uses->value);
    const auto called = local_workflow(job.uses->value);
    if (!called) {
      const bool exists = read(name).has_value();
      add_error(file.diagnostics, job.uses->position,
                exists ? "The workflow '" + name + "' has errors"
                       : "The workflow '" + name + "' was not found",
                "call");
      continue;
    }
    if (called->find_trigger("workflow_call") == nullptr) {
      add_error(file.diagnostics, job.uses->position,
                "The workflow '" + name + "' cannot be called", "call",
                "add 'workflow_call' to its 'on'");
      continue;
    }
    CallDiagnostics problems;
    check_call(job, *called, problems);
    append_stage(file.diagnostics, std::move(problems.caller));
  }
}

// Elsewhere an action may come into the workspace with a checkout; here only with this tree.
void FileChecker::check_local_actions(CheckedFile& file) const {
  for (std::size_t job = 0; const std::vector<Step>* steps = steps_at(file, job); ++job) {
    for (const Step& step : *steps) {
      if (!step.uses || !step.uses->value.starts_with("./.github/") || top_.empty()) continue;
      const std::string folder = folder_of(step.uses->value);
      const bool is_there =
          local_action(step.uses->value) != nullptr || read(folder + "/Dockerfile");
      if (is_there) continue;
      const bool is_broken = read(folder + "/action.yml") || read(folder + "/action.yaml");
      file.diagnostics.push_back({step.uses->position, Severity::warning,
                                  is_broken ? "The action '" + folder + "' has errors"
                                            : "There is no action.yml in '" + folder + "'",
                                  "", "action"});
    }
  }
}

CheckedFile FileChecker::check(const std::string& name, std::string source) const {
  CheckedFile file;
  file.name = name;
  file.source = std::move(source);
  const bool in_place = name.starts_with(kWorkflows);
  if (!in_place && is_action(name, file.source)) {
    ParsedAction parsed = parse_action(name, file.source, ManifestRules::publishing);
    file.diagnostics = std::move(parsed.diagnostics);
    if (parsed.action) append_stage(file.diagnostics, lint(*parsed.action, file.source, files_));
    tidy(file.diagnostics);
    return file;
  }
  ParsedWorkflow parsed = parse_as_github(name, file.source);
  file.workflow = parsed.workflow;
  file.diagnostics = std::move(parsed.diagnostics);
  if (file.workflow) {
    append_stage(file.diagnostics, check_patterns(*file.workflow));
    check_calls(file);
    check_local_actions(file);
    append_stage(file.diagnostics, lint(*file.workflow, file.source, files_));
    append_stage(file.diagnostics, unsupported(*file.workflow));
  }
  tidy(file.diagnostics);
  return file;
}

}  // namespace gantry::daemon::cli
