// SPDX-License-Identifier: MIT
// Which addresses the part of checkout_origin.hpp that asks the network takes for public.
#include "core/base/error.hpp"
#include "daemon/runner/checkout_origin.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>

namespace gantry::daemon::runner {
namespace {

struct Range {
  std::uint32_t network;
  int bits;
};

// RFC 6890 and multicast.
constexpr std::array<Range, 14> kNotPublic = {{{0x00000000, 8},
                                               {0x0A000000, 8},
                                               {0x64400000, 10},
                                               {0x7F000000, 8},
                                               {0xA9FE0000, 16},
                                               {0xAC100000, 12},
                                               {0xC0000000, 24},
                                               {0xC0000200, 24},
                                               {0xC0586300, 24},
                                               {0xC0A80000, 16},
                                               {0xC6120000, 15},
                                               {0xC6336400, 24},
                                               {0xCB007100, 24},
                                               {0xE0000000, 3}}};

bool is_public(std::uint32_t address) {
  for (const Range& range : kNotPublic) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.network) return false;
  }
  return true;
}

bool is_of_this_machine(std::uint32_t address) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) core::throw_errno("reading this machine's addresses");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(list, ::freeifaddrs);
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in own{};
    std::memcpy(&own, each->ifa_addr, sizeof own);
    if (ntohl(own.sin_addr.s_addr) == address) return true;
  }
  return false;
}

}  // namespace

// IPv4 only, as the jobs' own network.
std::string public_address(const std::string& host) {
  const std::string doing = "looking up '" + host + "' for a checkout";
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    throw core::Exception(core::Errc::unavailable, doing + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(list, ::freeaddrinfo);
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    sockaddr_in found{};
    std::memcpy(&found, each->ai_addr, sizeof found);
    const std::uint32_t address = ntohl(found.sin_addr.s_addr);
    if (!is_public(address) || is_of_this_machine(address)) continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &found.sin_addr, text.data(), text.size());
    return text.data();
  }
  throw core::Exception(core::Errc::denied,
                        doing +
                            ": it has no public address, and a job with 'network: internet' "
                            "reaches no other");
}

}  // namespace gantry::daemon::runner
