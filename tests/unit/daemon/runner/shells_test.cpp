// SPDX-License-Identifier: MIT
#include "daemon/runner/shells.hpp"

#include <doctest.h>

#include <string>
#include <vector>

using gantry::daemon::runner::shell_command;

namespace {

std::string everywhere(std::string_view name) {
  return "/usr/bin/" + std::string(name);
}
std::string without_bash(std::string_view name) {
  return name == "bash" ? "" : everywhere(name);
}

using Argv = std::vector<std::string>;

}  // namespace

TEST_CASE("a step without shell gets bash -e, without pipefail, or sh where there is no bash") {
  const auto bash = shell_command("", everywhere);
  CHECK(bash->argv("/t/s.sh") == Argv{"/usr/bin/bash", "-e", "/t/s.sh"});
  CHECK(bash->shown == "/usr/bin/bash -e {0}");
  CHECK(shell_command("", without_bash)->argv("/t/s.sh") == Argv{"/usr/bin/sh", "-e", "/t/s.sh"});
}

TEST_CASE("each named shell has GitHub's arguments and extension") {
  CHECK(shell_command("bash", everywhere)->argv("s") ==
        Argv{"/usr/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "s"});
  CHECK(shell_command("sh", everywhere)->argv("s") == Argv{"/usr/bin/sh", "-e", "s"});
  CHECK(shell_command("python", everywhere)->argv("s") == Argv{"/usr/bin/python", "s"});
  CHECK(shell_command("python", everywhere)->extension == ".py");
  const auto pwsh = shell_command("pwsh", everywhere);
  CHECK(pwsh->argv("s") == Argv{"/usr/bin/pwsh", "-command", ". 's'"});
  CHECK(pwsh->extension == ".ps1");
  CHECK(pwsh->before == "$ErrorActionPreference = 'stop'\n");
}

TEST_CASE("a custom shell is split into words and keeps the script's place") {
  CHECK(shell_command("perl {0}", everywhere)->argv("s") == Argv{"/usr/bin/perl", "s"});
  CHECK(shell_command("env -S \"a b\" {0}.x", everywhere)->argv("s") ==
        Argv{"/usr/bin/env", "-S", "a b", "s.x"});
  CHECK(shell_command("bash -x {0}", everywhere)->extension == ".sh");
  CHECK(shell_command("perl {0}", everywhere)->extension == "");
}

TEST_CASE("a shell that cannot be used is refused with what to do") {
  CHECK(shell_command("perl", everywhere).error().message ==
        "choosing shell 'perl': Invalid shell option. Shell must be a valid built-in (bash, sh, "
        "python, pwsh) or a format string containing '{0}'");
  CHECK_FALSE(shell_command("perl -w", everywhere).has_value());
  CHECK(shell_command("cmd", everywhere).error().message ==
        "choosing shell 'cmd': it exists on Windows only; use bash, sh, python, pwsh or a command "
        "with {0}");
}
