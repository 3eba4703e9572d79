"""CloudFormation for moto as the real `pcluster` needs it, and clusters' stacks and fleets as it leaves them.

What moto lacks and this adds:
  * resource types that moto does not model become opaque resources, and so do those that it would run code for;
  * nested stacks answer Outputs.X, instances can come from a launch template;
  * stacks are made and deleted in their own time (MOTO_PC_CREATE_SECS, MOTO_PC_UPDATE_SECS, MOTO_PC_DELETE_SECS), with an event for each resource;
  * a stack's reason is told.
"""

import os
import threading
import time

from moto.backends import get_backend
from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Event, Stack
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.instances import Instance
from moto.ec2.responses.instances import InstanceResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

CREATE_SECS = float(os.environ.get("MOTO_PC_CREATE_SECS", "0"))
UPDATE_SECS = float(os.environ.get("MOTO_PC_UPDATE_SECS", str(CREATE_SECS)))
DELETE_SECS = float(os.environ.get("MOTO_PC_DELETE_SECS", "1"))
ACCOUNT = "123456789012"

# RunInstances: moto wants a size in every mapping; EC2 takes ephemeral disks, and the root's size from the image.
InstanceResponse._validate_block_device_mapping = staticmethod(lambda device_mapping: None)

# moto reads a bucket's policy without its conditions: "no access without TLS", which pcluster asks for, would be no access at all.
FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL


class Opaque(CloudFormationModel):
    """A resource that is there and does nothing."""

    __module__ = "moto.cloudformation.opaque"  # moto reads the service's name off the module's path

    def __init__(self, name, kind, region, account):
        self.name, self.kind, self.region, self.account = name, kind, region, account

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "Rig::Opaque"

    @classmethod
    def has_cfn_attr(cls, attr):
        return True

    def get_cfn_attribute(self, attr):
        return f"arn:aws:fake:{self.region}:{self.account}:{self.name}" if attr.endswith("Arn") else f"{self.name}.{attr}"

    @property
    def physical_resource_id(self):
        return self.name

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        return cls(resource_name, cloudformation_json.get("Type"), region_name, account_id)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_, **__):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_):
        return None

    def delete(self, *_, **__):
        return None

    def is_created(self):
        return True


OPAQUE = {
    "AWS::CloudFormation::CustomResource", "AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle",
    "AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::CloudWatch::Alarm",
}  # fmt: skip
modelled = parsing.resource_class_from_type


def resource_class_from_type(kind):
    return Opaque if kind in OPAQUE or kind.startswith("Custom::") or kind not in parsing.get_model_map() else modelled(kind)


parsing.resource_class_from_type = resource_class_from_type


def output_of(self, attr):
    """Fn::GetAtt [Nested, Outputs.X]"""
    for output in (self.outputs or []) if attr.startswith("Outputs.") else []:
        if output.get("OutputKey") == attr[8:]:
            return output.get("OutputValue")
    return f"{self.name}.{attr}"


Stack.get_cfn_attribute = output_of
plain_instance = Instance.create_from_cloudformation_json.__func__


def instance_from_template(cls, resource_name, cloudformation_json, account_id, region_name, **more):
    """How pcluster makes the head node; moto reads only what stands in the resource itself."""
    ec2, p = get_backend("ec2")[account_id][region_name], cloudformation_json["Properties"]
    if template := p.get("LaunchTemplate"):
        data = ec2.get_launch_template(template["LaunchTemplateId"]).default_version().data
        for key in ("ImageId", "InstanceType", "KeyName"):
            p.setdefault(key, data.get(key))
        for n in (data.get("NetworkInterfaces") or [])[:1]:
            if n.get("NetworkInterfaceId"):
                p.setdefault("SubnetId", ec2.get_network_interface(n["NetworkInterfaceId"]).subnet.id)
            elif n.get("SubnetId"):
                p.setdefault("SubnetId", n["SubnetId"])
    return plain_instance(cls, resource_name, cloudformation_json, account_id, region_name, **more)


