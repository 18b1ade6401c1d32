#!/usr/bin/env python3
"""Buys Notes at the cloud with JD Cloud's own SDK (`pip install jdcloud-sdk`), and waits for it.

    buy.py                              one, of plan `team`
    buy.py --orders 200                 two hundred orders

Prints the instances as JSON: what the buyer logs in with, and what the vendor calls it.
"""

import argparse
import json
import sys
import time
import uuid

from jdcloud_sdk.core.config import Config
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import ERROR, Logger
from jdcloud_sdk.services.bastion.apis import (
    CreateInstanceRequest as create,
    DescribeInstanceRequest as describe,
    DescribeSourceIdRequest as source,
)
from jdcloud_sdk.services.bastion.client.BastionClient import BastionClient
from jdcloud_sdk.services.bastion.models.InstanceSpec import InstanceSpec
from jdcloud_sdk.services.charge.models.ChargeSpec import ChargeSpec

REGION, RUNNING, FAILED = "cn-north-1", 1, 3

# The SDK repeats nothing by itself; this makes one purchase of a request that is sent twice.
TOKEN = "x-turnkey-purchase-token"


class Buyer:
    def __init__(self, endpoint, access_key, secret_key):
        config = Config(endpoint, "http", timeout=30)
        self.client = BastionClient(Credential(access_key, secret_key), config, Logger(ERROR))

    def ask(self, request):
        answer = self.client.send(request)
        if answer.error is not None:
            sys.exit(f"{type(request).__name__}: {answer.error.status}: {answer.error.message}")
        return answer.result

    def order(self, spec):
        """Orders one, and returns the id of the order."""
        size = InstanceSpec("cn-north-1a", "vpc-1", "subnet-1", spec, 1, ipVersion="v4")
        parameters = create.CreateInstanceParameters(REGION, size)
        parameters.setChargeSpec(ChargeSpec("prepaid_by_duration", "month", 1))
        request = create.CreateInstanceRequest(parameters, header={TOKEN: str(uuid.uuid4())})
        (bought,) = self.ask(request)["sourceIds"]
        return bought["sourceId"]

    def running(self, order, last):
        """The instance of `order`, once it runs."""
        while True:
            parameters = source.DescribeSourceIdParameters(REGION, order)
            found = self.ask(source.DescribeSourceIdRequest(parameters))["bastion"]
            if found["status"] == RUNNING:
                parameters = describe.DescribeInstanceParameters(REGION, found["instanceId"])
                return self.ask(describe.DescribeInstanceRequest(parameters))["bastion"]
            if found["status"] == FAILED:
                sys.exit(f"{order}: the vendor does not deliver it")
            if time.monotonic() > last:
                sys.exit(f"{order}: still not there")
            time.sleep(0.2)


def main():
    arguments = argparse.ArgumentParser(description="Buys Notes at the cloud.")
    arguments.add_argument("--endpoint", default="127.0.0.1:8686")
    arguments.add_argument("--ak", default="buyer-ak")
    arguments.add_argument("--sk-file", default="buyer.sk")
    arguments.add_argument("--spec", default="team")
    arguments.add_argument("--orders", type=int, default=1)
    arguments.add_argument("--wait", type=float, default=60, help="seconds")
    given = arguments.parse_args()
    with open(given.sk_file) as file:
        buyer = Buyer(given.endpoint, given.ak, file.read().strip())
    orders = [buyer.order(given.spec) for _ in range(given.orders)]
    last = time.monotonic() + given.wait
    bought = []
    for order in orders:
        instance = buyer.running(order, last)
        bought.append({"order": order, **{k: instance[k] for k in ("instanceId", "access")}})
    json.dump(bought, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
