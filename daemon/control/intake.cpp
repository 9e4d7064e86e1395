// SPDX-License-Identifier: MIT
#include "daemon/control/intake.hpp"

#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "core/workflow/dispatch.hpp"
#include "daemon/control/db_thread.hpp"
#include "daemon/control/new_run.hpp"
#include "daemon/control/schedules.hpp"
#include "storage/outbox.hpp"
#include "storage/workflows.hpp"

#include <algorithm>
#include <charconv>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using core::workflow::Event;
using storage::Database;
using storage::DeliveryState;

constexpr std::string_view kExternalIdPrefix = "gantry-";
// A repository hook and an App hook deliver the same event within seconds.
constexpr std::chrono::seconds kSameMeaningWindow{60};
constexpr std::chrono::seconds kFirstRetry{1};
constexpr std::chrono::seconds kLongestRetry{60};
constexpr std::chrono::hours kGiveUp{24};

bool may_pass(Errc code) {
  return code == Errc::unavailable || code == Errc::timed_out || code == Errc::io;
}

std::string count_runs(std::size_t count) {
  return count == 1 ? "1 run" : std::to_string(count) + " runs";
}

// Of two decisions about a file (pull_request, pull_request_target) those that say something: that
// an event is not listed says the least.
void note(const std::vector<core::run::PlannedWorkflow>& from,
          std::vector<core::run::PlannedWorkflow>& into) {
  using core::workflow::TriggerRule;
  for (const auto& plan : from) {
    const auto same = std::find_if(into.begin(), into.end(),
                                   [&](const auto& known) { return known.file == plan.file; });
    if (same == into.end()) {
      into.push_back(plan);
    } else if (plan.decision.rule != TriggerRule::event_not_listed) {
      const bool silent = same->decision.rule == TriggerRule::event_not_listed;
      if (silent) *same = plan;
      if (!silent) into.push_back(plan);
    }
  }
}

// GitHub's rule: what a job does with its token starts no run, or it might go on for ever. A run of
// a workflow is nobody's doing.
bool starts_whoever_made_it(const Event& event) {
  return event.name == "workflow_dispatch" || event.name == "repository_dispatch" ||
         event.name == "workflow_run" || event.name == "schedule";
}

// Of a dispatch at GitHub, which has checked them; what does not fit any more breaks the run.
void take_inputs(const Event& event, NewRun& run) {
  const auto* trigger = run.workflow->find_trigger("workflow_dispatch");
  auto inputs = core::workflow::check_inputs(*trigger, event.payload["inputs"]);
  if (inputs) {
    run.inputs = std::move(inputs->typed);
    return;
  }
  core::yaml::Diagnostic diagnostic;
  diagnostic.position = trigger->position;
  diagnostic.message = inputs.error().message;
  diagnostic.kind = "input";
  run.diagnostics.push_back(std::move(diagnostic));
}

// `why_not`: of events that cannot start anything whatever the files say.
std::string summary_of(const std::vector<core::run::PlannedWorkflow>& planned, std::size_t runs,
                       const std::string& why_not) {
  if (runs > 0) return "started " + count_runs(runs);
  if (planned.empty() && !why_not.empty()) return why_not;
  if (planned.empty()) return "there is no workflow file in .github/workflows at this commit";
  std::string text = why_not.empty() ? "no workflow starts" : why_not;
  for (const auto& item : planned)
    text += "; " + item.file + ": " + item.reason;
  return core::cut_utf8(text, 4000);
}

}  // namespace

Intake::Intake(async::Runtime& runtime, Conductor& conductor, GitPool& git, GithubTokens& tokens,
               async::TaskGroup& tasks)
    : runtime_(runtime), conductor_(conductor), git_(git), tokens_(tokens), tasks_(tasks) {}

