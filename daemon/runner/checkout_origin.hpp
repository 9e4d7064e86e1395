// SPDX-License-Identifier: MIT
// Where the commits of a checkout come from and with whose rights: docs/security.md, "Checkouts".
// Pure but for public_address().
#pragma once

#include "core/base/result.hpp"
#include "daemon/git/protocol.hpp"
#include "proto/runner_protocol.hpp"

#include <string>
#include <string_view>

namespace gantry::daemon::runner {

struct OriginWanted {
  std::string url;          // https://HOST/…, ssh://…, user@HOST:…
  std::string given_token;  // the workflow's own; used on `token_server` alone
  std::string token_server;
  bool has_ssh_key = false;
};

struct Origin {
  enum class Kind {
    mirror,           // gantryd's: with Gantry's rights
    mirror_or_fetch,  // gantryd's when it allows it, else as fetch
    fetch,            // by the runner, with what the workflow gave or as anyone
  };
  Kind kind = Kind::mirror;
  std::string repository;    // owner/name, of gantryd's mirrors
  git::Source source;        // url empty: cannot be fetched so
  bool public_only = false;  // only from a public address
};

core::Result<Origin> choose_origin(const OriginWanted& wanted, const proto::JobMessage& message);

// "https://host:port" of an http(s) address, "" of others.
std::string server_of(std::string_view url);
// The host alone, also of ssh addresses.
std::string host_of(std::string_view url);

// A submodule's address: `./` and `../` are taken from its parent's.
std::string resolve_url(const std::string& parent, const std::string& url);

// A public address of `host`, as text. Asks the machine's name service. Throws core::Exception
// when there is none: private, loopback, link-local and this machine's own do not count.
std::string public_address(const std::string& host);

}  // namespace gantry::daemon::runner