Instance.create_from_cloudformation_json = classmethod(instance_from_template)


def add_event(stack, logical, kind, status, reason=None, physical=None):
    stack.events.append(Event(
        stack_id=stack.stack_id, stack_name=stack.name, logical_resource_id=logical, physical_resource_id=physical or logical,
        resource_type=kind, resource_status=status, resource_status_reason=reason, resource_properties=None,
    ))  # fmt: skip


complete = Stack.mark_creation_complete


def physical(stack, name):
    """What a resource is called outside its template."""
    made = stack.resource_map.get(name)
    return getattr(made, "physical_resource_id", None) or name


def mark_creation_complete(self):
    """All is there already; it is told as on AWS: what the head node needs, the head node, and then its setting up."""
    kinds = {name: resource["Type"] for name, resource in self.template_dict.get("Resources", {}).items()}
    last = ("AWS::EC2::Instance", "AWS::CloudFormation::WaitCondition")
    steps = [[n for n, kind in kinds.items() if kind not in last], *([n for n, kind in kinds.items() if kind == k] for k in last)]

    def begin(n):
        for name in steps[n]:
            add_event(self, name, kinds[name], "CREATE_IN_PROGRESS")
            if kinds[name] in ("AWS::EC2::Instance", "AWS::CloudFormation::Stack"):
                add_event(self, name, kinds[name], "CREATE_IN_PROGRESS", "Resource creation Initiated", physical(self, name))

    def end(n):
        if self.status != "CREATE_IN_PROGRESS":
            return  # the test moved it elsewhere meanwhile
        for name in steps[n]:
            add_event(self, name, kinds[name], "CREATE_COMPLETE", physical=physical(self, name))
        if any(steps[n + 1 :]):
            begin(n + 1)
            later(CREATE_SECS * (0.15, 0.65)[n], lambda: end(n + 1))
        else:
            complete(self)

    begin(0)
    later(CREATE_SECS * 0.2, lambda: end(0))


def later(seconds, work):
    if seconds <= 0:
        return work()
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


Stack.mark_creation_complete = mark_creation_complete


def update(self, template, role_arn=None, parameters=None, tags=None):
    """The template is another one from now on; the resources stay what they are, which is all that a reader of stacks can see."""
    self.status = "UPDATE_IN_PROGRESS"
    self._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
    old, self.template = self.template_dict.get("Resources", {}), template
    self._parse_template()
    self.parameters = parameters or self.parameters
    self.tags = tags if tags is not None else self.tags
    # pcluster writes what is new, such as the version of its configuration, into the defaults of its template.
    for key, parameter in self.template_dict.get("Parameters", {}).items():
        self.resource_map.resolved_parameters[key] = (self.parameters or {}).get(key, parameter.get("Default"))
    resources = self.template_dict.get("Resources", {})
    changed = [name for name, resource in resources.items() if old.get(name) != resource]
    for name in changed:
        add_event(self, name, resources[name]["Type"], "UPDATE_IN_PROGRESS")

    def done():
        for name in changed:
            add_event(self, name, resources[name]["Type"], "UPDATE_COMPLETE")
        self.status = "UPDATE_COMPLETE"
        self._add_stack_event("UPDATE_COMPLETE")

    later(UPDATE_SECS, done)


Stack.update = update
delete_at_once = CloudFormationBackend.delete_stack


def delete_stack(self, name_or_stack_id):
    stack = next((s for s in self.stacks.values() if name_or_stack_id in (s.stack_id, s.name)), None)
    if stack is None or DELETE_SECS <= 0:
        return delete_at_once(self, name_or_stack_id)
    if stack.status != "DELETE_IN_PROGRESS":
        stack.status = "DELETE_IN_PROGRESS"
        stack._add_stack_event("DELETE_IN_PROGRESS", resource_status_reason="User Initiated")
        later(DELETE_SECS, lambda: delete_at_once(self, stack.stack_id))