async::Task<> Intake::restore() {
  std::size_t count = 0;
  core::DeliveryId after;
  for (;;) {
    const auto waiting = co_await conductor_.db().read(
        [&](Database& d) { return storage::unprocessed_deliveries(d, after); });
    if (waiting.empty()) break;
    for (const storage::Delivery& delivery : waiting) {
      Item item{delivery.id, delivery.received_at,
                proto::parse_delivery(delivery.event, delivery.payload)};
      place(std::move(item));
    }
    count += waiting.size();
    after = waiting.back().id;
  }
  if (count > 0) core::log::info("deliveries taken up again", {{"count", count}});
  // Numbers are given in order: what was there at the last look had a lower one.
  std::vector<Item> early = std::move(*early_);
  early_.reset();
  for (Item& item : early) {
    if (item.id.value > after.value) place(std::move(item));
  }
}

void Intake::take(const storage::Delivery& delivery) {
  Item item{delivery.id, delivery.received_at,
            proto::parse_delivery(delivery.event, delivery.payload)};
  enqueue(std::move(item));
}

async::Task<> Intake::submit(storage::Delivery delivery) {
  const auto inserted =
      co_await conductor_.db().write([&](Database& d) { return insert_delivery(d, delivery); });
  delivery.id = inserted.id;
  take(delivery);
}

async::Task<> Intake::keep_schedules(storage::Repository repo,
                                     const std::vector<core::run::WorkflowFile>& files) {
  const auto schedules = schedules_of(files, repo.id, conductor_.clock().now());
  std::string text;
  for (const auto& item : schedules)
    text += item.workflow + "|" + item.cron + "|" + item.timezone + "\n";
  const auto known = schedules_.find(repo.id);
  if (known != schedules_.end() && known->second == text) co_return;
  co_await conductor_.db().write(
      [&](Database& d) { storage::put_schedules(d, repo.id, schedules); });
  schedules_[repo.id] = text;
}

void Intake::enqueue(Item item) {
  if (early_) {
    early_->push_back(std::move(item));
  } else {
    place(std::move(item));
  }
}

void Intake::place(Item item) {
  const std::string name =
      item.content ? core::to_lower(item.content->repository.full_name) : std::string();
  const auto [found, is_new] = lanes_.try_emplace(name, runtime_.executor());
  Lane& lane = found->second;
  lane.waiting.push_back(std::move(item));
  // Perhaps the repository answers again: those that came before go first.
  if (!lane.held.empty()) lane.held.front().due = std::chrono::steady_clock::now();
  lane.changed.notify();
  if (is_new) tasks_.spawn("taking deliveries", work(name, lane));
}

async::Task<> Intake::work(std::string name, Lane& lane) {
  while (std::optional<Held> next = co_await next_of(lane)) {
    co_await attempt(lane, std::move(*next));
  }
  lanes_.erase(name);
}

async::Task<std::optional<Intake::Held>> Intake::next_of(Lane& lane) {
  std::optional<Held> next;
  while (!next && !(lane.waiting.empty() && lane.held.empty())) {
    const auto due = std::min_element(lane.held.begin(), lane.held.end(),
                                      [](const Held& a, const Held& b) { return a.due < b.due; });
    if (due != lane.held.end() && due->due <= std::chrono::steady_clock::now()) {
      next = std::move(*due);
      lane.held.erase(due);
    } else if (!lane.waiting.empty()) {
      next = Held{std::move(lane.waiting.front()), {}, kFirstRetry};
      lane.waiting.pop_front();
    } else {
      co_await lane.changed.wait_until(due->due);
    }
  }
  co_return next;
}

