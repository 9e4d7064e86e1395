// SPDX-License-Identifier: MIT
#include "daemon/agent/block_routes.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gantry::daemon::agent {

namespace {

struct Prefix {
  const char* address;
  unsigned char bits;
};

// slirp4netns's own network, 100.100.2.0/24, is on the link and so more specific than 100.64/10.
constexpr Prefix kBlocked[] = {{"0.0.0.0", 8},      {"10.0.0.0", 8},    {"100.64.0.0", 10},
                               {"169.254.0.0", 16}, {"172.16.0.0", 12}, {"192.168.0.0", 16},
                               {"198.18.0.0", 15},  {"224.0.0.0", 4},   {"240.0.0.0", 4}};

int fail(const char* doing) {
  std::fprintf(stderr, "blocking routes: %s: %s\n", doing, std::strerror(errno));
  return 1;
}

struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  rtattr attribute;
  unsigned char address[sizeof(in6_addr)];
};

// 0, or the errno.
int prohibit(int netlink, int family, const void* address, unsigned char bits) {
  const unsigned short size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  RouteRequest request{};
  request.header.nlmsg_len = static_cast<unsigned>(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_LENGTH(size));
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
  request.route.rtm_family = static_cast<unsigned char>(family);
  request.route.rtm_dst_len = bits;
  request.route.rtm_table = RT_TABLE_MAIN;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.route.rtm_scope = RT_SCOPE_UNIVERSE;
  request.route.rtm_type = RTN_PROHIBIT;
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
  std::memcpy(request.address, address, size);
  if (::send(netlink, &request, request.header.nlmsg_len, 0) < 0) return errno;
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[512];
  } answer{};
  if (::recv(netlink, &answer, sizeof answer, 0) < 0) return errno;
  return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

}  // namespace

int block_routes(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "blocking routes: USERNS_FD NETNS_FD [IPV4 ADDRESS...] expected\n");
    return 2;
  }
  if (::setns(std::atoi(argv[0]), CLONE_NEWUSER) != 0) return fail("entering the user namespace");
  if (::setns(std::atoi(argv[1]), CLONE_NEWNET) != 0) return fail("entering the network namespace");
  const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (netlink < 0) return fail("opening netlink");
  in_addr address{};
  for (const Prefix& prefix : kBlocked) {
    ::inet_pton(AF_INET, prefix.address, &address);
    errno = prohibit(netlink, AF_INET, &address, prefix.bits);
    if (errno != 0) return fail(prefix.address);
  }
  for (int i = 2; i < argc; ++i) {
    if (::inet_pton(AF_INET, argv[i], &address) != 1)
      errno = EINVAL;
    else
      errno = prohibit(netlink, AF_INET, &address, 32);
    if (errno != 0 && errno != EEXIST) return fail(argv[i]);
  }
  const in6_addr everything{};
  errno = prohibit(netlink, AF_INET6, &everything, 0);
  // A kernel without IPv6 has nothing to block.
  if (errno != 0 && errno != EAFNOSUPPORT && errno != EOPNOTSUPP) return fail("IPv6");
  // Entering the namespace closed our /proc entries to others of our user, slirp4netns among them.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return fail("opening up");
  std::puts("blocked");
  std::fflush(stdout);
  char byte = 0;
  return ::read(0, &byte, 1) == 0 ? 0 : 1;
}

}  // namespace gantry::daemon::agent
