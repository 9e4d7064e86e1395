// SPDX-License-Identifier: MIT
#include "daemon/runner/services/services.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/text.hpp"
#include "daemon/async/offload.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

namespace gantry::daemon::runner {
namespace {

using async::Task;
using core::Errc;
using core::Exception;
using http::Request;
using http::Response;

constexpr std::size_t kPieceBytes = 512 << 10;
constexpr std::uint64_t kMaxBlobRequest = 5ULL << 40;  // what Azure takes at most
constexpr std::uint64_t kMaxListBytes = 8ULL << 20;
constexpr std::size_t kMaxUploads = 500;
constexpr std::size_t kMaxDownloads = 1000;
constexpr std::size_t kMaxConnections = 64;
constexpr std::string_view kEndpoint = "services";

// In a time that does not tell how much was right.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned different = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return different == 0;
}

bool has_token(const Request& request, std::string_view token) {
  std::string_view header = request.header("Authorization");
  constexpr std::size_t kScheme = 7;
  if (!core::equals_ignoring_case(header.substr(0, kScheme), "Bearer ")) return false;
  return !token.empty() && same_secret(header.substr(kScheme), token);
}

// The clients read `scp` and `exp` of it. Only we check it, by comparing, so the signature is
// random bytes: nobody could make one, and no key is needed.
std::string runtime_token(const proto::BackendIds& ids) {
  const std::string claims = R"({"iss":"gantry","scp":"Actions.Results:)" + ids.run + ':' +
                             ids.job + R"(","ac":"[]","jti":")" + core::random_hex(8) + R"("})";
  return proto::base64url(R"({"alg":"HS256","typ":"JWT"})") + '.' + proto::base64url(claims) + '.' +
         proto::base64url(core::random_hex(32));
}

Response twirp_failure(int status, std::string_view message) {
  return http::json_response(status, proto::twirp_error(status, message));
}

// As Azure's storage says it.
Response blob_failure(int status, std::string_view code, std::string_view message) {
  std::string text = core::replace_all(core::to_valid_utf8(message), "&", "&amp;");
  text = core::replace_all(text, "<", "&lt;");
  Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/xml");
  response.headers.set("x-ms-error-code", std::string(code));
  response.body = R"(<?xml version="1.0" encoding="utf-8"?><Error><Code>)" + std::string(code) +
                  "</Code><Message>" + text + "</Message></Error>";
  return response;
}

Response created() {
  Response response;
  response.status = 201;
  response.headers.set("ETag", "\"0x1\"");
  response.headers.set("x-ms-request-server-encrypted", "false");
  return response;
}

int status_of(Errc code) {
  switch (code) {
    case Errc::not_found:
      return 404;
    case Errc::invalid:
    case Errc::too_large:
      return 400;
    case Errc::denied:
      return 403;
    case Errc::conflict:
      return 409;
    case Errc::unavailable:
    case Errc::timed_out:
      return 503;
    case Errc::cancelled:
    case Errc::protocol:
    case Errc::io:
    case Errc::internal:
      return 500;
  }
  return 500;
}

// What an announced upload will be finalized as; "" for calls that have none.
std::string upload_of(const proto::ServiceRequest& request) {
  const auto cache = [](const std::string& key, const std::string& version) {
    return "cache " + version + ' ' + key;
  };
  if (const auto* r = std::get_if<proto::CreateArtifact>(&request)) return "artifact " + r->name;
  if (const auto* r = std::get_if<proto::FinalizeArtifact>(&request)) return "artifact " + r->name;
  if (const auto* r = std::get_if<proto::CreateCacheEntry>(&request)) {
    return cache(r->key, r->version);
  }
  if (const auto* r = std::get_if<proto::FinalizeCacheEntry>(&request)) {
    return cache(r->key, r->version);
  }
  return "";
}

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Services::Services(async::Runtime& runtime, Call call, ServicesConfig config)
    : runtime_(runtime),
      call_(std::move(call)),
      config_(std::move(config)),
      token_(runtime_token(config_.ids)) {
  if (config_.id_tokens == proto::IdTokens::yes) id_request_token_ = core::random_hex(32);
  http::RouteOptions small;
  small.body_limit_bytes = proto::kMaxServiceBody;
  router_.add("POST", "/twirp/{service}/{method}", guarded(&Services::twirp), small);
  http::RouteOptions streamed;
  streamed.body_limit_bytes = kMaxBlobRequest;
  streamed.body = http::BodyMode::streamed;
  router_.add("PUT", "/blob/{number}", guarded(&Services::put_blob), streamed);
  router_.add("GET", "/blob/{number}", guarded(&Services::get_blob));
  router_.add("GET", "/id-token", guarded(&Services::id_token));
}

