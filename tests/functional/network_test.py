# SPDX-License-Identifier: MIT
"""What a step reaches over `none`, `internet` and `host`, in a machine and an outside made here.

Root builds them from network namespaces: the machine has a private and a public address and a
service on each; the outside has a private and a public one behind the default route, with a web
server and a name server. gantryd and its jobs are then started on that machine, unprivileged.
"""
import http.server
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading

import gantry_test
from gantry_test import SKIPPED

MACHINE, MACHINE_PUBLIC = "10.77.0.1", "203.0.113.1"
NEIGHBOUR, GATEWAY, OUTSIDE = "10.77.0.2", "203.0.113.2", "198.51.100.2"
NAME = "somewhere.example"  # what the outside's name server says is OUTSIDE


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


class Names(socketserver.BaseRequestHandler):
    """Answers whatever is asked with OUTSIDE, but IPv6 with nothing."""

    def handle(self):
        query, connection = self.request
        end = query.index(b"\0", 12) + 5
        answers = int(query[end - 4:end - 2] == b"\0\1")
        address = bytes(map(int, OUTSIDE.split(".")))
        connection.sendto(
            query[:2] + b"\x81\x80\0\1" + bytes([0, answers]) + b"\0\0\0\0" + query[12:end] +
            (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address) * answers, self.client_address)


def serve(who):
    """A server process: the web at every address, names too outside."""
    if who == "outside":
        names = socketserver.ThreadingUDPServer((OUTSIDE, 53), Names)
        threading.Thread(target=names.serve_forever, daemon=True).start()
    web = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def start(who, *wrapper):
    """Its standard input stays open, across the exec that gives up root, while this process lives."""
    stay, until = os.pipe()
    os.set_inheritable(until, True)
    server = subprocess.Popen(  # pylint: disable=consider-using-with
        [*wrapper, sys.executable, "-B", os.path.abspath(__file__), "--serve", who],
        stdin=stay, stdout=subprocess.PIPE)
    os.close(stay)
    if server.stdout.readline() != b"ready\n":
        sys.exit(f"the server of the {who} does not start")


def build():
    """In namespaces of our own: the machine here, the outside in another."""
    def ip(*args):
        subprocess.run(["ip", *args], check=True)
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; read -r _"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        far = ["nsenter", "--net", "--target", str(holder.pid)]
        ip("link", "set", "lo", "up")
        ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(holder.pid))
        for address in (MACHINE, MACHINE_PUBLIC):
            ip("addr", "add", address + "/24", "dev", "near")
        ip("link", "set", "near", "up")
        for args in (["link", "set", "lo", "up"], ["addr", "add", OUTSIDE + "/32", "dev", "lo"],
                     ["addr", "add", NEIGHBOUR + "/24", "dev", "far"],
                     ["addr", "add", GATEWAY + "/24", "dev", "far"],
                     ["link", "set", "far", "up"]):
            subprocess.run([*far, "ip", *args], check=True)
        ip("route", "add", "default", "via", GATEWAY)
        start("outside", *far)  # which keeps its namespace from here on
        holder.stdin.close()
    start("machine")
    # A resolv.conf that asks the outside, and a /dev/net/tun as most machines have it.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "lab", "/mnt"], check=True)
    with open("/mnt/resolv.conf", "w", encoding="ascii") as file:
        file.write(f"nameserver {OUTSIDE}\n")
    subprocess.run(["mount", "--bind", "/mnt/resolv.conf", "/etc/resolv.conf"], check=True)
    subprocess.run(["mknod", "-m", "0666", "/mnt/tun", "c", "10", "200"], check=True)
    subprocess.run(["mount", "--bind", "/mnt/tun", "/dev/net/tun"], check=True)


def enter():
    """Root's part: builds the machine and goes on in it."""
    if os.geteuid() != 0:
        if os.environ.get("GANTRY_NETWORK_LAB"):
            return
        print("SKIPPED: making network namespaces needs root")
        sys.exit(SKIPPED)
    missing = [tool for tool in ("ip", "slirp4netns", "curl", "nsenter") if not shutil.which(tool)]
    if not os.path.exists("/dev/net/tun"):
        missing.append("/dev/net/tun")
    if missing:
        print("SKIPPED: missing here:", ", ".join(missing))
        sys.exit(SKIPPED)
    if "GANTRY_NETWORK_LAB" not in os.environ:
        probe = subprocess.run(["unshare", "--net", "--mount", "ip", "link", "add", "probe",
                                "type", "veth"], capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            print("SKIPPED: no virtual network can be made here:", probe.stderr.strip())
            sys.exit(SKIPPED)
        os.environ["GANTRY_NETWORK_LAB"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private",
                              sys.executable, "-B"] + sys.argv)
    build()


class Network(gantry_test.Case):
    def seen(self, network):
        """What a step reaches, by target: the word of the server, or why curl did not."""
        self.gantry.keys["network"] = network
        self.gantry.write_config()
        self.gantry.restart(signal.SIGTERM)
        targets = ["127.0.0.1", MACHINE, MACHINE_PUBLIC, NEIGHBOUR, GATEWAY, OUTSIDE, NAME,
                   "100.100.2.2"]
        job = self.one_step("\n".join(
            f"echo '{target} '$(curl -sS -m 5 http://{target}:8080/ 2>&1 || true)"
            for target in targets))
        self.assertEqual(job["conclusion"], "success", job)
        return job, {line.split(" ")[0]: line.partition(" ")[2] for line in job["log"]
                     if line.split(" ")[0] in targets}

    def test_internet_reaches_the_outside_and_nothing_private(self):
        _, seen = self.seen("internet")
        self.assertEqual({t for t, said in seen.items() if said == "outside"},
                         {OUTSIDE, NAME, GATEWAY}, seen)
        for target in ("127.0.0.1", MACHINE, MACHINE_PUBLIC, NEIGHBOUR, "100.100.2.2"):
            self.assertIn("curl: (", seen[target], seen)

    def test_none_reaches_nothing(self):
        _, seen = self.seen("none")
        self.assertEqual(len(seen), 8, seen)
        for said in seen.values():
            self.assertIn("curl: (", said, seen)

    def test_host_is_the_machines_own_network(self):
        _, seen = self.seen("host")
        self.assertEqual({seen[t] for t in ("127.0.0.1", MACHINE, MACHINE_PUBLIC)}, {"machine"},
                         seen)
        self.assertEqual({seen[t] for t in (NEIGHBOUR, GATEWAY, OUTSIDE, NAME)}, {"outside"}, seen)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        enter()
        gantry_test.main()
