// SPDX-License-Identifier: MIT
// What a hostile step can and cannot do.
#include "core/base/text.hpp"
#include "tests/sandbox/fixture.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

namespace gantry::tests {

namespace {

struct Attempt {
  std::vector<std::string> arguments;
  std::string expected;
};

void check_attempts(SandboxFixture& fixture, const std::vector<Attempt>& attempts) {
  for (const Attempt& attempt : attempts) {
    CAPTURE(core::join(attempt.arguments, " "));
    CHECK(fixture.probe(attempt.arguments) == attempt.expected);
  }
}

// A listening TCP socket on the host's loopback.
class HostService {
 public:
  HostService() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_.get(), 5) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& address() const { return address_; }

 private:
  core::UniqueFd socket_;
  std::string address_;
};

}  // namespace

TEST_CASE("sandbox: mounts, namespaces and privileges are refused") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  check_attempts(fixture, {{{"mount"}, "EPERM"},
                           {{"umount", "/usr"}, "EPERM"},
                           {{"remount", "/usr"}, "EPERM"},
                           {{"unshare", "0x10000000"}, "EPERM"},  // user namespace
                           {{"unshare", "0x20000"}, "EPERM"},     // mount namespace
                           {{"clone", "0x10000000"}, "EPERM"},
                           {{"clone", "0x40000000"}, "EPERM"},  // network namespace
                           {{"clone", "0"}, "allowed"},
                           {{"clone3"}, "ENOSYS"},
                           {{"setuid"}, "EINVAL"},  // no other user is mapped
                           {{"sethostname"}, "EPERM"},
                           {{"mknod", "/tmp/null"}, "EPERM"}});
  CHECK(fixture
            .shell("grep -E 'Cap(Eff|Prm|Bnd|Inh|Amb)|NoNewPrivs' /proc/self/status | "
                   "tr -d '\\n\\t '")
            .output ==
        "CapInh:0000000000000000CapPrm:0000000000000000CapEff:0000000000000000"
        "CapBnd:0000000000000000CapAmb:0000000000000000NoNewPrivs:1");
}

TEST_CASE("sandbox: kernel interfaces that builds have no use for are refused") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  check_attempts(fixture, {{{"keyctl"}, "EPERM"},
                           {{"terminal"}, "EPERM"},
                           {{"bpf"}, "EPERM"},
                           {{"io_uring"}, "ENOSYS"},
                           {{"socket", "40"}, "EAFNOSUPPORT"},  // vsock: past the namespace
                           {{"socket", "38"}, "EAFNOSUPPORT"},  // alg
                           {{"socket", "2"}, "allowed"}});
}

TEST_CASE("sandbox: the host's files are read-only or not there") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  check_attempts(fixture, {{{"create", "/usr/x"}, "EROFS"},
                           {{"create", "/etc/x"}, "EROFS"},
                           {{"create", "/x"}, "EROFS"},
                           {{"write", "/usr/bin/env"}, "EACCES"},
                           {{"read", "/etc/shadow"}, "ENOENT"},
                           {{"read", "/root"}, "ENOENT"},
                           {{"read", "/var/lib"}, "ENOENT"},
                           {{"read", fixture.home().string()}, "ENOENT"},
                           {{"read", "/proc/sys/kernel/hostname"}, "allowed"},
                           {{"write", "/proc/sys/kernel/hostname"}, "EACCES"},
                           {{"read", "/proc/cmdline"}, "EACCES"},
                           {{"create", "/home/runner/x"}, "allowed"},
                           {{"create", "/tmp/x"}, "allowed"}});
  CHECK(fixture.shell("ls -A /home").output == "runner\n");
  CHECK(fixture.shell("ls -A / | tr '\\n' ' '").output.find("root ") == std::string::npos);
  CHECK(fixture.shell("id -un; id -u; echo ~; hostname").output ==
        "runner\n1001\n/home/runner\ngantry\n");
}

TEST_CASE("sandbox: a symbolic link out of the job's folder leads to nothing of the host") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  std::ofstream(fixture.tmp().parent_path() / "secret") << "secret";
  fixture.start();
  const std::string secret = fixture.tmp().parent_path() / "secret";
  CHECK(fixture.shell("ln -s " + secret + " /home/runner/link; cat /home/runner/link").status !=
        daemon::os::ExitStatus{});
  CHECK(fixture.shell("cat /tmp/../secret /home/runner/../secret").output.find("secret\n") ==
        std::string::npos);
}

TEST_CASE("sandbox: only the usual devices are there") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  CHECK(fixture.shell("ls /dev | tr '\\n' ' '").output ==
        "core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ");
  CHECK(fixture.shell("echo x > /dev/null && head -c 4 /dev/zero | wc -c").output == "4\n");
  check_attempts(fixture, {{{"read", "/dev/tty"}, "ENXIO"}, {{"read", "/dev/kmsg"}, "ENOENT"}});
}

TEST_CASE("sandbox: processes of the host are neither seen nor reached") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  CHECK(fixture.shell("set -- /proc/[0-9]*; echo $#").output == "2\n");  // the agent and the shell
  check_attempts(fixture, {{{"kill", std::to_string(::getpid())}, "ESRCH"},
                           {{"kill", "1"}, "allowed"},  // and has no effect, as the next shows
                           {{"ptrace", "1"}, "EPERM"},
                           {{"read", "/proc/1/mem"}, "EACCES"},
                           {{"read", "/proc/1/environ"}, "EACCES"},
                           {{"read", "/proc/1/fd/3"}, "EACCES"},
                           {{"debug"}, "allowed"}});  // debuggers work on one's own processes
}

TEST_CASE("sandbox: a step inherits its three descriptors and nothing else") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.start();
  // The fourth is ls reading the folder.
  CHECK(fixture.run({"ls", "/proc/self/fd"}).output == "0\n1\n2\n3\n");
  CHECK(fixture.shell("readlink /proc/self/fd/0").output == "/dev/null\n");
  CHECK(fixture.shell("ps -o pid=,sid=,pgid= -p $$ | awk '{print $1==$2, $1==$3}'").output ==
        "1 1\n");
  CHECK(fixture.shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'").output ==
        "SigBlk:0000000000000000SigIgn:0000000000000000");
  CHECK(fixture.shell("cat /proc/self/oom_score_adj; umask").output == "500\n0022\n");
  CHECK(fixture.shell("grep core /proc/self/limits | tr -s ' '").output ==
        "Max core file size 1 1 bytes \n");
}

TEST_CASE("sandbox: without network only its own loopback answers") {
  if (skip_without_sandbox()) return;
  const HostService service;
  SandboxFixture fixture;
  fixture.start();
  check_attempts(fixture, {{{"connect", service.address()}, "ECONNREFUSED"},
                           {{"connect", "192.0.2.1:80"}, "ENETUNREACH"}});
}

TEST_CASE("sandbox: with the host's network its services are reached") {
  if (skip_without_sandbox()) return;
  const HostService service;
  SandboxFixture fixture;
  fixture.options.network = core::run::Network::host;
  fixture.start();
  CHECK(fixture.probe({"connect", service.address()}) == "allowed");
}

}  // namespace gantry::tests
