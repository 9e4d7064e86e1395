// SPDX-License-Identifier: MIT
#include "daemon/git/libgit2_internal.hpp"

#include "core/base/text.hpp"

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

constexpr std::size_t kMaxWords = 500;  // a name in them may be as long as a stranger made it

Errc code_for(int code, int category, std::string_view why) {
  if (code == GIT_ENOTFOUND) return Errc::not_found;
  if (code == GIT_EAUTH || code == GIT_ECERTIFICATE) return Errc::denied;
  if (code == GIT_EINVALIDSPEC || code == GIT_EINVALID) return Errc::invalid;
  // libgit2 keeps the status of an answer nowhere but in its words.
  if (category == GIT_ERROR_HTTP && why.ends_with("status code: 404")) return Errc::not_found;
  switch (category) {
    case GIT_ERROR_NET:
    case GIT_ERROR_SSL:
    case GIT_ERROR_SSH:
    case GIT_ERROR_HTTP:
      return Errc::unavailable;
    case GIT_ERROR_NOMEMORY:
      return Errc::too_large;
    case GIT_ERROR_ZLIB:
    case GIT_ERROR_INDEXER:
    case GIT_ERROR_OBJECT:
    case GIT_ERROR_TREE:
    case GIT_ERROR_TAG:
      return Errc::invalid;
    default:
      return Errc::io;
  }
}

}  // namespace

void throw_git_error(int code, std::string_view doing) {
  const git_error* last = git_error_last();
  const std::string why = last != nullptr
                              ? last->message
                              : "libgit2 gave up without a reason (" + std::to_string(code) + ")";
  throw Exception(code_for(code, last != nullptr ? last->klass : GIT_ERROR_NONE, why),
                  std::string(doing) + ": " + core::cut_utf8(why, kMaxWords));
}

std::string to_hex(const git_oid& id) {
  std::string hex(GIT_OID_HEXSZ, '0');
  git_oid_fmt(hex.data(), &id);
  return hex;
}

git_oid to_oid(std::string_view sha) {
  git_oid id{};
  if (sha.size() != GIT_OID_HEXSZ || git_oid_fromstrn(&id, sha.data(), sha.size()) < 0) {
    throw Exception(Errc::invalid,
                    "reading commit id '" + std::string(sha) + "': not 40 hexadecimal digits");
  }
  return id;
}

void initialise_libgit2() {
  check(git_libgit2_init(), "starting libgit2");
  // The machine's and the user's git configuration must not change what a job sees.
  for (const int level : {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG,
                          GIT_CONFIG_LEVEL_PROGRAMDATA}) {
    check(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, ""), "setting git's search path");
  }
  // Which local folders are sources is said by the operator's config, not by who owns them; inside
  // the sandbox other users' files belong to nobody anyway. No hook or filter of a source is run.
  check(git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0), "setting owner validation");
  // Every pack was verified when it was fetched.
  check(git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0), "setting hash verification");
  check(git_libgit2_opts(GIT_OPT_SET_USER_AGENT, "gantry-git/" GANTRY_VERSION),
        "setting the user agent");
  constexpr std::size_t kMappedLimit = std::size_t{1} << 30;
  check(git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, kMappedLimit), "limiting mapped memory");
}

}  // namespace gantry::daemon::git
