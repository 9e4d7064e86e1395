// SPDX-License-Identifier: MIT
#include "proto/actions_services.hpp"

#include "core/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace gantry::proto {
namespace {

using core::Errc;
using core::fail;
using core::Result;
using nlohmann::json;

constexpr std::size_t kMaxArtifactName = 256;
constexpr std::size_t kMaxCacheKey = 512;
constexpr std::size_t kMaxCacheKeys = 10;
constexpr std::size_t kMaxVersion = 512;
constexpr std::size_t kShownBytes = 80;

std::string shown(std::string_view text) {
  return core::cut_utf8(core::to_valid_utf8(text), kShownBytes);
}

std::string camel_case(std::string_view snake) {
  std::string name;
  bool upper = false;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
    } else {
      name.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      upper = false;
    }
  }
  return name;
}

// Members by their snake_case name; protobuf's JSON allows camelCase as well, and a 64-bit integer
// as text. The first wrong one is kept.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {}

  std::string text(std::string_view name) {
    const json* const value = find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) return wrong(name), "";
    return value->get<std::string>();
  }
  std::int64_t integer(std::string_view name) {
    const json* const value = find(name);
    if (value == nullptr) return 0;
    if (value->is_number_integer()) return value->get<std::int64_t>();
    std::int64_t number = 0;
    if (value->is_string()) {
      const auto& digits = value->get_ref<const std::string&>();
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) return number;
    }
    return wrong(name), 0;
  }
  std::uint64_t size(std::string_view name) {
    const std::int64_t value = integer(name);
    if (value < 0) wrong(name);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  std::vector<std::string> texts(std::string_view name) {
    const json* const value = find(name);
    std::vector<std::string> result;
    if (value == nullptr) return result;
    if (!value->is_array()) return wrong(name), result;
    for (const json& item : *value) {
      if (!item.is_string()) return wrong(name), result;
      result.push_back(item.get<std::string>());
    }
    return result;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  BackendIds ids() {
    return {text("workflow_run_backend_id"), text("workflow_job_run_backend_id")};
  }
  const std::string& problem() const { return problem_; }

 private:
  const json* find(std::string_view name) const {
    auto found = object_.find(std::string(name));
    if (found == object_.end()) found = object_.find(camel_case(name));
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void wrong(std::string_view name) {
    if (problem_.empty()) problem_ = "'" + std::string(name) + "' is not of its type";
  }

  const json& object_;
  std::string problem_;
};

Result<> check_key(const std::string& key) {
  if (key.empty()) return fail(Errc::invalid, "Key Validation Error: a cache key is empty.");
  // The client counts UTF-16 units; bytes are never fewer, so count code points.
  const auto characters = std::count_if(key.begin(), key.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  });
  if (static_cast<std::size_t>(characters) > kMaxCacheKey) {
    return fail(Errc::invalid,
                "Key Validation Error: " + shown(key) + " cannot be larger than 512 characters.");
  }
  if (key.find(',') != std::string::npos) {
    return fail(Errc::invalid, "Key Validation Error: " + shown(key) + " cannot contain commas.");
  }
  return {};
}

Result<> check_cache(const std::string& key, const std::string& version) {
  if (auto checked = check_key(key); !checked) return fail(std::move(checked.error()));
  if (version.empty() || version.size() > kMaxVersion) {
    return fail(Errc::invalid, "the version of a cache has 1 to 512 characters");
  }
  return {};
}

Result<ServiceRequest> decode_artifact_request(std::string_view method, Members& members) {
  const BackendIds ids = members.ids();
  const std::string name = members.text("name");
  if (method == "ListArtifacts") {
    ListArtifacts list{ids, {}, {}};
    if (members.has("name_filter")) list.name_filter = members.text("name_filter");
    if (members.has("id_filter")) list.id_filter = members.integer("id_filter");
    return ServiceRequest(std::move(list));
  }
  if (auto checked = check_artifact_name(name); !checked) return fail(std::move(checked.error()));
  if (method == "CreateArtifact") {
    CreateArtifact create{ids, name, members.text("mime_type"), {}};
    create.expires_at = core::parse_iso8601(members.text("expires_at"));
    if (create.mime_type.empty()) create.mime_type = "application/zip";
    return ServiceRequest(std::move(create));
  }
  if (method == "FinalizeArtifact") {
    FinalizeArtifact finalize{ids, name, members.size("size"), members.text("hash")};
    constexpr std::string_view kSha256 = "sha256:";
    if (finalize.digest.starts_with(kSha256)) finalize.digest.erase(0, kSha256.size());
    return ServiceRequest(std::move(finalize));
  }
  if (method == "GetSignedArtifactURL") return ServiceRequest(GetArtifactUrl{ids, name});
  if (method == "DeleteArtifact") return ServiceRequest(DeleteArtifact{ids, name});
  return fail(Errc::not_found, "there is no method 'ArtifactService/" + shown(method) + "' here");
}

Result<ServiceRequest> decode_cache_request(std::string_view method, Members& members) {
  const std::string key = members.text("key");
  const std::string version = members.text("version");
  if (auto checked = check_cache(key, version); !checked) return fail(std::move(checked.error()));
  if (method == "CreateCacheEntry") return ServiceRequest(CreateCacheEntry{key, version});
  if (method == "FinalizeCacheEntryUpload") {
    return ServiceRequest(FinalizeCacheEntry{key, version, members.size("size_bytes")});
  }
  if (method == "GetCacheEntryDownloadURL") {
    GetCacheEntryUrl get{key, version, members.texts("restore_keys")};
    if (get.restore_keys.size() + 1 > kMaxCacheKeys) {
      return fail(Errc::invalid, "Key Validation Error: Keys are limited to a maximum of 10.");
    }
    for (const std::string& restore_key : get.restore_keys)
      if (auto checked = check_key(restore_key); !checked) return fail(std::move(checked.error()));
    return ServiceRequest(std::move(get));
  }
  return fail(Errc::not_found, "there is no method 'CacheService/" + shown(method) + "' here");
}

Result<ServiceRequest> decode_members(std::string_view method, Members& members) {
  const std::size_t slash = method.find('/');
  const std::string_view service = method.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? "" : method.substr(slash + 1);
  if (service == "ArtifactService") return decode_artifact_request(name, members);
  if (service == "CacheService") return decode_cache_request(name, members);
  if (method == kGetIdToken) return ServiceRequest(GetIdToken{members.text("audience")});
  return fail(Errc::not_found, "there is no service '" + shown(service) + "' here");
}

}  // namespace

