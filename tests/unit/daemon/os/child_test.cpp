// SPDX-License-Identifier: MIT
#include "daemon/os/child.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "daemon/os/child_async.hpp"

#include <boost/asio.hpp>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

namespace gantry::daemon::os {

namespace {

namespace asio = boost::asio;

SpawnOptions shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"sh", "-c", script};
  options.env = {"PATH=/usr/bin:/bin", "NAME=value"};
  return options;
}

asio::awaitable<void> store_status(Child& child, ExitStatus& status) {
  status = co_await async_wait(child);
}

}  // namespace

TEST_CASE("child: exit code and signal are told apart") {
  CHECK(spawn(shell("exit 9")).wait() == ExitStatus{ExitStatus::Kind::exited, 9});
  CHECK(spawn(shell("kill -9 $$")).wait() == ExitStatus{ExitStatus::Kind::signaled, 9});
  CHECK(to_string(ExitStatus{ExitStatus::Kind::exited, 9}) == "exit code 9");
  CHECK(to_string(ExitStatus{ExitStatus::Kind::signaled, 9}) == "signal 9 (Killed)");
  CHECK(ExitStatus{ExitStatus::Kind::signaled, 15}.shell_code() == 143);
}

TEST_CASE("child: a program that cannot be executed is an error at once") {
  SpawnOptions options;
  options.argv = {"/no/such/program"};
  CHECK_THROWS_WITH_AS(spawn(options), "starting '/no/such/program': No such file or directory",
                       core::Exception);
  options.argv = {"/etc/passwd"};
  CHECK_THROWS_WITH_AS(spawn(options), "starting '/etc/passwd': Permission denied",
                       core::Exception);
  options.argv = {"true"};
  options.cwd = "/no/such/folder";
  CHECK_THROWS_WITH_AS(spawn(options), "starting 'true': No such file or directory",
                       core::Exception);
  options.argv = {};
  CHECK_THROWS_WITH_AS(spawn(options), "starting '': no program given", core::Exception);
}

TEST_CASE("child: it has the descriptors it was given and no other") {
  const core::UniqueFd leak(::open("/dev/zero", O_RDONLY));  // without close-on-exec
  core::Pipe out = core::make_pipe();
  SpawnOptions options;
  options.argv = {"ls", "-l", "/proc/self/fd"};
  options.fds = {{out.write.get(), 1}, {leak.get(), 7}};
  Child child = spawn(options);
  out.write.reset();
  char text[4096] = {};
  ssize_t n = 0;
  std::string listing;
  while ((n = ::read(out.read.get(), text, sizeof text)) > 0) {
    listing.append(text, static_cast<std::size_t>(n));
  }
  CHECK(child.wait().success());
  CHECK(listing.find(" 0 -> /dev/null") != std::string::npos);
  CHECK(listing.find(" 1 -> pipe:") != std::string::npos);
  CHECK(listing.find(" 2 -> /dev/null") != std::string::npos);
  CHECK(listing.find(" 3 -> /proc/") != std::string::npos);  // the folder it lists
  CHECK(listing.find(" 7 -> /dev/zero") != std::string::npos);
  for (const char* other : {" 4 ->", " 5 ->", " 6 ->", " 8 ->", " 9 ->"}) {
    CAPTURE(other);
    CHECK(listing.find(other) == std::string::npos);
  }
}

TEST_CASE("child: mappings may swap descriptors") {
  core::Pipe a = core::make_pipe();
  core::Pipe b = core::make_pipe();
  SpawnOptions options = shell("echo a >&" + std::to_string(b.write.get()) + "; echo b >&" +
                               std::to_string(a.write.get()));
  options.fds = {{a.write.get(), b.write.get()}, {b.write.get(), a.write.get()}};
  CHECK(spawn(options).wait().success());
  char text[2] = {};
  REQUIRE(::read(a.read.get(), text, 2) == 2);
  CHECK(text[0] == 'a');
  REQUIRE(::read(b.read.get(), text, 2) == 2);
  CHECK(text[0] == 'b');
}

TEST_CASE("child: environment, folder, signals and session are as asked for") {
  ::signal(SIGUSR1, SIG_IGN);
  SpawnOptions options = shell(
      "echo $NAME $PWD; test -z \"$HOME\" && ps -o sid=,pid= -p $$ | awk '{print $1==$2}'; "
      "kill -USR1 $$");
  options.cwd = "/usr";
  options.session = Session::session;
  const CommandResult result = run_command(options, 10000);
  ::signal(SIGUSR1, SIG_DFL);
  CHECK(result.out == "value /usr\n1\n");
  CHECK(result.status == ExitStatus{ExitStatus::Kind::signaled, SIGUSR1});
}

TEST_CASE("child: its group is killed with it, and not when it is reaped") {
  core::Pipe alive = core::make_pipe();
  SpawnOptions options = shell("sleep 300 & echo; wait");
  options.fds = {{alive.write.get(), 1}};
  Child child = spawn(options);
  alive.write.reset();
  char byte = 0;
  REQUIRE(::read(alive.read.get(), &byte, 1) == 1);
  CHECK(child.kill_group(SIGKILL));
  CHECK(child.wait() == ExitStatus{ExitStatus::Kind::signaled, 9});
  CHECK(::read(alive.read.get(), &byte, 1) == 0);  // the sleep has let go of it, too
  CHECK_FALSE(child.kill(SIGKILL));
  CHECK_FALSE(child.kill_group(SIGKILL));
}

