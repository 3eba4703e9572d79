//! Files on this machine and on head nodes.

use jiff::Timestamp;

use super::ClusterId;

/// A machine whose files can be read.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Place {
    /// This machine.
    Here,
    /// The head node of a cluster.
    Head(ClusterId),
}

/// What kind of thing a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum FileKind {
    /// A folder, or a link to one.
    Folder,
    /// A regular file, or a link to one.
    File,
    /// Anything else: a socket, a device, a broken link.
    Other,
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEntry {
    /// The name, without its folder; invalid UTF-8 is replaced.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Size in bytes.
    pub size: u64,
    /// When its content last changed.
    pub modified: Option<Timestamp>,
}

/// The beginning of a file, to look at before it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// At most the first 64 kB, lossily decoded.
    pub text: String,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// Whether it holds bytes that no script holds.
    pub is_binary: bool,
}
