//! The command line: each subcommand is a question or a command of the same world that the panes use, printed as a table or as JSON.
//!
//! Draws nothing; the exit code is 0 when done, 1 after a failure told on standard error, 2 for wrong usage.

mod ask;
mod attended;
mod change;
mod choose;
mod cost;
mod doctor;
mod init;
mod job;
mod lifecycle;
mod logs;
mod print;
mod run;
mod shared;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use ask::command;
pub use init::Wanted;
pub use lifecycle::{Fleet, Scaling};
pub use shared::StageVerb;

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
    /// Change nothing anywhere
    #[arg(long, global = true)]
    pub read_only: bool,
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
        /// Columns of the table by squeue's names, NAME:20 with a width
        #[arg(long, value_name = "A,B,…", value_delimiter = ',', conflicts_with = "json")]
        columns: Option<Vec<String>>,
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
        /// An option for the scheduler, which wins over the script's directives; may be given several times
        #[arg(short, long, value_name = "OPTION", allow_hyphen_values = true)]
        option: Vec<String>,
        /// Arguments for the script, after --
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Cancel jobs
    Cancel {
        /// Job ids: jobs, arrays, tasks
        #[arg(required_unless_present = "mine", value_name = "ID")]
        jobs: Vec<String>,
        /// All of your own jobs
        #[arg(long, conflicts_with = "jobs")]
        mine: bool,
    },
    /// Keep waiting jobs from starting
    Hold {
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Let held jobs start
    Release {
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Stop jobs and put them into the queue again
    Requeue {
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Send a signal to jobs
    Signal {
        /// The signal's name, such as USR1
        name: String,
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Give jobs another time limit
    TimeLimit {
        /// As the scheduler writes it: 2:00:00, +30
        #[arg(allow_hyphen_values = true)]
        limit: String,
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Give jobs another nice value: the greater, the later they start
    Nice {
        /// The value
        #[arg(allow_negative_numbers = true)]
        value: i32,
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Move jobs before all others of their owner
    Top {
        /// Job ids
        #[arg(required = true, value_name = "ID")]
        jobs: Vec<String>,
    },
    /// Say why a job does not run, and what would make it start
    Why {
        /// The job
        #[arg(value_name = "ID")]
        job: String,
    },
    /// Tell everything about a job: what it got, where, its times and files, and how well it uses what it got
    Job {
        /// The job
        #[arg(value_name = "ID")]
        job: String,
    },
    /// Print a job's batch script
    Script {
        /// The job or array
        #[arg(value_name = "ID")]
        job: String,
    },
    /// Open a shell inside a running job, or on a node
    Attach {
        /// The job
        #[arg(value_name = "ID", required_unless_present = "node")]
        job: Option<String>,
        /// A node instead, from the head node
        #[arg(long, value_name = "NODE", conflicts_with = "job")]
        node: Option<String>,
    },
    /// Submit a job again as it was submitted
    Rerun {
        /// The job or array
        #[arg(value_name = "ID")]
        job: String,
        /// Only these tasks of its array: 3,5,7-9
        #[arg(long, value_name = "TASKS")]
        array: Option<String>,
        /// Only the tasks of its array that failed
        #[arg(long, conflicts_with = "array")]
        failed: bool,
        /// An option for the scheduler, which wins over the job's own; may be given several times
        #[arg(short, long, value_name = "OPTION", allow_hyphen_values = true)]
        option: Vec<String>,
    },
    /// List jobs that were there, from accounting where there is one and from qdeck's own record
    History {
        /// Text in id, name, user, partition or nodes
        text: Option<String>,
        /// Only this state, such as FAILED
        #[arg(long)]
        state: Option<String>,
        /// How many days back
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// Everybody's, not only your own
        #[arg(long)]
        everyone: bool,
    },
    /// List what was changed from this machine, the newest first
    Audit,
    /// List submissions whose answer was cut off
    Outbox {
        /// Find out what became of them, and send those that never arrived
        #[arg(long)]
        finish: bool,
    },
    /// Keep nodes from new jobs
    Drain {
        /// Why, for everybody to read
        #[arg(long)]
        reason: String,
        /// Nodes
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Put nodes into service again
    Resume {
        /// Nodes
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Reboot nodes as soon as their jobs have ended
    Reboot {
        /// Nodes
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Start the machines behind nodes
    PowerUp {
        /// Nodes
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Stop the machines behind nodes once their jobs have ended
    PowerDown {
        /// Nodes
        #[arg(required = true, value_name = "NODE")]
        nodes: Vec<String>,
    },
    /// Print logs: a job's output, streams of the cluster, files
    Logs {
        /// A job's id; a stream's name or identifier such as slurmctld; a file, with a slash in its name, or a pattern such as './out.*'
        #[arg(required = true, value_name = "JOB|STREAM|FILE")]
        what: Vec<String>,
        /// Go on with what comes, until the job has ended
        #[arg(short, long)]
        follow: bool,
        /// Standard error instead of standard output
        #[arg(long)]
        stderr: bool,
        /// Every output file of the job, one for each rank, each line with the name of its file
        #[arg(long, conflicts_with = "stderr")]
        all: bool,
        /// Only lines since then: 15m, 2h, 3d, or a time. Of a file, lines that begin with a time
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only lines that match (case matters where the pattern has a capital letter)
        #[arg(long, value_name = "REGEX")]
        grep: Option<String>,
        /// Only the last N lines of what is there
        #[arg(long, value_name = "N")]
        tail: Option<usize>,
        /// The CloudWatch log group the streams are in, which may have outlived its cluster
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        /// Use CloudWatch's Live Tail, which shows lines within a second and costs money
        #[arg(long)]
        live: bool,
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
    /// Tell what clusters cost now, and have cost as far as qdeck looked: estimates, with what they assume
    Cost {
        /// One cluster in detail
        #[arg(value_name = "CLUSTER")]
        name: Option<String>,
    },
    /// Write the configuration of a first cluster: asked step by step, or by options; checked by pcluster
    Init(Wanted),
    /// List the file systems of a cluster's head node: what is shared, how full it is, one's quota
    Mounts {
        /// The cluster; like --cluster
        #[arg(value_name = "CLUSTER")]
        of: Option<String>,
    },
    /// Copy between S3 and a cluster's file systems, by the head node's own aws program
    Stage {
        /// Which way
        #[command(subcommand)]
        verb: StageVerb,
    },
    /// Create a cluster of a ParallelCluster configuration
    Create {
        /// What it shall be called
        name: String,
        /// The configuration, a YAML file
        #[arg(short, long)]
        file: PathBuf,
        /// Only check it, and say what is wrong beside its lines
        #[arg(long)]
        dry_run: bool,
        /// Stay until it is there, or say why it is not
        #[arg(long, conflicts_with = "dry_run")]
        wait: bool,
    },
    /// Make a cluster be like another configuration
    Update {
        /// The cluster
        name: String,
        /// The configuration, a YAML file
        #[arg(short, long)]
        file: PathBuf,
        /// Only say what would change, and what may not
        #[arg(long)]
        dry_run: bool,
    },
    /// Give a queue of a cluster other bounds: two numbers of its configuration change and nothing else
    Scale(Scaling),
    /// Start or stop the compute nodes of a cluster
    Fleet {
        /// The cluster
        name: String,
        /// Which of both
        verb: Fleet,
    },
    /// Print what has happened to a cluster's stack
    Events {
        /// The cluster
        name: String,
        /// Go on until it is created, updated or deleted; fails when that fails
        #[arg(short, long)]
        follow: bool,
    },
    /// Delete a cluster
    Delete {
        /// The cluster
        name: String,
        /// Without asking; needed where there is no terminal
        #[arg(long)]
        yes: bool,
    },
    /// Check all that must be in order to reach a cluster, or AWS alone, and say what to do
    Doctor {
        /// The cluster, as `qdeck clusters` lists it
        #[arg(value_name = "CLUSTER")]
        name: Option<String>,
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
