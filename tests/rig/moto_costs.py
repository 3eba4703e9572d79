"""What machines cost, and what EC2 says of them: answered before a request reaches moto, which has no price list, no events and one
spot price for everything. POST to the control port:

  /price {"type": "c5.large", "on_demand": "0.0960000000", "spot": {"eu-west-1a": "0.0312"}, "region": "eu-west-1"}
         what is left out is not known; {"type": "c5.large"} takes both away
  /status {"id": "i-...", "events": [{"code": "instance-retirement", "description": "...", "not_before": "2026-11-28T14:00:00.000Z"}],
           "system": "impaired", "instance": "ok"}
         until {"id": "i-..."}
         {"more": 4900}    so many healthy machines more, on the pages before the others
  /spot {"id": "i-..."}    it is a spot machine
        {"id": "i-...", "code": "marked-for-termination", "at": "2026-11-28T14:00:00.000Z"}    and its spot request says so
"""

import json
import threading
import time
from xml.sax.saxutils import escape

from moto_faults import answer

LOCK = threading.Lock()
EU = "eu-west-1"
# Region and type: on demand, and spot by zone.
PRICES = {
    (EU, "c5.large"): ("0.0960000000", {"eu-west-1a": "0.0312", "eu-west-1b": "0.0405"}),
    (EU, "c6i.large"): ("0.0912000000", {}),
    (EU, "p4d.24xlarge"): ("35.3965000000", {"eu-west-1a": "14.1200"}),
}
STATUS, SPOTS = {}, {}
MORE = 0


def control(path, d):
    global MORE
    with LOCK:
        if path == "/spot":
            SPOTS[d["id"]] = d
        elif "more" in d:
            MORE = d["more"]
        elif path == "/price":
            PRICES[d.get("region", EU), d["type"]] = (d.get("on_demand"), d.get("spot", {}))
        else:
            STATUS[d["id"]] = d
    return {}


def products(start_response, body):
    """One product as the price list has it, with one of reserved capacity beside it, whose hours cost 0."""
    asked = {f["Field"]: f["Value"] for f in json.loads(body)["Filters"]}
    if asked.get("productFamily") == "NAT Gateway":
        return gateways(start_response, asked["regionCode"])
    with LOCK:
        price = PRICES.get((asked["regionCode"], asked["instanceType"]), (None, {}))[0]

    currency = "CNY" if asked["regionCode"].startswith("cn-") else "USD"

    def term(unit, amount):
        return {"priceDimensions": {"A.B.C": {"unit": unit, "pricePerUnit": {currency: amount}, "description": "per On Demand Linux Hour"}}}

    attributes = {"instanceType": asked["instanceType"], "operatingSystem": "Linux", "tenancy": "Shared"}
    found = [{"product": {"attributes": attributes}, "terms": {"OnDemand": {"A.B": term("Hrs", usd)}}} for usd in (price, "0.0000000000") if price]
    body = json.dumps({"FormatVersion": "aws_v1", "PriceList": [json.dumps(p) for p in found]}).encode()
    return answer(start_response, 200, "application/x-amz-json-1.1", body)


def gateways(start_response, region):
    """A NAT gateway's hours, and what passes it, which is another product of the same family."""
    with LOCK:
        price = PRICES.get((region, "nat-gateway"), (None, {}))[0]

    def product(use, unit, usd):
        dimension = {"A.B.C": {"unit": unit, "pricePerUnit": {"USD": usd}}}
        attributes = {"usagetype": f"EUC1-NatGateway-{use}", "group": "NGW:NatGateway"}
        return {"product": {"productFamily": "NAT Gateway", "attributes": attributes}, "terms": {"OnDemand": {"A.B": {"priceDimensions": dimension}}}}

    found = [product("Hours", "Hrs", price), product("Bytes", "GB", price), product("Prvd-Hours", "Hrs", "9.9")] if price else []
    body = json.dumps({"FormatVersion": "aws_v1", "PriceList": [json.dumps(p, separators=(",", ":")) for p in found]}).encode()
    return answer(start_response, 200, "application/x-amz-json-1.1", body)


