// SPDX-License-Identifier: MIT
#include "daemon/github/rs256.hpp"

#include "core/base/error.hpp"
#include "proto/actions_services.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <vector>

namespace gantry::daemon::github {
namespace {

using core::Errc;
using core::Exception;
using proto::base64url;

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;

[[noreturn]] void refused(const char* doing) {
  ::ERR_clear_error();
  throw Exception(Errc::internal, std::string(doing) + ": OpenSSL refused");
}

std::string big_number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (::EVP_PKEY_get_bn_param(key, name, &number) != 1) refused("reading an RSA key");
  const std::unique_ptr<BIGNUM, decltype(&::BN_free)> owner(number, &::BN_free);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  ::BN_bn2bin(number, bytes.data());
  return base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

struct Rs256Key::Key {
  explicit Key(EVP_PKEY* key) : value(key) {}
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key() { ::EVP_PKEY_free(value); }
  EVP_PKEY* value;
};

Rs256Key::Rs256Key(std::unique_ptr<Key> key) : key_(std::move(key)) {}
Rs256Key::Rs256Key(Rs256Key&&) noexcept = default;
Rs256Key& Rs256Key::operator=(Rs256Key&&) noexcept = default;
Rs256Key::~Rs256Key() = default;

Rs256Key Rs256Key::from_pem(std::string_view pem) {
  const Bio bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free);
  // A key with a passphrase must fail, not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  auto key =
      std::make_unique<Key>(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ::ERR_clear_error();
  if (key->value == nullptr || ::EVP_PKEY_get_base_id(key->value) != EVP_PKEY_RSA) {
    throw Exception(Errc::invalid, "not an RSA key in PEM form without passphrase");
  }
  return Rs256Key(std::move(key));
}

Rs256Key Rs256Key::generate() {
  auto key = std::make_unique<Key>(EVP_RSA_gen(2048));
  if (key->value == nullptr) refused("making an RSA key");
  return Rs256Key(std::move(key));
}

std::string Rs256Key::pem() const {
  const Bio bio(::BIO_new(::BIO_s_mem()), &::BIO_free);
  if (::PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->value, nullptr, nullptr, 0, nullptr,
                                      nullptr) != 1) {
    refused("writing an RSA key");
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(size));
}

std::string Rs256Key::id() const {
  unsigned char* der = nullptr;
  const int size = ::i2d_PUBKEY(key_->value, &der);
  if (size <= 0) refused("writing an RSA key");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_size = 0;
  const int hashed = ::EVP_Digest(der, static_cast<std::size_t>(size), digest, &digest_size,
                                  ::EVP_sha256(), nullptr);
  ::OPENSSL_free(der);
  if (hashed != 1) refused("hashing an RSA key");
  return base64url({reinterpret_cast<const char*>(digest), digest_size});
}

std::string Rs256Key::jwk() const {
  return R"({"kty":"RSA","use":"sig","alg":"RS256","kid":")" + id() + R"(","n":")" +
         big_number(key_->value, OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" +
         big_number(key_->value, OSSL_PKEY_PARAM_RSA_E) + R"("})";
}

std::string Rs256Key::sign_jwt(std::string_view header, std::string_view claims) const {
  const std::string text = base64url(header) + '.' + base64url(claims);
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(),
                                                                          &::EVP_MD_CTX_free);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  const bool begun =
      ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key_->value) == 1 &&
      ::EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1;
  std::vector<unsigned char> signature(size);
  if (!begun || ::EVP_DigestSign(context.get(), signature.data(), &size, bytes, text.size()) != 1) {
    refused("signing a JWT");
  }
  return text + '.' + base64url({reinterpret_cast<const char*>(signature.data()), size});
}

}  // namespace gantry::daemon::github
