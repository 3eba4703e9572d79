//! The command line: each subcommand is a question or a command of the same world that the panes use, printed as a table or as JSON.
//!
//! Draws nothing; the exit code is 0 when done, 1 after a failure told on standard error, 2 for wrong usage.

mod ask;
mod choose;
mod logs;
mod print;
mod run;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use ask::command;

/// One keyboard-driven terminal for AWS ParallelCluster: clusters, nodes, job queue and live logs.
#[derive(Parser, Debug)]
#[command(name = "qdeck", version, args_override_self = true)]
pub struct Arguments {
    /// Configuration file [default: qdeck/config.yaml in the XDG configuration folder]
    #[arg(short, long = "config", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Cluster, as `qdeck clusters` lists it; profile/region/name where that is ambiguous; `local` for this machine
    #[arg(long, value_name = "NAME", global = true)]
    pub cluster: Option<String>,
    /// AWS profile to look in, instead of those in the configuration
    #[arg(long, value_name = "P", global = true)]
    pub profile: Option<String>,
    /// AWS region to look in, instead of those in the configuration
    #[arg(long, value_name = "R", global = true)]
    pub region: Option<String>,
    /// Print JSON: snake_case, times RFC 3339 in UTC, durations in seconds, unknown is null
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do; nothing opens the application
    #[command(subcommand)]
    pub command: Option<Verb>,
}

/// What can be done without the application.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// List the clusters of every source
    Clusters,
    /// List a cluster's nodes
    Nodes,
    /// List jobs: your own, with those that ended a short while ago
    Jobs {
        /// Everybody's jobs that wait or run
        #[arg(long)]
        all: bool,
    },
    /// Submit a script and print the job's id
    Submit {
        /// The script, on this machine
        script: String,
        /// The script lies on the head node
        #[arg(long)]
        remote: bool,
        /// Working directory of the job on the cluster
        #[arg(long, value_name = "DIR")]
        dir: Option<String>,
        /// Arguments for the script, after --
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Cancel jobs
    Cancel {
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Print a job's output, or one of the cluster's log streams
    Logs {
        /// A job's id, or a stream's name or identifier such as slurmctld
        #[arg(value_name = "ID|STREAM")]
        what: String,
        /// Go on with what comes, until the job has ended
        #[arg(short, long)]
        follow: bool,
        /// Standard error instead of standard output
        #[arg(long)]
        stderr: bool,
    },
    /// Bring a job's output files here
    Fetch {
        /// The job
        #[arg(value_name = "ID")]
        job: String,
        /// The local folder that receives them
        dest: PathBuf,
        /// Its whole working directory instead
        #[arg(long)]
        work_dir: bool,
        /// Replace files that are there already and differ
        #[arg(long, conflicts_with = "keep")]
        overwrite: bool,
        /// Keep files that are there already and fetch the others
        #[arg(long)]
        keep: bool,
    },
    /// List every key
    Keys,
    /// Look at the configuration
    Config {
        /// What to do with it
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Open the application on this machine and two simulated clusters
    Demo {
        /// Jobs in the simulated queue
        #[arg(long, default_value_t = 240)]
        jobs: usize,
        /// Nodes of the simulated cluster
        #[arg(long, default_value_t = 64)]
        nodes: usize,
        /// Another seed makes another world
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Run one job of the embedded runner (started by it, not by people)
    #[command(hide = true)]
    Supervise {
        /// The job's state folder
        dir: PathBuf,
    },
}

/// `config …`
#[derive(Subcommand, Clone, Copy, Debug)]
pub enum ConfigVerb {
    /// Say whether the configuration can be read, and where it is
    Check,
}
