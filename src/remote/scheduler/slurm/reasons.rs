//! Slurm's reasons in plain words, and what would make a job start. After the list of job reasons in Slurm's documentation, 22.05 to 25.11.

use std::borrow::Cow;

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reason {
    /// Why the job does not run.
    pub(super) plain: Cow<'static, str>,
    /// What would make it start, and who can do that.
    pub(super) remedy: Cow<'static, str>,
}

const WAIT: &str = "Nothing to do: it starts when its turn comes.";
const OWNER: &str = "Change the job, or cancel it and submit it again.";
const ADMIN: &str = "Only the cluster's administrator can change that.";

/// Reasons that are no limits: word, why, what to do.
const WORDS: [(&str, &str, &str); 65] = [
    ("None", "Slurm has not looked at it yet.", WAIT),
    ("Priority", "Jobs with a higher priority wait in the same partition.", WAIT),
    (
        "Resources",
        "It is next, and the resources it asks for are in use or still starting.",
        "It starts when other jobs end or new nodes have booted. Fewer nodes, CPUs or less memory would start it sooner.",
    ),
    (
        "Dependency",
        "It waits for another job that has not ended as it must.",
        "It starts when that job has ended so; the dependency can be taken away with `scontrol update JobId=… Dependency=`.",
    ),
    (
        "DependencyNeverSatisfied",
        "It waits for another job in a way that cannot come true any more.",
        "It never starts. Cancel it, or take the dependency away.",
    ),
    (
        "BeginTime",
        "Its start time has not come: its owner chose one, or it was put back into the queue and Slurm lets two minutes pass.",
        "It starts at that time at the earliest.",
    ),
    ("JobHeldUser", "Its owner holds it.", "Release it."),
    (
        "JobHeldAdmin",
        "An administrator holds it.",
        "Only the administrator can release it. A job that failed to start on its nodes is held so too: look at its details.",
    ),
    (
        "JobHoldMaxRequeue",
        "It was requeued so often that Slurm holds it.",
        "Find out why its nodes fail it (slurmctld's log), then release it.",
    ),
    ("PartitionDown", "The partition is down: it takes jobs and starts none.", ADMIN),
    ("PartitionInactive", "The partition is inactive: it starts no jobs.", ADMIN),
    ("PartitionNodeLimit", "It asks for more nodes than the partition allows, or the nodes that it needs are down.", OWNER),
    ("PartitionTimeLimit", "Its time limit is longer than the partition allows.", "Set a shorter time limit, or use another partition."),
    ("PartitionConfig", "The partition's settings do not allow it as it is.", OWNER),
    ("AccountingPolicy", "A limit of its account or QOS is reached.", "It starts when other jobs of the account have ended."),
    (
        "AccountNotAllowed",
        "The partition does not take jobs of its account.",
        "Submit it with another account (-A) or to another partition.",
    ),
    ("QOSNotAllowed", "The partition does not take jobs of its QOS.", "Submit it with another QOS or to another partition."),
    ("Licenses", "It waits for a licence.", WAIT),
    (
        "ReqNodeNotAvail",
        "A node that it asks for by name or feature is down, drained or reserved.",
        "Ask for no particular node, or wait until that node is back. Cloud nodes may also be starting.",
    ),
    ("NodeDown", "A node that it needs is down.", "It starts when the node is back in service, or on another node if it does not insist."),
    (
        "BadConstraints",
        "No node has the features, CPUs, memory or GPUs that it asks for.",
        "It never starts as it is. Ask for less, or correct its constraint.",
    ),
    ("Reservation", "Its reservation has not begun.", WAIT),
    ("ReservationDeleted", "Its reservation does not exist any more.", OWNER),
    ("ReservationUnusable", "Its reservation cannot be used.", OWNER),
    ("ReservationMaxJobsReached", "Its reservation holds as many jobs as it may.", WAIT),
    ("MaxReservationJobs", "Its reservation holds as many jobs as it may.", WAIT),
    ("Cleaning", "It was requeued and its former run is still being cleaned up.", WAIT),
    ("Prolog", "The prolog runs on its nodes.", WAIT),
    ("Scheduling", "Slurm is placing it.", WAIT),
    ("SchedDefer", "Slurm is set to look at it at its next round only.", WAIT),
    (
        "JobArrayTaskLimit",
        "As many tasks of its array run as its own limit (%N) allows.",
        "It starts when another task ends; the limit can be raised with `scontrol update ArrayTaskThrottle=`.",
    ),
    ("BurstBufferResources", "The burst buffer has no room.", WAIT),
    ("BurstBufferStageIn", "Its data are being staged into the burst buffer.", WAIT),
    ("BurstBufferOperation", "An operation on its burst buffer failed.", OWNER),
    ("PowerNotAvail", "The cluster has no more electrical power to give.", "It starts when other jobs have ended."),
    ("PowerReserved", "Electrical power is reserved for another job.", "It starts when that reservation is over."),
    ("FrontEndDown", "The front-end node is down.", ADMIN),
    ("FedJobLock", "It waits for the federation's lock.", WAIT),
    ("FederationJobLock", "It waits for the federation's lock.", WAIT),
    ("InvalidAccount", "Its account does not exist or is not its owner's.", "Submit it with another account (-A)."),
    ("InvalidQOS", "Its QOS does not exist or is not allowed to its account.", "Submit it with another QOS."),
    ("NoReason", "Slurm gives no reason.", WAIT),
    ("NonZeroExitCode", "It ended with an exit code other than 0.", "Look at the end of its output."),
    ("RaisedSignal", "A signal ended it.", "Look at the end of its output."),
    ("OutOfMemory", "It used more memory than it asked for.", "Ask for more memory (--mem)."),
    ("TimeLimit", "It reached its time limit.", "Submit it with a longer one."),
    ("InactiveLimit", "It did nothing for too long.", OWNER),
    ("JobLaunchFailure", "It could not be started on its nodes.", "Look into slurmd's log of its nodes."),
    ("SystemFailure", "Slurm or a node failed.", "Look into slurmctld's log, then release or submit it again."),
    ("TimedOut", "It reached its time limit.", "Submit it with a longer one."),
    ("FailedNode", "One of its nodes failed.", "It runs again when it was submitted with --requeue; else submit it again."),
    ("DeadLine", "It cannot end before its deadline.", OWNER),
    ("Deadline", "It cannot end before its deadline.", OWNER),
    ("ExcludedNodesUnavailable", "It excludes the nodes that are left.", OWNER),
    ("Preempted", "A job of higher priority took its place.", WAIT),
    ("Stopped", "It was stopped.", "The signal CONT lets it go on."),
    ("WaitingForNodesPowerUp", "Its nodes are being started.", WAIT),
    ("WaitingForScheduling", "Slurm has not looked at it yet.", WAIT),
    ("MpiPortsBusy", "No free ports are left for its MPI.", "It starts when other jobs with MPI have ended."),
    ("NvidiaImexChannels", "No NVIDIA IMEX channel is free.", "It starts when another job with one has ended."),
    ("ReservationInvalid", "Its reservation is not valid, and it is held.", "Submit it without the reservation, or with another one."),
    (
        "Constraints",
        "The nodes do not have the features, CPUs, memory or GPUs that it asks for any more.",
        "Ask for less, or correct its constraint and submit it again.",
    ),
    (
        "MaxMemPerLimit",
        "It asks for more memory on a node than the cluster or the partition allows.",
        "Ask for less memory, or for more CPUs if the limit is for each CPU.",
    ),
    (
        "MaxPoweredUpNodes",
        "As many cloud nodes are up as the cluster allows at once.",
        "It starts when others have been powered down; the administrator can raise MaxPoweredUpNodes.",
    ),
    (
        "QOSUsageThreshold",
        "Its account has used more than its share: the fair-share factor is below what its QOS demands.",
        "It starts when past use has been forgotten a little, or with another account or QOS.",
    ),
];

