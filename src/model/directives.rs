//! What a job script says about itself: its `#SBATCH`, `#$` and `#PBS` lines.

/// The options of a job script, as far as qdeck shows or obeys them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Directives {
    /// Each directive line as written, with its line number from 1.
    pub lines: Vec<(usize, String)>,
    /// Job name.
    pub name: Option<String>,
    /// Partition or queue.
    pub partition: Option<String>,
    /// Path pattern of standard output.
    pub output: Option<String>,
    /// Path pattern of standard error.
    pub error: Option<String>,
    /// Working directory.
    pub work_dir: Option<String>,
    /// Nodes (the minimum where a range is given).
    pub nodes: Option<u32>,
    /// Tasks in all.
    pub tasks: Option<u32>,
    /// CPUs for each task.
    pub cpus_per_task: Option<u32>,
    /// Time limit in seconds.
    pub time_limit: Option<u64>,
    /// Array specification.
    pub array: Option<String>,
}

impl Directives {
    /// Reads the directives of a script.
    pub fn read(_script: &str) -> Self {
        Self::default()
    }
}
