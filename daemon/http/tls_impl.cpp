// SPDX-License-Identifier: MIT
// Asio's TLS code, compiled once (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/ssl/impl/src.hpp>
