//! What EC2 and ParallelCluster say when a node could not be had: the codes that ParallelCluster writes into a node's reason.

/// One code, explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Capacity {
    /// EC2's or ParallelCluster's own word.
    pub(super) code: String,
    /// What it means.
    pub(super) plain: String,
    /// What helps.
    pub(super) advice: String,
}

const ELSEWHERE: &str =
    "Let the queue use more instance types or availability zones, or try again later; ParallelCluster retries after 10 minutes by itself";
const LOG: &str = "slurm_resume's log holds the whole message";
const QUOTA: &str = "Ask for a higher EC2 quota in this region, or end other instances";

/// Code, meaning, advice.
const CODES: [(&str, &str, &str); 32] = [
    ("InsufficientInstanceCapacity", "EC2 has no free instances of this type in this availability zone now", ELSEWHERE),
    ("InsufficientHostCapacity", "the dedicated hosts have no room", ELSEWHERE),
    ("InsufficientReservedInstanceCapacity", "the capacity reservation is used up", ELSEWHERE),
    ("ReservationCapacityExceeded", "the capacity reservation is used up", ELSEWHERE),
    ("InsufficientCapacityOnOutpost", "the Outpost has no room", ELSEWHERE),
    ("InsufficientCapacity", "EC2 has not enough capacity", ELSEWHERE),
    ("LimitedInstanceCapacity", "EC2 could give only some of the instances, and all were needed at once", ELSEWHERE),
    ("UnfulfillableCapacity", "no instance type of the queue could be had", ELSEWHERE),
    (
        "SpotMaxPriceTooLow",
        "the spot price is above the queue's SpotPrice",
        "Raise SpotPrice, leave it out (then it is the on-demand price), or use on-demand instances",
    ),
    ("MaxSpotInstanceCountExceeded", "the account's limit of spot instances is reached", QUOTA),
    ("VcpuLimitExceeded", "the account's limit of vCPUs for this family of instances is reached", QUOTA),
    ("InstanceLimitExceeded", "the account's limit of instances is reached", QUOTA),
    ("InsufficientVolumeCapacity", "EBS has no room for the node's volume", "Use another volume type or availability zone"),
    ("VolumeLimitExceeded", "the account's limit of EBS storage is reached", QUOTA),
    ("InsufficientFreeAddressesInSubnet", "the subnet has no free addresses", "Use a larger subnet, or let the queue have fewer nodes"),
    ("InsufficientAddressCapacity", "the subnet has no free addresses", "Use a larger subnet, or let the queue have fewer nodes"),
    ("Unsupported", "this instance type is not offered in this availability zone", "Choose another instance type or subnet"),
    ("InvalidBlockDeviceMapping", "the node's volumes do not fit its image", "Correct the queue's volume settings"),
    (
        "UnauthorizedOperation",
        "the head node may not start instances",
        "Add ec2:RunInstances, ec2:CreateFleet and iam:PassRole to the head node's role",
    ),
    ("RequestLimitExceeded", "EC2 takes no more calls for a while", "It is tried again by itself; fewer nodes at once help"),
    ("InvalidParameterValue", "EC2 refused the launch's settings", LOG),
    ("InvalidParameterCombination", "EC2 refused the launch's settings", LOG),
    ("AccessDeniedException", "the head node may not start instances", "Add what slurm_resume's log names to the head node's role"),
    ("InvalidAMIID.NotFound", "the queue's image does not exist in this region", "Correct CustomAmi and update the cluster"),
    ("InvalidSubnetID.NotFound", "the queue's subnet does not exist", "Correct the queue's SubnetIds and update the cluster"),
    ("OptInRequired", "the account is not subscribed to what the image needs", "Subscribe to the image in AWS Marketplace"),
    ("PendingVerification", "AWS still checks the account for this region", "It is over within hours by itself; AWS support can say more"),
    ("InvalidNodenameError", "the node's name does not fit the cluster's configuration", "Update the cluster, or drain the node"),
    ("HostnameTableStoreError", "the node's name could not be written to DynamoDB", "The head node needs DynamoDB and the rights for it"),
    ("HostnameDnsStoreError", "the node's name could not be written to Route 53", "The head node needs Route 53 and the rights for it"),
    ("NodeAddrUpdateError", "Slurm did not take the instance's address", "Look into slurmctld's log"),
    ("Exception", "the launch failed in ParallelCluster itself", LOG),
];