/// Texts that Slurm writes instead of a word: a part of it, why, what to do.
const TEXTS: [(&str, &str, &str); 11] = [
    (
        "ReqNodeNotAvail, Reserved for maintenance",
        "The nodes that it needs are reserved for maintenance.",
        "It starts after the maintenance, or now with a time limit that ends before it begins.",
    ),
    (
        "ReqNodeNotAvail, May be reserved",
        "The nodes that it needs may be reserved for another job.",
        "It starts when that reservation is over; a shorter time limit may fit in before.",
    ),
    (
        "Nodes required for job are DOWN",
        "The nodes that it needs are down, drained, or reserved for jobs in partitions of higher priority.",
        "It starts when they are back in service: the Nodes pane says what is wrong with them.",
    ),
    (
        "launch failed requeued held",
        "It could not be launched on its nodes, was put back into the queue and is held.",
        "Look into slurmd's log of its nodes, then release it.",
    ),
    ("job requeued in held state", "It was put back into the queue and is held.", "Release it."),
    (
        "Job is at or exceeds QOS",
        "A limit of its QOS is reached.",
        "It starts when other jobs of that QOS have ended; the administrator can raise the limit.",
    ),
    (
        "Job is at or exceeds association",
        "A limit of its account is reached.",
        "It starts when other jobs of that account have ended; the administrator can raise the limit.",
    ),
    (
        "not in group permitted",
        "Its owner is not in a group that may use the partition.",
        "Use another partition, or ask the administrator.",
    ),
    (
        "was deleted",
        "Its reservation was deleted, and it is held.",
        "Release it after its reservation was changed: `scontrol update JobId=… ReservationName=`.",
    ),
    ("is invalid", "Its reservation is not valid, and it is held.", "Submit it without the reservation, or with another one."),
    ("burst buffer/", "An operation on its burst buffer failed.", OWNER),
];

