#!/usr/bin/env python3
"""The official Python SDK of JD Cloud (`jdcloud-sdk`, as it is) lives through a bastion's whole life.

    PYTHONPATH=target/sdk/python/packages python3 lifecycle.py 127.0.0.1:8686 demo-ak demo-sk

Prints a line for each step, and ends with 1 at the first surprise. The endpoint sells the specs basic
< standard < premium in region cn-north-1, and takes orders of this account as paid.
"""

import sys
import time

from jdcloud_sdk.core.config import Config
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import ERROR, Logger
from jdcloud_sdk.services.bastion.apis import (
    CreateInstanceRequest as create,
    DeleteInstanceRequest as delete,
    DescribeBastionRequest as bastion,
    DescribeBastionsRequest as bastions,
    DescribeInstanceRequest as instance,
    DescribePinsRequest as pins,
    DescribeSignRequest as sign,
    DescribeSourceIdRequest as source,
    ModifyInstanceExpireOrStartRequest as expire_or_start,
    ModifyInstanceSpecRequest as resize,
    SetInstancePublicAccessRequest as public_access,
    SetInstanceZeroEnableRequest as zero,
    UpdateBastionDescRequest as desc,
)
from jdcloud_sdk.services.bastion.client.BastionClient import BastionClient
from jdcloud_sdk.services.bastion.models.InstanceSpec import InstanceSpec
from jdcloud_sdk.services.charge.models.ChargeSpec import ChargeSpec
from jdcloud_sdk.services.common.models.Filter import Filter
from jdcloud_sdk.services.common.models.Sort import Sort

REGION, ELSEWHERE = "cn-north-1", "cn-east-2"
RUNNING, EXPIRED = 1, 13
PATIENCE_S = 60  # for what happens after an answer; normally some milliseconds
TEXT = '堡垒机 "北京" <b>&amp;/&\\</b> 🙂'


class Surprise(Exception):
    pass


class Buyer:
    """An account, as the SDK calls for it."""

    def __init__(self, endpoint, access_key, secret_key):
        config = Config(endpoint, "http", timeout=30)
        self.client = BastionClient(Credential(access_key, secret_key), config, Logger(ERROR))

    def ask(self, module, *arguments, region=REGION, **optional):
        """Calls the operation of the SDK's module with its parameters."""
        name = module.__name__.rsplit(".", 1)[1][: -len("Request")]
        parameters = getattr(module, name + "Parameters")(region, *arguments)
        for key, value in optional.items():
            getattr(parameters, "set" + key[0].upper() + key[1:])(value)
        answer = self.client.send(getattr(module, name + "Request")(parameters))
        if not answer.request_id:
            raise Surprise(f"{name}: an answer without requestId")
        return name, answer

    def done(self, module, *arguments, **optional):
        """The result of what must succeed."""
        name, answer = self.ask(module, *arguments, **optional)
        if answer.error is not None:
            said = vars(answer.error)
            raise Surprise(f"{name}{arguments} {optional}: {said}")
        if not answer.result:
            raise Surprise(f"{name}: an answer without result")
        return answer.result

    def true(self, module, *arguments):
        equal({"result": True}, self.done(module, *arguments))

    def refused(self, code, status, module, *arguments, saying="", **optional):
        name, answer = self.ask(module, *arguments, **optional)
        if answer.error is None:
            raise Surprise(f"{name}{arguments} was not refused: {answer.result}")
        equal((code, status), (answer.error.code, answer.error.status))
        if saying not in answer.error.message:
            raise Surprise(f"{answer.error.message!r} does not say {saying!r}")


def spec_of(spec, quantity, text=None):
    return InstanceSpec(
        "cn-north-1a", "vpc-1", "subnet-1", spec, quantity, ipVersion="v4&v6", desc=text
    )


def charge(unit="month", duration=1):
    return ChargeSpec("prepaid_by_duration", unit, duration, autoRenew=False)


def step(text):
    print(f"ok  {text}", flush=True)


def equal(wanted, given):
    if wanted != given:
        raise Surprise(f"wanted {wanted!r}, got {given!r}")


def until(look):
    """What `look` finds, once it finds something."""
    last = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > last:
            raise Surprise(f"nothing after {PATIENCE_S} s")
        time.sleep(0.05)


