// SPDX-License-Identifier: MIT
// The public reader cases: a workflow, with those it calls, gives the stated tree or errors.
#include "core/yaml/node.hpp"
#include "tests/conformance/reader_json.hpp"
#include "tests/support/conformance.hpp"

#include <algorithm>
#include <map>

namespace gantry::core::workflow {
namespace {

using expr::Value;

// Cases that are known to fail, each with its reason.
const std::map<std::string, std::string> kKnownFailures = {};

struct Case {
  yaml::Node options;
  std::string workflow;
  std::map<std::string, std::string> called;
  Value expected;
};

std::vector<std::string> split_documents(const std::string& text) {
  constexpr std::string_view kSeparator = "\n---\n";
  std::vector<std::string> documents;
  std::size_t at = 0;
  for (;;) {
    const std::size_t next = text.find(kSeparator, at);
    if (next == std::string::npos) {
      documents.push_back(text.substr(at));
      return documents;
    }
    documents.push_back(text.substr(at, next - at));
    at = next + kSeparator.size();
  }
}

Case read_case(const std::filesystem::path& path) {
  const auto documents = split_documents(read_file(path));
  REQUIRE_MESSAGE(documents.size() >= 3, path.string());
  Case test;
  test.options = yaml::parse(documents[0]).root.value();
  test.workflow = documents[1];
  for (std::size_t i = 2; i + 2 < documents.size(); i += 2) {
    std::string name = documents[i];
    name.erase(name.find_last_not_of(" \r\n") + 1);
    test.called[name] = documents[i + 1];
  }
  auto expected = expr::parse_json(documents.back(), expr::Keys::case_sensitive);
  REQUIRE_MESSAGE(expected, path.string());
  test.expected = *expected;
  return test;
}

bool is_skipped(const Case& test) {
  const yaml::Node* skip = test.options.find("skip");
  return skip != nullptr && std::any_of(skip->items.begin(), skip->items.end(),
                                        [](const yaml::Node& item) { return item.text == "C#"; });
}

LoadOptions options_of(const yaml::Node& given) {
  LoadOptions options;
  const auto set = [&](std::string_view key, std::size_t& target) {
    if (const yaml::Node* value = given.find(key)) target = static_cast<std::size_t>(value->number);
  };
  set("max-depth", options.yaml.depth);
  set("max-file-size", options.yaml.characters);
  set("max-result-size", options.max_result_bytes);
  set("max-job-limit", options.max_jobs);
  set("max-nested-reusable-workflows-depth", options.max_call_depth);
  const yaml::Node* policy = given.find("permissions-policy");
  if (policy != nullptr && policy->text == "LimitedRead") {
    options.default_permissions = Permissions::limited_read();
  }
  const yaml::Node* skip = given.find("skip-reusable-workflows");
  if (skip != nullptr && skip->boolean) options.calls = Calls::leave;
  const yaml::Node* features = given.find("experimental-features");
  const yaml::Node* background =
      features != nullptr ? features->find("allowBackgroundSteps") : nullptr;
  if (background == nullptr || !background->boolean) {
    options.background_steps = BackgroundSteps::refused;
  }
  return options;
}

Value run(const Case& test, const std::string& name) {
  const FileProvider provider = [&](std::string_view file) -> std::optional<std::string> {
    const auto found = test.called.find(std::string(file));
    if (found == test.called.end()) return std::nullopt;
    return found->second;
  };
  const LoadResult result =
      load_workflow(".github/workflows/" + name, test.workflow, provider, options_of(test.options));
  const yaml::Node* source = test.options.find("include-source");
  const bool hidden = source != nullptr && !source->boolean;
  return tests::reader_json(result, hidden ? tests::Source::hidden : tests::Source::shown);
}

TEST_CASE("every public reader case gives its stated tree or errors") {
  const auto folder = tests::conformance_data("languageservices/workflow-parser/reader");
  if (!folder) return;
  std::size_t passed = 0, skipped = 0, known = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    if (entry.path().extension() != ".yml") continue;
    const std::string name = entry.path().filename().string();
    const Case test = read_case(entry.path());
    if (is_skipped(test)) {
      ++skipped;
      continue;
    }
    const Value actual = run(test, name);
    const bool same = deep_equal(actual, test.expected);
    const bool expected_to_fail = kKnownFailures.contains(name);
    passed += same ? 1 : 0;
    known += !same && expected_to_fail ? 1 : 0;
    CHECK_MESSAGE(same != expected_to_fail, name << "\nexpected " << to_json(test.expected)
                                                 << "\nbut got  " << to_json(actual));
  }
  CHECK(passed > 0);
  MESSAGE("reader cases passed: " << passed << ", known failures: " << known
                                  << ", skipped for C#: " << skipped);
}

}  // namespace
}  // namespace gantry::core::workflow