Services::~Services() = default;

void Services::start(core::UniqueFd listening) {
  http::ServerLimits limits;
  limits.connections = kMaxConnections;
  server_ = std::make_unique<http::Server>(runtime_.executor(), router_, limits);
  server_->listen(std::string(kEndpoint), std::move(listening));
  origin_ = "http://127.0.0.1:" + std::to_string(server_->port(kEndpoint));
}

async::Task<> Services::close() {
  if (server_) co_await server_->close(std::chrono::milliseconds(0));
}

Services::NamedValues Services::environment(ServiceUser user) const {
  NamedValues values;
  if (user == ServiceUser::action) {
    values.emplace_back("ACTIONS_RUNTIME_URL", origin_ + '/');
    values.emplace_back("ACTIONS_RUNTIME_TOKEN", token_);
    values.emplace_back("ACTIONS_RESULTS_URL", origin_ + '/');
    values.emplace_back("ACTIONS_CACHE_URL", origin_ + '/');
    values.emplace_back("ACTIONS_CACHE_SERVICE_V2", "True");
  }
  if (config_.id_tokens == proto::IdTokens::yes) {
    values.emplace_back("ACTIONS_ID_TOKEN_REQUEST_URL", origin_ + "/id-token?api-version=2.0");
    values.emplace_back("ACTIONS_ID_TOKEN_REQUEST_TOKEN", id_request_token_);
  }
  return values;
}

std::vector<std::string> Services::secrets() const {
  std::vector<std::string> secrets = {token_};
  if (!id_request_token_.empty()) secrets.push_back(id_request_token_);
  return secrets;
}

http::Handler Services::guarded(Handler handler) {
  return [this, handler](Request& request) -> Task<Response> {
    std::optional<core::Error> failed;
    try {
      co_return co_await (this->*handler)(request);
    } catch (const Exception& error) {
      if (error.error().code == Errc::cancelled) throw;  // nobody is left to be told
      failed = error.error();
    }
    const int status = status_of(failed->code);
    if (status >= 500) core::log::warn("runtime service failed", {{"why", failed->message}});
    if (request.path.starts_with("/blob/")) {
      if (failed->code == Errc::too_large) {
        co_return blob_failure(413, "RequestBodyTooLarge", failed->message);
      }
      co_return blob_failure(status, status == 400 ? "InvalidInput" : "InternalError",
                             failed->message);
    }
    co_return twirp_failure(status, failed->message);
  };
}

std::string Services::url_of(std::int64_t number, const std::string& signature) const {
  return origin_ + "/blob/" + std::to_string(number) + "?sig=" + signature;
}

Task<Response> Services::twirp(Request& request) {
  if (!has_token(request, token_)) co_return twirp_failure(401, "this is not the job's token");
  if (!request.path.starts_with(proto::kTwirpPrefix)) {
    co_return twirp_failure(404, "there is no such service here");
  }
  proto::ServiceCall call;
  call.method = request.path.substr(proto::kTwirpPrefix.size());
  call.body = std::move(request.body);
  const auto decoded = proto::decode_service_request(call.method, call.body);
  if (!decoded) co_return twirp_failure(status_of(decoded.error().code), decoded.error().message);
  const std::string what = upload_of(*decoded);
  if (const auto* artifact = std::get_if<proto::FinalizeArtifact>(&*decoded)) {
    co_return co_await finalize(std::move(call), what, artifact->size, artifact->digest);
  }
  if (const auto* entry = std::get_if<proto::FinalizeCacheEntry>(&*decoded)) {
    co_return co_await finalize(std::move(call), what, entry->size, "");
  }
  if (!what.empty() && uploads_.size() >= kMaxUploads) {
    co_return twirp_failure(429, "too many uploads of this job are open: at most 500 can be");
  }
  std::string announced = what.empty() ? std::string() : call.body;
  const proto::ServiceAnswer answer = co_await call_(std::move(call));
  co_return give_address(answer, what, std::move(announced));
}

