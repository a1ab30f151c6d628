"""A reward that visavis asks over HTTP. Put your model into `judge`; the rest may stay.

    python reward-server.py 9000
    visavis rewards add brightness --kind http --url http://127.0.0.1:9000/
"""
import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Change it whenever a score may change: scores of two versions never mix.
VERSION = "length 1"
BATCH = 8


def judge(prompt, png):
    """One number for a prompt and the bytes of a PNG; None where there is none."""
    return len(png) / 1000 if png.startswith(b"\x89PNG") else None


class Reward(BaseHTTPRequestHandler):
    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer({"version": VERSION, "batch": BATCH})

    def do_POST(self):
        items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
        scores = [judge(item["prompt"], base64.b64decode(item["image"])) for item in items]
        self.answer({"version": VERSION, "scores": scores})


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Reward).serve_forever()
