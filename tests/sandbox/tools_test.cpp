// SPDX-License-Identifier: MIT
// The tools of everyday CI work under the mounts and the system call filter.
#include "tests/sandbox/fixture.hpp"

#include <doctest/doctest.h>

namespace gantry::tests {

TEST_CASE("tools: compilers, interpreters and git work in the sandbox") {
  if (skip_without_sandbox()) return;
  SandboxFixture fixture;
  fixture.options.read_only = {};
  fixture.start();
  const struct {
    const char* name;
    const char* script;
    const char* output;
  } tools[] = {
      {"gcc", "echo 'int main(){return 42;}' > a.c && gcc a.c && ./a.out; echo $?", "42\n"},
      {"g++",
       "echo 'int main(){int*p=new int;delete p;}' > l.cc && g++ -fsanitize=address l.cc -o l "
       "&& ./l && echo clean",
       "clean\n"},
      {"python3",
       "/usr/bin/python3 -c 'import ssl, subprocess; print(subprocess.getoutput(\"echo "
       "hi\"))'",
       "hi\n"},
      {"node", "node -e 'new Promise(r => setTimeout(r, 1)).then(() => console.log(6 * 7))'",
       "42\n"},
      {"java", "java -version 2>&1 | grep -c -i openjdk | sed 's/[1-9].*/yes/'", "yes\n"},
      {"git",
       "git init -q r && git -C r -c user.name=a -c user.email=a@b commit -q --allow-empty -m x "
       "&& git -C r log --format=%s",
       "x\n"},
      {"cmake", "cmake -E echo hi", "hi\n"},
      {"go",
       "printf 'package main\\nfunc main(){println(1)}' > m.go && GOCACHE=/tmp/g go run m.go "
       "2>&1",
       "1\n"},
      {"perl", "perl -MSocket -e 'socketpair(A,B,AF_UNIX,SOCK_STREAM,PF_UNSPEC) and print 1'", "1"},
      {"tar", "mkdir d && echo x > d/f && tar czf d.tgz d && tar xzOf d.tgz d/f", "x\n"},
  };
  for (const auto& tool : tools) {
    CAPTURE(std::string(tool.name));
    if (fixture.shell(std::string("command -v ") + tool.name).output.empty()) {
      MESSAGE("skipped, not visible in the sandbox: " << std::string(tool.name));
      continue;
    }
    CHECK(fixture.shell(tool.script).output == tool.output);
  }
}

}  // namespace gantry::tests
