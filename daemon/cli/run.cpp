// SPDX-License-Identifier: MIT
// gantry run: the work tree's workflows, here and now, by a gantryd of our own.
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/workflow/workflow.hpp"
#include "core/yaml/diagnostic.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/cli/private_gantryd.hpp"
#include "daemon/cli/run_event.hpp"
#include "daemon/http/message.hpp"
#include "proto/github_signature.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace gantry::daemon::cli {
namespace {

namespace fs = std::filesystem;
using core::Errc;
using core::Exception;
using core::workflow::Workflow;
using nlohmann::json;

constexpr std::chrono::milliseconds kLookPause{500};
constexpr int kInterrupted = 130;

struct Options {
  std::string target, event, payload_file, secret_file, var_file, network = "internet";
  std::vector<std::string> matrix, inputs, action_sources;
  int jobs = 0;
  bool watch = false, list = false;
};

struct File {
  std::string path;  // .github/workflows/ci.yml
  std::shared_ptr<const Workflow> workflow;
};

// What is to run.
struct Choice {
  std::string workflow;           // path; empty: all that the event starts
  std::vector<std::string> jobs;  // empty: all
};

[[noreturn]] void refuse(const Options& options, const std::string& why) {
  throw Exception(Errc::invalid, "running '" + options.target + "': " + why);
}

std::vector<File> read_workflows(const fs::path& top) {
  std::vector<File> files;
  std::vector<fs::path> found;
  const fs::path folder = top / ".github/workflows";
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const auto extension = entry.path().extension();
    if (extension == ".yml" || extension == ".yaml") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  std::size_t broken = 0;
  for (const fs::path& path : found) {
    const std::string name = ".github/workflows/" + path.filename().string();
    const std::string source = core::read_file(path);
    auto parsed = core::workflow::parse_workflow(name, source);
    if (!parsed.diagnostics.empty()) {
      std::fputs(core::yaml::render_all(parsed.diagnostics, name, source).c_str(), stderr);
    }
    if (parsed.workflow) {
      files.push_back({name, parsed.workflow});
    } else {
      ++broken;
    }
  }
  if (files.empty()) {
    throw Exception(Errc::not_found,
                    "reading '" + folder.string() + "': " +
                        (broken > 0 ? "every workflow has errors" : "there is no workflow file"));
  }
  return files;
}

void print_list(const std::vector<File>& files) {
  std::vector<std::vector<std::string>> rows;
  for (const File& file : files) {
    std::vector<std::string> events;
    for (const auto& trigger : file.workflow->on)
      events.push_back(trigger.event);
    for (const auto& job : file.workflow->jobs) {
      std::vector<std::string> needs;
      for (const auto& need : job.needs)
        needs.push_back(need.value);
      rows.push_back({fs::path(file.path).filename().string(), job.id, core::join(needs, ", "),
                      core::join(events, ", ")});
    }
  }
  print_table({"WORKFLOW", "JOB", "NEEDS", "EVENTS"}, rows);
}

bool is_meant(const File& file, const std::string& target) {
  const fs::path path(file.path);
  return target == file.path || target == path.filename() || target == path.stem() ||
         target == file.workflow->name || "./" + file.path == target;
}

// A workflow (path, file name, `name`), a job id, or FILE:JOB.
Choice choose(const std::vector<File>& files, const Options& options) {
  if (options.target.empty()) return {};
  for (const File& file : files) {
    if (is_meant(file, options.target)) return {file.path, {}};
  }
  const std::size_t colon = options.target.rfind(':');
  const bool has_file = colon != std::string::npos;
  const std::string job = has_file ? options.target.substr(colon + 1) : options.target;
  std::vector<Choice> found;
  std::vector<std::string> names, there;
  for (const File& file : files) {
    if (has_file && !is_meant(file, options.target.substr(0, colon))) continue;
    const std::string name = fs::path(file.path).filename().string();
    there.push_back(name);
    for (const auto& each : file.workflow->jobs)
      there.push_back(each.id);
    if (const auto* its = file.workflow->find_job(job)) {
      found.push_back({file.path, {its->id}});
      names.push_back(name + ":" + its->id);
    }
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1)
    refuse(options, "several workflows have such a job: " + core::join(names, ", "));
  const std::string near = core::closest_match(options.target, there);
  refuse(options,
         "no such workflow or job" + (near.empty() ? std::string("; `gantry run --list` shows them")
                                                   : "; did you mean '" + near + "'?"));
}

const Workflow* workflow_of(const std::vector<File>& files, const std::string& path) {
  for (const File& file : files) {
    if (file.path == path) return file.workflow.get();
  }
  return nullptr;
}

std::string choose_event(const Workflow* workflow, const Options& options) {
  if (!options.event.empty()) return options.event;
  if (!options.inputs.empty()) return "workflow_dispatch";
  if (workflow == nullptr || workflow->on.empty()) return "push";
  for (const char* event : {"push", "pull_request", "workflow_dispatch"}) {
    if (workflow->find_trigger(event) != nullptr) return event;
  }
  return workflow->on.front().event;
}

std::pair<std::string, std::string> pair_of(const std::string& text, const char* what) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign == 0) {
    throw Exception(Errc::invalid,
                    std::string("reading ") + what + " '" + text + "': expected name=value");
  }
  return {text.substr(0, sign), text.substr(sign + 1)};
}

