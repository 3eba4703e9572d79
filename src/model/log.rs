//! Where log lines come from, and how they arrive.

use jiff::Timestamp;

use super::stream::Role;
use super::{ClusterId, JobId, Place};

/// Which of a job's two outputs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutputKind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl OutputKind {
    /// `stdout` or `stderr`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Something that can be followed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum LogSource {
    /// A job's output, wherever its scheduler writes it.
    Output {
        /// The cluster the job runs on.
        cluster: ClusterId,
        /// The job.
        job: JobId,
        /// Which output.
        kind: OutputKind,
    },
    /// A file on a head node or on this machine.
    File {
        /// The machine.
        place: Place,
        /// Absolute path.
        path: String,
    },
    /// A CloudWatch stream of a cluster's log group.
    Stream {
        /// The cluster.
        cluster: ClusterId,
        /// The log group.
        group: String,
        /// The stream's raw name.
        stream: String,
    },
}

/// A CloudWatch log stream on offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogStream {
    /// The log group it belongs to.
    pub group: String,
    /// The raw name, `ip-10-0-0-14.i-0abc.slurmctld`.
    pub name: String,
    /// What it is: the last part of the name.
    pub identifier: String,
    /// The instance it comes from.
    pub instance_id: Option<String>,
    /// `HeadNode`, a node's name, or the host part of the stream's name.
    pub node: String,
    /// The part that this machine plays.
    pub role: Role,
    /// When its last event was written, where known.
    pub last_event: Option<Timestamp>,
}

/// A CloudWatch log group of a ParallelCluster, which outlives its cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogGroup {
    /// The cluster it was made for, whether or not there still is one of that name.
    pub cluster: ClusterId,
    /// Its name, `/aws/parallelcluster/NAME-202611241650`.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Bytes stored.
    pub bytes: u64,
}

/// A place in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum LogPlace {
    /// A byte of a file, counted from 0.
    Byte(u64),
    /// A moment of a CloudWatch stream, in milliseconds since 1970 UTC.
    Moment(i64),
}

/// A line that a search of a whole log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogHit {
    /// Its number, counted from 1; 0 where the source numbers no lines.
    pub line: u64,
    /// Where it begins.
    pub place: LogPlace,
    /// Its first bytes, lossily decoded, not cleaned.
    pub text: String,
}

/// What a followed log says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogEvent {
    /// Nothing to read yet, and why: the job has not started, the file is not there.
    Waiting {
        /// In words.
        why: String,
    },
    /// Reading begins, again or for the first time, at byte `start` of `path`.
    Opened {
        /// The file or stream.
        path: String,
        /// The first byte that will be sent.
        start: u64,
        /// The size of the file now.
        size: u64,
    },
    /// Where the bytes that come next stand, from sources that do not count bytes.
    At(LogPlace),
    /// How it is read from now on, in words: `Live Tail`, or how often it is asked for and why.
    Remark(String),
    /// The next bytes, contiguous with those before.
    Bytes {
        /// Where the first of them stands in the file.
        offset: u64,
        /// The bytes as they are: any values.
        bytes: Vec<u8>,
    },
    /// The file was cut short or replaced; what follows starts at its beginning.
    Restarted {
        /// In words: `truncated`, `replaced`.
        why: String,
    },
    /// Everything that was there when reading began has been sent.
    CaughtUp,
}
