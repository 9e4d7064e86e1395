// SPDX-License-Identifier: MIT
// `uses: actions/checkout`, carried out by the runner.
#include "core/base/error.hpp"
#include "daemon/runner/checkout.hpp"
#include "daemon/runner/environment.hpp"
#include "daemon/runner/job_background.hpp"

namespace gantry::daemon::runner {
namespace {

using core::run::Conclusion;
using proto::AnnotationLevel;

// As actions/checkout does it: fetched together before the files are put in their place.
constexpr const char* kLfsScript =
    "command -v git-lfs >/dev/null || { echo \"::error::reading input 'lfs' of actions/checkout: "
    "git-lfs is not installed on this machine; install the package git-lfs, or remove the "
    "input\"; exit 1; }\n"
    "git lfs install --local && git lfs fetch origin HEAD && git lfs checkout\n";

}  // namespace

async::Task<Conclusion> Job::run_checkout(Step& step) {
  const auto read_with = [&] { return evaluator(step).texts(step.definition->with); };
  const auto with = co_await hashes_.aside(runtime_, read_with);
  if (!with) co_return refuse(step, with.error().message);
  core::Result<CheckoutRequest> request =
      read_checkout(*with, message_, folder_.workspace_inside());
  if (!request) co_return refuse(step, request.error().message);
  const git::CheckoutPlan& plan = request->plan;
  step.log->masker().add_secret(plan.ssh.key);
  step.log->masker().add_secret(plan.token);
  for (const std::string& secret : git::derived_secrets(plan.token))
    step.log->masker().add_secret(secret);
  std::string shown = "##[group]" + step.name;
  if (!with->empty()) shown += "\nwith:";
  for (const auto& [name, value] : *with)
    shown += "\n  " + name + ": " + value;
  step.log->say(shown + "\n##[endgroup]");
  for (const std::string& warning : request->warnings) {
    step.commands->annotate(AnnotationLevel::warning, warning);
  }
  step.log->flush();
  std::string problem;
  while (is_checking_out_)
    co_await side_changed_.wait();
  is_checking_out_ = true;
  try {
    Checkouts::Done done = co_await checkouts_.carry_out(plan);
    for (const std::string& line : done.lines)
      step.log->say(line);
    for (const auto& [name, value] : done.outputs)
      step.commands->set_output(name, value);
  } catch (const core::Exception& exception) {
    problem = exception.what();
  }
  is_checking_out_ = false;
  side_changed_.notify();
  if (problem.empty() && plan.lfs == git::Lfs::yes) co_return co_await fetch_lfs(step, plan);
  if (problem.empty()) co_return Conclusion::success;
  if (cancelled_) {
    step.log->say("##[error]The operation was canceled.");
    co_return Conclusion::cancelled;
  }
  co_return refuse(step, problem);
}

// In the job's sandbox and with its network: .lfsconfig may name any server.
async::Task<Conclusion> Job::fetch_lfs(Step& step, const git::CheckoutPlan& plan) {
  step.log->say("Fetching LFS objects");
  StepRequest request;
  request.argv = {"/bin/sh", "-c", kLfsScript};
  request.cwd = (fs::path(folder_.workspace_inside()) / plan.path).lexically_normal().string();
  request.env = process_environment(
      {step.env, step.github, contexts_.runner(), search_path_, step.state->added_path});
  const std::vector<std::string> secrets = git::derived_secrets(plan.token);
  if (!plan.persist_credentials && !secrets.empty()) {
    request.env.push_back("GIT_CONFIG_COUNT=1");
    request.env.push_back("GIT_CONFIG_KEY_0=http." + plan.server_url + "/.extraheader");
    request.env.push_back("GIT_CONFIG_VALUE_0=AUTHORIZATION: basic " + secrets.front());
  }
  co_return co_await run_process(step, std::move(request));
}

}  // namespace gantry::daemon::runner
