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
const WORDS: [(&str, &str, &str); 62] = [
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
    ("BeginTime", "It was submitted with a start time that has not come.", WAIT),
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
    (
        "launch_failed_requeued_held",
        "It could not be launched on its nodes and is held.",
        "Look into slurmd's log of its nodes, then release it.",
    ),
    (
        "launch failed requeued held",
        "It could not be launched on its nodes and is held.",
        "Look into slurmd's log of its nodes, then release it.",
    ),
    ("job requeued in held state", "It was requeued and is held.", "Release it."),
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
    (
        "Nodes required for job are DOWN",
        "The nodes that it needs are down, drained, or reserved for jobs in partitions of higher priority.",
        "It starts when they are back in service. `Reason` in the Nodes pane says what is wrong with them.",
    ),
    ("NodeDown", "A node that it needs is down.", "It starts when the node is back in service, or on another node if it does not insist."),
    (
        "BadConstraints",
        "No node has the features, CPUs, memory or GPUs that it asks for.",
        "It never starts as it is. Ask for less, or correct its constraint.",
    ),
    ("BeginTimeMissed", "Its start time could not be kept.", OWNER),
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
    ("Stopped", "It was stopped.", "Signal CONT lets it go on."),
    ("WaitingForNodesPowerUp", "Its nodes are being started.", WAIT),
    ("PartitionMaxNodes", "The partition's jobs use as many nodes as they may.", WAIT),
    ("MPI_Ports_Busy", "No free ports are left for its MPI.", WAIT),
];

/// Scopes of a limit: the word in the reason, and in prose.
const SCOPES: [(&str, &str); 5] =
    [("QOS", "its QOS"), ("Association", "its account"), ("Assoc", "its account"), ("Partition", "the partition"), ("MaxQOS", "its QOS")];

/// What is limited: the word in the reason, and in prose.
const AMOUNTS: [(&str, &str); 22] = [
    ("CpuMinutes", "CPU minutes"),
    ("CPUMins", "CPU minutes"),
    ("CPUMinutes", "CPU minutes"),
    ("CpuRunMinutes", "CPU minutes promised to running jobs"),
    ("CPURunMinutes", "CPU minutes promised to running jobs"),
    ("RunMinutes", "minutes promised to running jobs"),
    ("RunMins", "minutes promised to running jobs"),
    ("GRESMinutes", "minutes of generic resources"),
    ("MemMinutes", "minutes of memory"),
    ("NodeMinutes", "node minutes"),
    ("Minutes", "minutes"),
    ("Cpu", "CPUs"),
    ("CPU", "CPUs"),
    ("GRES", "generic resources (GPUs)"),
    ("Gres", "generic resources (GPUs)"),
    ("Mem", "memory"),
    ("Node", "nodes"),
    ("Jobs", "jobs"),
    ("Submit", "submitted jobs"),
    ("Wall", "run time"),
    ("Billing", "billing units"),
    ("Resource", "resources"),
];

/// A reason by Slurm's word for it; free text after the word is allowed.
pub(super) fn reason(word: &str) -> Option<Reason> {
    let word = word.trim().trim_matches(['(', ')']);
    let first = word.split([',', ':']).next().unwrap_or(word).trim();
    let known = WORDS.iter().find(|(name, ..)| *name == first || first.starts_with(name) && name.contains(' '));
    match known {
        Some((_, plain, remedy)) => Some(Reason { plain: (*plain).into(), remedy: (*remedy).into() }),
        None => limit(first),
    }
}

