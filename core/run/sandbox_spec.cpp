// SPDX-License-Identifier: MIT
#include "core/run/sandbox_spec.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gantry::core::run {

namespace {

// Absolute, plain, and without "..": mounts must land where the spec says.
bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) return false;
  const auto parts = split(path, '/');
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

// Below a folder that is the job's own: mounted before that folder it would be hidden.
bool is_below_jobs_own(const std::string& path) {
  const std::string own[] = {"/run/", "/tmp/", "/var/tmp/", std::string(kSandboxHome) + "/"};
  return std::any_of(std::begin(own), std::end(own),
                     [&](const std::string& folder) { return path.starts_with(folder); });
}

std::string passwd() {
  const SandboxSpec spec;
  const std::string ids = std::to_string(spec.uid) + ":" + std::to_string(spec.gid);
  return "root:x:0:0:root:/root:/usr/sbin/nologin\n"
         "runner:x:" +
         ids + ":runner:" + kSandboxHome +
         ":/bin/bash\n"
         "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
}

std::string group() {
  return "root:x:0:\nrunner:x:" + std::to_string(SandboxSpec().gid) + ":\nnogroup:x:65534:\n";
}

std::string hosts(const std::string& hostname) {
  return "127.0.0.1 localhost " + hostname + "\n::1 localhost ip6-localhost ip6-loopback\n";
}

void add_etc(const HostRoot& host, const HostRootOptions& options, SandboxSpec& spec) {
  using Kind = Mount::Kind;
  const bool is_ready = !host.etc_folder.empty();
  if (is_ready) spec.mounts.push_back({Kind::read_only, host.etc_folder, "/etc"});
  for (const std::string& path : host.etc)
    spec.mounts.push_back({Kind::read_only, path, path});
  if (is_ready) return;
  for (const auto& files : {host.copies, own_etc_files(options)}) {
    for (const auto& file : files)
      spec.mounts.push_back({Kind::file, file.content, file.path});
  }
}

// Kinds whose arguments are the option, perhaps the source, and the target.
void add_mount(const Mount& mount, int file_fd, std::vector<std::string>& args) {
  switch (mount.kind) {
    case Mount::Kind::read_only:
      args.insert(args.end(), {"--ro-bind", mount.source, mount.target});
      return;
    case Mount::Kind::read_write:
      args.insert(args.end(), {"--bind", mount.source, mount.target});
      return;
    case Mount::Kind::tmpfs:
      args.insert(args.end(), {"--tmpfs", mount.target});
      return;
    case Mount::Kind::folder:
      args.insert(args.end(), {"--dir", mount.target});
      return;
    case Mount::Kind::symlink:
      args.insert(args.end(), {"--symlink", mount.source, mount.target});
      return;
    case Mount::Kind::file:
      args.insert(args.end(), {"--perms", "0444", "--file", std::to_string(file_fd), mount.target});
      return;
    case Mount::Kind::proc:
      args.insert(args.end(), {"--proc", mount.target});
      return;
    case Mount::Kind::dev:
      args.insert(args.end(), {"--dev", mount.target});
      return;
  }
}

void add_namespaces(const SandboxSpec& spec, std::vector<std::string>& args) {
  args.insert(args.end(), {"--unshare-all", "--unshare-user", "--as-pid-1", "--die-with-parent",
                           "--new-session", "--clearenv", "--cap-drop", "ALL"});
  if (spec.network == Network::host) args.emplace_back("--share-net");
  if (spec.nested == NestedNamespaces::forbidden) args.emplace_back("--disable-userns");
  args.insert(args.end(), {"--uid", std::to_string(spec.uid), "--gid", std::to_string(spec.gid),
                           "--hostname", spec.hostname});
}

tl::unexpected<Error> refuse(const std::string& why) {
  return fail(Errc::invalid, "building the sandbox: " + why);
}

}  // namespace

