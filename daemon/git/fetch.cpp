// SPDX-License-Identifier: MIT
#include "core/base/files.hpp"
#include "daemon/git/client.hpp"
#include "daemon/git/mirror_internal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

struct FetchContext {
  Watchdog* watchdog = nullptr;
  const Source* source = nullptr;
  int credentials_asked = 0;
};

FetchContext& context_of(void* payload) {
  return *static_cast<FetchContext*>(payload);
}

int refuse(const char* why) {
  git_error_set_str(GIT_ERROR_CALLBACK, why);
  return GIT_EAUTH;
}

int on_credentials(git_credential** out, const char* /*url*/, const char* user, unsigned allowed,
                   void* payload) {
  FetchContext& context = context_of(payload);
  context.watchdog->touch();
  if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) return git_credential_username_new(out, "git");
  // libgit2 asks again when the server refused what it was given.
  if (++context.credentials_asked > 1) return refuse("the server refuses the credentials");
  const Source& source = *context.source;
  if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0 && !source.ssh_key.empty()) {
    return git_credential_ssh_key_new(out, user != nullptr ? user : "git", nullptr,
                                      source.ssh_key.c_str(), "");
  }
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && !source.token.empty()) {
    return git_credential_userpass_plaintext_new(out, "x-access-token", source.token.c_str());
  }
  return refuse("the server asks for credentials and none fit; give a token or an ssh key");
}

int on_certificate(git_cert* /*certificate*/, int valid, const char* host, void* payload) {
  context_of(payload).watchdog->touch();
  if (valid != 0) return 0;
  const std::string why =
      "the certificate or host key of '" + std::string(host) + "' is not one to be trusted";
  git_error_set_str(GIT_ERROR_SSL, why.c_str());
  return GIT_ECERTIFICATE;
}

int on_transfer(const git_indexer_progress* /*progress*/, void* payload) {
  context_of(payload).watchdog->touch();
  return 0;
}

int on_text(const char* /*text*/, int /*length*/, void* payload) {
  context_of(payload).watchdog->touch();
  return 0;
}

int on_pack(int /*stage*/, std::uint32_t /*current*/, std::uint32_t /*total*/, void* payload) {
  context_of(payload).watchdog->touch();
  return 0;
}

int on_tip(const char* /*name*/, const git_oid* /*before*/, const git_oid* /*after*/,
           void* payload) {
  context_of(payload).watchdog->touch();
  return 0;
}

bool is_pull_ref(std::string_view ref) {
  constexpr std::string_view kPrefix = "refs/pull/";
  if (!ref.starts_with(kPrefix)) return false;
  ref.remove_prefix(kPrefix.size());
  const std::size_t slash = ref.find('/');
  const std::string_view number = ref.substr(0, slash);
  const bool is_number = !number.empty() && number.size() <= 18 &&
                         number.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number && slash != std::string_view::npos &&
         (ref.substr(slash) == "/head" || ref.substr(slash) == "/merge");
}

std::vector<std::string> refspecs_for(const std::vector<std::string>& pulls) {
  std::vector<std::string> specs = {"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};
  for (const std::string& pull : pulls) {
    if (!is_pull_ref(pull)) {
      throw Exception(Errc::invalid, "fetching ref '" + pull +
                                         "': only branches, tags, refs/pull/N/head and "
                                         "refs/pull/N/merge are mirrored");
    }
    specs.push_back("+");
    specs.back().append(pull).append(":").append(pull);
  }
  return specs;
}

bool is_loopback_http(std::string_view url) {
  for (const std::string_view host : {"http://127.0.0.1", "http://localhost", "http://[::1]"}) {
    if (url.starts_with(host) && url.find_first_of(":/", host.size()) == host.size()) return true;
  }
  return false;
}

void check_source(const Source& source) {
  const bool is_plain_http = source.url.starts_with("http://");
  if (is_plain_http && !source.token.empty() && !is_loopback_http(source.url)) {
    throw Exception(Errc::denied, "fetching '" + source.url +
                                      "': a token must not travel unencrypted; use https");
  }
  if (source.ssh_key.empty() == source.known_hosts.empty()) return;
  throw Exception(Errc::invalid, "fetching '" + source.url +
                                     "': ssh needs both a key and a known_hosts file; give both");
}

void trust_certificates(const Source& source) {
  if (source.ca_file.empty()) return;
  check(git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, source.ca_file.c_str(), nullptr),
        "reading the certificates of '" + source.ca_file + "'");
}

