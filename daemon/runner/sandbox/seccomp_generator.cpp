// SPDX-License-Identifier: MIT
// Build-time tool: writes the system call filter of jobs as a C array to standard output, so that
// neither libseccomp nor its work of a millisecond is there when a job starts.
//
// A deny-list: CI runs every kind of program. Denied is what a job without capabilities has no use
// for and what widens the kernel's attack surface: mounts, namespaces, keys, BPF, io_uring, new
// kernels and modules, and the ways to type into a terminal. ptrace stays: it reaches only
// processes of the same sandbox (the agent is not dumpable), and debuggers and LeakSanitizer need
// it. Since Linux 4.8 it cannot be used to get around this filter.
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr const char* kNotPermitted[] = {"acct",
                                         "add_key",
                                         "adjtimex",
                                         "bpf",
                                         "chroot",
                                         "clock_adjtime",
                                         "clock_settime",
                                         "create_module",
                                         "delete_module",
                                         "fanotify_init",
                                         "finit_module",
                                         "fsconfig",
                                         "fsmount",
                                         "fsopen",
                                         "fspick",
                                         "init_module",
                                         "ioperm",
                                         "iopl",
                                         "kexec_file_load",
                                         "kexec_load",
                                         "keyctl",
                                         "lookup_dcookie",
                                         "mount",
                                         "mount_setattr",
                                         "move_mount",
                                         "nfsservctl",
                                         "open_by_handle_at",
                                         "open_tree",
                                         "perf_event_open",
                                         "pivot_root",
                                         "quotactl",
                                         "quotactl_fd",
                                         "reboot",
                                         "request_key",
                                         "setdomainname",
                                         "sethostname",
                                         "setns",
                                         "settimeofday",
                                         "stime",
                                         "swapoff",
                                         "swapon",
                                         "syslog",
                                         "umount",
                                         "umount2",
                                         "unshare",
                                         "userfaultfd",
                                         "uselib",
                                         "vhangup",
                                         "vm86",
                                         "vm86old"};

// Programs try these and go on without them, if told that they do not exist. clone3 hands its
// flags over in memory, where a filter cannot look: programs fall back on clone.
constexpr const char* kNotThere[] = {"clone3", "io_uring_setup", "io_uring_enter",
                                     "io_uring_register"};

constexpr unsigned kNamespaceFlags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                        CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};

// vsock reaches the hypervisor past any network namespace; the others are little tested code that
// no build needs.
constexpr unsigned kDeniedFamilies[] = {AF_VSOCK, AF_ALG,   AF_RDS, AF_TIPC, AF_BLUETOOTH,
                                        AF_CAN,   AF_PPPOX, AF_LLC, AF_X25,  AF_AX25,
                                        AF_KCM,   AF_XDP,   AF_SMC};

constexpr unsigned kTerminalInjection[] = {TIOCSTI, TIOCLINUX};

void check(int result, const char* what) {
  // A rule that one of the architectures cannot have is left out for it.
  if (result == 0 || result == -EDOM || result == -EACCES) return;
  std::fprintf(stderr, "seccomp_generator: %s: error %d\n", what, result);
  std::exit(1);
}

void deny(scmp_filter_ctx filter, const char* name, std::uint32_t action) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return;  // newer than this libseccomp
  check(seccomp_rule_add(filter, action, number, 0), name);
}

void deny_arguments(scmp_filter_ctx filter) {
  const std::uint32_t denied = SCMP_ACT_ERRNO(EPERM);
  for (const unsigned flag : kNamespaceFlags) {
    check(seccomp_rule_add(filter, denied, SCMP_SYS(clone), 1,
                           SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag)),
          "clone");
  }
  // The kernel looks at 32 bits of these only; so do we, or the upper half would get around it.
  for (const unsigned request : kTerminalInjection) {
    check(seccomp_rule_add(filter, denied, SCMP_SYS(ioctl), 1,
                           SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, request)),
          "ioctl");
  }
  for (const unsigned family : kDeniedFamilies) {
    check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                           SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, family)),
          "socket");
  }
}

void print(scmp_filter_ctx filter) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) std::exit(1);
  check(seccomp_export_bpf(filter, ::fileno(file)), "exporting");
  ::lseek(::fileno(file), 0, SEEK_SET);
  unsigned char byte = 0;
  int column = 0;
  while (::read(::fileno(file), &byte, 1) == 1) {
    std::printf("%u,%s", byte, ++column % 24 == 0 ? "\n" : "");
  }
  std::fclose(file);
}

}  // namespace

int main() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return 1;
  // Other architectures, and x32's numbers, are no way around: what is not named is not there.
  check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)), "bad arch");
  if (seccomp_arch_native() == SCMP_ARCH_X86_64) {
    check(seccomp_arch_add(filter, SCMP_ARCH_X86), "adding i386");
    // i386's one call for all socket calls has its arguments in memory, where no filter can look.
    deny(filter, "socketcall", SCMP_ACT_ERRNO(ENOSYS));
  }
  for (const char* name : kNotPermitted)
    deny(filter, name, SCMP_ACT_ERRNO(EPERM));
  for (const char* name : kNotThere)
    deny(filter, name, SCMP_ACT_ERRNO(ENOSYS));
  deny_arguments(filter);
  print(filter);
  seccomp_release(filter);
  return 0;
}
