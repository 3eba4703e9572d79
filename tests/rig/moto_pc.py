"""moto's EC2 and CloudWatch server, with AWS ParallelCluster's instances and logs in it from the start.

usage: moto_pc.py --port PORT --control CONTROL_PORT --seed seed.json        (listens on 127.0.0.1 only)

What it adds to moto:
  * the clusters are seeded in the process, which takes no time, and with the same ids at every start: a server that was
    restarted is the server that was there before;
  * StartLiveTail streams: moto answers once and closes;
  * a control port for what has no API. POST with a JSON body, the region being --seed's unless "region" says otherwise:
      /launch    {"name": NODE, "ip": IP}     a pending compute instance      -> {"id": "i-..."}
      /running   {"name": NODE, "ip": IP}     it has booted
      /terminate {"name": NODE, "ip": IP}
      /instance  {"id": "i-...", "state": "stopping", "reason": "...", "code": "Server.SpotInstanceTermination"}
      /log/STREAM                             the body's lines become events; STREAM may be the end of a stream's name
      /bootstrap {"name": CLUSTER, "log": "chef-client", "lines": [...]}     its head node writes this while it is set up;
                 "head" and "group" where they are not those of an instance and a group that are there
      /stack, /event, /fleet                  see moto_stacks.py
      /fault                                  see moto_faults.py
      /price, /status, /spot                  see moto_costs.py
      /console                                see moto_console.py
      /live-tail {"deny": true}               StartLiveTail is refused, until {"deny": false}
                 {"sample": N}                a second with more than N events is sampled (AWS: 500)
                 {"end": true}                sessions that are open end as after three hours
                 {"break": true}              they break off
                 {}                           -> {"sessions": how many are open, "begun": how many ever were}
"""

import argparse
import io
import json
import struct
import sys
import threading
import time
import uuid
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import moto_images

VERSION = "3.16.1"
moto_images.publish(VERSION)

import moto.server
from moto.backends import get_backend
from moto.logs.utils import EventMessageFilter
from moto.moto_api._internal import mock_random

import moto_console
import moto_costs
import moto_faults
import moto_ssm
import moto_stacks
from moto.ec2.responses.instances import InstanceResponse

# On AWS the root volume's size comes from the image, and instance stores have no size at all.
InstanceResponse._validate_block_device_mapping = staticmethod(lambda device_mapping: None)

ACCOUNT = "123456789012"
STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
ARGS = SEED = None


def backend(service, region=None):
    return get_backend(service)[ACCOUNT][region or SEED["region"]]


# --- clusters ----------------------------------------------------------------------------------------------------------


class Cluster:
    """The instances that ParallelCluster makes for one cluster, tagged as it tags them."""

    def __init__(self, name, region, cidr):
        self.name, self.region, self.ec2 = name, region, backend("ec2", region)
        vpc = self.ec2.create_vpc(cidr)
        self.subnet = self.ec2.create_subnet(vpc.id, cidr, availability_zone=region + "a").id

    def launch(self, node_type, instance_type, ip, public_ip=None, **tags):
        tags = {
            "Name": node_type,
            "parallelcluster:cluster-name": self.name,
            "parallelcluster:node-type": node_type,
            "parallelcluster:attributes": f"alinux2023, slurm, {VERSION}, x86_64",
            "parallelcluster:networking": "EFA=NONE",
            "parallelcluster:filesystem": "efs=0, multiebs=1, raid=0, fsx=0",
            "parallelcluster:version": VERSION,
            **{"parallelcluster:" + k.replace("_", "-"): v for k, v in tags.items()},
        }
        instance = self.ec2.run_instances(
            "ami-0abcdef1234567890", 1, None, [], instance_type=instance_type, is_instance_type_default=False,
            region_name=self.region, subnet_id=self.subnet, private_ip=ip, key_name="demo-key",
            tags={"instance": tags}, nics=[],
        ).instances[0]  # fmt: skip
        instance.nics[0].public_ip = public_ip
        return instance

    def launch_node(self, node, ip):
        """NODE as ParallelCluster names it: queue-{st,dy}-compute resource-number."""
        queue, _, resource, _ = node.rsplit("-", 3)
        kind = {"c5large": "c5.large", "p4d": "p4d.24xlarge", "c5n18xlarge": "c5n.18xlarge"}[resource]
        return self.launch("Compute", kind, ip, queue_name=queue, compute_resource_name=resource)


def set_state(instance, state, reason=""):
    instance._state.name, instance._state.code, instance._reason = state, STATES[state], reason


