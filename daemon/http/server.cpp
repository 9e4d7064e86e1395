// SPDX-License-Identifier: MIT
#include "daemon/http/server.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/unique_fd.hpp"
#include "daemon/http/session.hpp"

#include <boost/asio.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <list>

namespace gantry::daemon::http {
namespace {

using async::Task;
using boost::system::error_code;

struct Listener {
  std::string name;
  Socket socket;
  std::string unix_path;  // "" for TCP
  ino_t inode = 0;        // of the socket file we made
};

core::UniqueFd open_socket(int family, std::string_view doing) {
  core::UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) core::throw_errno(doing);
  return fd;
}

void bind_and_listen(const core::UniqueFd& fd, const sockaddr* address, socklen_t size,
                     std::string_view doing) {
  if (::bind(fd.get(), address, size) != 0) core::throw_errno(doing);
}

core::UniqueFd listen_tcp(const ListenTcp& where) {
  const std::string doing =
      "listening on '" + where.address + ":" + std::to_string(where.port) + "'";
  error_code error;
  const auto address = asio::ip::make_address(where.address, error);
  if (error) {
    throw core::Exception(core::Errc::invalid,
                          doing + ": not an IP address; write one, like 127.0.0.1 or ::1");
  }
  const asio::ip::tcp::endpoint endpoint(address, where.port);
  core::UniqueFd fd = open_socket(address.is_v6() ? AF_INET6 : AF_INET, doing);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  bind_and_listen(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size()), doing);
  if (::listen(fd.get(), SOMAXCONN) != 0) core::throw_errno(doing);
  return fd;
}

sockaddr_un unix_address(const std::string& path, std::string_view doing) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw core::Exception(core::Errc::invalid, std::string(doing) +
                                                   ": the path is longer than 107 bytes; choose a "
                                                   "shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A socket file that nobody listens on any more is removed; anything else stays.
void clear_stale(const std::string& path, const sockaddr_un& address, const std::string& doing) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) {
    throw core::Exception(core::Errc::conflict,
                          doing + ": something that is not a socket stands there; remove it");
  }
  const core::UniqueFd probe = open_socket(AF_UNIX, doing);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN) {
    throw core::Exception(
        core::Errc::conflict,
        doing + ": another process listens there; stop it, or choose another path");
  }
  if (errno != ECONNREFUSED) core::throw_errno(doing);
  if (::unlink(path.c_str()) != 0) core::throw_errno(doing);
}

core::UniqueFd listen_unix(const ListenUnix& where) {
  const std::string path = where.path.string();
  const std::string doing = "listening on '" + path + "'";
  const sockaddr_un address = unix_address(path, doing);
  clear_stale(path, address, doing);
  core::UniqueFd fd = open_socket(AF_UNIX, doing);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  bind_and_listen(fd, generic, sizeof address, doing);
  // Nobody can connect before listen(), so the mode is right from the first moment.
  if (::chmod(path.c_str(), where.mode) != 0) core::throw_errno(doing);
  if (::listen(fd.get(), SOMAXCONN) != 0) core::throw_errno(doing);
  return fd;
}

int family_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    core::throw_errno("reading a socket's address");
  }
  return address.ss_family;
}

// What is known of the client behind an accepted socket.
Origin origin_of(int fd, const Listener& listener) {
  Origin origin{.endpoint = listener.name};
  if (!listener.unix_path.empty()) {
    origin.remote = "unix";
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      origin.peer = PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
    }
    return origin;
  }
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  asio::ip::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(fd, peer.data(), &size) == 0) {
    peer.resize(size);
    const std::string address = peer.address().to_string();
    origin.remote = (peer.address().is_v6() ? "[" + address + "]" : address) + ":" +
                    std::to_string(peer.port());
  }
  return origin;
}

std::chrono::milliseconds tick_of(const ServerLimits& limits) {
  const auto shortest = std::min({limits.header, limits.body, limits.idle, limits.write});
  return std::clamp(shortest / 4, std::chrono::milliseconds(10), std::chrono::milliseconds(500));
}

}  // namespace

struct Server::State {
  State(asio::any_io_executor e, const Router& r, ServerLimits l)
      : executor(std::move(e)),
        router(r),
        limits(l),
        changed(executor),
        accepting(executor),
        serving(executor) {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) core::throw_errno("reading the descriptor limit");
    limits.connections = std::min<std::size_t>(limits.connections, files.rlim_cur / 2);
  }

  asio::any_io_executor executor;
  const Router& router;
  ServerLimits limits;
  std::list<Listener> listeners;
  std::list<Session*> sessions;
  async::Wakeup changed;  // a session came or went
  async::TaskGroup accepting;
  async::TaskGroup serving;
  std::size_t tcp_sessions = 0;
  std::uint64_t body_bytes = 0;  // held by all sessions
  bool is_ticking = false;
};

