// SPDX-License-Identifier: MIT
#include "core/workflow/action_reference.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::workflow {
namespace {

constexpr std::string_view kDocker = "docker://";
constexpr std::size_t kShaLength = 40;
constexpr std::size_t kLongest = 1024;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
}

// git's own rules for names, as far as a path could be made of one.
bool is_ref(std::string_view ref) {
  if (ref.empty() || ref.front() == '-' || ref.find("..") != std::string_view::npos ||
      ref.find("@{") != std::string_view::npos) {
    return false;
  }
  for (const std::string_view part : split(ref, '/')) {
    if (part.empty() || part.front() == '.' || part.ends_with(".lock")) return false;
  }
  return std::none_of(ref.begin(), ref.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F ||
           std::string_view("~^:?*[\\").find(c) != std::string_view::npos;
  });
}

// "a/b" of "./a//b/"; nothing when it leads upwards or is no path.
Result<std::string> plain_path(std::string_view path, std::string_view uses) {
  std::string plain;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.find('\0') != std::string_view::npos) {
      return fail(Errc::invalid, "reading '" + std::string(uses) +
                                     "': the path of an action must stay inside its repository");
    }
    plain += (plain.empty() ? "" : "/") + std::string(part);
  }
  return plain;
}

Result<ActionReference> remote_reference(std::string_view uses, const std::string& text) {
  const auto wrong = [&](std::string_view why) {
    return fail(Errc::invalid, "Expected format {org}/{repo}[/path]@ref. Actual '" +
                                   std::string(uses) + "'" + std::string(why));
  };
  const std::size_t at = text.find('@');
  if (at == std::string::npos) return wrong("; add a branch, tag or commit after '@'");
  const std::string_view name = std::string_view(text).substr(0, at);
  const std::size_t owner_end = name.find('/');
  if (owner_end == std::string_view::npos) return wrong("");
  const std::size_t name_end = std::min(name.find('/', owner_end + 1), name.size());
  ActionReference reference;
  reference.source = ActionSource::remote;
  reference.repository = name.substr(0, name_end);
  if (!is_name(name.substr(0, owner_end)) ||
      !is_name(name.substr(owner_end + 1, name_end - owner_end - 1))) {
    return wrong("; owner and repository are letters, digits, '-', '_' and '.'");
  }
  TRY(reference.path, plain_path(name.substr(name_end), uses));
  reference.ref = text.substr(at + 1);
  if (!is_ref(reference.ref)) return wrong("; git knows no such name of a branch or tag");
  return reference;
}

// '*' is any text. Linear in practice, never worse than the product of both lengths.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool allows(const std::string& written_pattern, const ActionReference& reference) {
  const std::string pattern = to_lower(written_pattern);
  const std::string repository = to_lower(reference.repository);
  const std::string path = reference.path.empty() ? "" : "/" + to_lower(reference.path);
  const std::size_t at = pattern.find('@');
  const std::string name = pattern.substr(0, at);
  if (!matches(name, repository) && !matches(name, repository + path)) return false;
  return at == std::string::npos ||
         matches(std::string_view(pattern).substr(at + 1), to_lower(reference.ref));
}

}  // namespace

bool ActionReference::is_pinned() const {
  return ref.size() == kShaLength && std::all_of(ref.begin(), ref.end(), is_hex);
}

std::string ActionReference::written() const {
  switch (source) {
    case ActionSource::local:
      return path.empty() ? "./" : "./" + path;
    case ActionSource::docker:
      return std::string(kDocker) + image;
    case ActionSource::remote:
      break;
  }
  return repository + (path.empty() ? "" : "/" + path) + "@" + ref;
}

Result<ActionReference> parse_action_reference(std::string_view uses) {
  ActionReference reference;
  if (uses.size() > kLongest) {
    return fail(Errc::too_large, "reading 'uses': it is longer than 1024 characters");
  }
  if (uses.starts_with(kDocker)) {
    reference.source = ActionSource::docker;
    reference.image = uses.substr(kDocker.size());
    return reference;
  }
  std::string text(uses);
  std::replace(text.begin(), text.end(), '\\', '/');
  if (!text.starts_with("./")) return remote_reference(uses, text);
  TRY(reference.path, plain_path(text, uses));
  return reference;
}

std::string refuse_action(const ActionReference& reference, const ActionPolicy& policy) {
  const auto allowing = [&](const std::string& pattern) { return allows(pattern, reference); };
  if (std::none_of(policy.allow.begin(), policy.allow.end(), allowing)) {
    return "using action '" + reference.written() + "': this Gantry allows only " +
           join(policy.allow, ", ") + "; ask its operator to add it to actions.allow";
  }
  if (policy.pinning == Pinning::full_sha && !reference.is_pinned()) {
    return "using action '" + reference.written() +
           "': this Gantry wants a full commit sha after '@' (actions.require_sha)";
  }
  return "";
}

}  // namespace gantry::core::workflow
