#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stand-in for GitHub's REST API on loopback. It refuses whatever GitHub's published OpenAPI
description refuses, keeps check runs, statuses and tokens, and fails on demand.

Usage: fake_github.py --public-key KEY.pem --issuer ID --repository o/r [--installation 7] [--port 0]
Prints the port on its first line. A refused request is answered as GitHub would and recorded as a
violation, which a test must treat as fatal. The control side, JSON in and out:
  GET  /_control/state          {requests, violations, check_runs, statuses, tokens_minted}
  POST /_control/fail           {match, mode, times, skip, status, headers, body, seconds}: the next
                                `times` requests whose "METHOD path" matches the regex `match` fail;
                                mode: status | reset_before | reset_after | status_after |
                                slow (before the write) | slow_after
  POST /_control/set            {clock_offset, permissions, suspended, token_delay}
  POST /_control/expire_tokens  every token is refused from now on
  POST /_control/clear          forget requests, violations and failures, keep the state
"""
import argparse
import base64
import ctypes
import email.utils
import hashlib
import http.server
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
import urllib.parse
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
import jsonschema  # noqa: E402

SHARED = os.environ.get("GANTRY_SHARED_DIR") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../../shared")
METHODS = ("get", "post", "patch", "put", "delete")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def is_date_time(value):
    return not isinstance(value, str) or bool(DATE_TIME.match(value))


def from_openapi(node):
    """OpenAPI 3.0's `nullable` in JSON Schema's words."""
    if isinstance(node, list):
        return [from_openapi(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: from_openapi(value) for key, value in node.items()
              if key not in ("example", "examples", "discriminator")}
    if node.get("nullable") is True:
        result.pop("nullable", None)
        return {"anyOf": [{"type": "null"}, result]}
    return result


class Refusal(Exception):
    def __init__(self, status, message, errors=None, headers=None, fatal=True):
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors
        self.headers, self.fatal = headers or {}, fatal


class Api:
    """The OpenAPI description: which requests exist and what they may hold."""

    def __init__(self):
        with open(os.path.join(SHARED, "github/github-openapi-trimmed.json"), encoding="utf-8") as f:
            self.document = from_openapi(json.load(f))
        self.resolver = jsonschema.RefResolver("", self.document)
        self.routes = []
        for path, item in self.document["paths"].items():
            multi = {self.deref(p)["name"] for method in METHODS if method in item
                     for p in item[method].get("parameters", [])
                     if self.deref(p).get("x-multi-segment")}
            pattern = "".join(
                part if not part.startswith("{") else
                "(?P<%s>%s)" % (part[1:-1], ".+" if part[1:-1] in multi else "[^/]+")
                for part in re.split(r"(\{[^}]+\})", path))
            self.routes.append((path.count("{"), path, re.compile(pattern + "$"), item))
        self.routes.sort(key=lambda route: (route[0], -len(route[1])))

    def deref(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def find(self, method, path):
        for _, template, pattern, item in self.routes:
            match = pattern.match(path)
            if match and method.lower() in item:
                return template, item[method.lower()], match.groupdict()
        raise Refusal(404, "Not Found")

    def errors_of(self, schema, value):
        validator = jsonschema.Draft7Validator(schema, resolver=self.resolver, format_checker=formats)
        return ["/".join(str(p) for p in e.absolute_path) + ": " + e.message[:300]
                for e in validator.iter_errors(value)]

    def check(self, operation, path_values, query, body):
        for node in operation.get("parameters", []):
            parameter = self.deref(node)
            source = path_values if parameter["in"] == "path" else query
            if parameter["in"] not in ("path", "query"):
                continue
            name, schema = parameter["name"], self.deref(parameter["schema"])
            if name not in source:
                if parameter.get("required"):
                    raise Refusal(422, f"missing parameter {name}")
                continue
            value = urllib.parse.unquote(source[name])
            if schema.get("type") == "integer":
                if not re.fullmatch(r"-?\d+", value):
                    raise Refusal(422, f"parameter {name} is not an integer")
                value = int(value)
            wrong = self.errors_of(schema, value) if schema.get("type") != "boolean" else []
            if wrong:
                raise Refusal(422, f"parameter {name}: {wrong[0]}")
        known = {self.deref(p)["name"] for p in operation.get("parameters", [])}
        for name in query:
            if name not in known:
                raise Refusal(422, f"unknown query parameter {name}")
        content = self.deref(operation.get("requestBody", {})).get("content", {})
        if "application/json" in content:
            if body is None:
                if self.deref(operation["requestBody"]).get("required"):
                    raise Refusal(400, "Problems parsing JSON")
                return
            schema = content["application/json"]["schema"]
            wrong = self.errors_of(schema, body)
            unknown = set(body) - set(self.deref(schema).get("properties", body))
            wrong += [f"{name}: not a permitted key" for name in unknown]
            if wrong:
                raise Refusal(422, "Invalid request.\n\n" + wrong[0], wrong)
        elif body is not None:
            raise Refusal(422, "this request takes no body")


class State:
    def __init__(self, options):
        self.lock = threading.RLock()
        self.options = options
        self.requests, self.violations, self.failures = [], [], []
        self.check_runs, self.statuses, self.tokens = {}, [], {}
        self.next_id = 5_000_000_000  # past 32 bits, as GitHub's are
        self.clock_offset, self.suspended, self.token_delay = 0, False, 0
        self.permissions = {"checks": "write", "statuses": "write", "contents": "read",
                            "pull_requests": "read", "metadata": "read"}
        self.writing, self.most_writing = 0, 0
        out = subprocess.run(["openssl", "rsa", "-pubin", "-in", options.public_key, "-modulus",
                              "-noout"], check=True, capture_output=True, text=True).stdout
        self.modulus = int(out.strip().split("=")[1], 16)

    def now(self):
        return time.time() + self.clock_offset

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def iso(self, at):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_jwt(state, token):
    parts = token.split(".")
    if len(parts) != 3 or "=" in token:
        raise Refusal(401, "A JSON web token could not be decoded")
    header, claims = json.loads(unbase64(parts[0])), json.loads(unbase64(parts[1]))
    signature = int.from_bytes(unbase64(parts[2]), "big")
    size = (state.modulus.bit_length() + 7) // 8
    digest = DIGEST_INFO + hashlib.sha256(f"{parts[0]}.{parts[1]}".encode()).digest()
    expected = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    if header.get("alg") != "RS256" or \
            pow(signature, 65537, state.modulus).to_bytes(size, "big") != expected:
        raise Refusal(401, "A JSON web token could not be decoded")
    if str(claims.get("iss")) != state.options.issuer:
        raise Refusal(401, "'Issuer' claim ('iss') must be the client or App id")
    now = state.now()
    if not isinstance(claims.get("iat"), int) or not isinstance(claims.get("exp"), int):
        raise Refusal(401, "'exp' and 'iat' must be integers")
    if claims["iat"] > now:
        raise Refusal(401, "'Issued at' claim ('iat') must be an Integer representing the time "
                      "that the assertion was issued", fatal=False)
    if claims["exp"] > now + 600:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future", fatal=False)
    if claims["exp"] <= now:
        raise Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing "
                      "the future time at which the assertion expires", fatal=False)


def check_token(state, token, owner, repository, needed):
    if token == state.options.personal_token and token:
        if needed.startswith("checks"):
            raise Refusal(403, "You must authenticate via a GitHub App.")
        return
    known = state.tokens.get(token)
    if known is None or known["expires"] <= state.now() or state.now() < known["valid_from"]:
        raise Refusal(401, "Bad credentials", fatal=False)
    if f"{owner}/{repository}".lower() != state.options.repository.lower() or \
            (known["repositories"] and repository not in known["repositories"]):
        raise Refusal(404, "Not Found", fatal=False)
    name, level = needed.split("=")
    held = known["permissions"].get(name)
    if held != "write" and held != level:
        raise Refusal(403, "Resource not accessible by integration", fatal=False,
                      headers={"X-Accepted-GitHub-Permissions": needed})


def mint(state, values, body):
    if values["installation_id"] != str(state.options.installation):
        raise Refusal(404, "Not Found", fatal=False)
    if state.suspended:
        raise Refusal(403, "This installation has been suspended", fatal=False)
    body = body or {}
    wanted = body.get("permissions") or dict(state.permissions)
    for name, level in wanted.items():
        if state.permissions.get(name) not in ("write", level):
            raise Refusal(422, "The permissions requested are not granted to this installation.",
                          fatal=False)
    own = state.options.repository.split("/")[1]
    for name in body.get("repositories", []):
        if name.lower() != own.lower():
            raise Refusal(422, "There is at least one repository that does not exist or is not "
                          "accessible to the parent installation.", fatal=False)
    unique = hashlib.sha256(os.urandom(16)).hexdigest()
    token = "ghs_1234_" + unique * 7 + "." + unique[:20] + "." + unique[:40]
    expires = state.now() + 3600
    state.tokens[token] = {"expires": expires, "permissions": wanted,
                           "repositories": body.get("repositories", []),
                           "valid_from": state.now() + state.token_delay}
    return 201, {"token": token, "expires_at": state.iso(expires), "permissions": wanted,
                 "repository_selection": "selected"}


def view(run):
    return {key: value for key, value in run.items() if key not in ("annotations", "history", "conclusions")}


def write_check_run(state, run, body):
    output = body.get("output") or {}
    for key in ("summary", "text"):
        if len((output.get(key) or "").encode()) > 65535:
            raise Refusal(422, f"{key} exceeds a maximum bytesize of 65535")
    if "output" in body and not output.get("title"):
        raise Refusal(422, "output needs a title")
    if len(output.get("annotations", [])) > 50:
        raise Refusal(422, "at most 50 annotations a request")
    for annotation in output.get("annotations", []):
        path = annotation["path"]
        if path.startswith("/") or ".." in path.split("/") or not path:
            raise Refusal(422, "annotation path is not relative to the repository")
        if annotation["start_line"] < 1 or annotation["end_line"] < annotation["start_line"]:
            raise Refusal(422, "annotation lines are not in order")
        if annotation["start_line"] != annotation["end_line"] and "start_column" in annotation:
            raise Refusal(422, "columns need start_line = end_line")
        if len(annotation["message"].encode()) > 65536 or len(annotation.get("title", "")) > 255:
            raise Refusal(422, "annotation text is too long")
    if (body.get("status") == "completed" or "completed_at" in body) and not body.get("conclusion"):
        raise Refusal(422, "conclusion is needed")
    if body.get("conclusion") == "stale":
        raise Refusal(422, "stale is set by GitHub only")
    for key in ("details_url",):
        if key in body and not re.match(r"https?://", body[key]):
            raise Refusal(422, f"{key} is not a web address")
    for key in ("name", "external_id", "details_url", "started_at", "completed_at"):
        if key in body:
            run[key] = body[key]
    if "status" in body:
        run["status"] = body["status"]
    if run["status"] != "completed":
        run["conclusion"] = run["completed_at"] = None
    if body.get("conclusion"):
        run["status"], run["conclusion"] = "completed", body["conclusion"]
        run["completed_at"] = run["completed_at"] or state.iso(state.now())
    run["annotations"] += output.get("annotations", [])
    run["output"].update({k: v for k, v in output.items() if k in ("title", "summary", "text")})
    run["output"]["annotations_count"] = len(run["annotations"])
    run["history"].append(run["status"])
    run["conclusions"] += [run["conclusion"]] if run["status"] == "completed" else []


def create_check_run(state, values, body):
    if not re.fullmatch(r"[0-9a-f]{40}", body["head_sha"]):
        raise Refusal(422, "No commit found for SHA: " + body["head_sha"])
    run = {"id": 0, "node_id": "x", "name": body["name"], "head_sha": body["head_sha"],
           "external_id": "", "status": "queued", "conclusion": None, "started_at": None,
           "completed_at": None, "details_url": None, "annotations": [], "history": [],
           "conclusions": [],
           "output": {"title": None, "summary": None, "text": None, "annotations_count": 0,
                      "annotations_url": ""}, "pull_requests": [], "app": None}
    write_check_run(state, run, body)
    run["id"] = state.new_id()
    state.check_runs[run["id"]] = run
    return 201, view(run)


def existing(state, values):
    run = state.check_runs.get(int(values["check_run_id"]))
    if run is None:
        raise Refusal(404, "Not Found", fatal=False)
    return run


def update_check_run(state, values, body):
    run = existing(state, values)
    write_check_run(state, run, body)
    return 200, view(run)


def list_check_runs(state, values, query):
    runs = [r for r in state.check_runs.values() if r["head_sha"] == values["ref"] and
            query.get("check_name", r["name"]) == r["name"]]
    runs.sort(key=lambda r: -r["id"])
    if query.get("filter", "latest") == "latest":
        runs = list({r["name"]: r for r in reversed(runs)}.values())
    size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
    return 200, {"total_count": len(runs),
                 "check_runs": [view(r) for r in runs[(page - 1) * size:page * size]]}


def create_status(state, values, body):
    if not re.fullmatch(r"[0-9a-f]{40}", values["sha"]):
        raise Refusal(422, "No commit found for SHA: " + values["sha"])
    if len(body.get("description") or "") > 140:
        raise Refusal(422, "description is too long (maximum is 140 characters)")
    status = dict(body, id=state.new_id(), sha=values["sha"])
    state.statuses.append(status)
    return 201, status


REPO = "/repos/{owner}/{repo}"
# template -> (permission, "app" for JWT calls; function(state, path values, body or query))
CALLS = {
    ("POST", "/app/installations/{installation_id}/access_tokens"): ("app", mint),
    ("GET", "/app"): ("app", lambda s, v, q: (200, {
        "id": 1, "slug": "gantry-test", "client_id": s.options.issuer, "node_id": "A_1",
        "name": "Gantry Test", "owner": {}, "description": None, "permissions": dict(s.permissions),
        "external_url": "https://example.com", "html_url": "https://github.com/apps/gantry-test",
        "created_at": s.iso(s.now()), "updated_at": s.iso(s.now()), "events": []})),
    ("GET", REPO + "/installation"): ("app", lambda s, v, q: (200, {"id": s.options.installation})),
    ("POST", REPO + "/check-runs"): ("checks=write", create_check_run),
    ("PATCH", REPO + "/check-runs/{check_run_id}"): ("checks=write", update_check_run),
    ("GET", REPO + "/check-runs/{check_run_id}"):
        ("checks=read", lambda s, v, q: (200, view(existing(s, v)))),
    ("GET", REPO + "/commits/{ref}/check-runs"): ("checks=read", list_check_runs),
    ("POST", REPO + "/statuses/{sha}"): ("statuses=write", create_status),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "GitHub.com"

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(self.server.state.now(), usegmt=True)

    def answer(self, status, value, headers=None):
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def reset(self):
        descriptor = self.connection.detach()
        os_socket = socket.socket(fileno=descriptor)
        os_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os_socket.close()
        self.close_connection = True
        self.wfile = open(os.devnull, "wb")  # http.server flushes it at the end

    def handle_one(self):
        state = self.server.state
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_control/"):
            return self.control(state, json.loads(raw or b"{}"))
        record = {"method": self.command, "path": self.path, "at": time.time(),
                  "user_agent": self.headers.get("User-Agent")}
        with state.lock:
            state.requests.append(record)
            failure = next((f for f in state.failures if f["times"] > 0 and
                            re.search(f["match"], f"{self.command} {self.path}")), None)
            if failure and failure.get("skip", 0) > 0:
                failure["skip"] -= 1
                failure = None
            if failure:
                failure["times"] -= 1
            is_write = self.command != "GET" and "/access_tokens" not in self.path
            state.writing += is_write
            state.most_writing = max(state.most_writing, state.writing)
        try:
            self.serve(state, record, raw, failure or {})
        finally:
            with state.lock:
                state.writing -= is_write
        return None

    def serve(self, state, record, raw, failure):
        mode = failure.get("mode")
        if mode == "slow":
            time.sleep(failure["seconds"])
        if mode == "reset_before":
            record["answer"] = "reset"
            return self.reset()
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4000",
                   "X-RateLimit-Reset": str(int(state.now()) + 1800), "X-RateLimit-Resource": "core"}
        try:
            if mode == "status":
                headers.update(failure.get("headers", {}))
                status, value = failure["status"], failure.get("body", {"message": "on demand"})
            else:
                with state.lock:
                    status, value = self.perform(state, record, raw)
        except Refusal as refusal:
            status = refusal.status
            headers.update(refusal.headers)
            value = {"message": refusal.message, "status": str(status),
                     "documentation_url": "https://docs.github.com/rest"}
            if refusal.errors:
                value["errors"] = refusal.errors[:5]
            if refusal.fatal:
                with state.lock:
                    state.violations.append(f"{self.command} {self.path}: {refusal.message}")
        record["answer"] = status
        if mode == "reset_after":
            return self.reset()
        if mode == "slow_after":
            time.sleep(failure["seconds"])
        if mode == "status_after":
            status, value = failure["status"], {"message": "on demand, after the write"}
        return self.answer(status, value, headers)

    def perform(self, state, record, raw):
        if not self.headers.get("User-Agent"):
            raise Refusal(403, "Request forbidden by administrative rules.")
        if self.headers.get("X-GitHub-Api-Version") not in ("2022-11-28", "2026-03-10"):
            raise Refusal(400, "unsupported X-GitHub-Api-Version")
        if "application/vnd.github" not in (self.headers.get("Accept") or ""):
            raise Refusal(415, "Accept is not GitHub's")
        path, _, query_text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query_text, keep_blank_values=True))
        body = None
        if raw:
            try:
                body = json.loads(raw)
            except ValueError as error:
                raise Refusal(400, "Problems parsing JSON") from error
            if not isinstance(body, dict):
                raise Refusal(400, "Body should be a JSON object")
        record["body"] = body
        template, operation, values = self.server.api.find(self.command, path)
        call = CALLS.get((self.command, template))
        if call is None:
            raise Refusal(404, f"the stand-in does not know {self.command} {template}")
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if kind != "Bearer":
            raise Refusal(401, "Requires authentication")
        if call[0] == "app":
            check_jwt(state, token)
        else:
            record["permissions"] = state.tokens.get(token, {}).get("permissions")
            check_token(state, token, values["owner"], values["repo"], call[0])
        self.server.api.check(operation, values, query, body)
        values = {name: urllib.parse.unquote(value) for name, value in values.items()}
        return call[1](state, values, query if self.command == "GET" else body)

    def control(self, state, body):
        what = self.path.removeprefix("/_control/")
        with state.lock:
            if what == "fail":
                state.failures.append({"times": 1, **body})
            elif what == "set":
                for name, value in body.items():
                    setattr(state, name, value)
            elif what == "expire_tokens":
                for token in state.tokens.values():
                    token["expires"] = 0
            elif what == "clear":
                state.requests.clear(), state.violations.clear(), state.failures.clear()
            elif what != "state":
                return self.answer(404, {"message": "unknown control"})
            return self.answer(200, {
                "requests": state.requests, "violations": state.violations,
                "check_runs": list(state.check_runs.values()), "statuses": state.statuses,
                "tokens_minted": len(state.tokens),
                "minted": [token["permissions"] for token in state.tokens.values()],
                "most_writing": state.most_writing,
                "failures_left": sum(f["times"] for f in state.failures)})

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--public-key", required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--repository", required=True)
    parser.add_argument("--installation", type=int, default=7)
    parser.add_argument("--personal-token", default="")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: a test that crashes leaves nothing behind
    server = Server(("127.0.0.1", options.port), Handler)
    server.state, server.api = State(options), Api()
    os.write(1, f"{server.server_port}\n".encode())  # in one piece, buffered or not
    server.serve_forever()


if __name__ == "__main__":
    main()
