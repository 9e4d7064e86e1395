# SPDX-License-Identifier: MIT
"""The runtime services of jobs: artifacts, caches and ID tokens, through the official clients where
npm can install them, and byte by byte where they would never go."""
import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import zipfile

import gantry_test
from gantry_test import BIN, wait_for

CLIENTS = ["@actions/artifact@6.2.1", "@actions/cache@5.0.5", "@actions/core@2.0.1"]
HERE = os.path.dirname(os.path.abspath(__file__))


def decode_jwt(token):
    def part(text):
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    header, claims, _ = token.split(".")
    return part(header), part(claims)


class IdTokens(gantry_test.Case):
    WORKFLOW = """
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    PERMISSIONS
    steps:
      - run: |
          echo "url=${ACTIONS_ID_TOKEN_REQUEST_URL:+set} runtime=${ACTIONS_RUNTIME_TOKEN:+set}"
          test -n "$ACTIONS_ID_TOKEN_REQUEST_URL" || exit 0
          /usr/bin/python3 - > token <<'END'
          import json, os, urllib.request
          request = urllib.request.Request(
              os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=cloud",
              headers={"Authorization": "bearer " + os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]})
          token = json.load(urllib.request.urlopen(request))["value"]
          print(".".join(reversed(token.split("."))))
          for path, bearer in (("", "x"), ("/../twirp/a/b", "x")):
              wrong = urllib.request.Request(request.full_url.split("/id-token")[0] + "/id-token" + path,
                                             headers={"Authorization": "Bearer " + bearer})
              try:
                  urllib.request.urlopen(wrong)
                  raise SystemExit("a wrong token was taken")
              except urllib.error.HTTPError:
                  pass
          END
          cat token
"""

    def token_of(self, permissions):
        run = self.play(self.WORKFLOW.replace("PERMISSIONS", permissions))
        self.assertEqual(run["conclusion"], "success", run["by_name"]["one"]["log"])
        log = run["by_name"]["one"]["log"]
        tokens = [line for line in log if line.count(".") == 2 and len(line) > 300]
        return run, log, ".".join(reversed(tokens[0].split("."))) if tokens else None

    def test_only_with_the_permission(self):
        _, log, token = self.token_of("permissions: {contents: read}")
        self.assertIsNone(token)
        self.assertIn("url= runtime=", log)

    def test_a_token_that_the_issuer_s_documents_verify(self):
        run, _, token = self.token_of("permissions: {id-token: write}")
        header, claims = decode_jwt(token)
        configuration = self.gantry.api("/.well-known/openid-configuration", token=None).json
        self.assertEqual(claims["iss"], configuration["issuer"])
        keys = self.gantry.api("/.well-known/jwks", token=None).json["keys"]
        self.assertEqual([key["kid"] for key in keys], [header["kid"]])
        self.assertEqual(header["alg"], "RS256")
        self.assert_signed(token, keys[0])
        self.assertEqual(claims["aud"], "cloud")
        self.assertEqual(claims["sub"], f"repo:{self.repo.name}:ref:refs/heads/main")
        self.assertEqual(claims["run_id"], str(run["id"]))
        self.assertEqual(claims["sha"], self.repo.sha())
        self.assertEqual(claims["repository"], self.repo.name)
        self.assertEqual(claims["repository_visibility"], "private")
        self.assertEqual(claims["job_workflow_ref"],
                         f"{self.repo.name}/.github/workflows/ci.yml@refs/heads/main")
        self.assertEqual(claims["exp"] - claims["iat"], 300)
        self.gantry.restart()
        again = self.gantry.api("/.well-known/jwks", token=None).json["keys"]
        self.assertEqual(again, keys)

    def assert_signed(self, token, key):
        """Verifies by hand: the signature to the power of e is the padded SHA-256."""
        def number(text):
            return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
        text, signature = token.rsplit(".", 1)
        opened = pow(number(signature), number(key["e"]), number(key["n"]))
        digest = hashlib.sha256(text.encode()).digest()
        self.assertEqual(opened.to_bytes(256, "big")[-32:], digest)
        self.assertTrue(opened.to_bytes(256, "big").startswith(b"\0\1\xff\xff"))


if __name__ == "__main__":
    gantry_test.main()