async::Task<> Intake::attempt(Lane& lane, Held next) {
  const Item& item = next.item;
  std::optional<core::Error> failed;
  try {
    co_await process(item);
  } catch (const Exception& error) {
    failed = error.error();
  }
  const auto now = std::chrono::steady_clock::now();
  if (!failed) {
    // The repository answers: what waits for it is tried again, in its order.
    const bool is_event = item.content && std::holds_alternative<Event>(item.content->content);
    for (std::size_t i = 0; is_event && i < lane.held.size(); ++i)
      lane.held[i].due = now;
    co_return;
  }
  const bool again =
      may_pass(failed->code) && conductor_.clock().now() - item.received_at < kGiveUp;
  core::log::error("delivery cannot be processed", {{"delivery", item.id.value},
                                                    {"why", failed->message},
                                                    {"next", again ? "retry" : "given up"}});
  const core::DeliveryId id = item.id;
  if (again) hold(lane, std::move(next));
  // A disk that refuses this too must not stop the lane: what is given up is then taken up again
  // by the next start.
  std::string untold;
  try {
    if (again) {
      std::string reason = "waiting to be tried again: " + failed->message;
      co_await conductor_.db().write([&](Database& d) { storage::note_delivery(d, id, reason); });
    } else {
      co_await finish(id, DeliveryState::failed, failed->message);
    }
  } catch (const Exception& error) {
    untold = error.what();
  }
  if (!untold.empty()) {
    core::log::error("delivery's state cannot be stored",
                     {{"delivery", id.value}, {"why", untold}});
  }
}

void Intake::hold(Lane& lane, Held next) {
  next.due = std::chrono::steady_clock::now() + next.pause;
  next.pause = std::min<std::chrono::steady_clock::duration>(next.pause * 2, kLongestRetry);
  const auto after = std::find_if(lane.held.begin(), lane.held.end(), [&](const Held& held) {
    return held.item.id.value > next.item.id.value;
  });
  lane.held.insert(after, std::move(next));
}

async::Task<> Intake::finish(core::DeliveryId id, DeliveryState state, std::string reason) {
  core::log::info(
      "delivery taken",
      {{"delivery", id.value}, {"state", storage::to_string(state)}, {"reason", reason}});
  storage::DeliveryOutcome outcome;
  outcome.state = state;
  outcome.reason = std::move(reason);
  const core::Timestamp now = conductor_.clock().now();
  co_await conductor_.db().write([&](Database& d) { finish_delivery(d, id, outcome, now); });
}

// The commit statuses of runs lead to their pages here.
bool Intake::is_own_status(const Event& event) const {
  const auto& target = event.payload["target_url"];
  const std::string url = conductor_.settings()->public_url();
  return !url.empty() && target.to_string().starts_with(url + "/");
}

async::Task<> Intake::process(const Item& item) {
  if (!item.content) {
    co_await finish(item.id, DeliveryState::failed, item.content.error().message);
    co_return;
  }
  const auto& content = item.content->content;
  if (const auto* ignored = std::get_if<proto::Ignored>(&content)) {
    co_await finish(item.id, DeliveryState::ignored, ignored->reason);
    co_return;
  }
  if (std::holds_alternative<proto::Ping>(content)) {
    co_await finish(item.id, DeliveryState::processed, "ping answered");
    co_return;
  }
  if (std::holds_alternative<proto::InstallationChange>(content)) {
    co_await finish(item.id, DeliveryState::processed,
                    "noted; which repositories run here is the config's to say");
    co_return;
  }
  const std::string& name = item.content->repository.full_name;
  if (conductor_.settings()->config.find_repository(name) == nullptr) {
    co_await finish(item.id, DeliveryState::ignored,
                    "repository '" + name + "' is not allowed here; add it to 'repositories'");
    co_return;
  }
  if (const auto* check = std::get_if<proto::CheckRunRequest>(&content)) {
    co_await rerun_check(item, *check);
  } else if (const auto* suite = std::get_if<proto::CheckSuiteRequest>(&content)) {
    co_await rerun_commit(item, suite->head_sha);
  } else if (const auto* event = std::get_if<Event>(&content)) {
    co_await process_event(item, *event);
  }
}

