"""The images that ParallelCluster starts its instances from, as if AWS had published them. Imported before moto's EC2."""

import hashlib
import json
import os
import tempfile

from moto.utilities.utils import load_resource

SYSTEMS = {
    "alinux2023": "amzn2023-hvm",
    "ubuntu2204": "ubuntu-2204-lts-hvm",
    "ubuntu2404": "ubuntu-2404-lts-hvm",
    "rhel9": "rhel9-hvm",
    "rocky9": "rocky9-hvm",
}


def publish(version):
    """moto reads the file that MOTO_AMIS_PATH names when its EC2 is imported."""
    images = load_resource("ec2/resources/amis.json")
    like = dict(next(i for i in images if i.get("platform") != "windows" and i.get("architecture") == "x86_64"))
    like.pop("product_codes", None)
    for system, part in SYSTEMS.items():
        for architecture in ("x86_64", "arm64"):
            name = f"aws-parallelcluster-{version}-{part}-{architecture}-202609082016"
            images.append({
                **like, "ami_id": "ami-" + hashlib.sha1(name.encode()).hexdigest()[:17], "name": name,
                "description": f"AWS ParallelCluster AMI for {system}", "architecture": architecture, "owner_id": "247102896272",
                "public": True, "state": "available", "platform": None, "creation_date": "2026-09-08T20:16:00.000Z",
                "root_device_name": "/dev/xvda", "root_device_type": "ebs",
            })  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(images, file, default=str)
    os.environ["MOTO_AMIS_PATH"] = file.name


def seed_network(ec2, region):
    """A network such as one finds: a public and a private subnet in a zone, an isolated one in another, and a key pair."""
    vpc = ec2.create_vpc("10.20.0.0/16", tags=[{"Key": "Name", "Value": "lab"}])
    ec2.modify_vpc_attribute(vpc.id, "enable_dns_hostnames", True)
    subnet = {
        name: ec2.create_subnet(vpc.id, cidr, availability_zone=region + zone, tags={"subnet": {"Name": name}})
        for name, cidr, zone in [("public", "10.20.0.0/20", "a"), ("private", "10.20.16.0/20", "a"), ("isolated", "10.20.32.0/20", "b")]
    }
    gateway = ec2.create_internet_gateway()
    ec2.attach_internet_gateway(gateway.id, vpc.id)
    out = ec2.create_route_table(vpc.id)
    ec2.create_route(out.id, "0.0.0.0/0", gateway_id=gateway.id)
    ec2.associate_route_table(out.id, subnet_id=subnet["public"].id)
    nat = ec2.create_nat_gateway(subnet["public"].id, ec2.allocate_address("vpc").allocation_id)
    behind = ec2.create_route_table(vpc.id)
    ec2.create_route(behind.id, "0.0.0.0/0", nat_gateway_id=nat.id)
    ec2.associate_route_table(behind.id, subnet_id=subnet["private"].id)
    ec2.create_key_pair("lab-key", "ed25519", None)
    return subnet
