// SPDX-License-Identifier: MIT
// Runs inside a sandbox, tries what a job must not be able to do, and says how that went:
// "allowed", or the errno by name.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace {

using Attempt = long (*)(const char* argument);

long connect_to(const char* address_and_port) {
  const std::string text = address_and_port;
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(std::atoi(text.c_str() + colon + 1)));
  ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  return fd < 0 ? fd : ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

long debug_own_child(const char*) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const long result = ::ptrace(PTRACE_ATTACH, child, 0, 0);
  const int error = errno;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  errno = error;
  return result;
}

long clone_with(const char* flags) {
  const long pid = ::syscall(SYS_clone, std::strtoul(flags, nullptr, 0) | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) ::_exit(0);
  return pid;
}

long type_into_terminal(const char*) {
  char key = 'x';
  return ::ioctl(0, TIOCSTI, &key);
}

const std::map<std::string, Attempt> kAttempts = {
    {"mount", [](const char*) -> long { return ::mount("x", "/tmp", "tmpfs", 0, nullptr); }},
    {"umount", [](const char* path) -> long { return ::umount2(path, MNT_DETACH); }},
    {"remount", [](const char* p) -> long { return ::mount("x", p, "", MS_REMOUNT, nullptr); }},
    {"unshare",
     [](const char* flag) -> long {
       return ::unshare(static_cast<int>(std::strtoul(flag, nullptr, 0)));
     }},
    {"clone", clone_with},
    {"clone3", [](const char*) -> long { return ::syscall(SYS_clone3, nullptr, 0); }},
    {"read", [](const char* path) -> long { return ::open(path, O_RDONLY); }},
    {"write", [](const char* path) -> long { return ::open(path, O_WRONLY); }},
    {"create", [](const char* path) -> long { return ::open(path, O_CREAT | O_WRONLY, 0600); }},
    {"ptrace",
     [](const char* pid) -> long {
       return ::ptrace(PTRACE_ATTACH, std::atoi(pid), nullptr, nullptr);
     }},
    {"debug", debug_own_child},
    {"kill", [](const char* pid) -> long { return ::kill(std::atoi(pid), SIGKILL); }},
    {"keyctl",
     [](const char*) -> long {
       return ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1);
     }},
    {"terminal", type_into_terminal},
    {"io_uring", [](const char*) -> long { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
    {"bpf", [](const char*) -> long { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    {"socket",
     [](const char* family) -> long { return ::socket(std::atoi(family), SOCK_STREAM, 0); }},
    {"connect", connect_to},
    {"setuid", [](const char*) -> long { return ::setuid(0); }},
    {"sethostname", [](const char*) -> long { return ::sethostname("x", 1); }},
    {"mknod", [](const char* path) -> long { return ::mknod(path, S_IFCHR | 0666, 0x103); }},
};

}  // namespace

int main(int argc, char** argv) {
  const auto attempt = kAttempts.find(argc > 1 ? argv[1] : "");
  if (attempt == kAttempts.end()) return 2;
  const long result = attempt->second(argc > 2 ? argv[2] : "");
  std::printf("%s", result >= 0 ? "allowed" : ::strerrorname_np(errno));
  return 0;
}
