// SPDX-License-Identifier: MIT
#include "proto/runner_mirror.hpp"

#include "proto/json_fields.hpp"

#include <array>

namespace gantry::proto {
namespace {

using core::Errc;
using core::expr::Object;
using core::expr::Value;

constexpr std::array<std::string_view, 4> kCodes = {"unavailable", "denied", "not_found",
                                                    "invalid"};
constexpr std::array<Errc, 4> kErrors = {Errc::unavailable, Errc::denied, Errc::not_found,
                                         Errc::invalid};

std::string_view code_of(Errc code) {
  for (std::size_t i = 0; i < kErrors.size(); ++i) {
    if (kErrors[i] == code) return kCodes[i];
  }
  return kCodes[0];
}

}  // namespace

std::string encode(const MirrorRequest& request) {
  Object object;
  object.set("repository", request.repository);
  object.set("sha", request.sha);
  object.set("rev", request.rev);
  return core::expr::to_json(Value(std::move(object)));
}

core::Result<MirrorRequest> decode_mirror_request(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "a request for a mirror");
  MirrorRequest request;
  request.repository = fields.text("repository");
  request.sha = fields.text("sha");
  request.rev = fields.text("rev");
  if (fields.error()) return core::fail(*fields.error());
  return request;
}

std::string encode(const MirrorResult& result) {
  Object object;
  if (result) {
    object.set("mirror", result->mirror);
    object.set("trees", result->trees);
    object.set("sha", result->sha);
    object.set("ref", result->ref);
  } else {
    object.set("code", code_of(result.error().code));
    object.set("error", result.error().message);
  }
  return core::expr::to_json(Value(std::move(object)));
}

MirrorResult decode_mirror_result(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "the answer about a mirror");
  MirrorAnswer answer;
  answer.mirror = fields.text("mirror");
  answer.trees = fields.text("trees");
  answer.sha = fields.text("sha");
  answer.ref = fields.text("ref");
  const std::string error = fields.text("error");
  const Errc code = kErrors[fields.choice("code", kCodes)];
  if (fields.error()) return core::fail(*fields.error());
  if (!error.empty()) return core::fail(code, error);
  return answer;
}

}  // namespace gantry::proto