async::Task<> Intake::process_event(const Item& item, Event event) {
  const core::Timestamp since = item.received_at - kSameMeaningWindow;
  const auto same = co_await conductor_.db().read([&](Database& d) {
    const bool is_asked = !event.payload["gantry"].is_null();  // by hand, as often as wanted
    return event.dedupe_key.empty() || is_asked
               ? std::nullopt
               : storage::find_same_meaning(d, item.id, event.dedupe_key, since);
  });
  if (same && same->state != DeliveryState::failed) {
    co_await finish(item.id, DeliveryState::ignored,
                    "the same event came as delivery " + same->guid + " already");
    co_return;
  }
  const storage::Repository repo =
      co_await keep_repository(event.repository, event.installation_id);
  if (event.deleted) {
    co_await finish(item.id, DeliveryState::ignored, "the ref was deleted");
    co_return;
  }
  if (!starts_whoever_made_it(event) && co_await tokens_.is_job(event.sender.login)) {
    co_await finish(item.id, DeliveryState::ignored,
                    "made with a job's token: only workflow_dispatch and repository_dispatch start "
                    "workflows then");
    co_return;
  }
  const std::string token = co_await tokens_.clone_token(repo);
  if (event.name == "status" && is_own_status(event)) {
    co_await finish(item.id, DeliveryState::ignored, "a status made by a run starts nothing");
    co_return;
  }
  event.repository.default_branch = repo.default_branch;
  event.repository.id = repo.github_id.value_or(event.repository.id);
  std::vector<core::run::PlannedWorkflow> planned;
  std::vector<NewRun> runs;
  std::string why_not;
  for (Event& each : core::workflow::events_of(std::move(event))) {
    Considered part = co_await consider(repo, token, std::move(each), item.received_at);
    if (!part.why_not.empty()) why_not += (why_not.empty() ? "" : "; ") + part.why_not;
    for (NewRun& run : part.runs) {
      run.row.delivery = item.id;
      runs.push_back(std::move(run));
    }
    note(part.planned, planned);
  }
  Conductor::DeliveryEnd end;
  end.id = item.id;
  end.outcome.state = runs.empty() ? DeliveryState::ignored : DeliveryState::processed;
  end.outcome.reason = summary_of(planned, runs.size(), why_not);
  end.outcome.decisions = encode_decisions(planned);
  core::log::info("delivery taken", {{"delivery", item.id.value},
                                     {"repository", repo.full_name},
                                     {"event", item.content->event},
                                     {"reason", end.outcome.reason}});
  std::optional<Conductor::DeliveryEnd> ends(std::move(end));
  co_await conductor_.begin(repo, std::move(runs), std::move(ends));
}

async::Task<Intake::Considered> Intake::consider(storage::Repository repo, std::string token,
                                                 Event event, core::Timestamp now) {
  Considered considered;
  considered.why_not = co_await resolve(repo, token, event);
  if (!considered.why_not.empty()) co_return considered;
  // A fork's pull request runs the base branch's definition: its own could ask for anything.
  const bool from_fork = trust_of(event) == storage::Trust::untrusted;
  const std::string definition_sha = from_fork ? event.pull_request->base_sha : event.sha;
  core::run::CalledTexts sources;
  const auto files = co_await read_workflows(repo, token, definition_sha, sources);
  std::optional<core::workflow::Changes> changes;
  if (const auto wanted = core::run::needed_diff(event, files)) {
    changes = co_await changed_files(repo, token, *wanted, event.ref);
  }
  considered.planned = core::run::plan_event(event, files, changes);
  const bool is_default = event.ref == "refs/heads/" + repo.default_branch;
  if (is_default) conductor_.run_events().learn(repo.id, files, now);
  if (event.name == "push" && is_default) co_await keep_schedules(repo, files);
  const auto settings = conductor_.settings();
  for (const auto& plan : considered.planned) {
    if (plan.outcome == core::run::PlanOutcome::not_started) continue;
    NewRun run = make_new_run(event, plan, sources[plan.file].text, definition_sha, repo,
                              settings->config.github, now);
    if (event.name == "workflow_dispatch" && run.workflow) take_inputs(event, run);
    co_await add_calls(run, sources);
    considered.runs.push_back(std::move(run));
  }
  co_return considered;
}

