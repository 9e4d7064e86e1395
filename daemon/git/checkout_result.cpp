// SPDX-License-Identifier: MIT
// The parts of checkout_inputs.hpp that touch a job's workspace.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/git/checkout_inputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;
using core::UniqueFd;

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

// Through the descriptor, so that the folder emptied is the one that was opened.
void empty_folder(const UniqueFd& folder, const CheckoutPlan& plan) {
  const fs::path path = "/proc/self/fd/" + std::to_string(folder.get()) + "/.";
  for (const auto& entry : fs::directory_iterator(path)) {
    if (plan.clean == Clean::no) {
      throw Exception(Errc::conflict, "checking out into '" + plan.path.string() +
                                          "': it holds files and clean is false; set clean to "
                                          "true or choose an empty path");
    }
    if (const auto problem = core::remove_tree(entry.path())) throw Exception(Errc::io, *problem);
  }
}

}  // namespace

UniqueFd open_work_tree(const fs::path& workspace, const CheckoutPlan& plan) {
  UniqueFd folder = core::open_directory(workspace);
  for (const fs::path& part : plan.path) {
    if (part == ".") continue;
    if (::mkdirat(folder.get(), part.c_str(), 0755) != 0 && errno != EEXIST) {
      core::throw_errno("making folder '" + plan.path.string() + "' in the workspace");
    }
    folder = core::open_beneath(folder.get(), part, O_RDONLY | O_DIRECTORY);
    if (!folder) {
      throw Exception(Errc::conflict, "opening folder '" + plan.path.string() +
                                          "' in the workspace: it was removed meanwhile");
    }
  }
  empty_folder(folder, plan);
  return folder;
}

std::string derived_secret(const std::string& token) {
  return base64("x-access-token:" + token);
}

void persist_credentials(int work_tree, const CheckoutPlan& plan, const std::string& server_url) {
  if (!plan.persist_credentials || plan.token.empty()) return;
  const UniqueFd config = core::open_beneath(work_tree, ".git/config", O_WRONLY | O_APPEND);
  if (!config) throw Exception(Errc::not_found, "opening '.git/config': no such file");
  core::write_all(config.get(), "[http \"" + server_url +
                                    "/\"]\n\textraheader = AUTHORIZATION: basic " +
                                    derived_secret(plan.token) + "\n");
}

}  // namespace gantry::daemon::git