const std::vector<std::string>& shareable_etc_names() {
  // Configuration that programs need to start or to verify TLS; nothing here holds a secret.
  static const std::vector<std::string> names = {
      "alternatives",    "debian_version",  "fonts",       "java-11-openjdk", "java-17-openjdk",
      "java-21-openjdk", "java-25-openjdk", "ld.so.cache", "ld.so.conf",      "ld.so.conf.d",
      "localtime",       "lsb-release",     "mime.types",  "os-release",      "pki/ca-trust",
      "pki/tls/certs",   "protocols",       "services",    "ssl/certs",       "ssl/openssl.cnf",
      "timezone"};
  return names;
}

std::vector<HostRoot::Copy> own_etc_files(const HostRootOptions& options) {
  return {
      {"/etc/passwd", passwd()},
      {"/etc/group", group()},
      {"/etc/hosts", hosts(options.hostname)},
      {"/etc/hostname", options.hostname + "\n"},
      {"/etc/nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
       "protocols: files\nservices: files\n"},
      {"/etc/resolv.conf", options.resolv_conf},
  };
}

SandboxSpec host_root_sandbox(const HostRoot& host, const HostRootOptions& options) {
  using Kind = Mount::Kind;
  SandboxSpec spec;
  spec.hostname = options.hostname;
  spec.network = options.network;
  spec.limits = options.limits;
  spec.cwd = kSandboxHome;
  for (const std::string& path : host.folders)
    spec.mounts.push_back({Kind::read_only, path, path});
  for (const auto& link : host.links) {
    spec.mounts.push_back({Kind::symlink, link.target, link.path});
  }
  add_etc(host, options, spec);
  for (const std::string& path : options.read_only) {
    if (!is_below_jobs_own(path)) spec.mounts.push_back({Kind::read_only, path, path});
  }
  spec.mounts.push_back({Kind::proc, "", "/proc"});
  for (const std::string& path : host.masked) {
    spec.mounts.push_back({Kind::read_only, "/dev/null", path});
  }
  spec.mounts.push_back({Kind::dev, "", "/dev"});
  spec.mounts.push_back({Kind::folder, "", "/run"});
  spec.mounts.push_back({Kind::read_write, options.tmp, "/tmp"});
  spec.mounts.push_back({Kind::symlink, "../tmp", "/var/tmp"});
  spec.mounts.push_back({Kind::read_write, options.home, kSandboxHome});
  if (!options.actions.empty()) {
    spec.mounts.push_back({Kind::read_only, options.actions, kSandboxActions});
  }
  for (const std::string& path : options.read_only) {
    if (is_below_jobs_own(path)) spec.mounts.push_back({Kind::read_only, path, path});
  }
  return spec;
}

Result<std::vector<std::string>> bwrap_arguments(const SandboxSpec& spec, const SandboxFds& fds,
                                                 const std::vector<std::string>& command) {
  if (command.empty()) return refuse("no command given");
  std::vector<std::string> args;
  add_namespaces(spec, args);
  auto next_file = fds.files.begin();
  for (const Mount& mount : spec.mounts) {
    if (!is_plain_path(mount.target)) {
      return refuse("mount target '" + mount.target + "' is not an absolute path without '..'");
    }
    const bool from_host =
        mount.kind == Mount::Kind::read_only || mount.kind == Mount::Kind::read_write;
    if (from_host && !is_plain_path(mount.source)) {
      return refuse("host path '" + mount.source + "' is not absolute and without '..'");
    }
    int file_fd = -1;
    if (mount.kind == Mount::Kind::file) {
      if (next_file == fds.files.end()) return refuse("too few descriptors for its files");
      file_fd = *next_file++;
    }
    add_mount(mount, file_fd, args);
  }
  if (next_file != fds.files.end()) return refuse("too many descriptors for its files");
  // What is not a mount of its own is a tmpfs in memory: the job has no business there.
  args.insert(args.end(), {"--remount-ro", "/", "--chdir", spec.cwd});
  const auto option = [&args](const char* name, int fd) {
    if (fd >= 0) args.insert(args.end(), {name, std::to_string(fd)});
  };
  option("--seccomp", fds.seccomp);
  option("--info-fd", fds.info);
  args.emplace_back("--");
  args.insert(args.end(), command.begin(), command.end());
  return args;
}

}  // namespace gantry::core::run