TEST_CASE("child: destroyed it is killed, released it lives on") {
  pid_t pid = -1;
  {
    const Child child = spawn(shell("sleep 300"));
    pid = child.pid();
  }
  CHECK(::kill(pid, 0) != 0);
  core::UniqueFd pidfd;
  {
    Child child = spawn(shell("exit 5"));
    pid = child.pid();
    pidfd = child.release();
  }
  Child again(pid, std::move(pidfd));
  CHECK(again.wait() == ExitStatus{ExitStatus::Kind::exited, 5});
}

TEST_CASE("child: try_wait answers at once, the pidfd becomes readable at the end") {
  core::Pipe gate = core::make_pipe();
  SpawnOptions options = shell("read x; exit 3");
  options.fds = {{gate.read.get(), 0}};
  Child child = spawn(options);
  CHECK_FALSE(child.try_wait());
  core::write_all(gate.write.get(), "\n");
  pollfd ended{child.pidfd(), POLLIN, 0};
  REQUIRE(::poll(&ended, 1, 10000) == 1);
  CHECK(child.try_wait() == ExitStatus{ExitStatus::Kind::exited, 3});
  CHECK(child.try_wait() == ExitStatus{ExitStatus::Kind::exited, 3});
}

TEST_CASE("child: async_wait tells exit 9 from SIGKILL and may be repeated") {
  asio::io_context io;
  Child exits = spawn(shell("exit 9"));
  Child dies = spawn(shell("kill -9 $$"));
  ExitStatus exited;
  ExitStatus died;
  asio::co_spawn(io, store_status(exits, exited), asio::detached);
  asio::co_spawn(io, store_status(dies, died), asio::detached);
  io.run();
  CHECK(exited == ExitStatus{ExitStatus::Kind::exited, 9});
  CHECK(died == ExitStatus{ExitStatus::Kind::signaled, 9});
  io.restart();
  exited = {};
  asio::co_spawn(io, store_status(exits, exited), asio::detached);
  io.run();
  CHECK(exited.value == 9);
}

TEST_CASE("child: a cancelled async_wait leaves the child running and owned") {
  asio::io_context io;
  Child child = spawn(shell("sleep 300"));
  asio::cancellation_signal cancel;
  ExitStatus status;
  std::exception_ptr error;
  asio::co_spawn(io, store_status(child, status),
                 asio::bind_cancellation_slot(
                     cancel.slot(), [&error](const std::exception_ptr& e) { error = e; }));
  asio::post(io, [&cancel] { cancel.emit(asio::cancellation_type::terminal); });
  io.run();
  CHECK(error != nullptr);
  CHECK_FALSE(child.try_wait());
  CHECK(child.kill(SIGKILL));
  CHECK(child.wait() == ExitStatus{ExitStatus::Kind::signaled, 9});
}

TEST_CASE("child: released while it is waited for, its end is told all the same") {
  asio::io_context io;
  Child child = spawn(shell("sleep 300"));
  ExitStatus status;
  asio::co_spawn(io, store_status(child, status), asio::detached);
  asio::post(io, [&child] {
    child.kill(SIGKILL);
    static_cast<void>(child.release());
  });
  io.run();
  CHECK(status == ExitStatus{ExitStatus::Kind::signaled, 9});
}

TEST_CASE("child: an event meant for another descriptor does not make async_wait block the loop") {
  // Two pipes become readable at once; whoever is woken first closes the other, whose event is
  // under way, and waits for the child instead: Asio gives the child's pidfd the state just freed.
  asio::io_context io(1);
  Child child = spawn(shell("exec sleep 5"));
  ExitStatus status;
  core::Pipe one = core::make_pipe();
  core::Pipe two = core::make_pipe();
  std::array<asio::posix::stream_descriptor, 2> ends = {
      asio::posix::stream_descriptor(io, one.read.release()),
      asio::posix::stream_descriptor(io, two.read.release())};
  bool is_first = true;
  for (std::size_t i = 0; i < 2; ++i) {
    ends[i].async_wait(asio::posix::stream_descriptor::wait_read, [&, i](auto) {
      if (!std::exchange(is_first, false)) return;
      ends[1 - i].close();
      asio::co_spawn(io, store_status(child, status), asio::detached);
    });
  }
  asio::steady_timer kill(io, std::chrono::milliseconds(100));
  kill.async_wait([&](auto) { child.kill(SIGKILL); });
  core::write_all(one.write.get(), "x");
  core::write_all(two.write.get(), "x");
  io.run();
  CHECK(status == ExitStatus{ExitStatus::Kind::signaled, 9});
}

TEST_CASE("command: output is cut at its limit and time at its own") {
  const CommandResult flood = run_command(shell("yes | head -c 1000000; echo x >&2"), 10000, 1000);
  CHECK(flood.status.success());
  CHECK(flood.out.size() == 1000);
  CHECK(flood.err == "x\n");
  const CommandResult slow = run_command(shell("sleep 300"), 50);
  CHECK(slow.end == CommandResult::End::timed_out);
  const CommandResult silent = run_command(shell("exec >&- 2>&-; sleep 300"), 50);
  CHECK(silent.end == CommandResult::End::timed_out);
}

}  // namespace gantry::daemon::os
