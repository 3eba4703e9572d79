//! What can be asked of the world to change, and what comes back while and after it does.

use std::path::PathBuf;

use super::{ClusterId, Failure, JobChange, JobId, NodeChange, Place, Refusals};

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
    /// Bring a job's files here.
    Fetch(Fetch),
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
    /// Whether Live Tail, which costs money, may be used from now on.
    LetTail(bool),
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
    /// The answer was passed on, or the connection is being tried.
    Noted,
}