/// Scopes of a limit: the word in the reason, and in prose.
const SCOPES: [(&str, &str); 6] = [
    ("QOS", "its QOS"),
    ("Association", "its account"),
    ("Assoc", "its account"),
    ("Partition", "the partition"),
    ("MaxQOS", "its QOS"),
    ("Max", "its QOS"),
];

/// What is limited: the word in the reason, many of it, and one of it before "minutes".
const AMOUNTS: [(&str, &str, &str); 14] = [
    ("Wall", "run time", "run time"),
    ("Submit", "submitted jobs", "job"),
    ("Cpu", "CPUs", "CPU"),
    ("CPU", "CPUs", "CPU"),
    ("GRES", "generic resources (GPUs)", "GPU"),
    ("Gres", "generic resources (GPUs)", "GPU"),
    ("Mem", "memory", "memory"),
    ("Node", "nodes", "node"),
    ("Billing", "billing units", "billing"),
    ("BB", "burst buffer space", "burst buffer"),
    ("Energy", "energy", "energy"),
    ("License", "licences", "licence"),
    ("Job", "jobs", "job"),
    ("", "resources", "resource"),
];

/// A reason by Slurm's word for it, or by the text that it writes instead. `scontrol` writes such a text with underscores for blanks.
pub(super) fn reason(word: &str) -> Option<Reason> {
    let text = word.trim().trim_matches(['(', ')']).replace('_', " ");
    let first = text.split([',', ':']).next().unwrap_or(&text).trim();
    let known = |(plain, remedy): (&'static str, &'static str)| Reason { plain: plain.into(), remedy: remedy.into() };
    if let Some((_, plain, remedy)) = TEXTS.iter().find(|(part, ..)| text.contains(part)) {
        return Some(known((plain, remedy)));
    }
    match WORDS.iter().find(|(name, ..)| *name == first) {
        Some((_, plain, remedy)) => Some(known((plain, remedy))),
        None => limit(first),
    }
}

