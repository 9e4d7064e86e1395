# SPDX-License-Identifier: MIT
"""The pages that checks lead to: what they show, to whom, and that nothing in them is code."""
import base64
import html.parser
import urllib.parse

import gantry_test
from gantry_test import TOKEN, wait_for

HOSTILE = "<script>alert(1)</script>"
WORKFLOW = f"""run-name: 'Run "{HOSTILE}"'
on: push
jobs:
  one:
    name: "{HOSTILE}"
    runs-on: ubuntu-latest
    steps:
      - name: Many
        run: seq 1 2000
      - name: Fails
        run: |
          echo '{HOSTILE}'
          printf '\\033[31mred\\033[0m and \\377\\001\\n'
          echo "::error file=a.c,line=3,title=<b>::<i>found</i>"
          exit 3
"""


class Elements(html.parser.HTMLParser):
    """The page's elements by name, its links and its text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


class Pages(gantry_test.Case):
    with_github = True

    def see(self, path, token=TOKEN, method="GET"):
        basic = base64.b64encode(b"anyone:" + token.encode()).decode()
        return self.gantry.api(path, method, tcp=True, headers={"Authorization": "Basic " + basic})

    def test_a_checks_details_lead_to_the_jobs_page(self):
        run = self.play(WORKFLOW)
        check = wait_for(lambda: self.github.checks(run["sha"]), "the check run")[0]
        path = urllib.parse.urlsplit(check["details_url"]).path
        answer = self.see(path)
        self.assertEqual(answer.status, 200, answer.text)
        page = Elements(answer.text)
        self.assertIn(HOSTILE, page.text)
        self.assertIn("found", page.text)
        self.assertNotIn("1\n2\n3\n", page.text)
        self.assertIn("\n1999\n2000", page.text)
        self.assertIn("red and \N{REPLACEMENT CHARACTER}", page.text)
        whole = next(link for link in page.links if link.endswith("/log"))
        self.assertIn(b"seq 1 2000", self.see(whole).body)
        self.assert_harmless(answer, page)

    def test_run_and_list_lead_to_each_other(self):
        run = self.play(WORKFLOW)
        listed = Elements(self.see("/").text)
        path = f"/octo/hello/actions/runs/{run['id']}"
        self.assertIn(path, listed.links)
        answer = self.see(path)
        page = Elements(answer.text)
        self.assertIn(f"{path}/job/{run['jobs'][0]['id']}", page.links)
        self.assertIn("a.c:3", page.text)
        self.assertNotIn("refresh", answer.text)
        self.assert_harmless(answer, page)

    def test_only_holders_of_a_token_see_and_nobody_changes_by_it(self):
        run = self.play(WORKFLOW)
        path = f"/octo/hello/actions/runs/{run['id']}"
        for answer in (self.gantry.api(path, tcp=True), self.see(path, token="wrong"),
                       self.see("/octo/hello/actions/runs/999", token="wrong")):
            self.assertEqual(answer.status, 401)
            self.assertIn("Basic", answer.headers["WWW-Authenticate"])
            self.assertNotIn("alert", answer.text)
        rerun = self.see(f"/api/gantry/v1/runs/{run['id']}/rerun", method="POST")
        self.assertEqual(rerun.status, 401)
        self.assertIsNone(rerun.headers["WWW-Authenticate"])
        self.assertEqual(self.gantry.api(path).status, 200)

    def test_what_is_not_there_is_said(self):
        run = self.play(WORKFLOW)
        for path in ("/octo/hello/actions/runs/999", f"/octo/other/actions/runs/{run['id']}",
                     f"/octo/hello/actions/runs/{run['id']}/job/999", "/octo/hello/actions/runs/x"):
            answer = self.see(path)
            self.assertEqual(answer.status, 404, path)
            self.assertIn("text/html", answer.headers["Content-Type"])

    def assert_harmless(self, answer, page):
        self.assertEqual(page.names & {"script", "i", "iframe", "img", "form", "link"}, set())
        self.assertTrue(all(link.startswith("/") for link in page.links), page.links)
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")


if __name__ == "__main__":
    gantry_test.main()
