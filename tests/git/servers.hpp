// SPDX-License-Identifier: MIT
// Real servers on loopback for one test: git's http-backend with or without TLS, and sshd.
#pragma once

#include "tests/git/support.hpp"

#include <unistd.h>

#include <csignal>
#include <memory>
#include <sstream>

namespace gantry::testing {

// A program that prints a line when it is ready.
class Server {
 public:
  Server(std::vector<std::string> argv, const fs::path& folder) {
    core::Pipe out = core::make_pipe();
    daemon::os::SpawnOptions options;
    options.argv = std::move(argv);
    options.cwd = folder;
    options.env = {"PATH=/usr/bin:/bin"};
    options.fds = {{out.write.get(), 1}};
    child_ = daemon::os::spawn(options);
    out.write.reset();
    char byte = 0;
    while (::read(out.read.get(), &byte, 1) == 1 && byte != '\n')
      said_ += byte;
  }
  ~Server() {
    child_.kill(SIGKILL);
    child_.wait();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  const std::string& said() const { return said_; }

 private:
  daemon::os::Child child_;
  std::string said_;
};

inline std::string git_server_script() {
  return GANTRY_SOURCE_DIR "/tests/support/git_server.py";
}

// A certificate authority and a certificate for localhost signed by it.
inline void make_certificates(const fs::path& folder) {
  shell(folder,
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 "
        "-subj /CN=test-ca 2>/dev/null; "
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr "
        "-subj /CN=localhost 2>/dev/null; "
        "printf 'subjectAltName=DNS:localhost\\n' > ext; "
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile ext -out server.pem 2>/dev/null; chmod 644 *.pem *.key");
}

// sshd on a port of its own, as whoever runs the test; root becomes nobody. The user is `git`.
class SshServer {
 public:
  explicit SshServer(const fs::path& folder) : folder_(folder) {
    fs::create_directories(folder);
    shell(folder,
          "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f client; "
          "ssh-keygen -q -t ed25519 -N '' -f other; cp client.pub authorized");
    const bool is_root = ::geteuid() == 0;
    const std::string uid = std::to_string(is_root ? 65534 : ::geteuid());
    shell(folder, "printf 'git:x:" + uid + ":" + uid + "::/tmp:/bin/sh\\n' > passwd");
    if (is_root) shell(folder, "chown 65534:65534 . host && chmod 755 .");
    const std::string start = is_root ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
    const std::string port =
        shell(folder,
              "python3 -c \"import socket; s=socket.socket(); s.bind(('127.0.0.1',0)); "
              "print(s.getsockname()[1])\"");
    const std::string config = (folder / "config").string();
    core::write_file_atomic(config, "ListenAddress 127.0.0.1\nPort " + port + "\nHostKey " +
                                        (folder / "host").string() +
                                        "\nPidFile none\nUsePAM no\nStrictModes no\n"
                                        "AuthorizedKeysFile " +
                                        (folder / "authorized").string() +
                                        "\nPasswordAuthentication no\n"
                                        "SetEnv GIT_CONFIG_COUNT=1 "
                                        "GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*\n");
    shell(folder, "chmod 644 config");
    const std::string command =
        start +
        "bwrap --ro-bind / / --dev-bind /dev /dev --proc /proc --ro-bind passwd /etc/passwd "
        "--die-with-parent -- /usr/sbin/sshd -D -e -f " +
        config +
        " 2>sshd.log & until grep -q listening sshd.log; do sleep 0.02; done; echo ready; wait";
    server_ = std::make_unique<Server>(std::vector<std::string>{"/bin/sh", "-c", command}, folder);
    url_ = "ssh://git@127.0.0.1:" + port;
    core::write_file_atomic(folder / "known_hosts", known_host(port, "host.pub"));
    core::write_file_atomic(folder / "other_hosts", known_host(port, "other.pub"));
  }

  Source source(const fs::path& repository) const {
    return {.url = url_ + repository.string(),
            .ssh_key = folder_ / "client",
            .known_hosts = folder_ / "known_hosts"};
  }

 private:
  std::string known_host(const std::string& port, const std::string& key) const {
    return "[127.0.0.1]:" + port + " " + core::read_file(folder_ / key);
  }
  fs::path folder_;
  std::string url_;
  std::unique_ptr<Server> server_;
};

}  // namespace gantry::testing
