// SPDX-License-Identifier: MIT
#include "daemon/git/protocol.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace gantry::daemon::git {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Source, url, token, ssh_key, known_hosts, ca_file)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ref, name, commit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RefList, refs, default_branch)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Fetch, source, pulls)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ensured, fetched)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ensure, source, shas, pulls, unreferenced)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Commit, sha, tree, ref, author_name, author_email, message,
                                   parents, authored, committed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Resolve, rev)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(File, name, blob, size, too_large, content)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FileList, files, truncated)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReadFiles, sha, folder, suffixes, max_bytes, max_files)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReadFile, sha, path, max_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Difference, paths, files, commits, base)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Diff, base, head, mode, ref, limit)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Exported, files, bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Export, sha, dest, ref, remote_url, depth, tags, sparse_mode,
                                   sparse, filter)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Submodule, name, path, url, sha)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SubmoduleList, submodules)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(FindSubmodules, sha)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Repacked, done, packs, bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Repack, keep, max_packs, max_loose, max_pulls, whole_below)

namespace {

using core::Errc;
using core::Exception;

constexpr const char* kVerbs[] = {"fetch", "ensure", "resolve",         "read_files", "read_file",
                                  "diff",  "export", "find_submodules", "repack"};
static_assert(std::size(kVerbs) == std::variant_size_v<Request>);
static_assert(std::variant_size_v<Answer> == std::variant_size_v<Request>);

constexpr Errc kCodes[] = {Errc::invalid,   Errc::not_found,   Errc::denied,    Errc::conflict,
                           Errc::too_large, Errc::unavailable, Errc::timed_out, Errc::cancelled,
                           Errc::protocol,  Errc::io,          Errc::internal};

constexpr int kMaxDepth = 16;

// Every byte as the code point of the same number, so that JSON can carry it.
std::string widen(const std::string& bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return text;
}

std::string narrow(const std::string& text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
      continue;
    }
    if ((lead != 0xC2 && lead != 0xC3) || i + 1 == text.size()) {
      throw Exception(Errc::protocol,
                      "reading a line of gantry-git: a string holds more than bytes");
    }
    bytes +=
        static_cast<char>(((lead & 0x03) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3F));
  }
  return bytes;
}

void for_each_string(json& value, std::string (*change)(const std::string&)) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    text = change(text);
  } else if (value.is_structured()) {
    for (json& child : value)
      for_each_string(child, change);
  }
}

std::string to_line(json value) {
  for_each_string(value, widen);
  return value.dump() + "\n";
}

json from_line(std::string_view line) {
  // A gantry-git taken over by a hostile pack must not be able to exhaust the reader's stack.
  const auto shallow = [](int depth, json::parse_event_t, const json&) {
    if (depth <= kMaxDepth) return true;
    throw Exception(Errc::protocol, "reading a line of gantry-git: nested too deeply");
  };
  json value = json::parse(line, shallow);
  const int version = value.at("version").get<int>();
  if (version != kProtocolVersion) {
    throw Exception(Errc::protocol, "talking to gantry-git: the other side speaks version " +
                                        std::to_string(version) + ", this one version " +
                                        std::to_string(kProtocolVersion) +
                                        "; install programs of one release");
  }
  for_each_string(value, narrow);
  return value;
}

template <class Variant, std::size_t I = 0>
Variant decode_alternative(const json& value, std::size_t index) {
  if constexpr (I == std::variant_size_v<Variant>) {
    throw Exception(Errc::internal, "reading a line of gantry-git: no such alternative");
  } else {
    if (index == I)
      return Variant(std::in_place_index<I>, value.get<std::variant_alternative_t<I, Variant>>());
    return decode_alternative<Variant, I + 1>(value, index);
  }
}

std::size_t verb_index(const std::string& verb) {
  for (std::size_t i = 0; i < std::size(kVerbs); ++i) {
    if (verb == kVerbs[i]) return i;
  }
  throw Exception(Errc::protocol, "reading a request to gantry-git: unknown verb '" + verb + "'");
}

Errc code_named(const std::string& name) {
  for (const Errc code : kCodes) {
    if (core::to_string(code) == name) return code;
  }
  return Errc::internal;
}

[[noreturn]] void throw_not_understood(const json::exception& error) {
  throw Exception(Errc::protocol, std::string("reading a line of gantry-git: ") + error.what());
}

}  // namespace

std::string encode(const Request& request) {
  json body = std::visit([](const auto& alternative) { return json(alternative); }, request);
  return to_line({{"version", kProtocolVersion},
                  {"verb", kVerbs[request.index()]},
                  {"request", std::move(body)}});
}

std::string encode(const Answer& answer) {
  json body = std::visit([](const auto& alternative) { return json(alternative); }, answer);
  return to_line({{"version", kProtocolVersion}, {"answer", std::move(body)}});
}

std::string encode(const core::Error& error) {
  return to_line({{"version", kProtocolVersion},
                  {"error",
                   {{"code", core::to_string(error.code)},
                    {"message", error.message},
                    {"retryable", is_retryable(error.code)}}}});
}

Request decode_request(std::string_view line) {
  try {
    const json value = from_line(line);
    return decode_alternative<Request>(value.at("request"), verb_index(value.at("verb")));
  } catch (const json::exception& error) {
    throw_not_understood(error);
  }
}

Answer decode_answer(std::string_view line, const Request& asked) {
  try {
    const json value = from_line(line);
    if (const auto error = value.find("error"); error != value.end()) {
      throw Exception(code_named(error->at("code")), error->at("message").get<std::string>());
    }
    return decode_alternative<Answer>(value.at("answer"), asked.index());
  } catch (const json::exception& error) {
    throw_not_understood(error);
  }
}

bool is_retryable(core::Errc code) {
  return code == Errc::unavailable || code == Errc::timed_out;
}

}  // namespace gantry::daemon::git