HEAD_LOGS = (
    "cfn-init cfn-hup chef-client cloud-init supervisord clustermgtd clustermgtd_events slurm_resume slurm_resume_events "
    "slurm_suspend slurm_fleet_status_manager slurmctld compute_console_output clusterstatusmgtd system-messages"
).split()
COMPUTE_LOGS = "cloud-init cloud-init-output chef-client computemgtd slurmd supervisord system-messages".split()
LEVELS = ("INFO", "INFO", "INFO", "WARNING", "ERROR")


def put_log(region, group, stream, events):
    """EVENTS: (milliseconds, message)"""
    logs = backend("logs", region)
    logs.ensure_log_stream(group, stream)
    logs.put_log_events(group, stream, [{"timestamp": t, "message": m} for t, m in events])


def make_logs(region, group, name, instance, kinds, count):
    now = int(time.time() * 1000)
    for kind in kinds:
        events = []
        for k in range(count):
            at = now - (count - k) * 1000
            clock = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at // 1000))
            events.append((at, f"{clock},{at % 1000:03d} - [slurm_plugin.{kind}:main] - {LEVELS[k % 5]} - event {k} of {kind}"))
        put_log(region, group, f"{name}.{instance.id}.{kind}", events)


def short_name(instance):
    return "ip-" + instance.private_ip.replace(".", "-")


