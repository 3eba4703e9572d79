"""Session Manager as far as the `aws` program speaks with it: which agents report, and sessions that are begun. The data channel is the
plugin's, and AWS's own.

POST /ssm to the control port: {"id": "i-…", "state": "Online"} (ConnectionLost, Inactive; "" is an agent that never reported)
"""

import json
import uuid

ACTIONS = ("StartSession", "TerminateSession", "DescribeInstanceInformation")
AGENTS = {}


def control(d):
    AGENTS[d["id"]] = d["state"]
    return {"agents": AGENTS}


def answer(start_response, action, region, body):
    d = json.loads(body or b"{}")
    status, told = 200, {}
    if action == "DescribeInstanceInformation":
        wanted = [value for f in d.get("Filters", []) if f["Key"] == "InstanceIds" for value in f["Values"]]
        told = {"InstanceInformationList": [{"InstanceId": i, "PingStatus": s} for i, s in AGENTS.items() if s and i in wanted]}
    elif action == "TerminateSession":
        told = {"SessionId": d["SessionId"]}
    elif d.get("DocumentName") != "AWS-StartSSHSession":
        status, told = 400, {"__type": "InvalidDocument", "message": f"Document with name {d.get('DocumentName')} does not exist."}
    elif AGENTS.get(d["Target"]) != "Online":
        status, told = 400, {"__type": "TargetNotConnected", "message": f"{d['Target']} is not connected."}
    else:
        session = f"you-{uuid.uuid4().hex[:17]}"
        url = f"wss://ssmmessages.{region}.amazonaws.com/v1/data-channel/{session}?role=publish_subscribe"
        told = {"SessionId": session, "TokenValue": uuid.uuid4().hex, "StreamUrl": url}
    told = json.dumps(told).encode()
    start_response(f"{status} .", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(told)))])
    return [told]
