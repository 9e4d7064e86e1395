// SPDX-License-Identifier: MIT
#include "daemon/cli/run_event.hpp"

#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <unistd.h>

#include <cstdlib>

namespace gantry::daemon::cli {
namespace {

using nlohmann::json;

const std::string kNoCommit(40, '0');

json person() {
  const char* user = std::getenv("USER");
  return {
      {"login", user != nullptr && *user != '\0' ? user : "local"}, {"id", 1}, {"type", "User"}};
}

json repository(const Snapshot& snapshot) {
  const std::size_t slash = snapshot.name.find('/');
  const std::string owner = snapshot.name.substr(0, slash);
  return {{"id", core::made_id(snapshot.name)},
          {"name", snapshot.name.substr(slash + 1)},
          {"full_name", snapshot.name},
          {"private", true},
          {"default_branch", snapshot.branch},
          {"owner", {{"login", owner}, {"id", core::made_id(owner)}, {"name", owner}}}};
}

json push(const Snapshot& snapshot) {
  const json commit = {{"id", snapshot.sha},
                       {"tree_id", snapshot.tree},
                       {"message", core::to_valid_utf8(snapshot.message)},
                       {"distinct", true},
                       {"author", {{"name", person()["login"]}}},
                       {"committer", {{"name", person()["login"]}}}};
  return {{"ref", "refs/heads/" + snapshot.branch},
          {"before", kNoCommit},
          {"created", true},
          {"deleted", false},
          {"forced", false},
          {"head_commit", commit},
          {"commits", json::array({commit})},
          {"pusher", {{"name", person()["login"]}}}};
}

json pull_request(const Snapshot& snapshot) {
  const std::string now = core::to_iso8601(core::SystemClock().now());
  return {{"action", "opened"},
          {"number", 1},
          {"pull_request",
           {{"id", 1},
            {"number", 1},
            {"title", core::to_valid_utf8(snapshot.message.substr(0, snapshot.message.find('\n')))},
            {"state", "open"},
            {"updated_at", now},
            {"author_association", "OWNER"},
            {"user", person()},
            {"head", {{"ref", snapshot.branch}}},
            {"base", {{"ref", "main"}}}}}};
}

}  // namespace

json local_payload(const std::string& event, const Snapshot& snapshot, const WorkTree& tree,
                   const std::filesystem::path& mirror, const json& given) {
  const bool is_pull = event == "pull_request" || event == "pull_request_target";
  json payload = is_pull           ? pull_request(snapshot)
                 : event == "push" ? push(snapshot)
                                   : json::object();
  payload["sender"] = person();
  payload.merge_patch(given);
  payload["repository"] = repository(snapshot);
  if (event == "push") payload["after"] = snapshot.sha;
  if (!is_pull) return payload;
  json& pull = payload["pull_request"];
  payload["number"] = pull["number"];
  const std::string base = tree.make_pull(mirror, snapshot, pull["number"].dump());
  pull["head"]["sha"] = snapshot.sha;
  pull["head"]["repo"] = payload["repository"];
  pull["base"]["sha"] = base;
  pull["base"]["repo"] = payload["repository"];
  return payload;
}

}  // namespace gantry::daemon::cli