def seed():
    mock_random.seed(SEED["cluster"])
    region, group = SEED["region"], SEED["log_group"]
    demo = Cluster(SEED["cluster"], region, "127.0.0.0/16")
    head = demo.launch("HeadNode", "c6i.large", SEED["head"]["ip"], SEED["head"]["public_ip"])
    demo.launch("LoginNode", "c6i.large", SEED["login"]["ip"], login_nodes_pool_name="login")
    nodes = [demo.launch_node(n["name"], n["ip"]) for n in SEED["nodes"]]
    backend("logs", region).create_log_group(group, {})
    make_logs(region, group, SEED["head"]["name"], head, HEAD_LOGS, SEED["events"])
    for n in nodes:
        # The log agent starts before the host gets the node's name, so these carry EC2's name too.
        make_logs(region, group, short_name(n), n, COMPUTE_LOGS, 20)

    moto_stacks.seed_stack(SEED["cluster"], region, log_group=group)
    # Elsewhere, where nobody looks by default: all that can be the matter with a cluster.
    moto_stacks.seed_stack("lab", "us-east-1", log_group="/aws/parallelcluster/lab-202601020304", fleet="PROTECTED")
    broken_group = "/aws/parallelcluster/broken-202601020304"
    broken = moto_stacks.seed_stack("broken", "us-east-1", status="ROLLBACK_COMPLETE", fleet=None, log_group=broken_group)
    backend("logs", "us-east-1").create_log_group(broken_group, {})
    now = int(time.time() * 1000)
    put_log("us-east-1", broken_group, "ip-10-30-0-10.i-0123456789abcdef0.chef-client", [
        (now - 3000, "[2026-01-02T03:04:05+00:00] INFO: Processing mount[/fsx] action mount"),
        (now - 2000, "[2026-01-02T03:06:05+00:00] FATAL: Mixlib::ShellOut::ShellCommandFailed: mount.lustre: Connection timed out"),
        (now - 1000, "[2026-01-02T03:06:05+00:00] INFO: Chef Run complete"),
    ])  # fmt: skip
    moto_stacks.add_event(broken, "Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "Resource creation cancelled")
    moto_stacks.add_event(broken, "HeadNodeWaitCondition20260101", "AWS::CloudFormation::WaitCondition", "CREATE_FAILED",
                          "Failed to mount FSX. Please check /var/log/chef-client.log")  # fmt: skip
    moto_stacks.seed_stack("parallelcluster-old", "us-east-1", tags={"Version": "2.11.9"}, version="2.11.9", fleet=None)
    moto_stacks.seed_stack("far", "ap-southeast-2")

    lab = Cluster("lab", "us-east-1", "10.20.0.0/16")
    lab_head = lab.launch("HeadNode", "t3.medium", "10.20.0.10", "203.0.113.80")
    node = lab.launch("Compute", "c5.large", "10.20.1.1", queue_name="q1", compute_resource_name="c5large")
    lab_group = "/aws/parallelcluster/lab-202601020304"
    backend("logs", "us-east-1").create_log_group(lab_group, {})
    make_logs("us-east-1", lab_group, short_name(lab_head), lab_head, ("clustermgtd", "slurmctld"), 20)
    make_logs("us-east-1", lab_group, short_name(node), node, ("slurmd",), 20)

    moto_stacks.publish_networks("eu-central-1", VERSION)
    network = moto_images.seed_network(backend("ec2", "eu-central-1"), "eu-central-1")
    with open(SEED["facts"], "w") as f:
        f.write(f"RIG_HEAD_INSTANCE={head.id}\nRIG_LAB_HEAD_INSTANCE={lab_head.id}\nRIG_LAB_LOG_GROUP={lab_group}\n")
        f.write("".join(f"RIG_SUBNET_{name.upper()}={subnet.id}\n" for name, subnet in network.items()))
        for n, i in zip(SEED["nodes"], nodes):
            f.write(f"RIG_INSTANCE_{n['name'].replace('-', '_')}={i.id}\n")
    return demo


# --- the control port --------------------------------------------------------------------------------------------------


# What goes wrong with Live Tail, and what goes on there.
TAIL = {"deny": False, "sample": 500, "end": 0, "break": 0, "sessions": 0, "begun": 0}


def control(path, body):
    if path == "/live-tail":
        for key, value in json.loads(body or b"{}").items():
            TAIL[key] = TAIL[key] + 1 if key in ("end", "break") else value
        return {"sessions": TAIL["sessions"], "begun": TAIL["begun"]}
    if path.startswith("/log/"):
        want, group, now = path[5:], SEED["log_group"], int(time.time() * 1000)
        streams = list(backend("logs").groups[group].streams)
        found = [s for s in streams if s == want] or [s for s in streams if s.endswith("." + want)]
        stream = found[0] if found else want  # the head node's come first
        put_log(None, group, stream, [(now, line) for line in body.decode(errors="replace").splitlines()])
        return {"stream": stream}
    d = json.loads(body or b"{}")
    if path == "/bootstrap":
        return bootstrap(d)
    if path == "/fault":
        return moto_faults.control(d)
    if path in ("/stack", "/event", "/fleet"):
        return moto_stacks.control(path, {"region": SEED["region"], **d})
    if path == "/ssm":
        return moto_ssm.control(d)
    if path in ("/price", "/status"):
        return moto_costs.control(path, d)
    if path == "/console":
        return moto_console.control(d)
    ec2 = backend("ec2", d.get("region"))
    if path == "/instance":
        instance = ec2.get_instance(d["id"])
        set_state(instance, d["state"], d.get("reason", ""))
        instance.state_reason.code = d.get("code", "")
        return {"id": d["id"]}
    if path == "/spot":
        ec2.get_instance(d["id"]).instance_lifecycle = "spot"
        moto_costs.control(path, d)
        return {"id": d["id"]}
    alive = [i for i in ec2.all_instances() if i.private_ip == d["ip"] and i._state.name not in ("terminated", "shutting-down")]
    if path == "/address":
        for i in alive:
            i.nics[0].public_ip = d.get("public_ip")
    elif path == "/launch":
        if not alive:
            alive = [DEMO.launch_node(d["name"], d["ip"])]
            set_state(alive[0], "pending")
    elif path == "/running":
        for i in alive:
            set_state(i, "running")
    elif path == "/terminate":
        ec2.terminate_instances([i.id for i in alive])
    else:
        raise KeyError(path)
    return {"id": alive[0].id if alive else None}


def bootstrap(d):
    region, name = d.get("region"), d["name"]
    is_head = {"parallelcluster:cluster-name": name, "parallelcluster:node-type": "HeadNode"}.items()
    heads = [i for i in backend("ec2", region).all_instances() if is_head <= {t["key"]: t["value"] for t in i.get_tags()}.items()]
    head = d.get("head") or heads[-1].id
    host = short_name(heads[-1]) if heads else "ip-10-0-0-99"
    group = d.get("group") or max(g for g in backend("logs", region).groups if g.startswith(f"/aws/parallelcluster/{name}-"))
    if group not in backend("logs", region).groups:
        backend("logs", region).create_log_group(group, {})
    now = int(time.time() * 1000)
    put_log(region, group, f"{host}.{head}.{d['log']}", [(now + n, line) for n, line in enumerate(d["lines"])])
    return {"head": head, "group": group}


class Control(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            code, answer = 200, control(self.path, body)
        except Exception as e:
            code, answer = 400, {"error": repr(e)}
        answer = json.dumps(answer).encode() + b"\n"
        self.send_response(code)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


# --- StartLiveTail: an event stream over a chunked response, fed from moto's own log backend ---------------------------
# Clients put "stream-" before the host; they must take it off again, since "stream-127.0.0.1" does not resolve.


def frame(headers, payload):
    """One message of application/vnd.amazon.eventstream; all headers are strings (type 7)."""
    h = b"".join(bytes([len(k)]) + k.encode() + b"\x07" + struct.pack("!H", len(v)) + v.encode() for k, v in headers.items())
    prelude = struct.pack("!II", 16 + len(h) + len(payload), len(h))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + h + payload
    return message + struct.pack("!I", zlib.crc32(message))


def event(kind, obj):
    return frame({":message-type": "event", ":event-type": kind, ":content-type": "application/json"}, json.dumps(obj).encode())


def live_tail(environ, start_response):
    req = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
    if TAIL["deny"]:
        answer = {"__type": "AccessDeniedException", "message": "User is not authorized to perform: logs:StartLiveTail"}
        answer = json.dumps(answer).encode()
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(answer)))])
        return [answer]
    credential = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[-1].split("/")
    groups, logs = [], backend("logs", credential[2] if len(credential) > 3 else None)
    ids = req.get("logGroupIdentifiers") or []
    for i in ids:
        group = logs.groups.get(i.split(":log-group:", 1)[-1])
        if group is None:
            answer = {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}
            answer = json.dumps(answer).encode()
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(answer)))])
            return [answer]
        groups.append((i, group))
    names, prefixes = req.get("logStreamNames") or [], req.get("logStreamNamePrefixes") or []
    pattern = EventMessageFilter(req.get("logEventFilterPattern") or "")
    seen = {}

    def fresh(first=False):
        out = []
        for ident, group in groups:
            for name, stream in list(group.streams.items()):
                if (names and name not in names) or (prefixes and not name.startswith(tuple(prefixes))):
                    continue
                start = seen.get((ident, name), len(stream.events) if first else 0)
                new = stream.events[start:]
                seen[ident, name] = start + len(new)
                out += [
                    {"logGroupIdentifier": ident, "logStreamName": name, "message": e.message,
                     "timestamp": int(e.timestamp), "ingestionTime": int(e.ingestion_time)}
                    for e in new if pattern.matches(e.message)
                ]  # fmt: skip
        return out

    def stream():
        TAIL["sessions"] += 1
        TAIL["begun"] += 1
        try:
            yield from updates()
        finally:
            TAIL["sessions"] -= 1

    def updates():
        ended, broken = TAIL["end"], TAIL["break"]
        yield event("initial-response", {})
        yield event("sessionStart", {"requestId": str(uuid.uuid4()), "sessionId": str(uuid.uuid4()), "logGroupIdentifiers": ids,
                                     "logStreamNames": names, "logStreamNamePrefixes": prefixes,
                                     "logEventFilterPattern": req.get("logEventFilterPattern") or ""})  # fmt: skip
        while True:
            time.sleep(1)  # AWS sends one update a second, of 500 events at most
            if TAIL["break"] > broken:
                return
            if TAIL["end"] > ended:
                yield frame({":message-type": "exception", ":exception-type": "SessionTimeoutException",
                             ":content-type": "application/json"}, b'{"message": "The session has ended."}')  # fmt: skip
                return
            new, most = fresh(), TAIL["sample"]
            # Of a second with too many some are left out here and there, not only at its end.
            kept = new if len(new) <= most else [e for k, e in enumerate(new) if k * most // len(new) != (k - 1) * most // len(new)]
            yield event("sessionUpdate", {"sessionMetadata": {"sampled": len(new) > most}, "sessionResults": kept})

    fresh(first=True)
    start_response("200 OK", [("Content-Type", "application/vnd.amazon.eventstream"), ("x-amzn-RequestId", str(uuid.uuid4()))])
    return stream()


class App(moto.server.DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        return moto_faults.played(environ, start_response, self.served)

    def served(self, environ, start_response):
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".StartLiveTail"):
            return live_tail(environ, start_response)
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        region, action, form, _ = moto_faults.wants_of(environ, body)
        if action in moto_ssm.ACTIONS:
            return moto_ssm.answer(start_response, action, region, body)
        if action == "GetProducts":
            return moto_costs.products(start_response, body)
        if action == "DescribeSpotPriceHistory":
            return moto_costs.spot_prices(start_response, region, form)
        if action == "DescribeSpotInstanceRequests":
            return moto_costs.spot_requests(start_response, region, form)
        if action == "DescribeInstanceStatus":
            return moto_costs.statuses(start_response, backend("ec2", region), form)
        if action == "GetConsoleOutput":
            return moto_console.output(start_response, form)
        return super().__call__(environ, start_response)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--port", required=True)
    p.add_argument("--control", type=int, required=True)
    p.add_argument("--seed", required=True)
    ARGS = p.parse_args()
    with open(ARGS.seed) as f:
        SEED = json.load(f)
    DEMO = seed()
    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", ARGS.control), Control).serve_forever, daemon=True).start()
    moto.server.DomainDispatcherApplication = App
    moto.server.main(["-H", "127.0.0.1", "-p", ARGS.port])
