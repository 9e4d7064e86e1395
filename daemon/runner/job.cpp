// SPDX-License-Identifier: MIT
#include "daemon/runner/job.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "core/expr/unicode.hpp"
#include "daemon/git/checkout_inputs.hpp"
#include "daemon/runner/environment.hpp"
#include "daemon/runner/job_background.hpp"
#include "daemon/runner/job_side.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::Exception;
using core::expr::Value;
using core::run::Conclusion;

constexpr std::size_t kOutputsLimitBytes = 1 << 20;  // GitHub's

std::string repository_name(const proto::JobMessage& message) {
  const std::string& full = message.repository.full_name;
  const std::string name = full.substr(full.rfind('/') + 1);
  return name.empty() || name == "." || name == ".." || name.front() == '_' ? "repository" : name;
}

// What stands in events is bounded, or a job could make one that gantryd cannot take.
constexpr std::size_t kLongestName = 1024;
constexpr std::size_t kLongestReason = 4096;

// What `url = ` is in the .git/config of a checkout of the job's repository.
std::vector<std::string> checkout_urls(const proto::JobMessage& message) {
  std::string server = message.github["server_url"].to_string();
  if (server.empty()) server = "https://github.com";
  const std::size_t scheme = server.find("://");
  const std::string host = server.substr(scheme == std::string::npos ? 0 : scheme + 3);
  const std::string& name = message.repository.full_name;
  return {server + '/' + name, "git@" + host + ':' + name + ".git"};
}

void mask_token(core::run::Masker& masker, const std::string& token) {
  if (token.empty()) return;
  masker.add_secret(token);
  for (const std::string& derived : git::derived_secrets(token))
    masker.add_secret(derived);
}

// As people gave it; "" for what the runner adds.
std::string id_of(const JobStep& step) {
  const bool given = step.definition != nullptr && !step.definition->has_generated_id();
  return given && step.stage == Stage::main ? step.definition->id : "";
}

}  // namespace

Job::Job(async::Runtime& runtime, GantrydLink& link, proto::JobMessage message,
         JobSettings settings)
    : runtime_(runtime),
      link_(link),
      message_(std::move(message)),
      settings_(std::move(settings)),
      unique_(core::random_hex(8)),
      log_(message_.paths.log, message_.paths.log_index, message_.sandbox.output_bytes),
      folder_(settings_.folder, repository_name(message_)),
      hashes_(folder_),
      contexts_(message_, folder_, hashes_),
      inside_(folder_.workspace_inside(), checkout_urls(message_)),
      checkouts_(runtime, link, message_, folder_),
      processes_(runtime.executor(), settings_.ladder),
      side_changed_(runtime.executor()),
      progress_(runtime.executor()),
      job_wake_(runtime.executor()),
      tasks_(runtime.executor()) {
  for (const auto& [name, value] : message_.secrets)
    log_.masker().add_secret(value);
  for (const std::string& mask : message_.masks)
    log_.masker().add_secret(mask);
  mask_token(log_.masker(), message_.github_token);
  mask_token(log_.masker(), message_.repository.token);
  inside_.add(kInsideHome, folder_.home());
  inside_.add("/tmp", folder_.tmp());
  inside_.add(core::run::kSandboxActions, folder_.actions());
  search_path_ =
      message_.sandbox.path.empty() ? kUsualPath : core::join(message_.sandbox.path, ":");
  const auto asks_for_debug = [](const auto& named) {
    return named.first == "ACTIONS_STEP_DEBUG" && named.second == "true";
  };
  if (std::any_of(message_.secrets.begin(), message_.secrets.end(), asks_for_debug) ||
      std::any_of(message_.vars.begin(), message_.vars.end(), asks_for_debug)) {
    debug_ = StepDebug::on;
  }
}

Job::~Job() {
  link_.on_cancel = [] {};
  link_.on_acknowledged = [] {};
}