namespace {

template <class State>
Task<> serve(std::shared_ptr<State> state, Socket socket, Origin origin) {
  const std::size_t counted = origin.peer ? 0 : 1;
  Session session(std::move(socket), std::move(origin), state->router, state->limits,
                  state->body_bytes);
  struct Listed {
    Listed(State& s, Session& one, std::size_t over_tcp)
        : state(s), place(s.sessions.insert(s.sessions.end(), &one)), tcp(over_tcp) {
      state.tcp_sessions += tcp;
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() {
      state.sessions.erase(place);
      state.tcp_sessions -= tcp;
      state.changed.notify();
    }
    State& state;
    std::list<Session*>::iterator place;
    std::size_t tcp;
  } const listed(*state, session, counted);
  state->changed.notify();
  // NOLINTNEXTLINE(bugprone-use-after-move): clang-tidy 14 reads a coroutine's parameters late
  co_await session.run();
}

template <class State>
Task<> accept_loop(std::shared_ptr<State> state, Listener& listener) {
  for (;;) {
    while (listener.unix_path.empty() && state->tcp_sessions >= state->limits.connections)
      co_await state->changed.wait();
    co_await listener.socket.async_wait(Socket::wait_read, asio::use_awaitable);
    core::UniqueFd fd(
        ::accept4(listener.socket.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) continue;
      core::log::warn("accepting a connection failed",
                      {{"endpoint", listener.name}, {"error", std::strerror(errno)}});
      co_await async::sleep_for(std::chrono::milliseconds(100));  // out of descriptors: let some go
      continue;
    }
    Origin origin = origin_of(fd.get(), listener);
    Socket socket(state->executor);
    socket.assign(asio::generic::stream_protocol(family_of(fd.get()), 0), fd.get());
    static_cast<void>(fd.release());
    state->serving.spawn("http session", serve(state, std::move(socket), std::move(origin)));
  }
}

// Looks after all sessions' deadlines; sleeps while there are none.
template <class State>
Task<> tick_loop(std::shared_ptr<State> state) {
  for (;;) {
    while (state->sessions.empty())
      co_await state->changed.wait();
    co_await async::sleep_for(tick_of(state->limits));
    const auto now = std::chrono::steady_clock::now();
    for (Session* session : state->sessions)
      session->tick(now);
  }
}

template <class State>
void start_accepting(const std::shared_ptr<State>& state, Listener listener, core::UniqueFd fd) {
  listener.socket.assign(asio::generic::stream_protocol(family_of(fd.get()), 0), fd.get());
  static_cast<void>(fd.release());
  state->listeners.push_back(std::move(listener));
  state->accepting.spawn("http accept", accept_loop(state, state->listeners.back()));
  if (!std::exchange(state->is_ticking, true)) {
    state->accepting.spawn("http deadlines", tick_loop(state));
  }
}

}  // namespace

Server::Server(asio::any_io_executor executor, const Router& router, ServerLimits limits)
    : state_(std::make_shared<State>(std::move(executor), router, limits)) {}

Server::~Server() {
  state_->accepting.cancel();
  state_->serving.cancel();
}

void Server::listen(std::string name, core::UniqueFd socket) {
  start_accepting(state_, Listener{std::move(name), Socket(state_->executor), {}, 0},
                  std::move(socket));
}

void Server::listen(const Endpoint& endpoint) {
  Listener listener{endpoint.name, Socket(state_->executor), {}, 0};
  core::UniqueFd fd;
  if (const auto* tcp = std::get_if<ListenTcp>(&endpoint.where)) {
    fd = listen_tcp(*tcp);
  } else {
    const auto& where = std::get<ListenUnix>(endpoint.where);
    fd = listen_unix(where);
    listener.unix_path = where.path.string();
    struct stat info {};
    if (::lstat(listener.unix_path.c_str(), &info) == 0) listener.inode = info.st_ino;
  }
  start_accepting(state_, std::move(listener), std::move(fd));
}

std::uint16_t Server::port(std::string_view endpoint_name) const {
  for (const Listener& listener : state_->listeners) {
    if (listener.name != endpoint_name || !listener.unix_path.empty()) continue;
    const auto address = listener.socket.local_endpoint();
    sockaddr_storage storage{};
    std::memcpy(&storage, address.data(), std::min(address.size(), sizeof storage));
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    return ntohs(storage.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
  }
  throw core::Exception(
      core::Errc::not_found,
      "reading the port of endpoint '" + std::string(endpoint_name) + "': no such TCP endpoint");
}

std::size_t Server::connections() const {
  return state_->sessions.size();
}

async::Task<> Server::close(std::chrono::milliseconds grace) {
  const auto state = state_;
  co_await state->accepting.close();
  for (Listener& listener : state->listeners) {
    error_code ignored;  // closing cannot fail in a way that matters
    listener.socket.close(ignored);
    struct stat info {};
    const bool ours = !listener.unix_path.empty() &&
                      ::lstat(listener.unix_path.c_str(), &info) == 0 &&
                      info.st_ino == listener.inode;
    if (ours) ::unlink(listener.unix_path.c_str());
  }
  state->listeners.clear();
  for (Session* session : state->sessions)
    session->begin_close();
  try {
    co_await async::with_timeout(grace, "closing connections", state->serving.join());
  } catch (const core::Exception& error) {
    core::log::info("cutting connections",
                    {{"left", state->serving.size()}, {"why", error.what()}});
  }
  co_await state->serving.close();
}

}  // namespace gantry::daemon::http
