//! What was looked at to find out why something does not work, and what to do about it.
//!
//! Values only: who looked, and how, is not known here.

use std::fmt;

use serde::Serialize;

use super::ClusterId;

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Something is to be done.
    NotOk,
    /// Nobody could find out.
    Unknown,
}

impl Health {
    /// The words that the screen and the command line use.
    pub fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotOk => "not ok",
            Self::Unknown => "could not tell",
        }
    }
}

/// One line of a diagnosis.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub check: String,
    /// How it came out.
    pub state: Health,
    /// What was found.
    pub what: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Finding {
    /// Found in order.
    pub fn ok(check: impl Into<String>, what: impl AsRef<str>) -> Self {
        Self::new(check, Health::Ok, what)
    }

    /// Found wanting.
    pub fn bad(check: impl Into<String>, what: impl AsRef<str>) -> Self {
        Self::new(check, Health::NotOk, what)
    }

    /// Nobody could find out.
    pub fn unknown(check: impl Into<String>, what: impl AsRef<str>) -> Self {
        Self::new(check, Health::Unknown, what)
    }

    fn new(check: impl Into<String>, state: Health, what: impl AsRef<str>) -> Self {
        let what = super::text::clean(what.as_ref().trim()).into_owned();
        Self { check: check.into(), state, what, hint: String::new() }
    }

    /// The same finding with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// All that was found so far, in the order in which it is read best.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diagnosis {
    /// The lines.
    pub findings: Vec<Finding>,
    /// What is still being looked at.
    pub open: Vec<String>,
    /// Ways to the cluster that were found where the one that is set leads nowhere, the best first.
    pub detours: Vec<Detour>,
}

/// A way to a head node that the network does not simply lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Way {
    /// AWS Session Manager, by its command line.
    SessionManager,
    /// One of the cluster's own login nodes.
    LoginNodes,
}

impl Way {
    /// Key and value of a cluster in the configuration.
    pub fn setting(self) -> (&'static str, &'static str) {
        match self {
            Self::SessionManager => ("via", "ssm"),
            Self::LoginNodes => ("jump", "login"),
        }
    }
}

/// As the configuration says it: `via: ssm`.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = self.setting();
        write!(f, "{key}: {value}")
    }
}

/// A way that can be written into the configuration, where its owner wishes that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detour {
    /// The cluster.
    pub cluster: ClusterId,
    /// The way.
    pub way: Way,
    /// The configuration file.
    pub file: String,
}

impl Diagnosis {
    /// How many findings ask for something to be done.
    pub fn wanting(&self) -> usize {
        self.findings.iter().filter(|finding| finding.state == Health::NotOk).count()
    }
}