async::Task<> Job::run() {
  link_.on_cancel = [this] { cancel(CancelReason::requested); };
  link_.on_acknowledged = [this] { progress_.notify(); };
  std::exception_ptr failure;
  try {
    co_await live();
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  if (services_) co_await services_->close();
  co_await checkouts_.close();
  co_await tasks_.close();  // they use this object
  if (failure) std::rethrow_exception(failure);
}

async::Task<> Job::live() {
  if (co_await prepare_all()) {
    tasks_.spawn("events of the sandbox", processes_.watch());
    tasks_.spawn("time of the job", watch_time());
    tasks_.spawn("progress of the log", report_progress());
    if (message_.sandbox.disk_bytes != 0) tasks_.spawn("disk of the job", watch_disk());
    try {
      co_await run_steps();
    } catch (const std::exception& exception) {
      say_failure(exception.what());
    }
  }
  complete();
}

async::Task<bool> Job::prepare_all() {
  Step step = new_step();
  step.name = "Set up job";
  begin(step);
  Conclusion conclusion = Conclusion::failure;
  try {
    set_up();
    co_await fetch_actions();
    announce_steps();
    conclusion = Conclusion::success;
  } catch (const std::exception& exception) {
    say_failure(exception.what());
  }
  finish(step, conclusion, conclusion);
  co_return conclusion == Conclusion::success;
}

void Job::say_failure(std::string_view reason) {
  fail_job(reason);
  log_.say("##[error]" + std::string(reason));
}

void Job::fail_job(std::string_view reason) {
  note_status(state_, Conclusion::failure);
  if (failure_reason_.empty())
    failure_reason_ = core::cut_utf8(log_.masker().mask(reason), kLongestReason);
}

void Job::set_up() {
  start_sandbox();  // first: it takes longer than all the rest, and goes on beside it
  read_workflow();
  const Value& event = message_.github["event"];
  folder_.write_temp_file("_github_workflow/event.json",
                          event.is_null() ? "{}" : core::expr::to_json(event));
  evaluate_job_env();
  say_set_up();
  proto::JobStarted started;
  started.runner_version = proto::product_version();
  started.sandbox = sandbox_text_;
  started.pid = ::getpid();
  link_.report(std::move(started));
}

void Job::read_workflow() {
  const auto parsed =
      core::workflow::parse_job(message_.workflow_file, message_.workflow_text, message_.job_key);
  if (!parsed.workflow) {
    throw Exception(Errc::invalid,
                    "reading the workflow:\n" + core::yaml::render_all(parsed.diagnostics,
                                                                       message_.workflow_file,
                                                                       message_.workflow_text));
  }
  workflow_ = parsed.workflow;
  definition_ = workflow_->find_job(message_.job_key);
  if (definition_ == nullptr) {
    throw Exception(Errc::not_found, "reading workflow '" + message_.workflow_file +
                                         "': it has no job '" + message_.job_key + "'");
  }
  steps_ = in_line(definition_->steps);
  for (const auto& [key, token] : {std::pair<std::string_view, const core::workflow::Token*>(
                                       "container", &definition_->container),
                                   {"services", &definition_->services}}) {
    if (token->is_null()) continue;
    throw Exception(Errc::invalid, message_.workflow_file + ':' +
                                       std::to_string(token->position.line) + ": '" +
                                       std::string(key) + "' of a job is not supported yet");
  }
}

void Job::start_sandbox() {
  const os::CgroupTree& cgroups = cgroups_here();
  const fs::path agent = message_.paths.agent_binary;
  SandboxPlan plan =
      plan_sandbox(message_.sandbox, {settings_.folder, message_.paths.roots}, cgroups);
  processes_.use(take_sandbox(std::exchange(settings_.ready, std::nullopt), plan.spec,
                              settings_.folder, agent, cgroups));
  sandbox_text_ = std::move(plan.text);
  shortcomings_ = std::move(plan.shortcomings);
}

void Job::evaluate_job_env() {
  for (const core::workflow::Token* env : {&workflow_->env, &definition_->env}) {
    const auto pairs =
        core::or_throw(contexts_.for_job(state_).texts(*env), "evaluating the job's env");
    for (const auto& [name, value] : pairs)
      state_.env.set(name, value);
  }
  // The job's `defaults.run` replaces the workflow's as a whole.
  const core::workflow::Token* own = definition_->defaults.find("run");
  const core::workflow::Token* general = workflow_->defaults.find("run");
  const core::workflow::Token* defaults = own != nullptr ? own : general;
  if (defaults != nullptr) {
    defaults_ =
        core::or_throw(contexts_.for_job(state_).value(*defaults), "evaluating the job's defaults");
  }
}

void Job::say_set_up() {
  log_.say("Current runner version: '" + std::string(proto::product_version()) + "'");
  log_.say("##[group]Sandbox\nbubblewrap: " + sandbox_text_ + "\n##[endgroup]");
  for (const std::string& shortcoming : shortcomings_) {
    log_.say("##[warning]This machine cannot give the job its " + shortcoming);
  }
  log_.say("Labels: " + core::join(message_.labels, ", "));
  log_.say(message_.trust == proto::Trust::trusted ? "Trust: trusted"
                                                   : "Trust: untrusted (no secrets)");
  log_.say("Checkout source: mirror of " + message_.repository.full_name);
  log_.say("Complete job name: " + message_.job_name);
}

void Job::announce_steps() {
  int number = 1;
  for (const auto& use : uses_) {
    if (!use || !has_pre(*use)) continue;
    proto::StepChanged step;
    step.number = ++number;
    step.name = core::cut_utf8("Pre Run " + use->definition->uses->value, kLongestName);
    link_.report(std::move(step));
  }
  for (const core::workflow::Step& definition : steps_) {
    proto::StepChanged step;
    step.number = ++number;
    step.id = definition.has_generated_id() ? "" : definition.id;
    // With what is known now; made anew when the step begins.
    Step waiting;
    waiting.state = &state_;
    waiting.definition = &definition;
    const core::Result<std::string> name = name_of(waiting);
    step.name = core::cut_utf8(log_.masker().mask(name ? *name : definition.id), kLongestName);
    link_.report(std::move(step));
  }
}

void Job::complete() {
  Step step = new_step();
  step.name = "Complete job";
  begin(step);
  proto::JobCompleted completed;
  Conclusion conclusion = Conclusion::success;
  try {
    if (definition_ != nullptr) completed.outputs = evaluate_outputs();
  } catch (const std::exception& exception) {
    say_failure(exception.what());
    conclusion = Conclusion::failure;
  }
  log_.say("Cleaning up orphan processes");
  close_background();
  if (processes_.has_sandbox()) {
    const SandboxUsage use = processes_.sandbox().usage();
    completed.resources.cpu_usec = use.cpu.count();
    completed.resources.memory_peak_bytes =
        static_cast<std::int64_t>(use.memory_peak_bytes.value_or(0));
    completed.resources.oom_kills = static_cast<std::int64_t>(use.oom_kills);
    processes_.close();
  }
  finish(step, conclusion, conclusion);
  completed.conclusion = state_.status;
  completed.reason = failure_reason_;
  proto::LogAdvanced advanced;
  advanced.lines = log_.written_lines();
  advanced.bytes = log_.written_bytes();
  link_.report(advanced);
  link_.report(std::move(completed));
}

std::vector<std::pair<std::string, std::string>> Job::evaluate_outputs() {
  std::vector<std::pair<std::string, std::string>> outputs;
  const Evaluator evaluator = contexts_.for_job(state_);
  std::size_t bytes = 0;
  for (const auto& [name, value] :
       core::or_throw(evaluator.texts(definition_->outputs), "evaluating the job's outputs")) {
    if (value.empty()) continue;
    if (log_.masker().has_secret(value)) {
      log_.say("##[warning]Skip output '" + name + "' since it may contain secret.");
      continue;
    }
    bytes += 2 * core::expr::utf16_length(value);
    if (bytes > kOutputsLimitBytes) {
      throw Exception(Errc::too_large,
                      "setting output '" + name +
                          "' of the job: its outputs take more than 1 MiB (as UTF-16); hand big "
                          "values on in a file");
    }
    log_.say("Set output '" + name + "'");
    outputs.emplace_back(name, value);
  }
  return outputs;
}

void Job::begin(Step& step) {
  step.started_at = clock_.now();
  step.lines_before = step.log->lines();
  proto::StepChanged& changed = step.changed;
  changed.number = step.number;
  changed.id = id_of(step);
  changed.name = core::cut_utf8(log_.masker().mask(step.name), kLongestName);
  changed.status = proto::StepStatus::in_progress;
  changed.started_at = step.started_at;
  link_.report(changed);
}

void Job::finish(Step& step, Conclusion outcome, Conclusion conclusion) {
  step.log->flush();
  proto::StepChanged& changed = step.changed;
  changed.number = step.number;
  changed.id = id_of(step);
  changed.name = core::cut_utf8(log_.masker().mask(step.name), kLongestName);
  changed.status = proto::StepStatus::completed;
  changed.outcome = outcome;
  changed.conclusion = conclusion;
  changed.started_at = step.started_at;
  changed.completed_at = clock_.now();
  // Where the lines of a background step are to stand is not known yet.
  if (step.log == &log_ && log_.lines() > step.lines_before) {
    changed.first_line = step.lines_before + 1;
    changed.last_line = log_.lines();
  }
  link_.report(changed);
}

void Job::note_status(JobState& state, Conclusion conclusion) {
  if (conclusion == Conclusion::failure && state.status == Conclusion::success) {
    state.status = Conclusion::failure;
  }
}

JobStep Job::new_step() {
  Step step;
  step.number = ++last_number_;
  step.state = &state_;
  step.log = &log_;
  step.started_at = clock_.now();
  step.lines_before = log_.lines();
  return step;
}

}  // namespace gantry::daemon::runner
