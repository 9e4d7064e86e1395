// SPDX-License-Identifier: MIT
// RSA keys that sign JWTs (RS256): the App's for GitHub, ours for ID tokens.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace gantry::daemon::github {

class Rs256Key {
 public:
  // Throws Exception(invalid) for what is no RSA private key in PEM form without passphrase.
  static Rs256Key from_pem(std::string_view pem);
  static Rs256Key generate();  // 2048 bits; takes a tenth of a second or more

  Rs256Key(Rs256Key&&) noexcept;
  Rs256Key& operator=(Rs256Key&&) noexcept;
  ~Rs256Key();

  std::string pem() const;
  std::string id() const;   // `kid`: of the public key
  std::string jwk() const;  // the public key as a JSON Web Key
  // header.claims.signature; `header` and `claims` are JSON.
  std::string sign_jwt(std::string_view header, std::string_view claims) const;

 private:
  struct Key;
  explicit Rs256Key(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

}  // namespace gantry::daemon::github