json selection_of(const Choice& choice, const Options& options) {
  json selection = json::object();
  if (!choice.workflow.empty()) selection["workflow"] = choice.workflow;
  if (!choice.jobs.empty()) selection["jobs"] = choice.jobs;
  for (const std::string& item : options.matrix) {
    const auto [key, value] = pair_of(item, "--matrix");
    selection["matrix"][key].push_back(value);
  }
  return selection;
}

json read_payload(const std::string& file) {
  if (file.empty()) return json::object();
  const std::string text = core::read_file(file == "-" ? "/dev/stdin" : file);
  json payload = json::parse(text, nullptr, false);
  if (!payload.is_object()) {
    throw Exception(Errc::invalid, "reading the payload '" + file + "': it is not a JSON object");
  }
  return payload;
}

std::string text_of(const std::string& file) {
  return file.empty() ? "" : core::read_file(file);
}

class LocalRun {
 public:
  explicit LocalRun(const Options& options)
      : options_(options), tree_(fs::current_path()), given_(read_payload(options.payload_file)) {
    const char* home = std::getenv("XDG_STATE_HOME");
    const char* user = std::getenv("HOME");
    if ((home == nullptr || *home == '\0') && (user == nullptr || *user == '\0')) {
      throw Exception(Errc::invalid, "looking for a place to keep state: HOME is not set");
    }
    const fs::path state =
        home != nullptr && *home != '\0' ? fs::path(home) : fs::path(user) / ".local/state";
    folder_ = state / "gantry/local" /
              proto::hmac_sha256_hex("work tree", tree_.top().string()).substr(0, 12);
  }

  int run() {
    const std::vector<File> files = read_workflows(tree_.top());
    if (options_.list) {
      print_list(files);
      return 0;
    }
    int code = once(files);
    while (options_.watch) {
      wait_for_change();
      code = once(read_workflows(tree_.top()));
    }
    return code;
  }

 private:
  int once(const std::vector<File>& files) {
    const Choice choice = choose(files, options_);
    snapshot_ = tree_.snapshot(mirror());
    if (!gantryd_) start();
    Api api(gantryd_->connection());
    int code = 0;
    for (const std::string& id : trigger(api, choice, workflow_of(files, choice.workflow)))
      code = std::max(code, show(api, id));
    set_running("");
    return code;
  }

  fs::path mirror() const { return folder_ / "work-tree.git"; }

  void start() {
    PrivateSettings settings;
    settings.folder = folder_;
    settings.repository = mirror();
    settings.name = snapshot_.name;
    settings.secrets = text_of(options_.secret_file);
    settings.vars = text_of(options_.var_file);
    settings.network = options_.network;
    settings.action_sources = options_.action_sources;
    settings.jobs = options_.jobs;
    gantryd_.emplace(settings);
    listen_for_signals();
  }

  // The ids of the runs it starts; throws with the reasons when there is none.
  std::vector<std::string> trigger(Api& api, const Choice& choice, const Workflow* workflow) {
    const std::string event = choose_event(workflow, options_);
    const json selection = selection_of(choice, options_);
    if (event == "workflow_dispatch") return {dispatch(api, choice, selection)};
    json payload = local_payload(event, snapshot_, tree_, mirror(), given_);
    payload["gantry"] = selection;
    const std::string guid = deliver(api, event, payload.dump(), gantryd_->webhook_secret());
    const json delivery = processed_delivery(api, guid);
    std::vector<std::string> ids;
    for (const auto& run : delivery["runs"])
      ids.push_back(run.dump());
    if (ids.empty()) {
      throw Exception(Errc::not_found, "starting '" + event +
                                           "' here: " + for_terminal(text(delivery, "reason")) +
                                           "; gantry run WORKFLOW starts it whatever its filters");
    }
    return ids;
  }

