// SPDX-License-Identifier: MIT
#include "core/base/text.hpp"
#include "daemon/git/client.hpp"
#include "daemon/git/remote_internal.hpp"

#include <unistd.h>

#include <cstdlib>

namespace gantry::daemon::git {
namespace {

using core::Errc;
using core::Exception;

int refuse(const char* why) {
  git_error_set_str(GIT_ERROR_CALLBACK, why);
  return GIT_EAUTH;
}

// An unencrypted key of OpenSSH's form holds the name of its kind at a fixed place, and so these
// characters of its base64.
bool is_rsa_key(const std::string& file) {
  const std::string text = core::replace_all(core::read_file(file), "\n", "");
  return text.find("BEGIN RSA PRIVATE KEY") != std::string::npos ||
         text.find("AAdzc2gtcnNh") != std::string::npos;
}

const char* refused_credentials(const Source& source) {
  if (source.ssh_key.empty() || !is_rsa_key(source.ssh_key)) {
    return "the server refuses the credentials";
  }
  return "the server refuses the RSA key; libssh2 before 1.11 signs with it in a way (SHA-1) that "
         "today's servers refuse; use an ed25519 key (ssh-keygen -t ed25519)";
}

template <class Asked>
void touch(void* payload) {
  static_cast<Asked*>(payload)->watchdog->touch();
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

// libgit2 takes the host keys from .ssh/known_hosts of the home it knows: until 1.5 through libssh2
// from $HOME as it is, later from what $HOME was at its start, or from what it is told.
std::optional<core::TempDir> home_for_ssh(const Source& source) {
  if (source.known_hosts.empty()) return std::nullopt;
  core::TempDir home;
  fs::create_directory(home.path() / ".ssh");
  fs::create_symlink(fs::absolute(source.known_hosts), home.path() / ".ssh" / "known_hosts");
  if (::setenv("HOME", home.path().c_str(), 1) != 0) core::throw_errno("setting HOME");
#if LIBGIT2_VER_MAJOR > 1 || LIBGIT2_VER_MINOR >= 7
  check(git_libgit2_opts(GIT_OPT_SET_HOMEDIR, home.path().c_str()), "setting libgit2's home");
#endif
  return home;
}

// Nothing is changed before the source is known to be one that may be asked.
const Source& checked(const Source& source) {
  check_source(source);
  trust_certificates(source);
  return source;
}

}  // namespace

Remote::Remote(Mirror& mirror, const Source& source)
    : source_(checked(source)),
      doing_("fetching '" + source.url + "'"),
      asked_{.watchdog = &mirror.watchdog(), .source = &source_},
      home_(home_for_ssh(source)),
      watched_(mirror.watchdog(), doing_),
      remote_(acquire<RemoteHandle>(doing_, git_remote_create_anonymous, mirror.repository(),
                                    source_.url.c_str())) {
  connect();
}

int Remote::on_credentials(git_credential** out, const char* /*url*/, const char* user,
                           unsigned allowed, void* payload) {
  Asked& asked = *static_cast<Asked*>(payload);
  asked.watchdog->touch();
  if ((allowed & GIT_CREDENTIAL_USERNAME) != 0) return git_credential_username_new(out, "git");
  const Source& source = *asked.source;
  // libgit2 asks again when the server refused what it was given.
  if (++asked.credentials_asked > 1) return refuse(refused_credentials(source));
  if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0 && !source.ssh_key.empty()) {
    return git_credential_ssh_key_new(out, user != nullptr ? user : "git", nullptr,
                                      source.ssh_key.c_str(), "");
  }
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) != 0 && !source.token.empty()) {
    return git_credential_userpass_plaintext_new(out, "x-access-token", source.token.c_str());
  }
  return refuse("the server asks for credentials and none fit; give a token or an ssh key");
}

int Remote::on_certificate(git_cert* /*certificate*/, int valid, const char* host, void* payload) {
  touch<Asked>(payload);
  if (valid != 0) return 0;
  const std::string why =
      "the certificate or host key of '" + std::string(host) + "' is not one to be trusted";
  git_error_set_str(GIT_ERROR_SSL, why.c_str());
  return GIT_ECERTIFICATE;
}

git_fetch_options Remote::options() {
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.update_fetchhead = 0;
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  git_remote_callbacks& calls = options.callbacks;
  calls.payload = &asked_;
  calls.credentials = on_credentials;
  calls.certificate_check = on_certificate;
  calls.transfer_progress = [](const git_indexer_progress*, void* payload) {
    return touch<Asked>(payload), 0;
  };
  calls.sideband_progress = [](const char*, int, void* payload) {
    return touch<Asked>(payload), 0;
  };
  calls.pack_progress = [](int, std::uint32_t, std::uint32_t, void* payload) {
    return touch<Asked>(payload), 0;
  };
  calls.update_tips = [](const char*, const git_oid*, const git_oid*, void* payload) {
    ++static_cast<Asked*>(payload)->moved_refs;
    return touch<Asked>(payload), 0;
  };
  return options;
}

void Remote::connect() {
  git_remote_connect_options how = GIT_REMOTE_CONNECT_OPTIONS_INIT;
  how.callbacks = options().callbacks;
  // Within one host only: another one must not be given the token, nor reached through us.
  how.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  try {
    check(git_remote_connect_ext(get(), GIT_DIRECTION_FETCH, &how), doing_);
  } catch (const Exception& error) {
    // A refused connection is to libgit2 an error of the operating system like any other.
    if (!local_folder(source_).empty() || error.error().code != Errc::io) throw;
    throw Exception(Errc::unavailable, error.what());
  }
}

std::string Remote::default_branch() const {
  git_buf name = {};
  const int code = git_remote_default_branch(&name, get());
  if (code == GIT_ENOTFOUND) return {};
  check(code, "reading the default branch");
  std::string branch(name.ptr, name.size);
  git_buf_dispose(&name);
  return branch;
}

void Remote::download(std::vector<std::string> specs) {
  std::vector<char*> pointers;
  pointers.reserve(specs.size());
  for (std::string& spec : specs)
    pointers.push_back(spec.data());
  const git_strarray list{pointers.data(), pointers.size()};
  const git_fetch_options how = options();
  check(git_remote_download(get(), &list, &how), doing_);
}

std::size_t Remote::fetch(std::vector<std::string> specs) {
  download(std::move(specs));
  const git_fetch_options how = options();
  check(git_remote_update_tips(get(), &how.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_NONE, nullptr),
        doing_);
  return asked_.moved_refs;
}

void Remote::fetch_commit(const std::string& sha) {
  download({sha});
}

}  // namespace gantry::daemon::git
