// SPDX-License-Identifier: MIT
// gantry-git against real servers: https with certificates and tokens, ssh with host keys.
#include "tests/git/servers.hpp"

using namespace gantry;
using namespace gantry::testing;
using core::Errc;

namespace {

// A repository and what serves it by http(s).
struct Served : Repository {
  enum class Tls { no, yes };
  std::unique_ptr<Server> server;
  std::string url;
  std::string sha;

  explicit Served(Tls tls) {
    sha = commit("one");
    git("update-ref refs/pull/7/merge HEAD");
    shell(dir.path(),
          "chmod 755 . && mkdir -p served/private served/public && "
          "git clone -q --mirror source served/public/r.git && "
          "git clone -q --mirror source served/private/r.git");
    std::vector<std::string> argv = {
        "/usr/bin/python3", "-B",   git_server_script(), "--root", dir.path() / "served",
        "--token",          "right"};
    if (tls == Tls::yes) {
      make_certificates(dir.path());
      argv.insert(argv.end(),
                  {"--certificate", dir.path() / "server.pem", "--key", dir.path() / "server.key"});
    }
    server = std::make_unique<Server>(argv, dir.path());
    url = (tls == Tls::yes ? "https://localhost:" : "http://127.0.0.1:") + server->said();
  }
};

RefList fetch_from(const Repository& repository, const Source& source,
                   std::chrono::milliseconds deadline = kDeadline) {
  ClientOptions options = options_for(repository);
  options.source = source;
  Client client(options);
  return client.call(Fetch{source, {"refs/pull/7/merge"}}, deadline);
}

}  // namespace

TEST_CASE("git over https: with the right authority and token it is fetched") {
  const Served served(Served::Tls::yes);
  Source source{.url = served.url + "/private/r.git",
                .token = "right",
                .ca_file = served.dir.path() / "ca.pem"};
  const RefList list = fetch_from(served, source);
  REQUIRE(list.refs.size() == 2);
  CHECK(list.refs[0].commit == served.sha);
  CHECK(list.default_branch == "refs/heads/main");
}

