// SPDX-License-Identifier: MIT
#include "proto/github_events.hpp"

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "tests/support/published_payloads.hpp"

#include <doctest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

using namespace gantry;
using namespace gantry::proto;
using core::workflow::Event;
using core::workflow::RefType;
namespace fs = std::filesystem;

namespace {

// "pull_request_opened.json" → "pull_request".
std::string event_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  for (const char* name :
       {"installation_repositories", "github_app_authorization", "pull_request",
        "workflow_dispatch", "workflow_run", "workflow_job", "check_run", "check_suite",
        "installation", "issue_comment", "merge_group", "repository_dispatch", "push", "ping",
        "release", "create", "delete", "status"}) {
    if (stem.starts_with(name)) return name;
  }
  return stem;
}

const char* const kSha = "0123456789abcdef0123456789abcdef01234567";

nlohmann::json push_payload() {
  return {{"ref", "refs/heads/main"},
          {"before", std::string(40, '0')},
          {"after", kSha},
          {"created", true},
          {"repository", {{"id", 7}, {"full_name", "o/r"}, {"name", "r"}}},
          {"head_commit", {{"message", "hello"}}}};
}

nlohmann::json pull_payload() {
  return {{"action", "opened"},
          {"repository", {{"id", 7}, {"full_name", "o/r"}}},
          {"pull_request",
           {{"id", 70},
            {"number", 3},
            {"head", {{"ref", "topic"}, {"sha", kSha}, {"repo", {{"id", 7}}}}},
            {"base", {{"ref", "main"}, {"sha", kSha}}}}}};
}

std::string refusal(std::string_view event, const nlohmann::json& payload) {
  const auto parsed = parse_delivery(event, payload.dump());
  return parsed ? "accepted" : parsed.error().message;
}

}  // namespace

TEST_CASE("github events: every published payload is understood") {
  const fs::path folder = test::published_payloads();
  if (folder.empty()) {
    MESSAGE("skipped: no webhook payloads beside the source tree");
    return;
  }
  int events = 0, files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json" || entry.path().filename() == "index.json") continue;
    CAPTURE(entry.path().filename().string());
    const std::string name = event_of(entry.path());
    const auto parsed = parse_delivery(name, core::read_file(entry.path()));
    REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
    ++files;
    const bool of_check = name == "check_run" || name == "check_suite";
    if (const auto* event = std::get_if<Event>(&parsed->content); event && !of_check) {
      ++events;
      CHECK(event->repository.id > 0);
      CHECK_FALSE(event->ref.empty());
      CHECK_FALSE((event->sha.empty() && event->rev.empty() && !event->pull_request));
      CHECK(event->name == name);
      CHECK(event->deleted ==
            (entry.path().stem().string().find("deleted") != std::string::npos && name == "push"));
    } else if (of_check) {
      const bool asks = std::holds_alternative<CheckRunRequest>(parsed->content) ||
                        std::holds_alternative<CheckSuiteRequest>(parsed->content);
      CHECK(asks == (parsed->action == "rerequested" || parsed->action == "requested_action"));
    } else if (name == "ping") {
      CHECK(std::get<Ping>(parsed->content).hook_id > 0);
    } else if (name.starts_with("installation")) {
      CHECK(std::holds_alternative<InstallationChange>(parsed->content));
    } else {
      CHECK(std::holds_alternative<Ignored>(parsed->content));
    }
  }
  CHECK(files >= 40);
  CHECK(events >= 15);
  MESSAGE(files << " payloads, " << events << " of them start workflows");
}

TEST_CASE("github events: published forks are known as such") {
  const fs::path folder = test::published_payloads();
  if (folder.empty()) {
    MESSAGE("skipped: no webhook payloads beside the source tree");
    return;
  }
  struct Row {
    const char* file;
    bool from_fork;
  };
  for (const Row& row : {Row{"pull_request_opened.json", false},
                         Row{"derived/pull_request_opened_from_fork.json", true},
                         Row{"derived/pull_request_fork_deleted.json", true},
                         Row{"derived/pull_request_synchronize_from_fork.json", true}}) {
    CAPTURE(row.file);
    const auto parsed = parse_delivery("pull_request", core::read_file(folder / row.file));
    REQUIRE(parsed);
    const auto& event = std::get<Event>(parsed->content);
    CHECK(event.pull_request->from_fork == row.from_fork);
    CHECK(event.sha.empty());
    CHECK(event.head_sha == event.pull_request->head_sha);
  }
}

TEST_CASE("github events: a push tells its ref, commits and message") {
  const auto parsed = parse_delivery("push", push_payload().dump());
  REQUIRE(parsed);
  const auto& event = std::get<Event>(parsed->content);
  CHECK(event.ref_name == "main");
  CHECK(event.ref_type == RefType::branch);
  CHECK(event.created);
  CHECK_FALSE(event.deleted);
  CHECK(event.head_sha == kSha);
  CHECK(event.head_commit_message == "hello");
  CHECK(event.dedupe_key ==
        "push:7:refs/heads/main:" + std::string(40, '0') + ":" + std::string(kSha));
  auto deletion = push_payload();
  deletion["after"] = std::string(40, '0');
  deletion["head_commit"] = nullptr;
  CHECK(std::get<Event>(parse_delivery("push", deletion.dump())->content).deleted);
}

