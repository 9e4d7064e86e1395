// SPDX-License-Identifier: MIT
// Task<T>: the coroutine type of everything in daemon that waits. Runs on the loop thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gantry::daemon::async {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

}  // namespace gantry::daemon::async
