// SPDX-License-Identifier: MIT
// The parts of checkout_inputs.hpp that touch a job's workspace.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/git/checkout_inputs.hpp"

#include <fcntl.h>

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

void persist_credentials(const fs::path& work_tree, const CheckoutPlan& plan,
                         const std::string& server_url) {
  if (!plan.persist_credentials || plan.token.empty()) return;
  const core::UniqueFd folder = core::open_directory(work_tree);
  const core::UniqueFd config =
      core::open_beneath(folder.get(), ".git/config", O_WRONLY | O_APPEND);
  if (!config) {
    throw core::Exception(core::Errc::not_found,
                          "keeping the credentials in '.git/config': no such file");
  }
  std::string text = "[http \"" + server_url + "/\"]\n";
  for (const std::string& secret : derived_secrets(plan.token)) {
    text.append("\textraheader = AUTHORIZATION: basic ").append(secret).append("\n");
  }
  core::write_all(config.get(), text);
}

}  // namespace gantry::daemon::git
