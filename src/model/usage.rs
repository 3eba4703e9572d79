//! What a job uses while it runs, or has used: as much of it as its scheduler measures.

/// What was measured of one job. Where nothing was, that is `None`, and `why` says why.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Who measured it: `sstat` while it runs, `sacct` afterwards. Empty where nobody did.
    pub source: String,
    /// Seconds it ran.
    pub elapsed: Option<u64>,
    /// CPUs it was given.
    pub cpus: Option<u32>,
    /// Seconds of CPU time that all of its processes took.
    pub cpu_time: Option<u64>,
    /// The most memory that one of its steps held, in bytes.
    pub memory: Option<u64>,
    /// The memory it was given, in bytes.
    pub memory_given: Option<u64>,
    /// How busy its GPUs were, in percent.
    pub gpu: Option<u32>,
    /// Why something is not known, and what would make it known; empty where all is.
    pub why: String,
}

impl Usage {
    /// CPU time of the CPU time that it was given, in percent.
    pub fn cpu_share(&self) -> Option<u32> {
        let given = self.elapsed?.checked_mul(u64::from(self.cpus?))?;
        percent(self.cpu_time?, given)
    }

    /// Memory of the memory that it was given, in percent.
    pub fn memory_share(&self) -> Option<u32> {
        percent(self.memory?, self.memory_given?)
    }
}

fn percent(part: u64, whole: u64) -> Option<u32> {
    u32::try_from(part.checked_mul(100)?.checked_add(whole / 2)?.checked_div(whole)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_given_and_unknown_without_it() {
        let usage =
            Usage { elapsed: Some(100), cpus: Some(4), cpu_time: Some(199), memory: Some(1), memory_given: Some(0), ..Usage::default() };
        assert_eq!((usage.cpu_share(), usage.memory_share()), (Some(50), None));
        assert_eq!(Usage::default().cpu_share(), None);
    }
}