// libssh2 reads the host keys from $HOME/.ssh/known_hosts and nowhere else.
std::optional<core::TempDir> home_for_ssh(const Source& source) {
  if (source.known_hosts.empty()) return std::nullopt;
  core::TempDir home;
  fs::create_directory(home.path() / ".ssh");
  fs::create_symlink(fs::absolute(source.known_hosts), home.path() / ".ssh" / "known_hosts");
  if (::setenv("HOME", home.path().c_str(), 1) != 0) core::throw_errno("setting HOME");
  return home;
}

// Deleted branches and tags go before new ones come: `a` may have become `a/b`.
void prune(git_repository* repository, git_remote* remote) {
  const git_remote_head** heads = nullptr;
  std::size_t count = 0;
  check(git_remote_ls(&heads, &count, remote), "listing the refs of the source");
  std::set<std::string, std::less<>> offered;
  for (std::size_t i = 0; i < count; ++i)
    offered.insert(heads[i]->name);
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_new, repository);
  std::vector<std::string> gone;
  const char* name = nullptr;
  int code = 0;
  while ((code = git_reference_next_name(&name, refs.get())) == 0) {
    const std::string_view ref(name);
    const bool is_mirrored = ref.starts_with("refs/heads/") || ref.starts_with("refs/tags/");
    if (is_mirrored && !offered.contains(ref)) gone.emplace_back(ref);
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  for (const std::string& ref : gone) {
    check(git_reference_remove(repository, ref.c_str()), "deleting ref '" + ref + "'");
  }
}

void connect(git_remote* remote, const git_fetch_options& fetch, const std::string& doing) {
  git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;
  options.callbacks = fetch.callbacks;
  // Within one host only: another one must not be given the token, nor reached through us.
  options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  try {
    check(git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options), doing);
  } catch (const Exception& error) {
    // A refused connection is to libgit2 an error of the operating system like any other.
    const bool is_remote = local_folder({.url = git_remote_url(remote)}).empty();
    if (!is_remote || error.error().code != Errc::io) throw;
    throw Exception(Errc::unavailable, error.what());
  }
}

std::string default_branch_of(git_remote* remote) {
  git_buf name = {};
  const int code = git_remote_default_branch(&name, remote);
  if (code == GIT_ENOTFOUND) return {};
  check(code, "reading the default branch");
  std::string branch(name.ptr, name.size);
  git_buf_dispose(&name);
  return branch;
}

std::vector<Ref> list_refs(git_repository* repository, const std::vector<std::string>& pulls) {
  const auto refs = acquire<ReferenceIteratorHandle>("listing the refs of the mirror",
                                                     git_reference_iterator_new, repository);
  std::vector<Ref> listed;
  git_reference* next = nullptr;
  int code = 0;
  while ((code = git_reference_next(&next, refs.get())) == 0) {
    const ReferenceHandle ref(next);
    const std::string name = git_reference_name(ref.get());
    const bool is_pull = name.starts_with("refs/pull/");
    if (is_pull && std::find(pulls.begin(), pulls.end(), name) == pulls.end()) continue;
    git_object* peeled = nullptr;
    // A tag may stand on a tree or a blob; nothing can run there.
    if (git_reference_peel(&peeled, ref.get(), GIT_OBJECT_COMMIT) < 0) continue;
    const ObjectHandle commit(peeled);
    listed.push_back({name, to_hex(*git_object_id(commit.get()))});
  }
  if (code != GIT_ITEROVER) check(code, "listing the refs of the mirror");
  std::sort(listed.begin(), listed.end(),
            [](const Ref& a, const Ref& b) { return a.name < b.name; });
  return listed;
}

