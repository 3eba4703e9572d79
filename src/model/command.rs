//! What can be asked of the world to change, and what comes back while and after it does.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use super::lines::Printout;
use super::{
    Chosen, ClusterId, Failure, JobChange, JobId, LogSource, NewNetwork, NodeChange, Operation, Place, Refusals, Stage, Verdict, Way,
};

/// Something that changes the world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Hand a script to a cluster's scheduler.
    Submit(Submission),
    /// Find out what became of a submission that was cut off, and send it if it never arrived.
    Finish {
        /// The cluster.
        cluster: ClusterId,
        /// The submission's token.
        token: String,
    },
    /// Give up a submission that was cut off. What became of it is not found out.
    Forget {
        /// The cluster.
        cluster: ClusterId,
        /// The submission's token.
        token: String,
    },
    /// Write text into a new file on this machine.
    Save {
        /// The file; one that is there already is never touched.
        path: PathBuf,
        /// What it shall hold.
        text: String,
    },
    /// Change jobs.
    Change {
        /// The cluster.
        cluster: ClusterId,
        /// What to do.
        change: JobChange,
        /// To which jobs; none where the change says whose.
        jobs: Vec<JobId>,
    },
    /// Change nodes.
    ChangeNodes {
        /// The cluster.
        cluster: ClusterId,
        /// What to do.
        change: NodeChange,
        /// To which nodes.
        nodes: Vec<String>,
    },
    /// Do something to a cluster as a whole, or to one of its machines. What was begun goes on without qdeck.
    Operate {
        /// The cluster; it may be one that is to be.
        cluster: ClusterId,
        /// What to do.
        operation: Operation,
    },
    /// Bring a job's files here.
    Fetch(Fetch),
    /// Write a log into a file here.
    SaveLog(SaveLog),
    /// Make a key pair for a cluster that is to be, or give AWS a public key.
    MakeKey(KeyPair),
    /// Let ParallelCluster's own template make a network for a cluster that is to be.
    MakeNetwork(NewNetwork),
    /// Copy between S3 and a cluster's file systems, on its head node.
    Stage(Stage),
    /// Answer what ssh asked.
    Reply {
        /// The cluster whose control session asks.
        cluster: ClusterId,
        /// The question's number.
        prompt: u64,
        /// What the user typed; `None` declines.
        text: Option<String>,
    },
    /// Try the connection again now instead of after its pause.
    Reconnect(ClusterId),
    /// Write the columns of the queue into the user's configuration file.
    KeepColumns(Vec<Chosen>),
    /// Write the way to a cluster's head node into the user's configuration file, and go it from now on.
    KeepWay {
        /// The cluster.
        cluster: ClusterId,
        /// The way.
        way: Way,
    },
    /// Whether Live Tail, which costs money, may be used from now on.
    LetTail(bool),
}

impl Command {
    /// The cluster that it is about; `None` where it is about this machine alone.
    pub fn cluster(&self) -> Option<&ClusterId> {
        match self {
            Self::Submit(submission) => Some(&submission.cluster),
            Self::Finish { cluster, .. } | Self::Change { cluster, .. } | Self::ChangeNodes { cluster, .. } => Some(cluster),
            Self::Forget { cluster, .. } | Self::Reply { cluster, .. } | Self::Reconnect(cluster) => Some(cluster),
            Self::Fetch(fetch) => Some(&fetch.cluster),
            Self::MakeKey(key) => Some(&key.cluster),
            Self::MakeNetwork(network) => Some(&network.cluster),
            Self::Stage(stage) => Some(&stage.cluster),
            Self::Operate { cluster, .. } | Self::KeepWay { cluster, .. } => Some(cluster),
            Self::Save { .. } | Self::SaveLog(_) | Self::KeepColumns(_) | Self::LetTail(_) => None,
        }
    }

    /// Whether it changes a cluster: fetching, saving, giving up what never arrived, answering ssh and reconnecting do not.
    pub fn is_changing(&self) -> bool {
        match self {
            Self::Submit(_) | Self::Finish { .. } | Self::Change { .. } | Self::ChangeNodes { .. } => true,
            Self::MakeKey(_) | Self::MakeNetwork(_) | Self::Stage(_) | Self::Operate { .. } => true,
            Self::Fetch(_) | Self::Save { .. } | Self::SaveLog(_) | Self::KeepColumns(_) | Self::LetTail(_) => false,
            Self::Forget { .. } | Self::Reply { .. } | Self::Reconnect(_) | Self::KeepWay { .. } => false,
        }
    }
}