Result<> check_artifact_name(std::string_view name) {
  if (name.empty())
    return fail(Errc::invalid, "Provided artifact name input during validation is empty");
  const std::string doing = "The artifact name is not valid: " + shown(name) + ". ";
  if (name.size() > kMaxArtifactName) {
    return fail(Errc::invalid, doing + "It is longer than 256 bytes");
  }
  const bool has_control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control || name.find_first_of("\":<>|*?\\/") != std::string_view::npos) {
    return fail(Errc::invalid,
                doing + "It must not contain \" : < > | * ? \\ / or control characters");
  }
  if (name == "." || name == "..") return fail(Errc::invalid, doing + "It is not a name");
  if (core::to_valid_utf8(name) != name) return fail(Errc::invalid, doing + "It is not UTF-8");
  return {};
}

Result<ServiceRequest> decode_service_request(std::string_view method, std::string_view text) {
  if (text.size() > kMaxServiceBody) {
    return fail(Errc::too_large, "the request is larger than 64 KiB");
  }
  const json object = json::parse(text, nullptr, false);  // refuses what is not UTF-8
  if (!object.is_object()) return fail(Errc::invalid, "the request is not a JSON object");
  Members members(object);
  auto request = decode_members(method, members);
  if (!members.problem().empty()) return fail(Errc::invalid, members.problem());
  return request;
}

std::string twirp_error(int status, std::string_view message) {
  std::string_view code = "internal";
  if (status == 400) code = "invalid_argument";
  if (status == 401) code = "unauthenticated";
  if (status == 403) code = "permission_denied";
  if (status == 404) code = "not_found";
  if (status == 409) code = "already_exists";
  if (status == 429) code = "resource_exhausted";
  if (status == 503) code = "unavailable";
  json error;
  error["code"] = code;
  error["msg"] = core::to_valid_utf8(message);
  return error.dump();
}

