#!/usr/bin/env python3
"""A webhook for the ends of uploads (upload_events in Terraform): checks the caller, passes repetitions over, prints a line for each end.

    PIPELINE_SECRET=… python3 consumer.py 8080 ends.sqlite

It speaks HTTP; put it behind what ends TLS for you. EventBridge repeats a call until the answer is 2xx, so an end is answered only
after it is on the disk.
"""

import hmac
import http.server
import json
import os
import sqlite3
import sys

# EventBridge sends events of 256 KiB at most.
MAX_BYTES = 1 << 20


class Webhook(http.server.BaseHTTPRequestHandler):
    secret = b""
    ends = None

    def do_POST(self):
        given = self.headers.get("x-pipeline-secret", "").encode()
        # In constant time: the time of an answer must not tell how much of a guess was right.
        if not hmac.compare_digest(given, self.secret):
            return self.answer(401)
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BYTES:
            return self.answer(413)
        try:
            ended = json.loads(self.rfile.read(int(length)))["detail"]
            row = (ended["id"], ended["state"], json.dumps(ended["source"]), json.dumps(ended))
        except (ValueError, KeyError, TypeError):
            return self.answer(400)
        with self.ends:
            new = self.ends.execute("INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?)", row).rowcount
        if new:
            print(ended["state"], ended["source"]["key"], f"{ended['outputCount']} outputs", flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """The line of each end is the log."""


def main():
    port, place = int(sys.argv[1]), sys.argv[2]
    Webhook.secret = os.environ["PIPELINE_SECRET"].encode()
    Webhook.ends = sqlite3.connect(place)
    Webhook.ends.execute("CREATE TABLE IF NOT EXISTS ends (id TEXT PRIMARY KEY, state TEXT, source TEXT, event TEXT)")
    server = http.server.HTTPServer(("127.0.0.1", port), Webhook)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
