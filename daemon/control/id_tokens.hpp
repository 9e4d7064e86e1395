// SPDX-License-Identifier: MIT
// ID tokens (OIDC) of jobs: signed by a key of our own, kept in the state folder, for jobs whose
// `permissions` grant id-token: write. The issuer's documents are served to everyone. Loop thread.
#pragma once

#include "daemon/control/active.hpp"
#include "daemon/control/conductor.hpp"
#include "daemon/control/settings.hpp"
#include "daemon/github/rs256.hpp"
#include "daemon/http/router.hpp"
#include "storage/layout.hpp"

#include <optional>
#include <string>

namespace gantry::daemon::control {

// What the job's `permissions` say; never for runs from forks.
bool may_have_id_tokens(const ActiveJob& job);

class IdTokens {
 public:
  IdTokens(async::Runtime& runtime, Conductor& conductor, storage::Layout layout);

  void add_routes(http::Router& router);  // /.well-known/…
  // Throws Errc::denied for a job that may not have one. `audience` "" = the repository's owner.
  async::Task<std::string> token(const ActiveJob& job, std::string audience);

 private:
  async::Task<const github::Rs256Key*> key();
  std::string issuer() const;
  async::Task<http::Response> configuration(http::Request& request);
  async::Task<http::Response> keys(http::Request& request);

  async::Runtime& runtime_;
  Conductor& conductor_;
  storage::Layout layout_;
  std::optional<github::Rs256Key> key_;  // read or made when first needed
};

}  // namespace gantry::daemon::control