/// `QOSMaxCpuPerUserLimit`, `AssocGrpGRES`, `AssociationJobLimit`: who, in which scope, how much of what.
fn limit(word: &str) -> Option<Reason> {
    let (scope, whose) = SCOPES.iter().find(|(name, _)| word.starts_with(name))?;
    let rest = &word[scope.len()..];
    let is_limit = ["Grp", "Max", "Min", "Job", "Resource", "Per", "Limit"].iter().any(|part| rest.contains(part));
    if rest == "TimeLimit" {
        return Some(Reason {
            plain: format!("Its time limit is longer than {whose} allows.").into(),
            remedy: "Set a shorter time limit.".into(),
        });
    }
    if !is_limit {
        return None;
    }
    let (_, many, one) = AMOUNTS.iter().find(|(name, ..)| rest.contains(name))?;
    let minutes = rest.contains("Minutes") || rest.contains("Mins");
    let amount: Cow<'_, str> = match (minutes, rest.contains("RunMin")) {
        (true, true) => format!("{one} minutes promised to running jobs").into(),
        (true, false) => format!("{one} minutes").into(),
        (false, _) => (*many).into(),
    };
    let by = [
        ("PerUser", " for each user"),
        ("PerAccount", " for each account"),
        ("PerAcct", " for each account"),
        ("PU", " for each user"),
        ("PA", " for each account"),
    ];
    let by = by.iter().find(|(name, _)| rest.contains(name)).map_or("", |(_, by)| by);
    let single = rest.contains("PerJob") || rest.contains("PerNode") || rest.contains("MaxWallDuration");
    let (plain, remedy) = if rest.contains("Min") && !minutes {
        (format!("It asks for less {amount} than {whose} demands of each job."), OWNER)
    } else if rest.contains("PerNode") {
        (format!("It asks for more {amount} on a node than {whose} allows."), OWNER)
    } else if single {
        (format!("It asks for more {amount} than {whose} allows a single job."), OWNER)
    } else if rest.contains("Submit") {
        (
            format!("As many jobs are submitted as {whose} allows{by}."),
            "It starts when some of them have ended; the administrator can raise the limit.",
        )
    } else {
        (
            format!("The jobs that run already use all {amount} that {whose} allows{by}."),
            "It starts when some of those jobs have ended; the administrator can raise the limit.",
        )
    };
    Some(Reason { plain: plain.into(), remedy: remedy.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of `job_state_reason_string` from Slurm 22.05 to 25.11, and those that are documented besides.
    const KNOWN: &str = "None Prolog Priority Dependency Resources PartitionNodeLimit PartitionTimeLimit PartitionDown PartitionInactive JobHeldAdmin \
        JobHeldUser NvidiaImexChannels BeginTime Licenses AssociationJobLimit AssociationResourceLimit AssociationTimeLimit Reservation ReqNodeNotAvail \
        SchedDefer NodeDown BadConstraints SystemFailure JobLaunchFailure NonZeroExitCode RaisedSignal TimeLimit InactiveLimit InvalidAccount InvalidQOS \
        QOSUsageThreshold QOSJobLimit QOSResourceLimit QOSTimeLimit Cleaning QOSNotAllowed AccountNotAllowed DependencyNeverSatisfied QOSGrpCpuLimit \
        QOSGrpCPUMinutesLimit QOSGrpCPURunMinutesLimit QOSGrpJobsLimit QOSGrpMemLimit QOSGrpNodeLimit QOSGrpSubmitJobsLimit QOSGrpWallLimit \
        QOSMaxCpuPerJobLimit QOSMaxCpuMinutesPerJobLimit QOSMaxNodePerJobLimit QOSMaxWallDurationPerJobLimit QOSMaxCpuPerUserLimit \
        QOSMaxJobsPerUserLimit QOSMaxNodePerUserLimit QOSMaxSubmitJobPerUserLimit QOSMinCpuNotSatisfied AssocGrpCpuLimit AssocGrpCPUMinutesLimit \
        AssocGrpCPURunMinutesLimit AssocGrpJobsLimit AssocGrpMemLimit AssocGrpNodeLimit AssocGrpSubmitJobsLimit AssocGrpWallLimit AssocMaxJobsLimit \
        AssocMaxCpuPerJobLimit AssocMaxCpuMinutesPerJobLimit AssocMaxNodePerJobLimit AssocMaxWallDurationPerJobLimit AssocMaxSubmitJobLimit \
        JobHoldMaxRequeue JobArrayTaskLimit BurstBufferResources BurstBufferStageIn BurstBufferOperation AssocGrpUnknown AssocGrpUnknownMinutes \
        AssocGrpUnknownRunMinutes AssocMaxUnknownPerJob AssocMaxUnknownPerNode AssocMaxUnknownMinutesPerJob AssocMaxCpuPerNode AssocGrpMemMinutes \
        AssocGrpMemRunMinutes AssocMaxMemPerJob AssocMaxMemPerNode AssocMaxMemMinutesPerJob AssocGrpNodeMinutes AssocGrpNodeRunMinutes \
        AssocMaxNodeMinutesPerJob AssocGrpEnergy AssocGrpEnergyMinutes AssocGrpEnergyRunMinutes AssocMaxEnergyPerJob AssocMaxEnergyPerNode \
        AssocMaxEnergyMinutesPerJob AssocGrpGRES AssocGrpGRESMinutes AssocGrpGRESRunMinutes AssocMaxGRESPerJob AssocMaxGRESPerNode \
        AssocMaxGRESMinutesPerJob AssocGrpLicense AssocGrpLicenseMinutes AssocGrpLicenseRunMinutes AssocMaxLicensePerJob AssocMaxLicenseMinutesPerJob \
        AssocGrpBB AssocGrpBBMinutes AssocGrpBBRunMinutes AssocMaxBBPerJob AssocMaxBBPerNode AssocMaxBBMinutesPerJob QOSGrpUnknown \
        QOSGrpUnknownMinutes QOSGrpUnknownRunMinutes QOSMaxUnknownPerJob QOSMaxUnknownPerNode QOSMaxUnknownPerUser QOSMaxUnknownMinutesPerJob \
        QOSMinUnknown QOSMaxCpuPerNode QOSGrpMemoryMinutes QOSGrpMemoryRunMinutes QOSMaxMemoryPerJob QOSMaxMemoryPerNode QOSMaxMemoryPerUser \
        QOSMaxMemoryMinutesPerJob QOSMinMemory QOSGrpNodeMinutes QOSGrpNodeRunMinutes QOSMaxNodeMinutesPerJob QOSMinNode QOSGrpEnergy \
        QOSGrpEnergyMinutes QOSGrpEnergyRunMinutes QOSMaxEnergyPerJob QOSMaxEnergyPerNode QOSMaxEnergyPerUser QOSMaxEnergyMinutesPerJob QOSMinEnergy \
        QOSGrpGRES QOSGrpGRESMinutes QOSGrpGRESRunMinutes QOSMaxGRESPerJob QOSMaxGRESPerNode QOSMaxGRESPerUser QOSMaxGRESMinutesPerJob QOSMinGRES \
        QOSGrpLicense QOSGrpLicenseMinutes QOSGrpLicenseRunMinutes QOSMaxLicensePerJob QOSMaxLicensePerUser QOSMaxLicenseMinutesPerJob QOSMinLicense \
        QOSGrpBB QOSGrpBBMinutes QOSGrpBBRunMinutes QOSMaxBBPerJob QOSMaxBBPerNode QOSMaxBBPerUser QOSMinBB DeadLine MaxBBPerAccount \
        MaxCpuPerAccount MaxEnergyPerAccount MaxGRESPerAccount MaxNodePerAccount MaxLicensePerAccount MaxMemoryPerAccount MaxUnknownPerAccount \
        MaxJobsPerAccount MaxSubmitJobsPerAccount PartitionConfig AccountingPolicy FedJobLock OutOfMemory MaxMemPerLimit AssocGrpBilling \
        AssocGrpBillingMinutes AssocGrpBillingRunMinutes AssocMaxBillingPerJob AssocMaxBillingPerNode AssocMaxBillingMinutesPerJob QOSGrpBilling \
        QOSGrpBillingMinutes QOSGrpBillingRunMinutes QOSMaxBillingPerJob QOSMaxBillingPerNode QOSMaxBillingPerUser QOSMaxBillingMinutesPerJob \
        MaxBillingPerAccount QOSMinBilling ReservationDeleted ReservationInvalid Constraints MaxBBRunMinsPerAccount MaxBillingRunMinsPerAccount \
        MaxCpuRunMinsPerAccount MaxEnergyRunMinsPerAccount MaxGRESRunMinsPerAccount MaxNodeRunMinsPerAccount MaxLicenseRunMinsPerAccount \
        MaxMemoryRunMinsPerAccount MaxUnknownRunMinsPerAccount MaxBBRunMinsPerUser MaxBillingRunMinsPerUser MaxCpuRunMinsPerUser \
        MaxEnergyRunMinsPerUser MaxGRESRunMinsPerUser MaxNodeRunMinsPerUser MaxLicenseRunMinsPerUser MaxMemoryRunMinsPerUser MaxUnknownRunMinsPerUser \
        MaxPoweredUpNodes MpiPortsBusy FrontEndDown PowerNotAvail PowerReserved WaitingForScheduling AssociationJobLimit MaxQOSJobsPerUser";

    #[test]
    fn every_reason_of_every_version_has_words_of_its_own() {
        let unknown: Vec<&str> = KNOWN.split_whitespace().filter(|word| reason(word).is_none()).collect();
        assert_eq!(unknown, [""; 0]);
        for word in KNOWN.split_whitespace() {
            let known = reason(word).unwrap();
            assert!(known.plain.ends_with('.') && known.remedy.ends_with('.'), "{known:?}");
            assert!(!known.plain.contains(word) || word == "None", "{word} is not explained by itself");
            let vague =
                known.plain.contains(" resource") && !word.contains("Unknown") && !word.contains("Resource") && !word.contains("GRES");
            assert!(!vague, "{word}: {}", known.plain);
        }
    }

    #[test]
    fn limits_say_whose_and_of_what() {
        let plain = |word: &str| reason(word).unwrap().plain.into_owned();
        assert_eq!(plain("QOSMaxCpuPerUserLimit"), "The jobs that run already use all CPUs that its QOS allows for each user.");
        assert_eq!(plain("AssocMaxWallDurationPerJobLimit"), "It asks for more run time than its account allows a single job.");
        assert_eq!(plain("QOSMinGRES"), "It asks for less generic resources (GPUs) than its QOS demands of each job.");
        assert_eq!(
            plain("MaxGRESRunMinsPerUser"),
            "The jobs that run already use all GPU minutes promised to running jobs that its QOS allows for each user."
        );
        assert_eq!(plain("QOSMaxMemoryPerNode"), "It asks for more memory on a node than its QOS allows.");
        assert_eq!(plain("MaxSubmitJobsPerAccount"), "As many jobs are submitted as its QOS allows for each account.");
    }

    #[test]
    fn free_text_is_no_obstacle_and_nonsense_is_unknown() {
        let plain = |word: &str| reason(word).map(|r| r.plain.into_owned()).unwrap_or_default();
        assert!(plain("ReqNodeNotAvail, UnavailableNodes:gpu-dy-p4d-[1-2]").contains("down, drained or reserved"));
        assert!(plain("ReqNodeNotAvail,_Reserved_for_maintenance").contains("maintenance"));
        let down = "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions";
        assert!(plain(down).contains("higher priority") && plain(&format!("({})", down.replace('_', " "))) == plain(down));
        assert!(plain("launch_failed_requeued_held").contains("held"));
        assert!(plain("Job is at or exceeds QOS normal's group max TRES(cpu) minutes of 10 with 12").contains("QOS"));
        assert!(plain("RaisedSignal:9(Killed)").contains("signal"));
        assert_eq!((reason("Nonsense"), reason("QOSxyz"), reason("Maximum"), reason("")), (None, None, None, None));
    }
}