Response Services::give_address(const proto::ServiceAnswer& answer, const std::string& what,
                                std::string announced) {
  if (answer.url_member.empty()) return http::json_response(answer.status, answer.body);
  const std::int64_t number = ++last_number_;
  const std::string signature = core::random_hex(16);
  if (answer.download.empty()) {
    std::filesystem::create_directories(config_.uploads);
    auto pending = std::make_shared<Pending>();
    pending->what = what;
    pending->signature = signature;
    pending->announced = std::move(announced);
    pending->upload =
        std::make_unique<Upload>(config_.uploads / std::to_string(number), config_.max_blob_bytes);
    // Announced again: the client has given the first one up.
    std::erase_if(uploads_, [&](const auto& entry) { return entry.second->what == what; });
    uploads_.emplace(number, std::move(pending));
  } else {
    downloads_.push_back(
        {number, signature, answer.download, answer.content_type, answer.file_name});
    if (downloads_.size() > kMaxDownloads) downloads_.pop_front();
  }
  return http::json_response(
      answer.status, proto::with_member(answer.body, answer.url_member, url_of(number, signature)));
}

Task<Response> Services::finalize(proto::ServiceCall call, std::string what, std::uint64_t size,
                                  std::string digest) {
  const auto found = std::find_if(uploads_.begin(), uploads_.end(),
                                  [&](const auto& entry) { return entry.second->what == what; });
  if (found != uploads_.end()) {
    const PendingPointer pending = found->second;
    Upload& upload = *pending->upload;
    proto::UploadedBlob blob;
    blob.file = upload.file().filename().string();
    blob.announced = pending->announced;
    bool is_committed = false;
    co_await async::offload(runtime_.pool(), [&] {
      is_committed = upload.is_committed();
      blob.size = upload.size();
      if (is_committed && blob.size == size) blob.digest = upload.finish();
    });
    if (!is_committed) co_return twirp_failure(400, "the upload is not complete");
    if (blob.size != size) {
      co_return twirp_failure(400, "the upload has " + std::to_string(blob.size) + " bytes, not " +
                                       std::to_string(size));
    }
    if (!digest.empty() && digest != blob.digest) {
      co_return twirp_failure(400, "the upload's SHA-256 is " + blob.digest + ", not " + digest);
    }
    call.blob = std::move(blob);
  }
  // Without an upload gantryd may know the call: its first answer was lost.
  const proto::ServiceAnswer answer = co_await call_(std::move(call));
  if (answer.status == 200) {
    std::erase_if(uploads_, [&](const auto& entry) { return entry.second->what == what; });
  }
  co_return http::json_response(answer.status, answer.body);
}

Services::PendingPointer Services::find_upload(const Request& request) const {
  const auto found = uploads_.find(number_of(request.param("number")));
  const std::string signature = request.query_value("sig").value_or("");
  if (found == uploads_.end() || !same_secret(found->second->signature, signature)) return nullptr;
  return found->second;
}

