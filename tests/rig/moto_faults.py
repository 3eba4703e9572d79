"""What AWS does on a bad day, played before a request reaches moto. POST /fault to the control port:

  {"action": "DescribeStacks", "region": "eu-west-1", "code": "RequestLimitExceeded", "status": 503, "times": 3}   an error
  {"action": "DescribeStacks", "region": "*", "hang": 60}           no answer for so many seconds
  {"action": "DescribeInstances", "cut": 400}                        the answer ends after so many bytes
  {"action": "DescribeInstances", "region": "eu-north-1", "instances": 5000}   pages of made-up instances of cluster `huge`
  {"action": "DescribeInstances", "more": 4995, "cluster": "demo"}    made-up compute instances of a cluster on the pages after the real ones
  {"clear": true}                                                    none of these any more -> {"calls": {"eu-west-1 DescribeStacks": 3}}

`region` left out is every region. `times` left out is until cleared. Calls are counted by region and action.
"""

import collections
import json
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

LOCK = threading.Lock()
# Beginnings of EC2's actions: it says an error in another form than the older query services.
EC2 = ("DescribeInstance", "DescribeSpot", "DescribeRegions", "RunInstances", "DescribeKeyPairs", "DescribeVpcs", "DescribeSubnets", "DescribeRouteTables",
       "DescribeSecurityGroups", "CreateKeyPair", "GetConsoleOutput")  # fmt: skip
FAULTS, CALLS = [], collections.Counter()


def control(d):
    with LOCK:
        calls = dict(CALLS)
        if d.get("clear"):
            FAULTS.clear()
            CALLS.clear()
        elif d.get("action"):
            FAULTS.append(d)
    return {"calls": calls}


def wants_of(environ, body):
    credential = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[-1].split("/")
    region = credential[2] if len(credential) > 3 else ""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form = urllib.parse.parse_qs(body.decode(errors="replace")) if not target else {}
    return region, target.rsplit(".", 1)[-1] or (form.get("Action") or [""])[0], form, bool(target)


def fault_for(region, action):
    with LOCK:
        CALLS[f"{region} {action}"] += 1
        for fault in FAULTS:
            if fault["action"] == action and fault.get("region", "*") in ("*", region):
                if "times" in fault:
                    if fault["times"] <= 0:
                        continue
                    fault["times"] -= 1
                return dict(fault)
    return None


def answer(start_response, status, kind, body):
    start_response(f"{status} .", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def error(start_response, fault, is_json):
    code, status, message = fault["code"], fault.get("status", 400), fault.get("message", "played by the rig")
    if is_json:
        return answer(start_response, status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode())
    # EC2 says it in one form, the older query services in another; a reader of either finds its own.
    body = (
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error><RequestID>r</RequestID></Response>"
        if fault["action"].startswith(EC2)
        else f'<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>'
        f"<RequestId>r</RequestId></ErrorResponse>"
    )
    return answer(start_response, status, "text/xml", body.encode())


def instances(start_response, fault, form):
    size = min(int((form.get("MaxResults") or ["1000"])[0]), 1000)
    count = fault.get("instances") or fault["more"]
    first = int((form.get("NextToken") or ["0"])[0])
    last = min(first + size, count)

    def one(n):
        kind = "HeadNode" if n == 0 and "instances" in fault else "Compute"
        tags = {"parallelcluster:cluster-name": fault.get("cluster", "huge"), "parallelcluster:node-type": kind, "parallelcluster:queue-name": "q",
                "parallelcluster:compute-resource-name": "c", "parallelcluster:attributes": "alinux2023, slurm, 3.16.1, x86_64"}  # fmt: skip
        set_ = "".join(f"<item><key>{k}</key><value>{v}</value></item>" for k, v in tags.items())
        return (
            f"<item><reservationId>r-{n}</reservationId><instancesSet><item><instanceId>i-{n + 1:017x}</instanceId><instanceType>c5.large"
            f"</instanceType><instanceState><code>16</code><name>running</name></instanceState><privateIpAddress>127.9.{n // 250}.{n % 250}"
            f"</privateIpAddress><tagSet>{set_}</tagSet></item></instancesSet></item>"
        )

    token = f"<nextToken>{last}</nextToken>" if last < count else ""
    body = "".join(one(n) for n in range(first, last))
    body = f'<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet>{body}</reservationSet>{token}</DescribeInstancesResponse>'
    return answer(start_response, 200, "text/xml", body.encode())


def played(environ, start_response, go_on):
    """The answer of a fault, or of `go_on` where there is none."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    import io

    environ["wsgi.input"] = io.BytesIO(body)
    region, action, form, is_json = wants_of(environ, body)
    fault = fault_for(region, action)
    if fault is None:
        return go_on(environ, start_response)
    if "hang" in fault:
        time.sleep(fault["hang"])
        return go_on(environ, start_response)
    if "more" in fault and not form.get("NextToken"):
        whole = b"".join(go_on(environ, lambda *_, **__: None))
        whole = whole.replace(b"</reservationSet>", b"</reservationSet><nextToken>0</nextToken>")
        return answer(start_response, 200, "text/xml", whole)
    if "instances" in fault or "more" in fault:
        return instances(start_response, fault, form)
    if "cut" in fault:
        whole = b"".join(go_on(environ, lambda *_, **__: None))[: fault["cut"]]
        return answer(start_response, 200, "text/xml", whole)
    return error(start_response, fault, is_json)