/// In the imperative, with all that it names: `cancel 12, 13`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: Vec<&str>| names.join(", ");
        match self {
            Self::Submit(s) => {
                write!(f, "submit {}", s.path)?;
                s.options.iter().chain(&s.args).try_for_each(|word| write!(f, " {word}"))
            }
            Self::Finish { token, .. } => write!(f, "finish the submission {token}"),
            Self::Change { change, jobs, .. } if jobs.is_empty() => write!(f, "{change}"),
            Self::Change { change, jobs, .. } => write!(f, "{change} {}", list(jobs.iter().map(JobId::as_str).collect())),
            Self::ChangeNodes { change, nodes, .. } => {
                write!(f, "{change} {}", list(nodes.iter().map(String::as_str).collect()))?;
                if let NodeChange::Drain(reason) = change { write!(f, ": {reason}") } else { Ok(()) }
            }
            Self::Operate { operation, .. } => write!(f, "{operation}"),
            Self::Fetch(fetch) => write!(f, "fetch {}", fetch.job),
            Self::MakeKey(key) if key.public.is_some() => write!(f, "import the key pair {}", key.name),
            Self::MakeKey(key) => write!(f, "create the key pair {}", key.name),
            Self::MakeNetwork(network) => write!(f, "create the network {}", network.stack()),
            Self::Stage(stage) => write!(f, "{stage}"),
            Self::Forget { token, .. } => write!(f, "give up the submission {token}"),
            Self::Save { path, .. } => write!(f, "save {}", path.display()),
            Self::SaveLog(save) => write!(f, "save {}", save.dest.display()),
            Self::KeepColumns(_) => f.write_str("keep the columns"),
            Self::KeepWay { cluster, way } => write!(f, "keep {way} for {}", cluster.name()),
            Self::LetTail(on) => f.write_str(if *on { "use Live Tail" } else { "use no Live Tail" }),
            Self::Reply { .. } => f.write_str("answer ssh"),
            Self::Reconnect(_) => f.write_str("reconnect"),
        }
    }
}

/// One change that was made or tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// When its end was known.
    pub at: Timestamp,
    /// Who ran qdeck.
    pub user: String,
    /// Where.
    pub cluster: ClusterId,
    /// What.
    pub command: String,
    /// What came of it: `done`, `job 12`, `failed: …`.
    pub result: String,
}

/// One script for one scheduler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submission {
    /// The cluster.
    pub cluster: ClusterId,
    /// The machine the script lies on.
    pub place: Place,
    /// Its absolute path there.
    pub path: String,
    /// Working directory of the job on the cluster. `None`: the script's own folder when it lies there already, else an
    /// upload folder below the home folder.
    pub dir: Option<String>,
    /// Arguments for the script.
    pub args: Vec<String>,
    /// Options for the scheduler, which win over the script's directives.
    pub options: Vec<String>,
    /// The script itself, where it is not to be read from `path`, which then only names it.
    pub text: Option<String>,
}

/// A key pair that shall be known to AWS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPair {
    /// The cluster that is to be; it names account and region.
    pub cluster: ClusterId,
    /// AWS profile; `None` is the SDK's own choice.
    pub profile: Option<String>,
    /// Region.
    pub region: String,
    /// What AWS calls it.
    pub name: String,
    /// A public key on this machine that is imported; `None` makes a new pair.
    pub public: Option<PathBuf>,
    /// Where the private key of a new pair goes; a file that is there already is never touched.
    pub dest: PathBuf,
}

/// What to do about a file that is there already and differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// Transfer nothing and say which files differ.
    Ask,
    /// Replace them.
    Overwrite,
    /// Leave them and transfer the others.
    Keep,
}

/// One job's files, wanted here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetch {
    /// The cluster.
    pub cluster: ClusterId,
    /// The job.
    pub job: JobId,
    /// The local folder that receives them.
    pub dest: PathBuf,
    /// Whether the whole working directory is wanted, not only the output files.
    pub work_dir: bool,
    /// What to do about differing files.
    pub existing: Existing,
}

/// A log that is to be written into a file here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaveLog {
    /// The local file.
    pub dest: PathBuf,
    /// What is written.
    pub what: Saved,
    /// What to do if it is there already.
    pub existing: Existing,
}

/// What of a log is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Saved {
    /// What is shown.
    Shown(Printout),
    /// All of it, read again from where it lies.
    Whole(LogSource),
}

/// What a running command tells. A stream of these ends in `Done` or `Failed`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A step has begun, in words.
    Step(String),
    /// Bytes moved so far.
    Moved {
        /// So far.
        done: u64,
        /// In all, where known.
        total: Option<u64>,
        /// The file that moves now.
        file: String,
    },
    /// It is done.
    Done(Receipt),
    /// It failed; nothing more comes.
    Failed(Failure),
}

/// The proof that a command was carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// The scheduler took the job.
    Submitted {
        /// Its id.
        job: JobId,
        /// What the scheduler printed besides the id, such as warnings.
        said: String,
    },
    /// The scheduler took the change, but for what it refused.
    Changed {
        /// How many jobs or nodes it was asked for; 0 where the change says whose.
        asked: usize,
        /// What it refused, and why.
        refused: Refusals,
    },
    /// The cluster, or one of its machines, is on its way to what was wanted.
    Begun {
        /// What it is now: `CREATE_IN_PROGRESS`, `STOP_REQUESTED`, `stopping`.
        status: String,
        /// What was said of it.
        verdict: Box<Verdict>,
    },
    /// Nothing was begun, because of what is said of the configuration.
    Refused(Box<Verdict>),
    /// The files are here.
    Fetched {
        /// Where they are.
        dest: PathBuf,
        /// How many were transferred now.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Nothing was transferred because these files are here already and differ.
    Differs {
        /// Where they are.
        dest: PathBuf,
        /// Their names below it.
        files: Vec<String>,
    },
    /// The network is there.
    Network {
        /// `vpc-…`
        vpc: String,
        /// The head node's subnet.
        head: String,
        /// The nodes' subnet; it may be the same.
        queue: String,
    },
    /// Everything was copied.
    Staged {
        /// How many files.
        files: u64,
        /// Their bytes, where the copying tool told.
        bytes: Option<u64>,
    },
    /// The text is in this file.
    Saved(PathBuf),
    /// A log is in a file here.
    SavedLog {
        /// The file.
        dest: PathBuf,
        /// Its bytes.
        bytes: u64,
    },
    /// The answer was passed on, or the connection is being tried.
    Noted,
}
