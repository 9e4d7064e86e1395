// SPDX-License-Identifier: MIT
// gantry-git's connection to where a mirror is fetched from: credentials, host keys, certificates.
#pragma once

#include "core/base/files.hpp"
#include "daemon/git/mirror_internal.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gantry::daemon::git {

// Connected from its construction on; the watchdog is on while it lives. Throws core::Exception.
class Remote {
 public:
  Remote(Mirror& mirror, const Source& source);
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  git_remote* get() const { return remote_.get(); }
  std::string default_branch() const;  // "" when it has none

  // Fetches what the refspecs name, and sets the mirror's refs to it; how many of them it moved.
  std::size_t fetch(std::vector<std::string> specs);
  // Fetches one commit by its id; sets no ref.
  void fetch_commit(const std::string& sha);

 private:
  struct Asked {
    Watchdog* watchdog = nullptr;
    const Source* source = nullptr;
    int credentials_asked = 0;
    std::size_t moved_refs = 0;
  };
  static int on_credentials(git_credential** out, const char* url, const char* user,
                            unsigned allowed, void* payload);
  static int on_certificate(git_cert* certificate, int valid, const char* host, void* payload);
  git_fetch_options options();
  void download(std::vector<std::string> specs);
  void connect();

  Source source_;
  std::string doing_;
  Asked asked_;
  std::optional<core::TempDir> home_;
  Watched watched_;
  RemoteHandle remote_;
};

}  // namespace gantry::daemon::git
