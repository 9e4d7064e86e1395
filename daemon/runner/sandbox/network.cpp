// SPDX-License-Identifier: MIT
#include "daemon/runner/sandbox/network.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "daemon/os/doctor.hpp"
#include "daemon/runner/sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gantry::daemon::runner {

namespace {

constexpr const char* kDoing = "giving the sandbox internet access";
constexpr int kRoutesTimeoutMs = 5000;

struct Namespaces {
  core::UniqueFd user;
  core::UniqueFd net;
};

// The user namespace is the one that owns the network namespace: the process itself may be in a
// deeper one, where it has no power over the network.
Namespaces namespaces_of(pid_t pid) {
  Namespaces found;
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  found.net.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!found.net) core::throw_errno(kDoing);
  found.user.reset(::ioctl(found.net.get(), NS_GET_USERNS));
  if (!found.user) core::throw_errno(kDoing);
  return found;
}

// Every IPv4 address of this host but loopback's.
std::vector<std::string> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) core::throw_errno(kDoing);
  std::vector<std::string> result;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if ((each->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    std::memcpy(&address, each->ifa_addr, sizeof address);
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    result.emplace_back(text);
  }
  ::freeifaddrs(list);
  return result;
}

}  // namespace

void InternetAccess::block_routes(pid_t pid, const fs::path& agent) {
  const Namespaces namespaces = namespaces_of(pid);
  core::Pipe said = core::make_pipe();
  core::Pipe stay = core::make_pipe();
  os::SpawnOptions options;
  options.argv = {agent.string(), "block-routes", "3", "4"};
  for (std::string& address : host_addresses())
    options.argv.push_back(std::move(address));
  options.fds = {{stay.read.get(), 0},
                 {said.write.get(), 1},
                 {said.write.get(), 2},
                 {namespaces.user.get(), 3},
                 {namespaces.net.get(), 4}};
  guide_ = os::spawn(options);
  guide_stay_ = std::move(stay.write);
  said.write.reset();
  char text[512] = {};
  pollfd answer{said.read.get(), POLLIN, 0};
  ssize_t n = 0;
  if (::poll(&answer, 1, kRoutesTimeoutMs) == 1) n = ::read(said.read.get(), text, sizeof text);
  const std::string_view line = core::trim({text, n > 0 ? static_cast<std::size_t>(n) : 0});
  if (line == "blocked") return;
  throw core::Exception(core::Errc::unavailable,
                        std::string(kDoing) + ": " +
                            (line.empty() ? "blocking routes does not answer" : std::string(line)));
}

InternetAccess::InternetAccess(pid_t pid, const fs::path& agent, const std::string& slirp4netns) {
  block_routes(pid, agent);
  core::Pipe ready = core::make_pipe();
  core::Pipe log = core::make_pipe();
  core::Pipe exit = core::make_pipe();
  os::SpawnOptions options;
  options.argv = {slirp4netns,
                  "--configure",
                  "--mtu=65520",
                  "--disable-host-loopback",
                  "--enable-sandbox",
                  "--enable-seccomp",
                  "--cidr=100.100.2.0/24",
                  "--ready-fd=3",
                  "--exit-fd=4",
                  std::to_string(guide_.pid()),
                  "tap0"};
  options.fds = {
      {log.write.get(), 1}, {log.write.get(), 2}, {ready.write.get(), 3}, {exit.read.get(), 4}};
  slirp_ = os::spawn(options);
  ready_ = std::move(ready.read);
  log_ = std::move(log.read);
  exit_ = std::move(exit.write);
  ::fcntl(log_.get(), F_SETFL, O_NONBLOCK);
}

std::string InternetAccess::take_result() {
  char byte = 0;
  const ssize_t n = ::read(ready_.get(), &byte, 1);
  ready_.reset();
  guide_ = os::Child();
  if (n == 1) return {};
  char text[2048] = {};
  const ssize_t size = ::read(log_.get(), text, sizeof text);
  const std::string_view said(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(kDoing) + ": slirp4netns: " + std::string(core::trim(said));
}

std::string internet_unavailable_reason(const std::string& slirp4netns) {
  const os::Obstacle obstacle = os::internet_obstacle(slirp4netns);
  return obstacle.reason.empty() ? "" : obstacle.reason + "; " + obstacle.remedy;
}

std::string resolv_conf_for(core::run::Network network) {
  switch (network) {
    case core::run::Network::none:
      return {};
    case core::run::Network::internet:
      return "nameserver " + std::string(core::run::kInternetDns) + "\n";
    case core::run::Network::host:
      return core::read_file_if_exists("/etc/resolv.conf").value_or("");
  }
  return {};
}

}  // namespace gantry::daemon::runner
