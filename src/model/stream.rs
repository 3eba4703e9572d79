//! What the log streams of a ParallelCluster are: by the last part of their names, in words, and what matters first.
//!
//! Knows no stream's content, and of a name it does not know it says nothing.

/// The part that a machine plays in a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Role {
    /// The head node.
    Head,
    /// A login node.
    Login,
    /// A compute node.
    Compute,
    /// Nobody can tell.
    Unknown,
}

impl Role {
    /// A heading over the streams of such machines.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Head => "Head node",
            Self::Login => "Login nodes",
            Self::Compute => "Compute nodes",
            Self::Unknown => "Others",
        }
    }
}

/// Identifier, what it is, and where it is written: `H` head node, `C` compute nodes, `L` login nodes. What people ask for first
/// comes first.
const ALL: [(&str, &str, &str); 36] = [
    ("slurmctld", "Slurm's controller: submissions, scheduling, node states", "H"),
    ("clustermgtd", "ParallelCluster's daemon: launches, health checks, protected mode", "H"),
    ("slurm_resume", "instances launched for waiting jobs, and why that failed", "H"),
    ("clustermgtd_events", "what clustermgtd decided, as events", "H"),
    ("slurm_resume_events", "launches and their failures, as events", "H"),
    ("slurm_suspend", "idle instances ended", "H"),
    ("slurmdbd", "Slurm's accounting daemon", "H"),
    ("slurm_fleet_status_manager", "the fleet started and stopped by Slurm's own hook", "H"),
    ("clusterstatusmgtd", "the compute fleet's status: start, stop, protected", "H"),
    ("compute_console_output", "consoles of compute nodes that failed to boot", "H"),
    ("slurmd", "Slurm's daemon on a compute node: job steps, launch errors", "C"),
    ("computemgtd", "ParallelCluster's daemon on a compute node: ends it when it is cut off", "C"),
    ("bootstrap_error_msg", "why a compute node failed to set itself up", "C"),
    ("slurm_health_check", "health checks before a job, GPUs among them", "C"),
    ("slurm_health_check_events", "results of health checks, as events", "C"),
    ("cloud-init-output", "what the first boot's scripts printed", "CL"),
    ("chef-client", "the recipes that set the machine up", "HCL"),
    ("cfn-init", "the set-up that CloudFormation asked for", "HL"),
    ("cloud-init", "the first boot", "HCL"),
    ("cfn-hup", "updates of the cluster as they arrive", "HCL"),
    ("supervisord", "the daemons' supervisor: starts, ends, restarts", "HCL"),
    ("system-messages", "the operating system's own log", "HCL"),
    ("syslog", "the operating system's own log", "HCL"),
    ("pam_ssh_key_generator", "ssh keys made at a directory user's first login", "HL"),
    ("sssd", "users and groups from a directory", "H"),
    ("sssd_domain_default", "users and groups from a directory: the domain", "H"),
    ("dcv-authenticator", "who may open a remote desktop", "HL"),
    ("dcv-ext-authenticator", "who may open a remote desktop: asked from outside", "HL"),
    ("dcv-server", "the remote desktop's server", "HL"),
    ("dcv-session-launcher", "the remote desktop's sessions", "HL"),
    ("dcv-agent", "the remote desktop's agent in a session", "HL"),
    ("dcv-xsession", "the remote desktop's X session", "HL"),
    ("Xdcv", "the remote desktop's X server", "HL"),
    ("sge_qmaster", "Grid Engine's master, of a cluster of version 2", "H"),
    ("torque-server", "Torque's server, of a cluster of version 2", "H"),
    ("cfn-events", "CloudFormation's events", "H"),
];

fn row(identifier: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    ALL.iter().find(|(name, ..)| *name == identifier)
}

/// What a stream is, in words; empty where its identifier is unknown.
pub fn words(identifier: &str) -> &'static str {
    row(identifier).map_or("", |(_, words, _)| *words)
}

/// Its place among all, the most asked for first.
pub fn rank(identifier: &str) -> usize {
    ALL.iter().position(|(name, ..)| *name == identifier).unwrap_or(ALL.len())
}

/// Whether its messages are events in JSON.
pub fn is_events(identifier: &str) -> bool {
    identifier.ends_with("_events")
}

/// The part that a machine plays, by the identifiers of the streams it writes: the first that only one part writes tells.
pub fn role<'a>(identifiers: impl Iterator<Item = &'a str>) -> Role {
    let mut both = Role::Unknown;
    for identifier in identifiers {
        match row(identifier).map(|(.., roles)| *roles) {
            Some("H") => return Role::Head,
            Some("C") => return Role::Compute,
            // What head and login nodes share: without anything of a head node's own it is a login node.
            Some("HL") => both = Role::Login,
            _ => {}
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_known_by_what_they_write() {
        assert_eq!(role(["cloud-init", "cfn-init", "slurmctld"].into_iter()), Role::Head);
        assert_eq!(role(["cloud-init", "slurmd"].into_iter()), Role::Compute);
        assert_eq!(role(["cloud-init", "cfn-init", "chef-client"].into_iter()), Role::Login);
        assert_eq!(role(["cloud-init", "odd"].into_iter()), Role::Unknown);
        assert!(rank("slurmctld") < rank("slurmd") && rank("slurmd") < rank("cloud-init") && rank("odd") == ALL.len());
        assert!(ALL.iter().all(|(name, words, _)| !words.is_empty() && row(name).is_some_and(|r| r.1 == *words)));
    }
}
