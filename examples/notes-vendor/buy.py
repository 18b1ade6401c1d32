#!/usr/bin/env python3
"""Plays the marketplace: signs one call as QingCloud Market does, and prints the answer.

    buy.py                     a new order of plan `team`
    buy.py expire i-…          its term is over: the workspace is suspended
    buy.py renew i-…           it was paid again: the workspace runs on
    buy.py delete i-…          the buyer wants no more of it
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = "http://127.0.0.1:8686/spi/notes-market"

arguments = sys.argv[1:] or ["create"]
what, instance = arguments[0], "".join(arguments[1:])
order = {"order_id": f"mord-{time.time_ns()}", "duration": "1_month"}
plan = {"spec": "team", "package": "monthly"}
buyer = {"qingcloud_uid": "usr-example", "product_code": "prod-notes", "debug": "0"}
params = {
    "create": {"action": "CreateInstance", **order, **plan, **buyer},
    "expire": {"action": "ExpireInstance", "instance_id": instance},
    "renew": {"action": "RenewInstance", "instance_id": instance, **order, **plan},
    "delete": {"action": "DeleteInstance", "instance_id": instance},
}[what]
params["timestamp"] = str(int(time.time()))
with open("market.key") as file:
    key = file.read().strip()
query = urllib.parse.urlencode(sorted(params.items()))
digest = hmac.new(key.encode(), query.encode(), hashlib.sha256).digest()
query += "&signature=" + urllib.parse.quote_plus(base64.b64encode(digest))
try:
    with urllib.request.urlopen(f"{URL}?{query}") as answer:
        print(json.dumps(json.load(answer), indent=2, ensure_ascii=False))
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code}: {error.read().decode()}")
except urllib.error.URLError as error:
    sys.exit(f"nobody answers at {URL} ({error.reason}); does turnkey serve run?")
