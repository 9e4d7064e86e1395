// SPDX-License-Identifier: MIT
// gantry delivery, deliveries: what came from GitHub and what became of it.
#include "daemon/cli/commands.hpp"
#include "daemon/cli/print.hpp"
#include "daemon/http/message.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

namespace gantry::daemon::cli {
namespace {

// A first fetch of a large repository takes its time.
constexpr std::chrono::minutes kLongestWait{30};
constexpr std::chrono::milliseconds kPause{50};

struct Options {
  std::string guid;
  bool wait = false, run_ids = false, json = false;
};

std::string path_of(const std::string& guid) {
  return "/api/gantry/v1/deliveries/" + http::percent_encode(guid);
}

int show(const Global& global, const Options& options) {
  Api api(global.connection());
  const auto delivery =
      options.wait ? processed_delivery(api, options.guid) : api.get(path_of(options.guid));
  if (options.json) {
    std::puts(delivery.dump(2).c_str());
    return 0;
  }
  if (options.run_ids) {
    for (const auto& run : delivery["runs"])
      std::puts(run.dump().c_str());
    if (!delivery["runs"].empty()) return 0;
    throw core::Exception(core::Errc::not_found, "looking for the runs of delivery '" +
                                                     options.guid + "': it is " +
                                                     text(delivery, "state") + ": " +
                                                     for_terminal(text(delivery, "reason")));
  }
  std::printf("%s %s, received %s\n%s: %s\n", text(delivery, "event").c_str(),
              text(delivery, "action").c_str(), age(text(delivery, "received_at")).c_str(),
              text(delivery, "state").c_str(), for_terminal(text(delivery, "reason")).c_str());
  for (const auto& item : delivery["decisions"]) {
    std::printf("  %s: %s\n", name_text(item, "workflow").c_str(),
                name_text(item, "reason").c_str());
  }
  for (const auto& run : delivery["runs"])
    std::printf("  run %s\n", run.dump().c_str());
  return 0;
}

int list(const Global& global, int limit, bool json) {
  Api api(global.connection());
  const auto answer = api.get("/api/gantry/v1/deliveries?limit=" + std::to_string(limit));
  if (json) {
    std::puts(answer["deliveries"].dump(2).c_str());
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : answer["deliveries"]) {
    rows.push_back({text(item, "state"), text(item, "event"), text(item, "action"),
                    text(item, "guid"), age(text(item, "received_at")),
                    name_text(item, "reason").substr(0, 80)});
  }
  print_table({"STATE", "EVENT", "ACTION", "GUID", "AGE", "REASON"}, rows);
  return 0;
}

}  // namespace

nlohmann::json processed_delivery(Api& api, const std::string& guid) {
  const auto limit = std::chrono::steady_clock::now() + kLongestWait;
  for (;;) {
    auto delivery = api.get(path_of(guid));
    const bool waits = text(delivery, "state") == "received";
    if (!waits || std::chrono::steady_clock::now() > limit) return delivery;
    std::this_thread::sleep_for(kPause);
  }
}

void add_delivery(CLI::App& app, Global& global) {
  auto options = std::make_shared<Options>();
  CLI::App* one = app.add_subcommand("delivery", "what became of a webhook delivery, and why");
  one->add_option("guid", options->guid, "X-GitHub-Delivery")->required();
  one->add_flag("--wait", options->wait, "until it is processed");
  one->add_flag("--run-ids", options->run_ids, "print only the ids of its runs");
  one->add_flag("--json", options->json, "as JSON");
  one->callback(
      [&global, options] { global.run = [&global, options] { return show(global, *options); }; });
  auto limit = std::make_shared<int>(20);
  auto json = std::make_shared<bool>(false);
  CLI::App* all = app.add_subcommand("deliveries", "list webhook deliveries, the newest first");
  all->add_option("-L,--limit", *limit, "how many")->check(CLI::Range(1, 1000));
  all->add_flag("--json", *json, "as JSON");
  all->callback([&global, limit, json] {
    global.run = [&global, limit, json] { return list(global, *limit, *json); };
  });
}

}  // namespace gantry::daemon::cli
