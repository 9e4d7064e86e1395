// SPDX-License-Identifier: MIT
// Network::internet. Real targets outside are not asked: what is checked is the way out and what
// is blocked on it.
#include "tests/sandbox/fixture.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

namespace gantry::tests {

namespace {

// An address of this host that is not loopback, or "".
std::string own_address() {
  ifaddrs* list = nullptr;
  std::string result;
  if (::getifaddrs(&list) != 0) return result;
  for (const ifaddrs* each = list; each != nullptr && result.empty(); each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if ((each->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    std::memcpy(&address, each->ifa_addr, sizeof address);
    result = ::inet_ntoa(address.sin_addr);
  }
  ::freeifaddrs(list);
  return result;
}

}  // namespace

TEST_CASE("network: a socket of the sandbox's own loopback comes out, also without network") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  const core::UniqueFd reply = fixture.sandbox().listen();
  pollfd waiting{reply.get(), POLLIN, 0};
  CHECK(fixture.shell("true").status.has_value());
  REQUIRE(::poll(&waiting, 1, 10'000) == 1);
  const core::UniqueFd listener = runner::take_listener(reply.get());
  sockaddr_in address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  CHECK(std::string(::inet_ntoa(address.sin_addr)) == "127.0.0.1");
  const std::string port = std::to_string(ntohs(address.sin_port));
  const runner::StepHandle step =
      fixture.begin({"/bin/bash", "-c", "exec 5<>/dev/tcp/127.0.0.1/" + port + "; head -c 5 <&5"});
  pollfd incoming{listener.get(), POLLIN, 0};
  REQUIRE(::poll(&incoming, 1, 10'000) == 1);
  const core::UniqueFd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(connection);
  CHECK(::send(connection.get(), "hello", 5, MSG_NOSIGNAL) == 5);
  CHECK(fixture.finish(step).output == "hello");
}

TEST_CASE("network: internet means a way out, but not to private networks or this host") {
  if (skip_without_sandbox()) return;
  const std::string reason = runner::internet_unavailable_reason("slirp4netns");
  if (!reason.empty()) {
    MESSAGE("skipped: " << reason);
    return;
  }
  SandboxFixture fixture;
  fixture.options.network = core::run::Network::internet;
  fixture.start();
  const runner::SandboxEvent first = fixture.wait_for_event();
  if (const auto* ended = std::get_if<runner::SandboxEnded>(&first)) FAIL(ended->message);
  CHECK(fixture.shell("cat /etc/resolv.conf").output == "nameserver 100.100.2.3\n");
  CHECK(fixture.shell("cut -f1,2 /proc/net/route | grep -c '^tap0.00000000$'").output == "1\n");
  for (const char* target : {"10.0.0.1:80", "192.168.1.1:80", "172.16.0.1:80", "169.254.169.254:80",
                             "100.64.0.1:80", "224.0.0.1:80"}) {
    CAPTURE(target);
    CHECK(fixture.probe({"connect", target}) == "EACCES");
  }
  if (const std::string own = own_address(); !own.empty()) {
    CHECK(fixture.probe({"connect", own + ":22"}) == "EACCES");
  }
}

TEST_CASE("network: slirp4netns that does not work is a setup failure with its reason") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.options.network = core::run::Network::internet;
  fixture.config.slirp4netns = "/bin/false";
  fixture.start();
  const runner::SandboxEvent event = fixture.wait_for_event();
  const auto* ended = std::get_if<runner::SandboxEnded>(&event);
  REQUIRE(ended != nullptr);
  CHECK(ended->why == runner::SandboxEnded::Why::setup_failed);
  CHECK(ended->message == "giving the sandbox internet access: slirp4netns: ");
}

TEST_CASE("network: why there is no internet is said with what to do") {
  CHECK(runner::internet_unavailable_reason("no-such-slirp") ==
        "'no-such-slirp' is not installed; apt-get install slirp4netns");
}

}  // namespace gantry::tests
