// SPDX-License-Identifier: MIT
// A GitHub App's identity: JWT (RS256) and installation tokens, cached per scope until some minutes
// before they expire.
#pragma once

#include "core/base/time.hpp"
#include "daemon/async/task.hpp"
#include "daemon/github/rs256.hpp"
#include "daemon/http/client.hpp"
#include "proto/github_rest.hpp"

#include <map>
#include <string>
#include <string_view>

namespace gantry::daemon::github {

using async::Task;
namespace asio = boost::asio;

struct ApiConfig {
  std::string base_url = "https://api.github.com";  // Enterprise: https://HOST/api/v3
  std::string user_agent;                           // product and version; "" means ours
};

struct AppConfig {
  std::string issuer;           // client id, or App id
  std::string private_key_pem;  // PKCS#1 or PKCS#8
};

// Signs JWTs. Throws Exception(invalid) for a key that is not an RSA private key.
class JwtSigner {
 public:
  explicit JwtSigner(const AppConfig& config);
  std::string sign(core::Timestamp now) const;  // valid from 60 s before to 540 s after `now`

 private:
  std::string issuer_;
  Rs256Key key_;
};

struct MintedToken {
  std::string token;
  core::Timestamp minted_at;
  core::Timestamp expires_at;
};
struct TokenReply {
  proto::RestVerdict verdict;
  MintedToken token;  // counts when the verdict is ok
};

// One raw exchange with the API: headers, base, version. Throws http::TransportError.
Task<proto::RestAnswer> exchange(http::Client& client, const ApiConfig& api,
                                 const proto::RestRequest& request, std::string_view authorization);

class AppAuth {
 public:
  AppAuth(http::Client& client, ApiConfig api, const AppConfig& app, const core::Clock& clock);

  // A token for `scope`, from the cache or fresh. Refusals are values: wrong permissions, suspended
  // installation. Throws http::TransportError.
  Task<TokenReply> token(proto::TokenScope scope);
  void forget(const proto::TokenScope& scope);  // after a 401

  // A call that wants the App itself (JWT); corrects the clock by GitHub's on 401, once.
  Task<proto::RestAnswer> send_as_app(proto::RestRequest request);

 private:
  core::Timestamp github_now() const;

  http::Client& client_;
  ApiConfig api_;
  JwtSigner signer_;
  const core::Clock& clock_;
  std::chrono::milliseconds clock_offset_{0};
  std::map<proto::TokenScope, MintedToken> tokens_;
};

}  // namespace gantry::daemon::github