// Lets processes that share trees see whether any ref has moved (workspace.cpp).
void write_refs_state(const fs::path& mirror, const std::vector<Ref>& refs) {
  std::string text;
  for (const Ref& ref : refs) {
    if (!ref.name.starts_with("refs/pull/")) text += ref.commit + " " + ref.name + "\n";
  }
  git_oid id{};
  check(git_odb_hash(&id, text.data(), text.size(), GIT_OBJECT_BLOB), "hashing the refs");
  core::write_file_atomic(mirror / "gantry-refs", to_hex(id) + "\n");
}

std::string connect_and_fetch(Mirror& mirror, const Fetch& request) {
  git_repository* repository = mirror.repository();
  const std::string doing = "fetching '" + request.source.url + "'";
  std::vector<std::string> specs = refspecs_for(request.pulls);
  const auto remote = acquire<RemoteHandle>(doing, git_remote_create_anonymous, repository,
                                            request.source.url.c_str());
  FetchContext context{.watchdog = &mirror.watchdog(), .source = &request.source};
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.update_fetchhead = 0;
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.callbacks.payload = &context;
  options.callbacks.credentials = on_credentials;
  options.callbacks.certificate_check = on_certificate;
  options.callbacks.transfer_progress = on_transfer;
  options.callbacks.sideband_progress = on_text;
  options.callbacks.pack_progress = on_pack;
  options.callbacks.update_tips = on_tip;

  const Watched watched(mirror.watchdog(), doing);
  connect(remote.get(), options, doing);
  prune(repository, remote.get());
  std::vector<char*> pointers;
  pointers.reserve(specs.size());
  for (std::string& spec : specs)
    pointers.push_back(spec.data());
  const git_strarray list{pointers.data(), pointers.size()};
  check(git_remote_download(remote.get(), &list, &options), doing);
  check(git_remote_update_tips(remote.get(), &options.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_NONE,
                               nullptr),
        doing);
  std::string branch = default_branch_of(remote.get());
  check(git_remote_disconnect(remote.get()), doing);
  return branch;
}

bool has_commit(Mirror& mirror, const std::string& sha) {
  try {
    find_commit(mirror, sha);
    return true;
  } catch (const Exception& error) {
    if (error.error().code == Errc::not_found) return false;
    throw;
  }
}

}  // namespace

RefList run(Mirror& mirror, const Fetch& request) {
  check_source(request.source);
  trust_certificates(request.source);
  const auto home = home_for_ssh(request.source);
  fs::create_directories(mirror.path());
  const MirrorLock lock(mirror.path());
  if (lock.predecessor_died() || !fs::exists(mirror.path() / "gantry-mirror")) mirror.prepare();
  RefList list;
  list.default_branch = connect_and_fetch(mirror, request);
  list.refs = list_refs(mirror.repository(), request.pulls);
  write_refs_state(mirror.path(), list.refs);
  return list;
}

Ensured run(Mirror& mirror, const Ensure& request) {
  const auto is_missing = [&](const std::string& sha) { return !has_commit(mirror, sha); };
  if (std::none_of(request.shas.begin(), request.shas.end(), is_missing)) return {};
  run(mirror, Fetch{request.source, request.pulls});
  for (const std::string& sha : request.shas) {
    if (!is_missing(sha)) continue;
    throw Exception(Errc::not_found,
                    "fetching commit '" + sha + "' from '" + request.source.url +
                        "': no branch, tag or pull request there leads to it; it may have been "
                        "replaced by a forced push");
  }
  return {.fetched = true};
}

}  // namespace gantry::daemon::git