TEST_CASE(
    "github events: a merged pull request is at its base branch, any other at its merge ref") {
  auto payload = pull_payload();
  CHECK(std::get<Event>(parse_delivery("pull_request", payload.dump())->content).ref ==
        "refs/pull/3/merge");
  payload["action"] = "closed";
  CHECK(std::get<Event>(parse_delivery("pull_request", payload.dump())->content).ref ==
        "refs/pull/3/merge");
  payload["pull_request"]["merged"] = true;
  payload["pull_request"]["merge_commit_sha"] = kSha;
  const auto parsed = parse_delivery("pull_request", payload.dump());
  REQUIRE(parsed);
  CHECK(std::get<Event>(parsed->content).ref == "refs/heads/main");
  CHECK(std::get<Event>(parsed->content).sha == kSha);
}

TEST_CASE("github events: two labels on one head are two events, a redelivery is one") {
  auto payload = pull_payload();
  payload["pull_request"]["updated_at"] = "2026-01-01T00:00:00Z";
  const auto key = [&] {
    return std::get<Event>(parse_delivery("pull_request", payload.dump())->content).dedupe_key;
  };
  const std::string first = key();
  CHECK(key() == first);
  payload["pull_request"]["updated_at"] = "2026-01-01T00:00:01Z";
  CHECK(key() != first);
}

TEST_CASE("github events: what a payload promises and lacks is named") {
  auto payload = push_payload();
  payload.erase("repository");
  CHECK(refusal("push", payload) == "reading delivery 'push': 'repository.id' is missing");
  struct Row {
    const char *event, *pointer, *message;
    nlohmann::json value;
  };
  const Row rows[] = {
      {"push", "/ref", "'ref' is not a full ref", "main"},
      {"push", "/ref", "'ref' is not a full ref", "refs/heads/../../etc"},
      {"push", "/ref", "'ref' is not a full ref", "refs/heads/a b"},
      {"push", "/ref", "'ref' is not a full ref", 5},
      {"push", "/after", "'after' is not a commit id", "HEAD"},
      {"push", "/before", "'before' is not a commit id", "--upload-pack=x"},
      {"push", "/repository/full_name", "'repository.full_name' is not owner/name", "../x"},
      {"push", "/repository/full_name", "'repository.full_name' is not owner/name", "a/b/c"},
      {"push", "/repository/full_name", "'repository.full_name' is not owner/name", "a/.."},
      {"push", "/repository/id", "'repository.id' is missing", 1e300},
      {"pull_request", "/pull_request", "'pull_request.number' is missing", nullptr},
      {"pull_request", "/pull_request/head/sha", "'pull_request.head.sha' is not a commit id", ""},
      {"pull_request", "/pull_request/base/ref",
       "'pull_request.head.ref' or 'base.ref' is not a branch name", ""},
      {"check_run", "/check_run", "'check_run.id' is missing", nullptr},
      {"check_suite", "/check_suite/head_sha", "'check_suite.head_sha' is not a commit id", "x"},
      {"workflow_dispatch", "/workflow", "'workflow' is missing", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pointer);
    const std::string event = row.event;
    nlohmann::json base = event == "pull_request" ? pull_payload() : push_payload();
    if (event.starts_with("check")) {
      base["action"] = "rerequested";
      base[event] = {{"id", 4}, {"head_sha", kSha}};
    }
    base[nlohmann::json::json_pointer(row.pointer)] = row.value;
    CHECK(refusal(event, base) == "reading delivery '" + event + "': " + row.message);
  }
}

TEST_CASE("github events: broken bodies are refused, never thrown at") {
  const std::string whole = push_payload().dump();
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    CHECK_FALSE(parse_delivery("push", whole.substr(0, cut)));
  }
  CHECK_FALSE(parse_delivery("push", "[]"));
  CHECK_FALSE(parse_delivery("push", "null"));
  CHECK_FALSE(parse_delivery("push", std::string("\0\xff", 2)));
  CHECK_FALSE(parse_delivery("push", std::string(100000, '[')));
  CHECK_FALSE(parse_delivery("push", std::string((25U << 20U) + 1, ' ')));
  CHECK(parse_delivery("surprise", "{}"));
}

TEST_CASE("github events: members of surprising types never hurt") {
  const nlohmann::json oddities[] = {
      nullptr, true, -1, 1e308, "x", nlohmann::json::array(), nlohmann::json::object()};
  for (const std::string event :
       {"push", "pull_request", "ping", "check_run", "check_suite", "installation",
        "installation_repositories", "issues", "create", "release", "deployment", "merge_group",
        "workflow_run", "pull_request_review", "schedule"}) {
    nlohmann::json base = event == "pull_request" ? pull_payload() : push_payload();
    for (const char* key : {"ref", "repository", "sender", "installation", "pull_request", "hook",
                            "repositories", "check_run", "head_commit", "action", "release",
                            "deployment", "merge_group", "workflow_run"}) {
      for (const auto& odd : oddities) {
        auto payload = base;
        payload[key] = odd;
        const auto parsed = parse_delivery(event, payload.dump());
        if (!parsed) CHECK(parsed.error().message.starts_with("reading delivery '"));
      }
    }
  }
}
