#!/usr/bin/env python3
"""Notes: a small application with many tenants that is sold through Turnkey.

Nobody signs up here. A paid order makes a tenant: Turnkey calls POST /turnkey, signed as the
Standard Webhooks specification says, and hands the buyer what this program answers. The buyer logs
in at /t/<tenant>/, writes notes, and lets colleagues in, as many as the plan has seats.

The one rule of a hook: THE SECOND ASK MUST REPEAT THE FIRST ANSWER. Networks lose answers, so every
call may come again, even at the same time; `hook` and `remembered` show how little that takes.

Needs Python 3.9 or newer, and nothing else.
"""

import argparse
import base64
import hashlib
import hmac
import html
import json
import os
import re
import secrets
import sqlite3
import time
import urllib.parse
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 64 * 1024
CLOCK_SKEW_S = 5 * 60  # the specification's own window
SESSION_S = 12 * 3600
NOTES_SHOWN_MAX = 100

SCHEMA = """
CREATE TABLE IF NOT EXISTS tenants (
    id TEXT PRIMARY KEY, plan TEXT NOT NULL, seats INTEGER NOT NULL, ends_at TEXT,
    suspended INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS users (
    tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE, name TEXT NOT NULL,
    salt BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (tenant, name));
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    author TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    token BLOB PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name TEXT NOT NULL, until REAL NOT NULL);
-- One row for each operation that was ever asked for: what is done is never done again.
CREATE TABLE IF NOT EXISTS operations (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, ready_at REAL NOT NULL,
    status INTEGER, answer TEXT);
"""


class Vendor:
    """The application: its data, the secret that it shares with Turnkey, and its address."""

    def __init__(self, data, secret, slow_s):
        self.file = os.path.join(data, "notes.db")
        self.key = secret_bytes(secret)
        self.slow_s = slow_s
        self.url = ""
        with self.open() as db:
            db.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)

    def open(self):
        return Database(self.file)

    # ---- the hook ----

    def hook(self, headers, body):
        """Answers one call: (status, headers, object)."""
        if not self.is_genuine(headers, body):
            return 401, {}, {"message": "the signature is wrong"}
        try:
            ask = json.loads(body)
            key, kind, tenant = ask["operation"], ask["kind"], ask["instance"]["id"]
        except (ValueError, KeyError, TypeError):
            return 400, {}, {"message": "this is not what Turnkey asks"}
        if ask.get("dry_run"):
            return 200, {}, {"access": {}}
        # One transaction: two asks with one key wait for one another, and a crash leaves nothing
        # half done.
        with self.open() as db:
            db.execute("BEGIN IMMEDIATE")
            before = db.execute("SELECT * FROM operations WHERE key = ?", (key,)).fetchone()
            if before is None:
                ready_at = time.time() + (self.slow_s if kind == "provision" else 0)
                row = (key, kind, tenant, ready_at)
                db.execute("INSERT INTO operations VALUES (?, ?, ?, ?, NULL, NULL)", row)
            else:
                ready_at = before["ready_at"]
            if before is not None and before["status"] is not None:
                return self.remembered(before)
            wait_s = ready_at - time.time()
            if wait_s > 0:
                return 202, {"Retry-After": str(max(1, round(wait_s)))}, {}
            status, answer = self.work(db, kind, tenant, ask)
            done = (status, json.dumps(answer), key)
            db.execute("UPDATE operations SET status = ?, answer = ? WHERE key = ?", done)
            if status == 200 and kind == "provision":
                password = self.password(key)
                add_user(db, tenant, "owner", password)
            row = db.execute("SELECT * FROM operations WHERE key = ?", (key,)).fetchone()
            return self.remembered(row)

    def remembered(self, operation):
        """The answer to an operation that is done, each time the same. The password is not stored:
        it follows from the key of the operation and the secret."""
        answer = json.loads(operation["answer"])
        if operation["status"] == 200 and operation["kind"] == "provision":
            answer["access"]["front_end"]["password"] = self.password(operation["key"])
        return operation["status"], {}, answer

    def work(self, db, kind, tenant, ask):
        """Does what is asked, once: (status, object)."""
        known = db.execute("SELECT * FROM tenants WHERE id = ?", (tenant,)).fetchone()
        if kind == "provision":
            if known is not None or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", tenant):
                return 422, {"message": f"there cannot be a tenant {tenant}"}
            row = (tenant, ask["instance"]["plan"], seats(ask), ends_at(ask))
            db.execute("INSERT INTO tenants (id, plan, seats, ends_at) VALUES (?, ?, ?, ?)", row)
            url = f"{self.url}/t/{tenant}/"
            return 200, {"access": {"front_end": {"url": url, "username": "owner"}}}
        if kind == "release":
            db.execute("DELETE FROM tenants WHERE id = ?", (tenant,))
            return 200, {"access": {}}
        if known is None:
            return 410, {"message": f"there is no tenant {tenant}"}
        if kind == "renew":
            db.execute("UPDATE tenants SET ends_at = ? WHERE id = ?", (ends_at(ask), tenant))
        elif kind == "change_plan":
            row = (ask["instance"]["plan"], seats(ask), tenant)
            db.execute("UPDATE tenants SET plan = ?, seats = ? WHERE id = ?", row)
        elif kind in ("suspend", "resume"):
            row = (kind == "suspend", tenant)
            db.execute("UPDATE tenants SET suspended = ? WHERE id = ?", row)
            db.execute("DELETE FROM sessions WHERE tenant = ?", (tenant,))
        else:
            return 422, {"message": f"nobody here can {kind}"}
        return 200, {"access": {}}

    def is_genuine(self, headers, body):
        """The Standard Webhooks specification, symmetric signatures (`v1`)."""
        key, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            return False
        if abs(time.time() - int(timestamp)) > CLOCK_SKEW_S:
            return False
        signed = f"{key}.{timestamp}.".encode() + body
        wanted = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest())
        # More than one signature, while a secret is changed.
        given = headers.get("webhook-signature", "").split(" ")
        given = [text[3:].encode() for text in given if text.startswith("v1,")]
        return any(hmac.compare_digest(wanted, text) for text in given)

    def password(self, key):
        digest = hmac.new(self.key, b"password\0" + key.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest)[:20].decode()

    # ---- the application ----

    def page(self, method, tenant, rest, form, token):
        """Answers a person: (status, headers, HTML)."""
        with self.open() as db:
            own = db.execute("SELECT * FROM tenants WHERE id = ?", (tenant,)).fetchone()
            if own is None:
                return 404, {}, page("Not found", "<p>There is no such workspace.</p>")
            if own["suspended"]:
                text = "<p>This workspace is suspended. Renew it in the marketplace to go on.</p>"
                return 403, {}, page("Suspended", text)
            if (method, rest) == ("POST", "login"):
                return login(db, tenant, form)
            name = member(db, tenant, token)
            if name is None:
                return (200 if method == "GET" else 403), {}, login_page("")
            if method == "GET" and rest == "":
                return 200, {}, notes_page(db, own, name)
            if (method, rest) == ("POST", "notes"):
                row = (tenant, name, form.get("text", "")[:4000])
                db.execute("INSERT INTO notes (tenant, author, text) VALUES (?, ?, ?)", row)
                return 303, {"Location": f"/t/{tenant}/"}, ""
            if (method, rest) == ("POST", "members") and name == "owner":
                return invite(db, own, form)
            if (method, rest) == ("POST", "logout"):
                db.execute("DELETE FROM sessions WHERE token = ?", (hashed(token),))
                return 303, {"Location": f"/t/{tenant}/"}, ""
            return 404, {}, page("Not found", "<p>There is no such page.</p>")


