// SPDX-License-Identifier: MIT
// Public vectors of the runner's own tests: command lines, file commands, masking.
#include "core/expr/value.hpp"
#include "core/run/commands.hpp"
#include "core/run/file_commands.hpp"
#include "core/run/masker.hpp"
#include "core/workflow/action.hpp"
#include "tests/support/conformance.hpp"

#include <map>

namespace gantry::core::run {
namespace {

using expr::Value;
using Pairs = std::map<std::string, std::string>;

// The cases of a file of vectors; empty when the data is not there.
expr::Array load(const std::string& name) {
  const auto folder = tests::conformance_data("runner");
  if (!folder) return {};
  const auto data = expr::parse_json(read_file(*folder / name), expr::Keys::case_sensitive);
  REQUIRE_MESSAGE(data, name);
  expr::Array cases = data->kind() == expr::Kind::array ? data->array() : (*data)["cases"].array();
  CHECK(!cases.empty());
  MESSAGE(name << ": " << cases.size() << " cases");
  return cases;
}

Pairs text_map(const Value& object) {
  Pairs pairs;
  for (const auto& [key, value] : object.object().entries())
    pairs[key] = value.to_string();
  return pairs;
}

}  // namespace

TEST_CASE("every public command line is parsed as stated") {
  for (const Value& test : load("commands.json")) {
    const std::string line = test["input"].string();
    const auto command =
        test["syntax"].number() == 1 ? parse_command_v1(line) : parse_command_v2(line);
    CHECK_MESSAGE(command.has_value() == test["parsed"].boolean(), line);
    if (!command || !test["parsed"].boolean()) continue;
    CHECK_MESSAGE(command->name == test["command"].string(), line);
    CHECK_MESSAGE(command->data == test["data"].string(), line);
    const Pairs properties(command->properties.begin(), command->properties.end());
    CHECK_MESSAGE(properties == text_map(test["properties"]), line);
  }
}

// The data says which are invalid in their names and descriptions only.
TEST_CASE("every public action manifest is read, or refused where the runner refuses it") {
  const auto folder = tests::conformance_data("runner");
  if (!folder) return;
  int files = 0;
  for (const auto& entry : fs::directory_iterator(*folder / "action_manifests")) {
    const std::string name = entry.path().filename();
    const std::string text = read_file(entry.path());
    const workflow::ParsedAction parsed = workflow::parse_action(name, text);
    ++files;
    CAPTURE(name);
    CAPTURE(yaml::render_all(parsed.diagnostics, name, text));
    const bool wrong = name.find("without") != std::string::npos ||
                       name.find("invalid") != std::string::npos ||
                       name.starts_with("plugin");  // GitHub's own, not Gantry's
    CHECK((parsed.action == nullptr) == wrong);
    if (!parsed.action) {
      REQUIRE(!parsed.diagnostics.empty());
      CHECK(parsed.diagnostics.front().position.line > 0);
      continue;
    }
    if (name.starts_with("docker")) CHECK(parsed.action->kind == workflow::ActionKind::docker);
    if (name.starts_with("node")) CHECK(parsed.action->kind == workflow::ActionKind::node);
    CHECK((name.find("_init") == std::string::npos || !parsed.action->pre.empty()));
    CHECK((name.find("_cleanup") == std::string::npos || !parsed.action->post.empty()));
    if (name.ends_with("_init_default.yml")) CHECK(parsed.action->pre_if.text == "always()");
  }
  CHECK(files > 0);
  MESSAGE("action_manifests: " << files << " files");
}

TEST_CASE("every public file command gives its pairs or its error") {
  for (const Value& test : load("file_commands.json")) {
    if (!test["upstream_only_on"].is_null()) continue;  // CRLF is a line end on Windows only
    const std::string name = test["test"].string();
    const bool bom = test["written_with_utf8_bom"].truthy();
    const FilePairs result =
        parse_file_pairs((bom ? "\xEF\xBB\xBF" : "") + test["content"].string());
    CHECK_MESSAGE(result.error.has_value() == test["throws"].boolean(), name);
    if (result.error) {
      CHECK_MESSAGE(result.error->find(test["message"].to_string()) != std::string::npos, name);
    }
    Pairs pairs;
    double refused = 0;
    for (const auto& [key, value] : result.pairs) {
      const bool blocked = test["command"].string() == "GITHUB_ENV" && is_blocked_env(key);
      if (blocked) {
        ++refused;
      } else {
        pairs[key] = value;
      }
    }
    CHECK_MESSAGE(pairs == text_map(test["expected"]), name);
    if (!test["issues"].is_null()) CHECK_MESSAGE(refused == test["issues"].number(), name);
  }
}

TEST_CASE("every public masking vector is masked, whole and byte by byte") {
  for (const Value& test : load("masking.json")) {
    Masker masker;
    for (const Value& secret : test["secrets"].array())
      masker.add_secret(secret.string());
    const std::string input = test["input"].string();
    CHECK_MESSAGE(masker.mask(input) == test["expected"].string(), input);
    StreamMasker stream(masker);
    std::string out;
    for (const char c : input)
      stream.write(std::string_view(&c, 1), out);
    stream.finish(out);
    CHECK_MESSAGE(out == test["expected"].string(), input);
  }
}

}  // namespace gantry::core::run
