// SPDX-License-Identifier: MIT
// gantry explain: why a delivery, a run or a job started or not.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/http/message.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace gantry::daemon::cli {
namespace {

using nlohmann::json;

struct Options {
  std::string run, delivery, job;
  bool json = false;
};

void print_tree(const json& node, int depth) {
  const std::string value = node["value"].is_string() ? node["value"].get<std::string>() : "";
  std::printf("%*s%s  %s\n", 6 + 2 * depth, "", name_text(node, "text").c_str(),
              value.empty() ? paint(Colour::grey, "not looked at").c_str()
                            : paint(Colour::blue, "→ " + for_terminal(value)).c_str());
  for (const json& part : node.value("parts", json::array()))
    print_tree(part, depth + 1);
}

void print_decision(const json& decision) {
  std::printf("  %s: %s\n", name_text(decision, "workflow").c_str(),
              name_text(decision, "reason").c_str());
  if (decision.value("line", 0) > 0) {
    const std::string filter = name_text(decision, "filter");
    std::printf("    line %d of the file%s%s\n", decision.value("line", 0),
                filter.empty() ? "" : ", ", filter.c_str());
  }
}

void print_job(const json& job) {
  const std::string state =
      text(job, "conclusion").empty() ? text(job, "status") : text(job, "conclusion");
  std::printf("%s %s: %s\n", mark(text(job, "status"), text(job, "conclusion")).c_str(),
              paint(Colour::bold, name_text(job, "name")).c_str(), state.c_str());
  if (!text(job, "reason").empty()) std::printf("    %s\n", name_text(job, "reason").c_str());
  for (const json& need : job.value("needs", json::array())) {
    const std::string result = text(need, "result");
    std::printf("    needs %s: %s\n", name_text(need, "job").c_str(),
                result.empty() ? "not done" : result.c_str());
  }
  if (job.contains("if")) {
    const json& condition = job["if"];
    const bool known = condition["holds"].is_boolean();
    std::printf("    if: %s\n", !known ? name_text(condition, "problem").c_str()
                                : condition["holds"].get<bool>() ? "true"
                                                                 : "false");
    print_tree(condition["tree"], 0);
  }
  const json labels = job.value("labels", json::array());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::printf("%s%s", i == 0 ? "    runs-on: " : ", ",
                for_terminal(labels[i].get<std::string>()).c_str());
  }
  if (!labels.empty()) std::puts("");
  if (!text(job, "concurrency").empty()) {
    std::printf("    concurrency group: %s\n", name_text(job, "concurrency").c_str());
  }
}

int explain_delivery(Api& api, const Options& options) {
  const json delivery =
      api.get("/api/gantry/v1/deliveries/" + http::percent_encode(options.delivery));
  if (options.json) {
    std::puts(delivery.dump(2).c_str());
    return 0;
  }
  std::printf("%s %s: %s: %s\n", text(delivery, "event").c_str(), text(delivery, "action").c_str(),
              text(delivery, "state").c_str(), name_text(delivery, "reason").c_str());
  for (const json& decision : delivery["decisions"])
    print_decision(decision);
  return 0;
}

bool is_wanted(const json& job, const std::string& wanted) {
  return wanted.empty() || text(job, "job") == wanted || text(job, "name") == wanted ||
         text(job, "id") == wanted;
}

int explain_run(Api& api, const Options& options) {
  json run = api.get("/api/gantry/v1/runs/" + http::percent_encode(options.run) + "/explain");
  json jobs = json::array();
  for (const json& job : run["jobs"]) {
    if (is_wanted(job, options.job)) jobs.push_back(job);
  }
  if (jobs.empty() && !options.job.empty()) {
    throw core::Exception(core::Errc::not_found, "looking for job '" + options.job + "' of run '" +
                                                     options.run + "': no such job");
  }
  run["jobs"] = jobs;
  if (options.json) {
    std::puts(run.dump(2).c_str());
    return 0;
  }
  std::printf("%s on %s\n", name_text(run, "workflow").c_str(), text(run, "event").c_str());
  if (run.contains("decision")) print_decision(run["decision"]);
  if (!text(run, "reason").empty()) std::printf("  %s\n", name_text(run, "reason").c_str());
  if (!text(run, "concurrency").empty()) {
    std::printf("  concurrency group: %s\n", name_text(run, "concurrency").c_str());
  }
  for (const json& job : jobs)
    print_job(job);
  return 0;
}

int run(const Global& global, const Options& options) {
  Api api(global.connection());
  return options.delivery.empty() ? explain_run(api, options) : explain_delivery(api, options);
}

}  // namespace

void add_explain(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("explain", "why a delivery, a run or a job started or did not");
  auto* id = command->add_option("run", options->run, "the run's ID");
  command->add_option("--delivery", options->delivery, "a delivery's GUID instead")->excludes(id);
  command->add_option("--job", options->job, "one job: its ID, name or key");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([&global, options] {
    if (options->run.empty() && options->delivery.empty()) {
      throw CLI::RequiredError("a run's ID or --delivery");
    }
    global.run = [&global, options] { return run(global, *options); };
  });
}

}  // namespace gantry::daemon::cli
