//! What went wrong, where, and what to do next. A failure is a value that stands beside the last good data.

use std::fmt;

/// The kinds of failure that a reader would act on differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FailureKind {
    /// No route, refused, or the connection broke.
    Unreachable,
    /// The other side knows us and says no.
    Denied,
    /// No credentials were found anywhere.
    NoCredentials,
    /// Credentials were found but are no longer valid.
    Expired,
    /// The thing that was asked for is not there.
    NotFound,
    /// The other side asks us to come back later.
    Busy,
    /// An answer arrived that cannot be read.
    Garbled,
    /// No answer in time.
    TimedOut,
    /// The scheduler understood the request and refused it.
    Rejected,
    /// The host key is unknown or has changed.
    HostKey,
    /// Something is there already and differs.
    Conflict,
    /// This machine, cluster or build cannot do that.
    Unsupported,
    /// The user or a newer wish ended it.
    Stopped,
}

/// One failure: what happened, where, and what to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What a program would branch on.
    pub kind: FailureKind,
    /// What happened, in the words of whoever said it; free of control characters.
    pub what: String,
    /// Where: a cluster, a region, a path.
    pub place: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Failure {
    /// A failure of `kind` at `place`. Control characters in `what` are made harmless.
    pub fn new(kind: FailureKind, place: impl Into<String>, what: impl AsRef<str>) -> Self {
        Self { kind, what: super::text::clean(what.as_ref().trim()).into_owned(), place: place.into(), hint: String::new() }
    }

    /// The same failure with the next step a person should take.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The first words, for a narrow place.
    pub fn brief(&self) -> &str {
        self.what.split(['\n', ':', '(']).next().unwrap_or(&self.what).trim()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n  {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