TEST_CASE("git over https: an unknown authority, a wrong or missing token are said, and denied") {
  const Served served(Served::Tls::yes);
  const std::string url = served.url + "/private/r.git";
  const std::string ca = served.dir.path() / "ca.pem";
  core::Error error = error_of([&] { fetch_from(served, {.url = url, .token = "right"}); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message == "fetching '" + url +
                             "': the certificate or host key of 'localhost' is not one to be "
                             "trusted");
  error = error_of([&] { fetch_from(served, {.url = url, .token = "wrong", .ca_file = ca}); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message == "fetching '" + url + "': the server refuses the credentials");
  CHECK(error.message.find("wrong") == std::string::npos);
  error = error_of([&] { fetch_from(served, {.url = url, .ca_file = ca}); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message == "fetching '" + url +
                             "': the server asks for credentials and none fit; give a token or an "
                             "ssh key");
}

TEST_CASE("git over https: a certificate for another name is refused") {
  const Served served(Served::Tls::yes);
  std::string url = served.url + "/public/r.git";
  url.replace(url.find("localhost"), 9, "127.0.0.1");
  const core::Error error =
      error_of([&] { fetch_from(served, {.url = url, .ca_file = served.dir.path() / "ca.pem"}); });
  // libgit2 1.7 takes another address for an early end of the connection.
  const bool is_refused = error.code == Errc::denied || error.code == Errc::unavailable;
  CHECK(is_refused);
}

TEST_CASE("git over http: public needs no token; not there, broken and hung are told apart") {
  const Served served(Served::Tls::no);
  CHECK(fetch_from(served, {.url = served.url + "/public/r.git"}).refs.size() == 2);
  CHECK(fetch_from(served, {.url = served.url + "/slow/public/r.git"}).refs.size() == 2);
  const auto error = [&](const std::string& path) {
    return error_of(
        [&] { fetch_from(served, {.url = served.url + path}, std::chrono::seconds(3)); });
  };
  CHECK(error("/public/none.git").code == Errc::not_found);
  CHECK(is_retryable(error("/broken/public/r.git").code));
  CHECK(error("/hang/public/r.git").code == Errc::timed_out);
  CHECK(error("/stall/public/r.git").code == Errc::timed_out);
}

TEST_CASE("git over http: a redirect is followed within its host only") {
  const Served served(Served::Tls::no);
  const auto away_to = [&](const std::string& url) {
    return std::make_unique<Server>(
        std::vector<std::string>{"/usr/bin/python3", "-B", git_server_script(), "--root",
                                 served.dir.path() / "served", "--away", url},
        served.dir.path());
  };
  const auto same = away_to(served.url);
  const auto source = [](const Server& server) {
    return Source{.url = "http://127.0.0.1:" + server.said() + "/away/public/r.git"};
  };
  CHECK(fetch_from(served, source(*same)).refs.size() == 2);
  const auto other = away_to(core::replace_all(served.url, "127.0.0.1", "localhost"));
  const core::Error error = error_of([&] { fetch_from(served, source(*other)); });
  CHECK(error.message.ends_with("cannot redirect from '127.0.0.1' to 'localhost'"));
}

TEST_CASE("git over http: refs with names that lead elsewhere or that git forbids are left out") {
  const Served served(Served::Tls::no);
  const fs::path list = served.dir.path() / "refs";
  const auto offer = [&](const std::string& name) {
    core::write_file_atomic(list, served.sha + " " + name + "\n");
  };
  const Server hostile({"/usr/bin/python3", "-B", git_server_script(), "--root",
                        served.dir.path() / "served", "--refs", list},
                       served.dir.path());
  const Source source{.url = "http://127.0.0.1:" + hostile.said() + "/public/r.git"};
  for (const std::string& name :
       {std::string("refs/heads/../../x"), std::string("refs/heads/../../../x"),
        std::string("refs/heads/x.lock"), std::string("refs/heads/a//b"),
        std::string("refs/heads/"), std::string("refs/heads/a b"), std::string("refs/heads/\x01"),
        std::string("refs/heads/@{1}"), std::string("refs/tags/.."), std::string("refs/heads/.x"),
        std::string("/refs/heads/x"), std::string("../HEAD"), std::string("gantry-refs")}) {
    CAPTURE(name);
    offer(name);
    CHECK(fetch_from(served, source).refs.size() == 2);
  }
  offer("refs/heads/-x");
  CHECK(fetch_from(served, source).refs.size() == 3);
  CHECK_FALSE(fs::exists(served.dir.path() / "x"));
  CHECK_FALSE(fs::exists(served.mirror / "x"));
  for (const std::string& name :
       {"refs/heads/" + std::string(300, 'x'), "refs/heads/" + std::string(5000, 'x'),
        std::string("refs/heads/main/below")}) {
    CAPTURE(name);
    offer(name);
    const core::Error error = error_of([&] { fetch_from(served, source); });
    CHECK(error.message.starts_with("fetching '" + source.url + "': "));
    CHECK(error.message.size() < 1000);
  }
  offer("refs/heads/again");
  CHECK(fetch_from(served, source).refs.size() == 3);
}

TEST_CASE("git over http: a commit no ref leads to comes where the server gives such") {
  const Served served(Served::Tls::no);
  const fs::path source = served.dir.path() / "served/public/r.git";
  const std::string lost = shell(source, "git commit-tree -p main -m lost main^{tree}");
  Ensure ensure{.source = {.url = served.url + "/public/r.git"},
                .shas = {lost},
                .unreferenced = Unreferenced::ask_for};
  ClientOptions options = options_for(served);
  options.source = ensure.source;
  Client client(options);
  const std::string gone = "fetching commit '" + lost + "' from '" + ensure.source.url +
                           "': it is no longer there: no branch, tag or pull request leads to it; "
                           "it may have been replaced by a forced push";
  core::Error error = error_of([&] { client.call(ensure, kDeadline); });
  CHECK(error.code == Errc::not_found);
  CHECK(error.message == gone);
  shell(source, "git config uploadpack.allowReachableSHA1InWant true");
  error = error_of([&] { client.call(ensure, kDeadline); });
  CHECK(error.code == Errc::not_found);
  CHECK(error.message == gone);
  shell(source, "git config uploadpack.allowAnySHA1InWant true");
  CHECK(client.call(ensure, kDeadline).fetched);
  CHECK(client.call(Resolve{lost}, kDeadline).parents.size() == 1);
  CHECK(shell(served.mirror, "git for-each-ref | wc -l") == "1");
}

TEST_CASE("git over ssh: the key opens, the host key is checked") {
  if (!fs::exists("/usr/sbin/sshd")) {
    MESSAGE("skipped: openssh-server is not installed");
    return;
  }
  const Repository repository;
  const std::string sha = repository.commit("one");
  shell(repository.dir.path(), "chmod 755 .");
  const SshServer server(repository.dir.path() / "ssh");
  Source source = server.source(repository.source);
  INFO(core::read_file(repository.dir.path() / "ssh/sshd.log"));
  const RefList list = fetch_from(repository, source);
  REQUIRE(list.refs.size() == 1);
  CHECK(list.refs[0].commit == sha);

  source.known_hosts = repository.dir.path() / "ssh/other_hosts";
  core::Error error = error_of([&] { fetch_from(repository, source); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message == "fetching '" + source.url +
                             "': the certificate or host key of '127.0.0.1' is not one to be "
                             "trusted");
  core::write_file_atomic(repository.dir.path() / "ssh/no_hosts", "");
  source.known_hosts = repository.dir.path() / "ssh/no_hosts";
  CHECK(error_of([&] { fetch_from(repository, source); }).code == Errc::denied);

  source = server.source(repository.source);
  source.ssh_key = repository.dir.path() / "ssh/other";
  error = error_of([&] { fetch_from(repository, source); });
  CHECK(error.code == Errc::denied);
  CHECK(error.message == "fetching '" + source.url + "': the server refuses the credentials");
}

TEST_CASE("git over ssh: an RSA key opens, or it is said which key would") {
  if (!fs::exists("/usr/sbin/sshd")) {
    MESSAGE("skipped: openssh-server is not installed");
    return;
  }
  const Repository repository;
  repository.commit("one");
  shell(repository.dir.path(), "chmod 755 .");
  const SshServer server(repository.dir.path() / "ssh");
  Source source = server.source(repository.source);
  for (const std::string form : {"openssh", "PEM"}) {
    CAPTURE(form);
    const fs::path key = repository.dir.path() / "ssh" / form;
    shell(key.parent_path(), "ssh-keygen -q -t rsa -b 3072 -N '' -f " + form +
                                 (form == "PEM" ? " -m PEM" : "") + "; cat " + form +
                                 ".pub >> authorized");
    source.ssh_key = key;
    core::Error error;
    try {
      fetch_from(repository, source);
    } catch (const core::Exception& exception) {
      error = exception.error();
    }
    if (error.message.empty()) continue;  // libssh2 from 1.11 on
    CHECK(error.code == Errc::denied);
    CHECK(error.message ==
          "fetching '" + source.url +
              "': the server refuses the RSA key; libssh2 before 1.11 signs with it in a way "
              "(SHA-1) that today's servers refuse; use an ed25519 key (ssh-keygen -t ed25519)");
  }
}
