# SPDX-License-Identifier: MIT
"""A git server on loopback: git's own http-backend behind a door that can misbehave.

  git_server.py --root FOLDER [--certificate PEM --key PEM] [--token T] [--port N]
                [--refs FILE]

Prints its port. /private/... asks for the token as the password of x-access-token; below these the rest of
the path is served so: /hang/ never answers, /stall/ stops in the middle of the answer, /slow/ answers a
few bytes at a time, /broken/ says 500, /away/ redirects to another port. Below a repository's /info/lfs it
gives the large files of the root's folder lfs, each named by its sha256. The lines of FILE, "SHA NAME", are
offered as refs too, whatever the names.
"""
import argparse
import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time


class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def log_message(self, *_):
        pass

    def wanted(self):
        """What the path asks for besides the repository, and the path without it."""
        for word in ("hang", "stall", "slow", "broken", "away"):
            if self.path.startswith(f"/{word}/"):
                return word, self.path[len(word) + 1:]
        return "", self.path

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.body(length)
        mode, path = self.wanted()
        if mode == "hang":
            threading.Event().wait(600)
            return
        if mode == "broken":
            self.send_error(500)
            return
        if mode == "away":
            self.send_response(302)
            self.send_header("Location", self.server.options.away + path)
            self.end_headers()
            return
        if path.startswith("/private/") and not self.is_known():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        head, content = self.lfs(path, body) if "/info/lfs/" in path else self.backend(path, body)
        if path.endswith("info/refs?service=git-upload-pack") and self.server.options.refs:
            with open(self.server.options.refs, "rb") as file:
                lines = file.read().splitlines(keepends=True)
            more = b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines)
            content = content[:-4] + more + content[-4:]
        self.send(mode, head, content)

    def lfs(self, path, body):
        """git-lfs's batch API, downloads only."""
        def file_of(oid):
            return os.path.join(self.server.options.root, "lfs", os.path.basename(oid))
        here, last = path.rsplit("/", 1)
        if last != "batch":
            with open(file_of(last), "rb") as file:
                return {"Content-Type": "application/octet-stream"}, file.read()
        objects = []
        for one in json.loads(body)["objects"]:
            known = os.path.exists(file_of(one["oid"]))
            what = {"actions": {"download": {
                "href": f"http://{self.headers['Host']}{here}/{one['oid']}"}}} if known else \
                {"error": {"code": 404, "message": "no such object"}}
            objects.append({"oid": one["oid"], "size": one["size"], **what})
        answer = {"transfer": "basic", "objects": objects}
        return {"Content-Type": "application/vnd.git-lfs+json"}, json.dumps(answer).encode()

    def body(self, length):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(length)
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def is_known(self):
        secret = base64.b64encode(f"x-access-token:{self.server.options.token}".encode()).decode()
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "basic" and given == secret

    def backend(self, path, body):
        path, _, query = path.partition("?")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                       "GIT_PROJECT_ROOT": self.server.options.root, "GIT_HTTP_EXPORT_ALL": "1",
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                       "GIT_CONFIG_VALUE_0": "*", "REQUEST_METHOD": self.command,
                       "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1",
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                       "CONTENT_LENGTH": str(len(body)),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
        done = subprocess.run(["git", "http-backend"], input=body, env=environment,
                              capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        return dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line), content

    def send(self, mode, head, content):
        self.send_response(int(head.pop("Status", "200 OK").split()[0]))
        for name, value in head.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if mode == "stall":
            self.wfile.write(content[:len(content) // 2])
            self.wfile.flush()
            threading.Event().wait(600)
        while mode == "slow" and content:
            self.wfile.write(content[:40])
            content = content[40:]
            time.sleep(0.02)
        self.wfile.write(content)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--token", default="")
    parser.add_argument("--away", default="")
    parser.add_argument("--refs", default="")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Door)
    server.daemon_threads = True
    server.options = options
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