/// `QOSMaxCpuPerUserLimit`, `AssocGrpGRES`, `AssociationJobLimit`: who, in which scope, how much of what.
fn limit(word: &str) -> Option<Reason> {
    let (scope, whose) = SCOPES.iter().find(|(name, _)| word.starts_with(name))?;
    let rest = &word[scope.len()..];
    if rest == "UsageThreshold" {
        return Some(Reason { plain: format!("{whose} has used so little of its share that jobs wait.").into(), remedy: ADMIN.into() });
    }
    if rest == "TimeLimit" {
        return Some(Reason {
            plain: format!("Its time limit is longer than {whose} allows.").into(),
            remedy: "Set a shorter time limit.".into(),
        });
    }
    let single = rest.contains("PerJob") || rest.contains("PerNode") || rest.contains("MaxWallDuration") || rest.contains("Min");
    let amount = if rest.contains("Billing") { Some(&AMOUNTS[20]) } else { AMOUNTS.iter().find(|(name, _)| rest.contains(name)) };
    let amount = match amount {
        Some((_, amount)) => *amount,
        None if rest.contains("BB") => "burst buffer space",
        None if rest.contains("License") => "licences",
        None if rest.contains("Job") => "jobs",
        None if rest.contains("Unknown") || rest.contains("TRES") => "resources",
        None => return None,
    };
    let by = [
        ("PerUser", " for each user"),
        ("PerAccount", " for each account"),
        ("PerAcct", " for each account"),
        ("PU", " for each user"),
        ("PA", " for each account"),
    ];
    let by = by.iter().find(|(name, _)| rest.contains(name)).map_or("", |(_, by)| by);
    let (plain, remedy) = if rest.contains("Min") && !rest.contains("Minutes") && !rest.contains("Mins") {
        (format!("It asks for less {amount} than {whose} demands of each job."), OWNER)
    } else if single {
        (format!("It asks for more {amount} than {whose} allows a single job."), OWNER)
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

    #[test]
    fn every_reason_that_slurm_documents_has_words() {
        let documented = "AccountingPolicy AccountNotAllowed AssocGrpBB AssocGrpBBMinutes AssocGrpBBRunMinutes AssocGrpBilling AssocGrpBillingMinutes \
            AssocGrpBillingRunMinutes AssocGrpCpuLimit AssocGrpCPUMinutesLimit AssocGrpCPURunMinutesLimit AssocGrpEnergy_x AssocGrpGRES AssocGrpGRESMinutes \
            AssocGrpGRESRunMinutes AssocGrpJobsLimit AssocGrpLicense AssocGrpLicenseMinutes AssocGrpMemLimit AssocGrpMemMinutes AssocGrpMemRunMinutes \
            AssocGrpNodeLimit AssocGrpNodeMinutes AssocGrpNodeRunMinutes AssocGrpSubmitJobsLimit AssocGrpWallLimit AssocMaxBBMinutesPerJob AssocMaxBBPerJob \
            AssocMaxBBPerNode AssocMaxCpuMinutesPerJobLimit AssocMaxCpuPerJobLimit AssocMaxCpuPerNode AssocMaxGRESPerJob AssocMaxJobsLimit AssocMaxMemPerJob \
            AssocMaxNodePerJobLimit AssocMaxSubmitJobLimit AssocMaxWallDurationPerJobLimit AssociationJobLimit AssociationResourceLimit AssociationTimeLimit \
            BadConstraints BeginTime BurstBufferOperation BurstBufferResources BurstBufferStageIn Cleaning DeadLine Dependency DependencyNeverSatisfied \
            InvalidAccount InvalidQOS JobArrayTaskLimit JobHeldAdmin JobHeldUser JobHoldMaxRequeue JobLaunchFailure Licenses MaxQOSJobsPerUser NodeDown \
            NonZeroExitCode None OutOfMemory PartitionDown PartitionInactive PartitionNodeLimit PartitionTimeLimit Priority Prolog QOSGrpBB QOSGrpBilling \
            QOSGrpCpuLimit QOSGrpCPUMinutesLimit QOSGrpCPURunMinutesLimit QOSGrpGRES QOSGrpJobsLimit QOSGrpLicense QOSGrpMemLimit QOSGrpNodeLimit \
            QOSGrpSubmitJobsLimit QOSGrpWallLimit QOSJobLimit QOSMaxBBPerJob QOSMaxCpuMinutesPerJobLimit QOSMaxCpuPerJobLimit QOSMaxCpuPerNode \
            QOSMaxCpuPerUserLimit QOSMaxGRESPerJob QOSMaxGRESPerUser QOSMaxJobsPerUserLimit QOSMaxMemoryPerJob QOSMaxMemoryPerUser QOSMaxNodePerJobLimit \
            QOSMaxNodePerUserLimit QOSMaxSubmitJobPerUserLimit QOSMaxWallDurationPerJobLimit QOSMinBB QOSMinCpuNotSatisfied QOSMinGRES QOSMinMemory \
            QOSMinNode QOSNotAllowed QOSResourceLimit QOSTimeLimit QOSUsageThreshold RaisedSignal ReqNodeNotAvail Reservation ReservationDeleted Resources \
            SchedDefer SystemFailure TimeLimit MaxMemPerLimit_x";
        let unknown: Vec<&str> = documented.split_whitespace().filter(|w| !w.ends_with("_x") && reason(w).is_none()).collect();
        assert_eq!(unknown, [""; 0]);
        for word in documented.split_whitespace().filter_map(reason) {
            assert!(word.plain.ends_with('.') && word.remedy.ends_with('.'), "{word:?}");
        }
    }

    #[test]
    fn limits_say_whose_and_of_what() {
        let plain = |word: &str| reason(word).unwrap().plain.into_owned();
        assert_eq!(plain("QOSMaxCpuPerUserLimit"), "The jobs that run already use all CPUs that its QOS allows for each user.");
        assert_eq!(plain("AssocMaxWallDurationPerJobLimit"), "It asks for more run time than its account allows a single job.");
        assert_eq!(plain("QOSMinGRES"), "It asks for less generic resources (GPUs) than its QOS demands of each job.");
    }

    #[test]
    fn free_text_is_no_obstacle_and_nonsense_is_unknown() {
        assert!(reason("ReqNodeNotAvail, UnavailableNodes:gpu-dy-p4d-[1-2]").is_some());
        assert!(reason("(Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions)").is_some());
        assert_eq!((reason("Nonsense"), reason("QOSxyz"), reason("")), (None, None, None));
    }
}
