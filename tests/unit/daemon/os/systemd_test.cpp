// SPDX-License-Identifier: MIT
#include "daemon/os/systemd.hpp"

#include "core/base/files.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace gantry::daemon::os {

namespace {

class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  std::string path() const { return folder_.path() / "notify"; }
  std::string receive() const {
    char text[512];
    const ssize_t n = ::recv(socket_.get(), text, sizeof text, 0);
    return n < 0 ? "" : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  core::TempDir folder_;
  core::UniqueFd socket_;
};

}  // namespace

TEST_CASE("systemd: states are told in the manager's words") {
  const Manager manager;
  const ServiceNotifier notifier(manager.path());
  notifier.ready("3 jobs\nrunning");
  CHECK(manager.receive() == "READY=1\nSTATUS=3 jobs running");
  notifier.watchdog();
  CHECK(manager.receive() == "WATCHDOG=1");
  notifier.reloading();
  CHECK(manager.receive().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  notifier.stopping("draining");
  CHECK(manager.receive() == "STOPPING=1\nSTATUS=draining");
}

TEST_CASE("systemd: the environment is read once and taken away from children") {
  ::setenv("NOTIFY_SOCKET", "@abstract", 1);
  ::setenv("WATCHDOG_USEC", "20000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const ServiceNotifier notifier = ServiceNotifier::from_environment();
  CHECK(notifier.active());
  CHECK(notifier.watchdog_interval() == std::chrono::seconds(10));
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
  CHECK_FALSE(ServiceNotifier::from_environment().active());
}

TEST_CASE("systemd: another process's watchdog and bad addresses are not ours") {
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  ::setenv("WATCHDOG_USEC", "20000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  const ServiceNotifier notifier = ServiceNotifier::from_environment();
  CHECK_FALSE(notifier.active());
  CHECK_FALSE(notifier.watchdog_interval());
  notifier.ready("nobody listens");
  ServiceNotifier(std::string(300, '/')).ready("too long");
  ServiceNotifier("/no/such/socket").ready("lost");
}

}  // namespace gantry::daemon::os
