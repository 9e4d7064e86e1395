// SPDX-License-Identifier: MIT
// The parts of checkout_inputs.hpp that touch a job's workspace.
#include "core/base/text.hpp"
#include "daemon/git/checkout_inputs.hpp"

namespace gantry::daemon::git {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = (bits << 8) | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= group.size() ? kDigits[(bits >> (18 - 6 * k)) & 63] : '=';
    }
  }
  return text;
}

}  // namespace

std::vector<std::string> derived_secrets(const std::string& token) {
  if (token.empty()) return {};
  return {base64("x-access-token:" + token)};
}

std::string credentials_config(const CheckoutPlan& plan, const std::string& ssh_command) {
  if (!plan.persist_credentials) return {};
  std::string text;
  if (!ssh_command.empty()) {
    text += "[core]\n\tsshCommand = \"" +
            core::replace_all(core::replace_all(ssh_command, "\\", "\\\\"), "\"", "\\\"") + "\"\n";
  }
  for (const std::string& secret : derived_secrets(plan.token)) {
    text += "[http \"" + plan.server_url + "/\"]\n";
    text.append("\textraheader = AUTHORIZATION: basic ").append(secret).append("\n");
  }
  return text;
}

std::string_view github_host_keys() {
  return "github.com ssh-ed25519 "
         "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"
         "github.com ecdsa-sha2-nistp256 "
         "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYM"
         "j"
         "NuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=\n"
         "github.com ssh-rsa "
         "AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+"
         "VTTvDP6mHBL9j1aNUkY4Ue1gvwnGLV"
         "lOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/"
         "hWCqB"
         "ywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+"
         "5Z8CSSNY7G"
         "idjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+"
         "wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FNyeIEs4TT"
         "4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+"
         "EjqoTwvqNj4kqx5QUCI0Th"
         "S/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5hpQs+p1vN1/"
         "w"
         "sjk=\n";
}

}  // namespace gantry::daemon::git
