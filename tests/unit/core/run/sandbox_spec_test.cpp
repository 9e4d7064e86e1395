// SPDX-License-Identifier: MIT
#include "core/run/sandbox_spec.hpp"

#include "core/base/text.hpp"

#include <doctest/doctest.h>

namespace gantry::core::run {

namespace {

HostRoot sample_host() {
  HostRoot host;
  host.folders = {"/usr"};
  host.links = {{"/bin", "usr/bin"}};
  host.etc = {"/etc/ssl/certs"};
  host.copies = {{"/etc/timezone", "Etc/UTC\n"}};
  host.masked = {"/proc/keys"};
  return host;
}

HostRootOptions sample_options() {
  HostRootOptions options;
  options.home = "/jobs/1/home";
  options.tmp = "/jobs/1/tmp";
  options.read_only = {"/opt"};
  return options;
}

std::string arguments_of(const SandboxSpec& spec, const SandboxFds& fds) {
  const auto args = bwrap_arguments(spec, fds, {"/agent"});
  REQUIRE(args.has_value());
  return join(*args, " ");
}

}  // namespace

TEST_CASE("sandbox spec: the default root becomes these arguments") {
  const SandboxFds fds{.files = {8, 9, 10, 11, 12, 13, 14}, .seccomp = 5, .info = 6};
  CHECK(arguments_of(host_root_sandbox(sample_host(), sample_options()), fds) ==
        "--unshare-all --unshare-user --as-pid-1 --die-with-parent --new-session --clearenv "
        "--cap-drop ALL --disable-userns --uid 1001 --gid 1001 --hostname gantry "
        "--ro-bind /usr /usr --symlink usr/bin /bin --ro-bind /etc/ssl/certs /etc/ssl/certs "
        "--perms 0444 --file 8 /etc/timezone "
        "--perms 0444 --file 9 /etc/passwd --perms 0444 --file 10 /etc/group "
        "--perms 0444 --file 11 /etc/hosts --perms 0444 --file 12 /etc/hostname "
        "--perms 0444 --file 13 /etc/nsswitch.conf --perms 0444 --file 14 /etc/resolv.conf "
        "--ro-bind /opt /opt --proc /proc --ro-bind /dev/null /proc/keys --dev /dev --dir /run "
        "--bind /jobs/1/tmp /tmp --symlink ../tmp /var/tmp --bind /jobs/1/home /home/runner "
        "--remount-ro / --chdir /home/runner --seccomp 5 --info-fd 6 -- /agent");
}

TEST_CASE("sandbox spec: a folder with the files of /etc takes the place of them all") {
  HostRoot host = sample_host();
  host.etc_folder = "/roots/etc-1";
  const std::string args = arguments_of(host_root_sandbox(host, sample_options()), {});
  CHECK(args.find("--ro-bind /roots/etc-1 /etc --ro-bind /etc/ssl/certs /etc/ssl/certs --ro-bind "
                  "/opt /opt") != std::string::npos);
  CHECK(args.find("--file") == std::string::npos);
}

TEST_CASE("sandbox spec: a folder below one of the job's own is mounted after it") {
  HostRootOptions options = sample_options();
  options.read_only = {"/tmp/shared", "/srv"};
  const std::string args = arguments_of(host_root_sandbox(sample_host(), options),
                                        {.files = {8, 9, 10, 11, 12, 13, 14}});
  CHECK(args.find("--ro-bind /srv /srv") < args.find(" /tmp "));
  CHECK(args.find("--ro-bind /tmp/shared /tmp/shared") > args.find(" /tmp "));
}

TEST_CASE("sandbox spec: the network is shared only when it is the host's") {
  for (const Network network : {Network::none, Network::internet, Network::host}) {
    HostRootOptions options = sample_options();
    options.network = network;
    const std::string args = arguments_of(host_root_sandbox(sample_host(), options),
                                          {.files = {8, 9, 10, 11, 12, 13, 14}});
    CHECK((args.find("--share-net") != std::string::npos) == (network == Network::host));
  }
}

TEST_CASE("sandbox spec: users are the runner and no one of the host") {
  const SandboxSpec spec = host_root_sandbox(sample_host(), sample_options());
  for (const Mount& mount : spec.mounts) {
    if (mount.target != "/etc/passwd") continue;
    CHECK(mount.kind == Mount::Kind::file);
    CHECK(mount.source.find("runner:x:1001:1001:runner:/home/runner:/bin/bash\n") !=
          std::string::npos);
  }
  for (const std::string& name : shareable_etc_names()) {
    CAPTURE(name);
    CHECK(name.find("shadow") == std::string::npos);
    CHECK(name != "ssl");
    CHECK(name.find("private") == std::string::npos);
    CHECK(name.find("ssh") == std::string::npos);
  }
}

TEST_CASE("sandbox spec: mounts that could land elsewhere are refused") {
  for (const char* target : {"relative", "", "/a/../b", "/.."}) {
    SandboxSpec spec;
    spec.mounts = {{Mount::Kind::tmpfs, "", target}};
    CHECK(bwrap_arguments(spec, {}, {"/agent"}).error().message ==
          "building the sandbox: mount target '" + std::string(target) +
              "' is not an absolute path without '..'");
  }
  SandboxSpec spec;
  spec.mounts = {{Mount::Kind::read_write, "../x", "/x"}};
  CHECK(bwrap_arguments(spec, {}, {"/agent"}).error().message ==
        "building the sandbox: host path '../x' is not absolute and without '..'");
}

TEST_CASE("sandbox spec: files and descriptors must match") {
  SandboxSpec spec;
  spec.mounts = {{Mount::Kind::file, "content", "/etc/x"}};
  CHECK(bwrap_arguments(spec, {}, {"/agent"}).error().message ==
        "building the sandbox: too few descriptors for its files");
  CHECK(bwrap_arguments(spec, {.files = {3, 4}}, {"/agent"}).error().message ==
        "building the sandbox: too many descriptors for its files");
  CHECK(bwrap_arguments(spec, {.files = {3}}, {}).error().message ==
        "building the sandbox: no command given");
}

}  // namespace gantry::core::run
