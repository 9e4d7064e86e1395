// SPDX-License-Identifier: MIT
// TLS for http::Client (library gantry_http_tls). OpenSSL's context and the CA certificates are
// loaded with the first connection.
#pragma once

#include "daemon/http/stream.hpp"

#include <filesystem>
#include <memory>

namespace gantry::daemon::http {

// Verifies certificate and host name always. `ca_file` empty: the system's CA certificates.
std::unique_ptr<TlsConnector> make_tls_connector(std::filesystem::path ca_file = {});

}  // namespace gantry::daemon::http
