// SPDX-License-Identifier: MIT
#include "proto/actions_services.hpp"

#include <doctest/doctest.h>

using namespace gantry;
using namespace gantry::proto;

namespace {

template <class T>
T decoded(std::string_view method, std::string_view json) {
  const auto request = decode_service_request(method, json);
  REQUIRE_MESSAGE(request.has_value(), (request ? "" : request.error().message));
  REQUIRE(std::holds_alternative<T>(*request));
  return std::get<T>(*request);
}

std::string refusal(std::string_view method, std::string_view json) {
  const auto request = decode_service_request(method, json);
  return request ? "" : request.error().message;
}

std::string cache_request(const std::string& key) {
  return R"({"key":")" + key + R"(","version":"v"})";
}

}  // namespace

TEST_CASE("actions services: members in snake_case and camelCase, numbers as text") {
  for (const char* text :
       {R"({"workflow_run_backend_id":"1","workflow_job_run_backend_id":"2","name":"a",
            "size":"140","hash":"sha256:ab"})",
        R"({"workflowRunBackendId":"1","workflowJobRunBackendId":"2","name":"a","size":140,
            "hash":"sha256:ab","unknown":{}})"}) {
    const auto request = decoded<FinalizeArtifact>("ArtifactService/FinalizeArtifact", text);
    CHECK(request.ids.run == "1");
    CHECK(request.ids.job == "2");
    CHECK(request.size == 140);
    CHECK(request.digest == "ab");
  }
  const auto list = decoded<ListArtifacts>("ArtifactService/ListArtifacts",
                                           R"({"id_filter":"7","name_filter":null})");
  CHECK(list.id_filter == 7);
  CHECK_FALSE(list.name_filter.has_value());
  const auto create = decoded<CreateArtifact>(
      "ArtifactService/CreateArtifact", R"({"name":"a","expires_at":"2026-11-26T08:19:33.164Z"})");
  CHECK(create.mime_type == "application/zip");
  CHECK(core::to_iso8601(*create.expires_at) == "2026-11-26T08:19:33Z");
}

TEST_CASE("actions services: what is no request is refused in words") {
  CHECK(refusal("ArtifactService/ListArtifacts", "[1]") == "the request is not a JSON object");
  CHECK(refusal("ArtifactService/ListArtifacts", R"({"id_filter":"7x"})") ==
        "'id_filter' is not of its type");
  CHECK(refusal("ArtifactService/FinalizeArtifact", R"({"name":"a","size":"-1"})") ==
        "'size' is not of its type");
  CHECK(refusal("ArtifactService/Steal", R"({"name":"a"})") ==
        "there is no method 'ArtifactService/Steal' here");
  CHECK(refusal("Nothing", "{}") == "there is no service 'Nothing' here");
  CHECK(refusal("ArtifactService/ListArtifacts", std::string(kMaxServiceBody + 1, ' ')) ==
        "the request is larger than 64 KiB");
}

TEST_CASE("actions services: artifact names that could leave a folder are refused") {
  for (const char* name : {"", ".", "..", "a/b", "a\\b", "../x", "a\nb", "a\"b", "a:b", "a*", "a?",
                           "a<b", "a|b", "\x01", "\xff"}) {
    CHECK_FALSE(check_artifact_name(name).has_value());
  }
  CHECK_FALSE(check_artifact_name(std::string(257, 'a')).has_value());
  for (const char* name : {"a", "...", "my art (1).zip", "größe", "-x"})
    CHECK(check_artifact_name(name).has_value());
}

TEST_CASE("actions services: cache keys have GitHub's limits") {
  CHECK(decoded<CreateCacheEntry>("CacheService/CreateCacheEntry",
                                  cache_request(std::string(512, 'k')))
            .key.size() == 512);
  CHECK(refusal("CacheService/CreateCacheEntry", cache_request(std::string(10'240, 'k'))) ==
        "Key Validation Error: " + std::string(77, 'k') +
            "… cannot be larger than 512 characters.");
  CHECK(refusal("CacheService/CreateCacheEntry", cache_request("a,b")) ==
        "Key Validation Error: a,b cannot contain commas.");
  CHECK(refusal("CacheService/CreateCacheEntry", cache_request("")) ==
        "Key Validation Error: a cache key is empty.");
  const std::string nine = R"("1","2","3","4","5","6","7","8","9")";
  const auto get = [](const std::string& keys) {
    return R"({"key":"k","version":"v","restore_keys":[)" + keys + "]}";
  };
  CHECK(decoded<GetCacheEntryUrl>("CacheService/GetCacheEntryDownloadURL", get(nine))
            .restore_keys.size() == 9);
  CHECK(refusal("CacheService/GetCacheEntryDownloadURL", get(nine + R"(,"10")")) ==
        "Key Validation Error: Keys are limited to a maximum of 10.");
}

TEST_CASE("actions services: calls and answers between runner and gantryd come back as sent") {
  ServiceCall call{"A/B", R"({"x":1})", UploadedBlob{"7", 1ULL << 40, "ab"}};
  const auto again = decode_service_call(encode(call));
  REQUIRE(again.has_value());
  CHECK(again->body == call.body);
  CHECK(again->blob->size == 1ULL << 40);
  CHECK(again->blob->file == "7");
  const ServiceAnswer answer{409, "{}", "signed_url", "/x", "application/zip", "a.zip"};
  const auto answered = decode_service_answer(encode(answer));
  REQUIRE(answered.has_value());
  CHECK(answered->status == 409);
  CHECK(answered->download == "/x");
  CHECK(with_member(R"({"ok":true})", "url", "http://x") == R"({"ok":true,"url":"http://x"})");
}

TEST_CASE("actions services: block lists") {
  const auto ids = decode_block_list(
      "<?xml version=\"1.0\"?><BlockList>\n<Latest>YQ==</Latest><Uncommitted>Yg==</Uncommitted>"
      "</BlockList>");
  REQUIRE(ids.has_value());
  CHECK(*ids == std::vector<std::string>{"a", "b"});
  CHECK(decode_block_list("<BlockList></BlockList>")->empty());
  for (const char* broken :
       {"", "<BlockList>", "<BlockList><Latest>YQ==</BlockList>", "<BlockList><X>YQ==</X>",
        "<BlockList><Latest>!!</Latest></BlockList>", "<BlockList><Latest>YQ==</Latest>"}) {
    CHECK_FALSE(decode_block_list(broken).has_value());
  }
}

TEST_CASE("actions services: base64") {
  CHECK(base64url("\xfb\xff") == "-_8");
  CHECK(decode_base64("-_8") == "\xfb\xff");
  CHECK(decode_base64("YWI=") == "ab");
  CHECK_FALSE(decode_base64("a b").has_value());
}
