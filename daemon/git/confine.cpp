// SPDX-License-Identifier: MIT
#include "daemon/git/confine.hpp"

#include "core/base/error.hpp"

namespace gantry::daemon::git {
namespace {

using Arguments = std::vector<std::string>;

void add(Arguments& to, std::initializer_list<std::string_view> values) {
  to.insert(to.end(), values.begin(), values.end());
}

void bind(Arguments& to, std::string_view option, const fs::path& path) {
  const std::string text = fs::absolute(path).lexically_normal().string();
  add(to, {option, text, text});
}

// The system's programs and libraries, where its folders are links into /usr and where they are
// not.
void add_system(Arguments& to) {
  add(to, {"--ro-bind", "/usr", "/usr"});
  for (const char* name : {"/bin", "/lib", "/lib32", "/lib64", "/sbin"}) {
    if (fs::is_symlink(name)) {
      add(to, {"--symlink", fs::read_symlink(name).string(), name});
    } else if (fs::exists(name)) {
      add(to, {"--ro-bind", name, name});
    }
  }
  add(to, {"--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"});
  add(to, {"--dev", "/dev", "--tmpfs", "/tmp"});
#ifdef __SANITIZE_ADDRESS__  // which asks there where the stack is, and is wrong about throws else
  add(to, {"--proc", "/proc"});
#endif
}

void add_network(Arguments& to, const fs::path& hosts_file) {
  add(to, {"--share-net"});
  for (const char* path :
       {"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/nsswitch.conf", "/etc/services"}) {
    add(to, {"--ro-bind-try", path, path});
  }
  if (!hosts_file.empty()) {
    add(to, {"--ro-bind", hosts_file.string(), "/etc/hosts"});
    return;
  }
  for (const char* path : {"/etc/resolv.conf", "/etc/hosts"})
    add(to, {"--ro-bind-try", path, path});
}

}  // namespace

fs::path local_folder(const Source& source) {
  constexpr std::string_view kFile = "file://";
  if (source.url.starts_with(kFile)) return source.url.substr(kFile.size());
  if (source.url.starts_with("/")) return source.url;
  return {};
}

std::vector<std::string> gantry_git_argv(const ClientOptions& options) {
  const fs::path program = fs::absolute(options.program).lexically_normal();
  const fs::path mirror = fs::absolute(options.mirror).lexically_normal();
  Arguments command = {program, "serve", "--mirror", mirror};
  if (options.confinement == Confinement::none) return command;

  Arguments argv = {options.bubblewrap, "--unshare-all", "--die-with-parent", "--new-session",
                    "--cap-drop",       "ALL",           "--clearenv"};
  const fs::path local = local_folder(options.source);
  add_system(argv);
  if (!options.source.url.empty() && local.empty()) add_network(argv, options.hosts_file);
  bind(argv, "--ro-bind", program);
  if (!local.empty()) bind(argv, "--ro-bind", local);
  for (const std::string& file :
       {options.source.ssh_key, options.source.known_hosts, options.source.ca_file}) {
    if (!file.empty()) bind(argv, "--ro-bind", file);
  }
  // After the source, which may be a parent of them.
  bind(argv, options.access == MirrorAccess::read_write ? "--bind" : "--ro-bind", mirror);
  if (!options.export_to.empty()) bind(argv, "--bind", options.export_to);
  add(argv, {"--chdir", "/", "--"});
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

}  // namespace gantry::daemon::git
