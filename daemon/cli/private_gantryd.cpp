// SPDX-License-Identifier: MIT
#include "daemon/cli/private_gantryd.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/find_program.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace gantry::daemon::cli {
namespace {

namespace fs = std::filesystem;
using core::Errc;
using core::Exception;

constexpr std::chrono::seconds kStartLimit{30};
constexpr std::chrono::milliseconds kPause{10};

std::string find_gantryd() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path() / "gantryd";
  std::string found = os::find_program(beside.string());
  if (found.empty()) found = os::find_program("gantryd");
  if (found.empty()) {
    throw Exception(Errc::not_found, "looking for gantryd: it is neither '" + beside.string() +
                                         "' nor in PATH; install Gantry whole");
  }
  return found;
}

// A YAML double-quoted scalar.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

// Where actions come from, and the node of the user's own PATH where jobs would not see it.
std::string actions_section(const PrivateSettings& settings) {
  std::string section;
  if (!settings.action_sources.empty()) {
    std::vector<std::string> sources;
    for (const std::string& source : settings.action_sources) {
      const bool is_url = source.find("://") != std::string::npos;
      sources.push_back(quoted(is_url ? source : fs::absolute(source).string()));
    }
    section += "sources: [" + core::join(sources, ", ") + "]";
  }
  const std::string node = os::find_program("node");
  if (!node.empty() && !node.starts_with("/usr/") && !node.starts_with("/bin/")) {
    section += (section.empty() ? "" : ", ") + std::string("node: {node: ") +
               quoted(fs::canonical(node).string()) + "}";
  }
  return "\nactions: {" + section + "}";
}

}  // namespace

PrivateGantryd::PrivateGantryd(const PrivateSettings& settings) : folder_(settings.folder) {
  if (::geteuid() == 0) {
    throw Exception(Errc::denied,
                    "running jobs here: as root a job would have root's rights; run it as a user "
                    "of its own: runuser -u USER -- gantry run");
  }
  secret_ = core::random_hex(32);
  write_config(settings);
  const core::UniqueFd log(
      ::open((folder_ / "gantryd.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!log) core::throw_errno("opening '" + (folder_ / "gantryd.log").string() + "'");
  os::SpawnOptions options;
  // Ends with us, however we end.
  options.argv = {"setpriv",      "--pdeathsig", "TERM",
                  find_gantryd(), "--config",    (folder_ / "gantry.yaml").string()};
  options.env = os::current_environment();
  options.fds = {{log.get(), 1}, {log.get(), 2}};
  child_ = os::spawn(options);
  wait_until_ready();
}

PrivateGantryd::~PrivateGantryd() {
  stop();
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  while (!child_.try_wait() && std::chrono::steady_clock::now() < limit)
    std::this_thread::sleep_for(kPause);
}

Connection PrivateGantryd::connection() const {
  Connection connection;
  connection.socket = (folder_ / "gantryd.sock").string();
  return connection;
}

void PrivateGantryd::write_config(const PrivateSettings& settings) {
  core::fs::create_directories(folder_);
  core::fs::permissions(folder_, core::fs::perms::owner_all);
  const auto keep = [&](const char* name, const std::string& text) {
    core::write_file_atomic(folder_ / name, text, core::Durability::none, 0600);
    return quoted((folder_ / name).string());
  };
  std::string config = "# Made by gantry run.\nstate: " + quoted((folder_ / "state").string());
  config += "\nlisten: {http: [], socket: " + quoted(connection().socket) + "}";
  config += "\ngithub: {webhook_secret_files: [" + keep("webhook-secret", secret_) + "]}";
  config += "\nrepositories: [{name: " + quoted(settings.name) +
            ", clone_url: " + quoted(settings.repository.string()) + "}]";
  config += "\nsecrets_file: " + keep("secrets", settings.secrets);
  config += "\nvars_file: " + keep("vars", settings.vars);
  config += "\nlabels: [{names: [ubuntu-latest, ubuntu-24.04, ubuntu-22.04, self-hosted, linux]";
  config += ", network: " + settings.network + ", untrusted_network: none}]";
  config += actions_section(settings);
  config += "\nlimits: {jobs: " + std::to_string(settings.jobs) + "}\non_stop: cancel\n";
  static_cast<void>(keep("gantry.yaml", config));
}

void PrivateGantryd::wait_until_ready() {
  const auto limit = std::chrono::steady_clock::now() + kStartLimit;
  std::string last = "it does not answer";
  while (std::chrono::steady_clock::now() < limit) {
    if (child_.try_wait()) {
      last = std::string(core::trim(core::read_file(folder_ / "gantryd.log")));
      break;
    }
    if (fs::exists(connection().socket)) {
      try {
        if (Api(connection()).get_text("/healthz").empty()) continue;
        return;
      } catch (const std::exception& error) {  // a socket of an earlier one: not yet ours
        last = error.what();
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  throw Exception(Errc::unavailable, "starting a gantryd in '" + folder_.string() + "': " + last);
}

}  // namespace gantry::daemon::cli