async::Task<storage::Repository> Intake::keep_repository(
    const core::workflow::Repository& repository, std::int64_t installation) {
  storage::Repository row;
  row.full_name = repository.full_name;
  row.clone_url = conductor_.settings()->clone_url_of(repository.full_name);
  row.default_branch = repository.default_branch.empty() ? "main" : repository.default_branch;
  const bool is_githubs = repository.id != 0 && repository.id != core::made_id(row.full_name);
  if (is_githubs) row.github_id = repository.id;
  if (installation != 0) row.installation_id = installation;
  row.is_private = repository.is_private;
  const core::Timestamp now = conductor_.clock().now();
  co_return co_await conductor_.db().write([&](Database& d) {
    // Every push would write the same row again: only a change is worth a write.
    const auto known = storage::find_repository(d, row.full_name);
    const bool same = known && known->clone_url == row.clone_url &&
                      known->default_branch == row.default_branch && known->github_id &&
                      (!row.github_id || known->github_id == row.github_id) &&
                      (!row.installation_id || known->installation_id == row.installation_id) &&
                      known->is_private == row.is_private;
    if (same) return *known;
    return *storage::find_repository(d, put_repository(d, row, now));
  });
}

async::Task<> Intake::rerun_check(const Item& item, const proto::CheckRunRequest& request) {
  if (request.action != proto::CheckAction::rerequested) {
    co_await finish(item.id, DeliveryState::ignored, "the check run offers no such action");
    co_return;
  }
  std::int64_t number = 0;
  if (request.external_id.starts_with(kExternalIdPrefix)) {
    const char* begin = request.external_id.data() + kExternalIdPrefix.size();
    std::from_chars(begin, request.external_id.data() + request.external_id.size(), number);
  }
  const auto job = co_await conductor_.db().read([&](Database& d) {
    auto found = storage::find_job(d, core::JobId{number});
    if (!found) {
      const auto entry =
          storage::find_entry_by_remote_id(d, storage::OutboxKind::check_run, request.check_run_id);
      if (entry) found = storage::find_job(d, entry->job);
    }
    // Anyone's app can put our ids into its own checks: only jobs of this repository count.
    const auto repo = storage::find_repository(d, item.content->repository.full_name);
    const auto run = found ? storage::find_run(d, found->run) : std::nullopt;
    if (!run || !repo || run->repo != repo->id) found.reset();
    return found;
  });
  if (!job) {  // our state was lost: what ran for that commit runs again
    co_await rerun_commit(item, request.head_sha);
    co_return;
  }
  std::string reason;
  try {
    co_await conductor_.rerun(job->run, core::run::RerunScope::one_job, job->id,
                              item.content->sender.login);
  } catch (const Exception& error) {
    reason = error.what();
  }
  // A conditional of strings within the co_await statement is destroyed twice by GCC 12.
  const auto state = reason.empty() ? DeliveryState::processed : DeliveryState::ignored;
  if (reason.empty()) reason = "started a new attempt";
  co_await finish(item.id, state, reason);
}

async::Task<> Intake::rerun_commit(const Item& item, std::string head_sha) {
  const auto repo =
      co_await keep_repository(item.content->repository, item.content->installation_id);
  const auto runs = co_await conductor_.db().read([&](Database& d) {
    storage::RunFilter filter;
    filter.repo = repo.id;
    filter.head_sha = head_sha;
    storage::Page page;
    page.size = 100;
    return storage::list_runs(d, filter, page).runs;
  });
  std::size_t started = 0;
  std::string reason;
  for (const storage::Run& run : runs) {
    try {
      co_await conductor_.rerun(run.id, core::run::RerunScope::all, core::JobId(),
                                item.content->sender.login);
      ++started;
    } catch (const Exception& error) {
      reason = error.what();
    }
  }
  if (runs.empty()) reason = "no run of commit " + head_sha + " is known here";
  const auto state = started > 0 ? DeliveryState::processed : DeliveryState::ignored;
  if (started > 0) reason = "started " + count_runs(started) + " again";
  co_await finish(item.id, state, reason);
}

}  // namespace gantry::daemon::control