def buy(buyer, spec, quantity, text=None):
    """Buys, waits until all run, and returns them as the orders name them."""
    bought = buyer.done(create, spec_of(spec, quantity, text), chargeSpec=charge())
    if not (isinstance(bought["buyId"], str) and bought["buyId"]):
        raise Surprise(f"no buyId: {bought}")
    ids = [each["sourceId"] for each in bought["sourceIds"]]
    equal(quantity, len(set(ids)))

    def running(source_id):
        _, answer = buyer.ask(source, source_id)
        found = answer.result["bastion"] if answer.error is None else None
        return found if found and found["status"] == RUNNING else None

    return [until(lambda: running(source_id)) for source_id in ids]


def listed(buyer, **optional):
    result = buyer.done(bastions, **optional)
    return [each["bid"] for each in result["bastions"]], result["totalCount"], result["bastions"]


def lists(buyer, own, others):
    """The list with filters, sorts and pages: all that is there has been bought here."""
    all_bids = {each["bid"] for each in [own, *others]}
    first, count, _ = listed(buyer)
    equal((all_bids, len(all_bids)), (set(first), count))
    step(f"describeBastions: {count} bastions")
    bid, other = own["bid"], others[0]["bid"]
    equal(([bid], 1), listed(buyer, filters=[Filter("bid", [bid])])[:2])
    two = listed(buyer, filters=[Filter("bid", [bid, other], operator="in")])
    equal(({bid, other}, 2), (set(two[0]), two[1]))
    equal(([], 0), listed(buyer, filters=[Filter("bid", ["bst-none"])])[:2])
    both = [Filter("bid", [bid]), Filter("bid", [other])]
    equal(([], 0), listed(buyer, filters=both)[:2])
    buyer.refused(400, "INVALID_ARGUMENT", bastions, filters=[Filter("colour", ["red"])])
    step("describeBastions: filters")
    for direction in ("asc", "desc"):
        rows = listed(buyer, sorts=[Sort("createTime", direction)], pageSize=100)[2]
        times = [each["startTime"] for each in rows]
        equal(sorted(times, reverse=direction == "desc"), times)
    step("describeBastions: sorts")
    in_order = {"sorts": [Sort("createTime", "asc")], "pageSize": 10}
    one, count, _ = listed(buyer, pageNumber=1, **in_order)
    two, _, _ = listed(buyer, pageNumber=2, **in_order)
    equal((10, len(all_bids)), (len(one), count))
    equal((all_bids, len(all_bids)), ({*one, *two}, len(one + two)))
    equal(([], len(all_bids)), listed(buyer, pageNumber=3, **in_order)[:2])
    step("describeBastions: pages")


def switches(buyer, own):
    """What the owner may change about a bastion that runs."""
    bid, id = own["bid"], own["instanceId"]
    one = lambda: buyer.done(bastion, bid)["bastion"]
    for text in (TEXT, "", TEXT):
        buyer.true(desc, bid, text)
        equal(text, one()["desc"])
    step(f"updateBastionDesc: {TEXT}")

    resized = buyer.done(resize, id, "standard")
    if not (isinstance(resized["buyId"], str) and resized["buyId"]):
        raise Surprise(f"no buyId: {resized}")
    until(lambda: buyer.done(instance, id)["bastion"]["spec"] == "standard")
    step("modifyInstanceSpec: basic -> standard")
    buyer.refused(400, "FAILED_PRECONDITION", resize, id, "basic")
    step("modifyInstanceSpec: a smaller one is refused")
    buyer.refused(400, "INVALID_ARGUMENT", resize, id, "gigantic")
    step("modifyInstanceSpec: an unknown one is refused")

    for wanted in (False, False, True):
        buyer.true(public_access, id, wanted)
        equal(wanted, buyer.done(instance, id)["bastion"]["publicAccess"])
    step("setInstancePublicAccess")
    for wanted in (True, True, False):
        buyer.true(zero, id, wanted)
        equal(wanted, one()["zeroStatus"])
    step("setInstanceZeroEnable")