/// Reasons without a code: a part of the text, a name for it, meaning, advice.
const TEXTS: [(&str, &str, &str, &str); 10] = [
    (
        "ResumeTimeout reached",
        "ResumeTimeout",
        "the machine started and did not join the cluster in time",
        "Look into its cloud-init-output and bootstrap_error_msg logs; a custom action that fails or a missing network path is the usual cause",
    ),
    (
        "Static node maintenance",
        "StaticNodeReplacement",
        "a static node failed and its instance is being replaced",
        "Look into the node's cloud-init-output log if it happens again",
    ),
    (
        "Static node replacement",
        "StaticNodeReplacement",
        "a static node failed and its instance is being replaced",
        "Look into the node's cloud-init-output log if it happens again",
    ),
    (
        "bootstrap",
        "BootstrapFailure",
        "the node started and could not set itself up",
        "Look into its cloud-init-output log; a custom action that fails is the usual cause",
    ),
    (
        "failing scheduled_events_check",
        "ScheduledEvent",
        "EC2 has an event planned for the instance",
        "It is replaced by itself once its jobs have ended",
    ),
    ("ealth", "HealthCheckFailure", "the instance failed a health check", "It is replaced by itself"),
    (
        "backing instance",
        "InstanceGone",
        "the instance behind the node is gone",
        "On spot queues it was reclaimed; it is replaced when jobs need it",
    ),
    (
        "inactive partition",
        "InactivePartition",
        "the partition is inactive: the compute fleet is stopped, or in protected mode",
        "`pcluster update-compute-fleet --status START_REQUESTED` starts it, once what failed is mended",
    ),
    ("Not responding", "NotResponding", "its slurmd does not answer", "A reclaimed or stopped instance looks so; it is replaced by itself"),
    ("Failure when resuming nodes", "ResumeFailure", "the instance could not be launched", LOG),
];

/// What a node's reason says about capacity; `None` when somebody else set it.
pub(super) fn capacity(reason: &str) -> Option<Capacity> {
    let made =
        |code: &str, plain: &str, advice: &str| Some(Capacity { code: code.to_owned(), plain: upper(plain), advice: format!("{advice}.") });
    if let Some(code) = reason.split_once("(Code:").and_then(|(_, rest)| rest.split(')').next()) {
        return match CODES.iter().find(|(known, ..)| *known == code) {
            Some((code, plain, advice)) => made(code, plain, advice),
            None => made(code, "the instance could not be launched", LOG),
        };
    }
    TEXTS.iter().find(|(part, ..)| reason.contains(part)).and_then(|(_, code, plain, advice)| made(code, plain, advice))
}

/// A node's reason in plain words, with what helps; `None` when somebody else set it.
pub(crate) fn plain(reason: &str) -> Option<String> {
    capacity(reason).map(|said| format!("{}. {}", said.plain, said.advice))
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ParallelCluster itself names: its codes of insufficient capacity, and its groups of launch failures.
    const KNOWN: &str = "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientReservedInstanceCapacity MaxSpotInstanceCountExceeded \
        Unsupported SpotMaxPriceTooLow UnfulfillableCapacity InsufficientCapacity LimitedInstanceCapacity VcpuLimitExceeded VolumeLimitExceeded \
        InsufficientVolumeCapacity UnauthorizedOperation AccessDeniedException InvalidBlockDeviceMapping InvalidNodenameError Exception";

    #[test]
    fn every_code_that_parallelcluster_names_has_words_of_its_own() {
        let missing: Vec<&str> = KNOWN.split_whitespace().filter(|code| CODES.iter().all(|(known, ..)| known != code)).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn codes_are_explained_and_unknown_ones_are_named() {
        let known = capacity("(Code:VcpuLimitExceeded)Failure when resuming nodes").unwrap();
        assert!(known.plain.contains("vCPUs") && known.advice.contains("quota"));
        let new = capacity("(Code:SomethingNew)Failure when resuming nodes").unwrap();
        assert_eq!((new.code.as_str(), new.plain.as_str()), ("SomethingNew", "The instance could not be launched"));
        assert_eq!(capacity("Scheduler health check failed").unwrap().code, "HealthCheckFailure");
        assert_eq!(capacity("ResumeTimeout reached").unwrap().code, "ResumeTimeout");
        assert!(
            capacity("(Code:SpotMaxPriceTooLow)Temporarily disabling node due to insufficient capacity")
                .unwrap()
                .advice
                .contains("SpotPrice")
        );
        assert_eq!(capacity("disk swap, ask bob"), None);
    }
}
