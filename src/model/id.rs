//! Names that stay the same while the things they name change.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A cluster, unique over every source: `profile/region/name` on AWS, the configured name of a host, or `local`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ClusterId(Arc<str>);

impl ClusterId {
    /// Wraps an identifier as it is.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    /// The cluster `name` that the account behind `profile` runs in `region`.
    pub fn aws(profile: Option<&str>, region: &str, name: &str) -> Self {
        Self::new(format!("{}/{region}/{name}", profile.unwrap_or("default")))
    }

    /// This machine.
    pub fn local() -> Self {
        Self::new("local")
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What people call it: the last part of the identifier.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job as its scheduler writes it: `18231`, an array task `18240_7`, or the waiting rest of an array `18240_[8-99%4]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct JobId(Arc<str>);

impl JobId {
    /// Wraps an identifier as the scheduler wrote it.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of ids can be asked about text without a copy of it.
impl Borrow<str> for JobId {
    fn borrow(&self) -> &str {
        &self.0
    }
}