CloudFormationBackend.delete_stack = delete_stack


def publish_networks(region, version):
    """ParallelCluster's templates for a network, verbatim from its repository (Apache-2.0), where `pcluster` of this version looks for them."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networking")
    bucket = f"{region}-aws-parallelcluster"
    s3 = get_backend("s3")[ACCOUNT]["aws"]
    s3.create_bucket(bucket, region)
    for kind in ("public", "public-private"):
        with open(os.path.join(folder, f"{kind}.cfn.json"), "rb") as f:
            s3.put_object(bucket, f"parallelcluster/{version}/templates/networking/{kind}-{version}.cfn.json", f.read())


def seed_stack(name, region, status="CREATE_COMPLETE", log_group="NONE", tags=None, version="3.16.1", fleet="RUNNING"):
    """A stack as pcluster leaves it, with nothing in it but what a reader looks at, and the fleet's item."""
    backend = get_backend("cloudformation")[ACCOUNT][region]
    parameters = {
        "ClusterUser": "ec2-user", "Scheduler": "slurm", "ClusterCWLogGroup": log_group,
        "ResourcesS3Bucket": "parallelcluster-rig", "ArtifactS3RootDirectory": f"parallelcluster/{version}/clusters/{name}-rig",
    }  # fmt: skip
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {key: {"Type": "String"} for key in parameters},
        "Resources": {"HeadNodeWaitConditionHandle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
    }
    import json

    tags = tags or {"parallelcluster:cluster-name": name, "parallelcluster:version": version}
    stack = backend.create_stack(name=name, template=json.dumps(template), parameters=parameters, tags=tags)
    stack.status = status
    if fleet:
        table = f"parallelcluster-{name}"
        tables = get_backend("dynamodb")[ACCOUNT][region]
        tables.create_table(
            table, schema=[{"AttributeName": "Id", "KeyType": "HASH"}], attr=[{"AttributeName": "Id", "AttributeType": "S"}],
            throughput=None, indexes=None, global_indexes=None, streams=None, billing_mode="PAY_PER_REQUEST", sse_specification=None,
            tags=[], deletion_protection_enabled=False, warm_throughput=None,
        )  # fmt: skip
        set_fleet(name, region, fleet)
    return stack


def set_fleet(name, region, status, old=False):
    """`old`: as ParallelCluster before 3.2.0 wrote it."""
    at = time.strftime("%Y-%m-%d %H:%M:%S.000000+00:00", time.gmtime())
    item = {"Id": {"S": "COMPUTE_FLEET"}, "Data": {"M": {"status": {"S": status}, "lastStatusUpdatedTime": {"S": at}}}}
    item = {"Id": {"S": "COMPUTE_FLEET"}, "Status": {"S": status}, "LastUpdatedTime": {"S": at}} if old else item
    get_backend("dynamodb")[ACCOUNT][region].put_item(f"parallelcluster-{name}", item)


def control(path, d):
    """/stack {name, status, reason, log_group}, /event {name, logical, type, status, reason, physical}, /fleet {name, status, old}; region where it is not the seed's."""
    stacks = get_backend("cloudformation")[ACCOUNT][d["region"]].stacks.values()
    stack = next(s for s in stacks if s.name == d["name"])
    if path == "/stack":
        if "log_group" in d:
            stack.resource_map.resolved_parameters["ClusterCWLogGroup"] = d["log_group"]
        stack.status, stack.status_reason = d["status"], d.get("reason")
        stack._add_stack_event(d["status"], d.get("reason"))
    elif path == "/event":
        add_event(stack, d["logical"], d["type"], d["status"], d.get("reason"), d.get("physical"))
    elif path == "/fleet":
        set_fleet(d["name"], d["region"], d["status"], d.get("old", False))
    else:
        raise KeyError(path)
    return {"name": d["name"]}
