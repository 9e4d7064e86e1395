// SPDX-License-Identifier: MIT
#include "daemon/runner/checkout_origin.hpp"

#include "core/base/text.hpp"

namespace gantry::daemon::runner {
namespace {

using core::Errc;
using core::fail;

enum class Scheme { http, ssh, other };

struct Address {
  Scheme scheme = Scheme::other;
  std::string server;  // scheme://host:port, of http
  std::string host;
  std::string path;  // without the slash at its start
};

std::string without_port(std::string_view authority) {
  if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.find(':')));
}

Address parse(std::string_view url) {
  Address address;
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) {
    // user@host:path; a colon after a slash belongs to a path.
    const std::size_t colon = url.find(':');
    const std::size_t at = url.find('@');
    if (colon == std::string_view::npos || at > colon || url.find('/') < colon) return address;
    address.scheme = Scheme::ssh;
    address.host = std::string(url.substr(at + 1, colon - at - 1));
    address.path = std::string(url.substr(colon + 1));
  } else {
    const std::string scheme = core::to_lower(url.substr(0, scheme_end));
    std::string_view rest = url.substr(scheme_end + 3);
    const std::size_t slash = rest.find('/');
    const std::string_view authority = rest.substr(0, slash);
    if (slash != std::string_view::npos) address.path = std::string(rest.substr(slash + 1));
    const std::size_t at = authority.rfind('@');
    const bool has_user = at != std::string_view::npos;
    address.host = without_port(has_user ? authority.substr(at + 1) : authority);
    if (scheme == "ssh") address.scheme = Scheme::ssh;
    // A password in an address would be Gantry's to keep secret: refused as an unknown kind.
    if ((scheme == "https" || scheme == "http") && !has_user) {
      address.scheme = Scheme::http;
      address.server = scheme + "://" + core::to_lower(authority);
    }
  }
  while (address.path.starts_with('/'))
    address.path.erase(0, 1);
  return address;
}

// owner/name, or nothing.
std::string repository_of(std::string_view path) {
  while (path.ends_with('/'))
    path.remove_suffix(1);
  if (path.ends_with(".git")) path.remove_suffix(4);
  const std::size_t slash = path.find('/');
  const bool is_name = slash != std::string_view::npos && slash > 0 && slash + 1 < path.size() &&
                       path.find('/', slash + 1) == std::string_view::npos &&
                       path.find("..") == std::string_view::npos;
  return is_name ? std::string(path) : std::string();
}

core::Result<Origin> on_own_server(const OriginWanted& wanted, const Address& address,
                                   const std::string& name, const proto::JobMessage& message) {
  const std::string doing = "checking out '" + name + "': ";
  Origin origin;
  origin.repository = name;
  if (core::equals_ignoring_case(name, message.repository.full_name)) return origin;
  origin.kind = Origin::Kind::fetch;
  origin.source.ca_file = message.repository.ca_file;
  if (address.scheme == Scheme::ssh && wanted.has_ssh_key) {
    origin.source.url = wanted.url;
    return origin;
  }
  const std::string& base = message.repository.clone_base;
  const bool is_web = base.starts_with("https://") || base.starts_with("http://");
  if (is_web) origin.source.url = base + "/" + name + ".git";
  if (!wanted.given_token.empty() && server_of(wanted.token_server) == address.server) {
    if (!is_web) {
      return fail(Errc::invalid, doing +
                                     "a token is of no use, 'github.clone_url' of Gantry's "
                                     "config is no https address");
    }
    origin.source.token = wanted.given_token;
    return origin;
  }
  if (message.trust == proto::Trust::trusted) {
    origin.kind = Origin::Kind::mirror_or_fetch;
  } else if (!is_web) {
    return fail(Errc::denied, doing +
                                  "runs from forks read their own repository and public ones "
                                  "of this server over https only");
  }
  return origin;
}

core::Result<Origin> on_other_server(const OriginWanted& wanted, const Address& address,
                                     const proto::JobMessage& message) {
  const std::string doing = "checking out '" + wanted.url + "': ";
  if (message.trust != proto::Trust::trusted) {
    return fail(Errc::denied,
                doing + "runs from forks reach '" + message.repository.server_url + "' only");
  }
  if (message.sandbox.network == core::config::Network::none) {
    return fail(Errc::denied, doing + "this job has no network, so it reaches '" +
                                  message.repository.server_url +
                                  "' only; give its label one in the config");
  }
  if (address.scheme == Scheme::ssh && !wanted.has_ssh_key) {
    return fail(Errc::denied, doing + "it is an ssh address; give the checkout an 'ssh-key'");
  }
  Origin origin;
  origin.kind = Origin::Kind::fetch;
  origin.source.url = wanted.url;
  origin.source.ca_file = message.repository.ca_file;
  if (address.scheme == Scheme::http && server_of(wanted.token_server) == address.server) {
    origin.source.token = wanted.given_token;
  }
  origin.public_only = message.sandbox.network == core::config::Network::internet;
  return origin;
}

}  // namespace

std::string server_of(std::string_view url) {
  return parse(url).server;
}

std::string host_of(std::string_view url) {
  return parse(url).host;
}

core::Result<Origin> choose_origin(const OriginWanted& wanted, const proto::JobMessage& message) {
  const Address address = parse(wanted.url);
  const Address own = parse(message.repository.server_url);
  if (address.scheme == Scheme::other || address.host.empty() || address.host.front() == '-') {
    return fail(Errc::invalid, "checking out '" + wanted.url +
                                   "': only https and ssh addresses without a password are "
                                   "fetched");
  }
  const bool is_own = address.scheme == Scheme::http
                          ? address.server == own.server
                          : core::equals_ignoring_case(address.host, own.host);
  const std::string name = repository_of(address.path);
  // ssh to another port of the same host is another server.
  const bool is_default_ssh = address.scheme != Scheme::ssh ||
                              wanted.url.find("://") == std::string::npos ||
                              wanted.url.find(':', wanted.url.find("://") + 3) == std::string::npos;
  if (is_own && is_default_ssh && !name.empty()) {
    return on_own_server(wanted, address, name, message);
  }
  return on_other_server(wanted, address, message);
}

std::string resolve_url(const std::string& parent, const std::string& url) {
  if (!url.starts_with("./") && !url.starts_with("../")) return url;
  std::string base = parent;
  while (base.ends_with('/'))
    base.pop_back();
  std::string_view rest = url;
  for (;;) {
    if (rest.starts_with("./")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("../")) {
      rest.remove_prefix(3);
      const std::size_t cut = base.find_last_of("/:");
      base = base.substr(0, cut == std::string::npos ? 0 : cut);
    } else {
      break;
    }
  }
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  const bool is_scp =
      parent.find("://") == std::string::npos && base.find(':') == std::string::npos;
  return base + (is_scp ? ":" : "/") + std::string(rest);
}

}  // namespace gantry::daemon::runner