def many(form, name):
    return [values[0] for key, values in sorted(form.items()) if key.startswith(name + ".")]


def spot_prices(start_response, region, form):
    wanted = many(form, "InstanceType")
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())

    def one(kind, zone, price, at):
        return (
            f"<item><instanceType>{kind}</instanceType><productDescription>Linux/UNIX</productDescription><spotPrice>{price}</spotPrice>"
            f"<timestamp>{at}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        )

    with LOCK:
        rows = [(k, z, p) for (r, k), (_, spot) in PRICES.items() if r == region and k in wanted for z, p in spot.items()]
    # An older price of each comes too, as EC2 tells the last change before the time that was asked for.
    items = "".join(one(k, z, "9.9", "2020-01-01T00:00:00.000Z") + one(k, z, p, now) for k, z, p in rows)
    body = (
        '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        f"<spotPriceHistorySet>{items}</spotPriceHistorySet></DescribeSpotPriceHistoryResponse>"
    )
    return answer(start_response, 200, "text/xml", body.encode())


def spot_requests(start_response, region, form):
    """Those of spot machines that have a code, by the filter for codes; EC2 has other filters, which are not asked for."""
    wanted = set()
    for n in range(1, 9):
        if form.get(f"Filter.{n}.Name") == ["status-code"]:
            wanted = set(many(form, f"Filter.{n}.Value"))
    with LOCK:
        found = [d for d in SPOTS.values() if d.get("code") in wanted and d.get("region", EU) == region]
    items = "".join(
        f"<item><spotInstanceRequestId>sir-{k}</spotInstanceRequestId><state>active</state><status><code>{d['code']}</code>"
        f"<updateTime>{d['at']}</updateTime></status><instanceId>{d['id']}</instanceId></item>" for k, d in enumerate(found)
    )  # fmt: skip
    body = (
        '<DescribeSpotInstanceRequestsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        f"<spotInstanceRequestSet>{items}</spotInstanceRequestSet></DescribeSpotInstanceRequestsResponse>"
    )
    return answer(start_response, 200, "text/xml", body.encode())


def statuses(start_response, backend, form):
    wanted = many(form, "InstanceId")
    ids = [i.id for i in backend.all_instances() if i._state.name == "running" and (not wanted or i.id in wanted)]
    ids = ids if wanted else [f"i-{n:017x}" for n in range(1, MORE + 1)] + ids
    # EC2 takes names or the size of a page, and a hundred names at most.
    size = int((form.get("MaxResults") or ["1000"])[0])
    assert len(wanted) <= 100 and not (wanted and "MaxResults" in form), form
    first = int((form.get("NextToken") or ["0"])[0])
    token = f"<nextToken>{first + size}</nextToken>" if first + size < len(ids) else ""

    def one(id):
        with LOCK:
            d = STATUS.get(id, {})
        events = "".join(
            f"<item><instanceEventId>instance-event-{k}</instanceEventId><code>{e['code']}</code><description>{escape(e.get('description', ''))}"
            f"</description><notBefore>{e['not_before']}</notBefore></item>" for k, e in enumerate(d.get("events", []))
        )  # fmt: skip
        status = lambda which: f"<status>{d.get(which, 'ok')}</status><details><item><name>reachability</name><status>passed</status></item></details>"
        return (
            f"<item><instanceId>{id}</instanceId><instanceState><code>16</code><name>running</name></instanceState>"
            f"<systemStatus>{status('system')}</systemStatus><instanceStatus>{status('instance')}</instanceStatus>"
            f"<eventsSet>{events}</eventsSet></item>"
        )

    body = (
        '<DescribeInstanceStatusResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
        f"<instanceStatusSet>{''.join(map(one, ids[first : first + size]))}</instanceStatusSet>{token}</DescribeInstanceStatusResponse>"
    )
    return answer(start_response, 200, "text/xml", body.encode())