def ends(buyer, own):
    """Expires, starts again, expires and goes."""
    bid, id = own["bid"], own["instanceId"]
    buyer.refused(400, "FAILED_PRECONDITION", delete, id)
    step("deleteInstance: before its end it is refused")
    # Within one second this SDK signs the first and the last of them alike.
    for status in (EXPIRED, RUNNING, EXPIRED):
        buyer.true(expire_or_start, id, status)
        equal(status, buyer.done(instance, id)["bastion"]["status"])
    step("modifyInstanceExpireOrStart: 13, 1, 13")
    buyer.refused(400, "INVALID_ARGUMENT", expire_or_start, id, 7)
    buyer.refused(400, "FAILED_PRECONDITION", resize, id, "premium")
    step("modifyInstanceSpec: of an expired one it is refused")
    buyer.true(delete, id)
    until(lambda: buyer.ask(instance, id)[1].error is not None)
    buyer.refused(404, "NOT_FOUND", instance, id)
    buyer.refused(404, "NOT_FOUND", bastion, bid)
    buyer.refused(404, "NOT_FOUND", delete, id)
    equal(([], 0), listed(buyer, filters=[Filter("bid", [bid])])[:2])
    step("deleteInstance: it is gone")


def account(buyer, own, secret_key):
    who = buyer.done(pins)["pins"]
    equal(1, len(who))
    if not (isinstance(who[0]["pin"], str) and who[0]["pin"]):
        raise Surprise(f"no pin: {who}")
    step(f"describePins: {who[0]['pin']}")
    ticket = buyer.done(sign, own["instanceId"])["sign"]
    well = isinstance(ticket["sign"], str) and type(ticket["ts"]) is int
    if not (well and ticket["ts"] < 2**31 and isinstance(ticket["sk"], str)):
        raise Surprise(f"not a ticket: {ticket}")
    if secret_key in str(ticket):
        raise Surprise("the ticket holds the account's secret")
    buyer.refused(404, "NOT_FOUND", sign, "bst-none")
    step("describeSign")


def strangers(endpoint, access_key, secret_key):
    stranger = Buyer(endpoint, access_key, secret_key + "x")
    refused = (401, "ACCESS_ERROR")
    stranger.refused(*refused, bastions, saying="sign result is not same")
    wanted = spec_of("basic", 1)
    stranger.refused(*refused, create, wanted, saying="sign result is not same")
    stranger = Buyer(endpoint, "nobody", secret_key)
    stranger.refused(*refused, bastions, saying="Invalid accessKey")
    step("a wrong secret and an unknown account are refused")


def live(endpoint, access_key, secret_key):
    buyer = Buyer(endpoint, access_key, secret_key)
    equal(([], 0), listed(buyer)[:2])
    step("describeBastions: nothing yet")

    too_long = {"chargeSpec": charge(duration=10)}
    buyer.refused(400, "OUT_OF_RANGE", create, spec_of("basic", 1), **too_long)
    buyer.refused(400, "INVALID_ARGUMENT", create, spec_of("gigantic", 1), chargeSpec=charge())
    step("createInstance: bad orders are refused")
    (own,) = buy(buyer, "basic", 1, TEXT)
    bid, id = own["bid"], own["instanceId"]
    step(f"createInstance, describeSourceId: {id}")

    one = buyer.done(bastion, bid)["bastion"]
    wanted = (bid, id, REGION, "cn-north-1a", "basic", TEXT, RUNNING)
    members = ("bid", "instanceId", "regionId", "az", "spec", "desc", "status")
    equal(wanted, tuple(one[member] for member in members))
    if not one["startTime"] < one["endTime"]:
        raise Surprise(f"no term: {one}")
    same = buyer.done(instance, id)["bastion"]
    equal(wanted, tuple(same[member] for member in members))
    step("describeBastion, describeInstance: the same")
    buyer.refused(404, "NOT_FOUND", instance, "bst-none")
    buyer.refused(404, "NOT_FOUND", instance, id, region=ELSEWHERE)
    buyer.refused(404, "NOT_FOUND", source, "src-none")
    step("what is not there is not found")

    others = [*buy(buyer, "standard", 6), *buy(buyer, "premium", 5)]
    step("createInstance: 6 and 5 at once")
    lists(buyer, own, others)
    switches(buyer, own)
    account(buyer, own, secret_key)
    ends(buyer, own)
    strangers(endpoint, access_key, secret_key)

    for other in others:
        buyer.true(expire_or_start, other["instanceId"], EXPIRED)
        buyer.true(delete, other["instanceId"])
    until(lambda: listed(buyer)[1] == 0)
    step("all are gone")


if __name__ == "__main__":
    try:
        live(*sys.argv[1:4])
    except Surprise as surprise:
        sys.exit(f"SURPRISE: {surprise}")
    print("the whole life, with the Python SDK")
