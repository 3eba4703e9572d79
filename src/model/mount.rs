//! File systems as a head node sees them.

/// What a user may use of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quota {
    /// Bytes used by the user.
    pub used: u64,
    /// Bytes that the user may use.
    pub limit: u64,
}

/// One mounted file system.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mount {
    /// Where it is: `/shared`.
    pub path: String,
    /// What AWS or the field calls it: `EBS`, `EFS`, `FSx for Lustre`, `NFS`; the kernel's word where it is none of these.
    pub kind: String,
    /// What is mounted: a device, a server and its path.
    pub source: String,
    /// Its size in bytes; `None` where nobody answered in time.
    pub size: Option<u64>,
    /// Bytes used.
    pub used: Option<u64>,
    /// What the login user may use, where there is a limit.
    pub quota: Option<Quota>,
    /// Whether the nodes see it too.
    pub is_shared: bool,
    /// Whether it can only be read.
    pub is_read_only: bool,
}

impl Mount {
    /// How full it is in percent; EFS, which claims to hold 8 EiB, is never full.
    pub fn percent(&self) -> Option<u64> {
        let (used, size) = (self.used?, self.size.filter(|size| *size > 0 && *size < 1 << 60)?);
        u64::try_from(u128::from(used) * 100 / u128::from(size)).ok()
    }

    /// `1.2 GB of 100.0 GB, 1 %`; what is used alone where the size means nothing.
    pub fn use_words(&self) -> String {
        let bytes = super::duration::bytes;
        match (self.used, self.size, self.percent()) {
            (Some(used), Some(size), Some(percent)) => format!("{} of {}, {percent} %", bytes(used), bytes(size)),
            (Some(used), ..) => format!("{} used, no limit", bytes(used)),
            (None, ..) => "does not answer".into(),
        }
    }
}