Task<Response> Services::put_blob(Request& request) {
  const PendingPointer pending = find_upload(request);
  if (!pending) co_return blob_failure(403, "AuthenticationFailed", "no such upload is open");
  const std::string comp = request.query_value("comp").value_or("");
  if (comp == "blocklist") co_return co_await receive_list(pending, request);
  if (comp == "block") {
    auto id = proto::decode_base64(request.query_value("blockid").value_or(""));
    if (!id || id->empty() || id->size() > 64) {
      co_return blob_failure(400, "InvalidQueryParameterValue", "'blockid' is not a block's id");
    }
    co_return co_await receive_block(pending, request, std::move(*id));
  }
  const std::string_view type = request.header("x-ms-blob-type");
  if (!comp.empty() || (!type.empty() && type != "BlockBlob")) {
    co_return blob_failure(400, "InvalidQueryParameterValue", "only block blobs are known here");
  }
  Response response = co_await receive_block(pending, request, "");
  if (response.status != 201) co_return response;
  const std::vector<std::string> whole(1);
  co_await async::offload(runtime_.pool(), [&] { pending->upload->commit(whole); });
  co_return response;
}

Task<Response> Services::receive_block(PendingPointer pending, Request& request, std::string id) {
  const std::uint64_t size = request.stream->length();
  // The pool has one thread: what is done on the upload there is done in turn.
  Upload& upload = *pending->upload;
  const Upload::BlockPointer block =
      co_await async::offload(runtime_.pool(), [&] { return upload.begin_block(id, size); });
  std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPieceBytes)));
  std::exception_ptr failure;
  try {
    for (;;) {
      std::size_t filled = 0;
      while (filled < piece.size()) {
        const std::span<char> rest(piece.data() + filled, piece.size() - filled);
        const std::size_t got = co_await request.stream->read_some(rest);
        if (got == 0) break;
        filled += got;
      }
      if (filled == 0) break;
      const std::string_view bytes(piece.data(), filled);
      co_await async::offload(runtime_.pool(), [&] { upload.write(*block, bytes); });
    }
  } catch (const Exception&) {
    failure = std::current_exception();  // the block is forgotten first
  }
  co_await async::offload(runtime_.pool(), [&] { upload.end_block(id, block); });
  if (failure) std::rethrow_exception(failure);
  co_return created();
}

Task<Response> Services::receive_list(PendingPointer pending, Request& request) {
  if (request.stream->length() > kMaxListBytes) {
    co_return blob_failure(413, "RequestBodyTooLarge", "the block list is too long");
  }
  std::string xml(static_cast<std::size_t>(request.stream->length()), '\0');
  for (std::size_t at = 0; at < xml.size();) {
    const std::span<char> rest(xml.data() + at, xml.size() - at);
    at += co_await request.stream->read_some(rest);
  }
  const auto ids = proto::decode_block_list(xml);
  if (!ids) co_return blob_failure(400, "InvalidXmlDocument", ids.error().message);
  co_await async::offload(runtime_.pool(), [&] { pending->upload->commit(*ids); });
  co_return created();
}

Task<Response> Services::get_blob(Request& request) {
  const std::int64_t number = number_of(request.param("number"));
  const std::string signature = request.query_value("sig").value_or("");
  const auto found =
      std::find_if(downloads_.begin(), downloads_.end(), [&](const Download& download) {
        return download.number == number && same_secret(download.signature, signature);
      });
  if (found == downloads_.end()) {
    co_return blob_failure(403, "AuthenticationFailed", "no such download was given");
  }
  core::UniqueFd file(::open(found->path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) co_return blob_failure(404, "BlobNotFound", "the blob is gone");
  if (!request.header("x-ms-range").empty()) {
    request.headers.set("Range", std::string(request.header("x-ms-range")));
  }
  Response response = http::file_response(std::move(file), found->content_type);
  response.headers.set("x-ms-blob-type", "BlockBlob");
  if (!found->file_name.empty()) {
    response.headers.set("Content-Disposition",
                         "attachment; filename*=UTF-8''" + http::percent_encode(found->file_name));
  }
  co_return response;
}

Task<Response> Services::id_token(Request& request) {
  if (!has_token(request, id_request_token_)) {
    co_return twirp_failure(401, "this is not the job's token for ID tokens");
  }
  proto::ServiceCall call;
  call.method = proto::kGetIdToken;
  call.body = proto::with_member("{}", "audience", request.query_value("audience").value_or(""));
  const proto::ServiceAnswer answer = co_await call_(std::move(call));
  co_return http::json_response(answer.status, answer.body);
}

}  // namespace gantry::daemon::runner
