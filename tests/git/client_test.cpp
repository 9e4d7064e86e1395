// SPDX-License-Identifier: MIT
#include "tests/git/support.hpp"

#include <algorithm>

using namespace gantry;
using namespace gantry::testing;
using core::Errc;

namespace {

// A program that stands in for gantry-git.
fs::path script(const Repository& repository, const std::string& body) {
  const fs::path path = repository.dir.path() / "program";
  core::write_file_atomic(path, "#!/bin/sh\n" + body + "\n", core::Durability::none, 0755);
  return path;
}

ClientOptions with_program(const Repository& repository, const fs::path& path) {
  ClientOptions options = options_for(repository);
  options.program = path;
  options.confinement = Confinement::none;
  return options;
}

bool has(const std::vector<std::string>& argv, std::vector<std::string> part) {
  return std::search(argv.begin(), argv.end(), part.begin(), part.end()) != argv.end();
}

}  // namespace

TEST_CASE("git client: a process that ends in the middle is an error worth repeating") {
  const Repository repository;
  Client client(with_program(repository, script(repository, "read line; echo oops >&2; exit 3")));
  const core::Error error = error_of([&] { fetch(client, repository); });
  CHECK(error.code == Errc::unavailable);
  CHECK(is_retryable(error.code));
  CHECK(error.message == "asking gantry-git about mirror '" + repository.mirror.string() +
                             "': it ended in the middle (exit code 3): oops; the request may be "
                             "repeated");
}

TEST_CASE("git client: the call after a crash starts a new process") {
  const Repository repository;
  repository.commit("one");
  const std::string flag = (repository.dir.path() / "crashed").string();
  Client client(with_program(
      repository, script(repository, "[ -e " + flag + " ] && exec " + program().string() +
                                         " \"$@\"; touch " + flag + "; kill -9 $$")));
  const core::Error error = error_of([&] { fetch(client, repository); });
  CHECK(error.message.find("signal 9") != std::string::npos);
  CHECK(fetch(client, repository).refs.size() == 1);
}

TEST_CASE("git client: a silent process is ended at the deadline") {
  const Repository repository;
  Client client(with_program(repository, script(repository, "exec sleep 1000")));
  const auto start = std::chrono::steady_clock::now();
  const core::Error error =
      error_of([&] { client.call(Resolve{"main"}, std::chrono::milliseconds(200)); });
  CHECK(error.code == Errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK_FALSE(client.is_running());
}

TEST_CASE("git client: after an interruption no call goes through") {
  const Repository repository;
  repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  client.interrupt();
  const core::Error error = error_of([&] { fetch(client, repository); });
  CHECK(error.code == Errc::unavailable);
  CHECK(error.message ==
        "asking gantry-git about mirror '" + repository.mirror.string() + "': it was interrupted");
}

TEST_CASE("git client: an answer that is not understood ends the process") {
  const Repository repository;
  Client client(with_program(repository, script(repository, "echo '{}'; exec sleep 1000")));
  CHECK(error_of([&] { fetch(client, repository); }).code == Errc::protocol);
  CHECK_FALSE(client.is_running());
}

TEST_CASE("git client: the process stays for the next call and goes when idle") {
  const Repository repository;
  repository.commit("one");
  Client client(options_for(repository));
  fetch(client, repository);
  CHECK(client.is_running());
  client.close_if_idle(std::chrono::hours(1));
  CHECK(client.is_running());
  client.close_if_idle(std::chrono::milliseconds(0));
  CHECK_FALSE(client.is_running());
  CHECK(client.call(Resolve{"main"}, kDeadline).message == "one\n");
}

TEST_CASE("git client: without bubblewrap nothing is started") {
  const Repository repository;
  ClientOptions options = options_for(repository);
  options.confinement = Confinement::required;
  options.bubblewrap = "/nonexistent/bwrap";
  Client missing(options);
  CHECK(error_of([&] { fetch(missing, repository); }).message.find("/nonexistent/bwrap") !=
        std::string::npos);

  options.bubblewrap =
      script(repository, "echo 'bwrap: No permissions to create new namespace' >&2; exit 1");
  Client forbidden(options);
  const core::Error error = error_of([&] { fetch(forbidden, repository); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message ==
        "confining gantry-git: bwrap: No permissions to create new namespace; allow user "
        "namespaces to this user, or set git.confine to false");
  CHECK_FALSE(fs::exists(repository.mirror / "gantry-mirror"));
}

TEST_CASE("git client: the sandbox has the source read-only and the network only when needed") {
  const Repository repository;
  ClientOptions options = options_for(repository);
  options.confinement = Confinement::required;
  const std::string source = repository.source.string();
  const std::string mirror = repository.mirror.string();
  const auto local = Client(options).command_line();
  CHECK(has(local, {"--unshare-all"}));
  CHECK(has(local, {"--cap-drop", "ALL"}));
  CHECK(has(local, {"--ro-bind", source, source}));
  CHECK(has(local, {"--bind", mirror, mirror}));
  CHECK_FALSE(has(local, {"--share-net"}));

  options.source = {.url = "https://github.com/o/r", .token = "secret"};
  options.access = MirrorAccess::read_only;
  const auto remote = Client(options).command_line();
  CHECK(has(remote, {"--share-net"}));
  CHECK(has(remote, {"--ro-bind", mirror, mirror}));
  CHECK(std::none_of(remote.begin(), remote.end(), [](const std::string& argument) {
    return argument.find("secret") != std::string::npos;
  }));
}

TEST_CASE("git client: a local source that is not there is said before anything starts") {
  const Repository repository;
  ClientOptions options = options_for(repository);
  options.source.url = "file:///nonexistent/repository";
  Client client(options);
  const core::Error error = error_of([&] { client.call(Resolve{"main"}, kDeadline); });
  CHECK(error.message.find("the source '/nonexistent/repository' is not a folder") !=
        std::string::npos);
}