std::string list_artifacts_answer(const std::vector<ArtifactView>& artifacts) {
  json list = json::array();
  for (const ArtifactView& artifact : artifacts) {
    json item;
    item["workflow_run_backend_id"] = artifact.ids.run;
    item["workflow_job_run_backend_id"] = artifact.ids.job;
    item["database_id"] = std::to_string(artifact.id);
    item["name"] = artifact.name;
    item["size"] = std::to_string(artifact.size);
    item["created_at"] = core::to_iso8601_millis(artifact.created_at);
    item["digest"] = "sha256:" + artifact.digest;
    list.push_back(std::move(item));
  }
  json answer;
  answer["artifacts"] = std::move(list);
  return answer.dump();
}

std::string encode(const ServiceCall& call) {
  json object;
  object["method"] = call.method;
  object["body"] = call.body;
  if (call.blob) {
    object["blob"] = {{"file", call.blob->file},
                      {"size", call.blob->size},
                      {"digest", call.blob->digest},
                      {"announced", call.blob->announced}};
  }
  return object.dump();
}

Result<ServiceCall> decode_service_call(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return fail(Errc::protocol, "reading a service call: not an object");
  Members members(object);
  ServiceCall call{members.text("method"), members.text("body"), {}};
  const auto blob = object.find("blob");
  if (blob != object.end() && blob->is_object()) {
    Members of_blob(*blob);
    call.blob = UploadedBlob{of_blob.text("file"), of_blob.size("size"), of_blob.text("digest"),
                             of_blob.text("announced")};
    if (!of_blob.problem().empty()) return fail(Errc::protocol, of_blob.problem());
  }
  if (!members.problem().empty()) return fail(Errc::protocol, members.problem());
  return call;
}

std::string encode(const ServiceAnswer& answer) {
  json object;
  object["status"] = answer.status;
  object["body"] = answer.body;
  object["url_member"] = answer.url_member;
  object["download"] = answer.download;
  object["content_type"] = answer.content_type;
  object["file_name"] = answer.file_name;
  return object.dump();
}

Result<ServiceAnswer> decode_service_answer(std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return fail(Errc::protocol, "reading a service answer: not an object");
  Members members(object);
  ServiceAnswer answer;
  answer.status = static_cast<int>(members.integer("status"));
  answer.body = members.text("body");
  answer.url_member = members.text("url_member");
  answer.download = members.text("download");
  answer.content_type = members.text("content_type");
  answer.file_name = members.text("file_name");
  if (!members.problem().empty()) return fail(Errc::protocol, members.problem());
  return answer;
}

std::string with_member(std::string_view text, std::string_view name, std::string_view value) {
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) object = json::object();
  object[std::string(name)] = core::to_valid_utf8(value);
  return object.dump();
}

Result<std::vector<std::string>> decode_block_list(std::string_view xml) {
  constexpr std::size_t kMaxBlocks = 50'000;  // Azure's
  std::vector<std::string> ids;
  std::size_t at = xml.find("<BlockList");
  if (at == std::string_view::npos) return fail(Errc::invalid, "the block list is not a BlockList");
  at = xml.find('>', at);
  while (at != std::string_view::npos) {
    const std::size_t open = xml.find('<', at);
    const std::size_t end = xml.find('>', open);
    if (open == std::string_view::npos || end == std::string_view::npos) break;
    const std::string_view tag = xml.substr(open + 1, end - open - 1);
    if (tag == "/BlockList") return ids;
    if (tag != "Latest" && tag != "Uncommitted" && tag != "Committed") break;
    const std::size_t close = xml.find("</", end);
    if (close == std::string_view::npos || !xml.substr(close + 2).starts_with(tag)) break;
    auto id = decode_base64(core::trim(xml.substr(end + 1, close - end - 1)));
    if (!id || ids.size() == kMaxBlocks) break;
    ids.push_back(std::move(*id));
    at = xml.find('>', close);
  }
  return fail(Errc::invalid, "the block list is malformed");
}

std::string base64url(std::string_view bytes) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned pending = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    pending = (pending << 8U) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += kLetters[(pending >> bits) & 63U];
    }
  }
  if (bits > 0) text += kLetters[(pending << (6 - bits)) & 63U];
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('='))
    text.remove_suffix(1);
  std::string bytes;
  unsigned pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '-') {
      value = 62;
    } else if (c == '/' || c == '_') {
      value = 63;
    } else {
      return std::nullopt;
    }
    pending = (pending << 6U) | value;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>((pending >> bits) & 0xffU));
  }
  return bytes;
}

}  // namespace gantry::proto