  std::string dispatch(Api& api, const Choice& choice, const json& selection) {
    if (choice.workflow.empty()) {
      throw Exception(Errc::invalid,
                      "starting by hand: which workflow? name it, gantry run WORKFLOW");
    }
    json inputs = given_.value("inputs", json::object());
    for (const std::string& item : options_.inputs) {
      const auto [key, value] = pair_of(item, "--input");
      inputs[key] = value;
    }
    const json body = {{"ref", "refs/heads/" + snapshot_.branch},
                       {"inputs", inputs},
                       {"gantry", selection},
                       {"return_run_details", true}};
    const std::string file = fs::path(choice.workflow).filename().string();
    const json answer = api.post("/api/v3/repos/" + snapshot_.name + "/actions/workflows/" +
                                     http::percent_encode(file) + "/dispatches",
                                 body.dump());
    return answer["workflow_run_id"].dump();
  }

  int show(Api& api, const std::string& id) {
    set_running(id);
    if (!stdout_is_terminal()) {
      follow_logs(api, id);
      const json run = api.get("/api/gantry/v1/runs/" + id);
      std::fputs(("\n" + render_run(run)).c_str(), stdout);
      return exit_status(run);
    }
    const json run = watch_run(api, id);
    print_failed_logs(api, run);
    return exit_status(run);
  }

  // The first Ctrl-C cancels the run as the server does, the second leaves at once.
  void listen_for_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([this, signals] {
      for (bool is_first = true;; is_first = false) {
        int signal = 0;
        ::sigwait(&signals, &signal);
        const std::string id = running();
        if (!is_first || id.empty()) {
          gantryd_->stop();  // our end is its second signal: it does not wait for jobs any more
          std::this_thread::sleep_for(kLookPause);
          ::_exit(kInterrupted);
        }
        std::fputs("\ncancelling; once more to leave at once\n", stderr);
        try {
          Api(gantryd_->connection()).post("/api/gantry/v1/runs/" + id + "/cancel");
        } catch (const std::exception& error) {
          std::fprintf(stderr, "gantry: %s\n", error.what());
        }
      }
    }).detach();
  }

  void wait_for_change() const {
    std::fputs(paint(Colour::grey, "\nwaiting for changes; Ctrl-C ends\n").c_str(), stdout);
    std::fflush(stdout);
    while (tree_.tree(mirror()) == snapshot_.tree)
      std::this_thread::sleep_for(kLookPause);
  }

  // Read by the thread that waits for signals.
  std::string running() {
    const std::lock_guard lock(mutex_);
    return running_;
  }
  void set_running(std::string id) {
    const std::lock_guard lock(mutex_);
    running_ = std::move(id);
  }

  const Options& options_;
  WorkTree tree_;
  json given_;
  fs::path folder_;
  Snapshot snapshot_;
  std::mutex mutex_;
  std::string running_;  // run shown now; empty: none
  std::optional<PrivateGantryd> gantryd_;
};

}  // namespace

void add_run(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "run", "run this work tree's workflows here, uncommitted changes included");
  command->add_option("target", options->target,
                      "a workflow (file or name), a job id, or FILE:JOB");
  command->add_option("-e,--event", options->event, "event (default: push, or what starts it)");
  command->add_option("-p,--payload", options->payload_file,
                      "the event's payload, JSON; - is stdin");
  command->add_option("-m,--matrix", options->matrix, "only legs with key=value; several times");
  command->add_option("-i,--input", options->inputs, "input of workflow_dispatch, name=value");
  command->add_option("-s,--secret-file", options->secret_file, "secrets, NAME=value lines")
      ->check(CLI::ExistingFile);
  command->add_option("--var-file", options->var_file, "variables, NAME=value lines")
      ->check(CLI::ExistingFile);
  command->add_option("--actions", options->action_sources,
                      "address or folder that actions come from, + /owner/name; several times");
  command->add_option("--network", options->network, "of the jobs")
      ->check(CLI::IsMember({"none", "internet", "host"}));
  command->add_option("-j,--jobs", options->jobs, "jobs at once (default: as many as CPUs)")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("-w,--watch", options->watch, "run again whenever a file changes");
  command->add_flag("-l,--list", options->list, "list workflows and jobs");
  command->callback(
      [&global, options] { global.run = [options] { return LocalRun(*options).run(); }; });
}

}  // namespace gantry::daemon::cli