class Database:
    """A connection for one request: committed when it ends well, otherwise not at all."""

    def __init__(self, file):
        self.db = sqlite3.connect(file, timeout=10, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA foreign_keys = ON")

    def __enter__(self):
        return self.db

    def __exit__(self, failed, *_):
        if self.db.in_transaction:
            self.db.execute("ROLLBACK" if failed else "COMMIT")
        self.db.close()


def seats(ask):
    return int(ask["instance"]["params"].get("seats", 1))


def ends_at(ask):
    return ask["instance"]["term"]["ends_at"]


def secret_bytes(secret):
    if not secret.startswith("whsec_"):
        raise SystemExit("the secret must begin with whsec_")
    return base64.b64decode(secret[len("whsec_") :], validate=True)


def scrypt(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


def add_user(db, tenant, name, password):
    salt = secrets.token_bytes(16)
    row = (tenant, name, salt, scrypt(password, salt))
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", row)


def hashed(token):
    return hashlib.sha256(token.encode()).digest()


def member(db, tenant, token):
    """Whose session it is; a session of one tenant is none at another."""
    row = (hashed(token), tenant, time.time())
    sql = "SELECT name FROM sessions WHERE token = ? AND tenant = ? AND until > ?"
    found = db.execute(sql, row).fetchone()
    return found["name"] if found else None


def login(db, tenant, form):
    name, password = form.get("username", ""), form.get("password", "")
    sql = "SELECT salt, hash FROM users WHERE tenant = ? AND name = ?"
    user = db.execute(sql, (tenant, name)).fetchone()
    # Whoever guesses learns from the time it takes neither names nor passwords.
    salt, wanted = (user["salt"], user["hash"]) if user else (b"nobody", b"")
    if not hmac.compare_digest(scrypt(password, salt), wanted):
        return 403, {}, login_page("<p>Name or password is wrong.</p>")
    token = secrets.token_hex(32)
    row = (hashed(token), tenant, name, time.time() + SESSION_S)
    db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", row)
    cookie = f"session={token}; Path=/t/{tenant}/; HttpOnly; SameSite=Strict"
    return 303, {"Location": f"/t/{tenant}/", "Set-Cookie": cookie}, ""


def invite(db, own, form):
    tenant, name, password = own["id"], form.get("username", ""), form.get("password", "")
    # One at a time, so that two invitations cannot take one seat.
    db.execute("BEGIN IMMEDIATE")
    members = db.execute("SELECT name FROM users WHERE tenant = ?", (tenant,)).fetchall()
    if len(members) >= own["seats"]:
        text = f"<p>All {own['seats']} seats of plan {html.escape(own['plan'])} are taken.</p>"
        return 403, {}, page("No seat left", text)
    if not name or len(password) < 8 or name in [row["name"] for row in members]:
        text = "<p>Give a new name, and a password of at least 8 characters.</p>"
        return 400, {}, page("Not added", text)
    add_user(db, tenant, name, password)
    return 303, {"Location": f"/t/{tenant}/"}, ""


def page(title, body):
    style = "body{font:1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style>'
        f"<h1>{title}</h1>{body}"
    )


def login_page(message):
    form = (
        '<form method="post" action="login"><p><label>Name <input name="username"></label>'
        '<p><label>Password <input name="password" type="password"></label><p><button>Log in'
        "</button></form>"
    )
    return page("Notes", message + form)


def notes_page(db, own, name):
    sql = "SELECT author, text FROM notes WHERE tenant = ? ORDER BY id DESC LIMIT ?"
    rows = db.execute(sql, (own["id"], NOTES_SHOWN_MAX)).fetchall()
    notes = "".join(
        f"<li><b>{html.escape(row['author'])}</b>: {html.escape(row['text'])}" for row in rows
    )
    count = db.execute("SELECT count(*) FROM users WHERE tenant = ?", (own["id"],)).fetchone()[0]
    members = (
        '<form method="post" action="members"><p><input name="username" placeholder="name">'
        '<input name="password" type="password" placeholder="password">'
        "<button>Let in</button></form>"
        if name == "owner"
        else ""
    )
    plan = f"plan {html.escape(own['plan'])}, {count} of {own['seats']} seats, until {own['ends_at']}"
    body = (
        f"<p>Hello {html.escape(name)}: {plan}."
        '<form method="post" action="notes"><p><input name="text"><button>Write</button></form>'
        f"<ul>{notes}</ul>{members}"
        '<form method="post" action="logout"><button>Log out</button></form>'
    )
    return page("Notes", body)


class Door(BaseHTTPRequestHandler):
    vendor = None
    timeout = 10

    def do_GET(self):
        self.receive("GET", b"")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            return self.reply(413, {}, "text/plain", "too long")
        return self.receive("POST", self.rfile.read(int(length)))

    def receive(self, method, body):
        path = urllib.parse.urlsplit(self.path).path
        if (method, path) == ("POST", "/turnkey"):
            status, headers, answer = self.vendor.hook(self.headers, body)
            return self.reply(status, headers, "application/json", json.dumps(answer))
        found = re.fullmatch(r"/t/([A-Za-z0-9-]{1,64})/([a-z]*)", path)
        if found is None:
            text = page("Notes", "<p>Open the address that you got with your order.</p>")
            return self.reply(200 if path == "/" else 404, {}, "text/html", text)
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        session = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        token = session.value if session else ""
        answer = self.vendor.page(method, found[1], found[2], form, token)
        return self.reply(answer[0], answer[1], "text/html", answer[2])

    def reply(self, status, headers, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        self.send_header("Content-Security-Policy", policy)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # paths and names of buyers are nobody's business


def kept(folder, name, make):
    """The secret in a file of its own; made the first time, readable by its owner only."""
    file = os.path.join(folder, name)
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(make() + "\n")
    except FileExistsError:
        pass
    with open(file) as found:
        return found.read().strip()


def main():
    parse = argparse.ArgumentParser(description="Notes, a vendor's application sold by Turnkey.")
    parse.add_argument("--port", type=int, default=9000)
    parse.add_argument("--data", default=".", help="where the data and both secrets are kept")
    parse.add_argument("--slow", type=float, default=0, help="seconds that a new tenant takes")
    args = parse.parse_args()
    make = lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    secret = kept(args.data, "hook.secret", make)
    # A real marketplace gives you this one.
    kept(args.data, "market.key", lambda: secrets.token_urlsafe(24))
    vendor = Vendor(args.data, secret, args.slow)
    Door.vendor = vendor
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Door)
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    print(f"ready at {vendor.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
