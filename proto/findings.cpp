// SPDX-License-Identifier: MIT
#include "proto/findings.hpp"

#include "core/base/text.hpp"
#include "proto/version.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace gantry::proto {
namespace {

using core::replace_all;
using core::to_valid_utf8;
using core::yaml::Severity;
using nlohmann::json;

std::string_view severity_of(const Finding& finding) {
  return finding.diagnostic.severity == Severity::error ? "error" : "warning";
}

std::string rule_of(const Finding& finding) {
  return finding.diagnostic.kind.empty() ? "syntax" : finding.diagnostic.kind;
}

// A relative reference of a URI: everything but unreserved characters and '/' is escaped.
std::string to_uri(std::string_view path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    if (is_plain) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[byte >> 4U];
      uri += kHex[byte & 0xFU];
    }
  }
  return uri;
}

std::vector<std::string> rules_of(const std::vector<Finding>& findings) {
  std::vector<std::string> rules;
  for (const Finding& finding : findings)
    rules.push_back(rule_of(finding));
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return rules;
}

json to_result(const Finding& finding, const std::vector<std::string>& rules) {
  const std::string rule = rule_of(finding);
  const auto& position = finding.diagnostic.position;
  json place = {{"artifactLocation", {{"uri", to_uri(finding.file)}, {"uriBaseId", "%SRCROOT%"}}}};
  // A region starts at line 1; a finding of the whole file has none.
  if (position.line > 0) {
    place["region"] = {{"startLine", position.line}, {"startColumn", std::max(1, position.column)}};
    if (!finding.line.empty()) {
      place["region"]["snippet"] = {{"text", to_valid_utf8(finding.line)}};
    }
  }
  return {{"ruleId", rule},
          {"ruleIndex", std::lower_bound(rules.begin(), rules.end(), rule) - rules.begin()},
          {"level", severity_of(finding)},
          {"message", {{"text", to_valid_utf8(sentence(finding.diagnostic))}}},
          {"locations", json::array({{{"physicalLocation", place}}})}};
}

std::string escape_data(std::string text) {
  text = replace_all(text, "%", "%25");
  text = replace_all(text, "\r", "%0D");
  return replace_all(text, "\n", "%0A");
}

std::string escape_property(std::string text) {
  text = replace_all(escape_data(std::move(text)), ":", "%3A");
  return replace_all(text, ",", "%2C");
}

}  // namespace

std::string findings_to_json(const std::vector<std::string>& files,
                             const std::vector<Finding>& findings) {
  json list = json::array();
  for (const Finding& finding : findings) {
    const auto& diagnostic = finding.diagnostic;
    list.push_back({{"file", to_valid_utf8(finding.file)},
                    {"line", diagnostic.position.line},
                    {"column", diagnostic.position.column},
                    {"severity", severity_of(finding)},
                    {"kind", rule_of(finding)},
                    {"message", to_valid_utf8(diagnostic.message)},
                    {"hint", to_valid_utf8(diagnostic.hint)},
                    {"source", to_valid_utf8(finding.line)}});
  }
  json names = json::array();
  for (const std::string& file : files)
    names.push_back(to_valid_utf8(file));
  return json{{"files", names}, {"findings", list}}.dump(2) + "\n";
}

std::string findings_to_sarif(const std::vector<Finding>& findings) {
  const std::vector<std::string> names = rules_of(findings);
  json rules = json::array();
  for (const std::string& name : names) {
    rules.push_back({{"id", name}, {"shortDescription", {{"text", "gantry validate: " + name}}}});
  }
  json results = json::array();
  for (const Finding& finding : findings)
    results.push_back(to_result(finding, names));
  const json driver = {{"name", "gantry"}, {"version", product_version()}, {"rules", rules}};
  const json run = {{"tool", {{"driver", driver}}},
                    {"columnKind", "unicodeCodePoints"},
                    {"originalUriBaseIds",
                     {{"%SRCROOT%", {{"description", {{"text", "the repository's top"}}}}}}},
                    {"results", results}};
  return json{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
              {"version", "2.1.0"},
              {"runs", json::array({run})}}
             .dump(2) +
         "\n";
}

std::string findings_to_commands(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const auto& position = finding.diagnostic.position;
    text += "::" + std::string(severity_of(finding)) + " file=" + escape_property(finding.file);
    if (position.line > 0) {
      text += ",line=" + std::to_string(position.line) + ",col=" + std::to_string(position.column);
    }
    text += ",title=" + escape_property(rule_of(finding)) +
            "::" + escape_data(sentence(finding.diagnostic)) + "\n";
  }
  return text;
}

}  // namespace gantry::proto
