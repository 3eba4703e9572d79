//! What a job script says about itself: its `#SBATCH`, `#$` and `#PBS` lines.

use super::duration::parse_slurm;

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
    /// Slurm's comment.
    pub comment: Option<String>,
    /// Variables for the job's environment, as PBS lists them: `A=1,B`.
    pub variables: Option<String>,
    /// PBS's `-j`: `oe` is one file where output goes, `eo` one where errors go.
    joined: Option<String>,
}

/// The batch systems' prefixes. The first one found in a script is the one whose options count.
const PREFIXES: [&str; 3] = ["#SBATCH", "#PBS", GRID_ENGINE];
/// Needs no blank after it.
const GRID_ENGINE: &str = "#$";

impl Directives {
    /// Reads the directives of a script: up to its first command, as the schedulers do; Grid Engine alone reads on to the end.
    pub fn read(script: &str) -> Self {
        let mut all = Self::default();
        let (mut dialect, mut begun) = (None, false);
        for (number, line) in (1..).zip(script.lines()) {
            let line = line.trim_end_matches('\r');
            let text = line.trim();
            begun |= !text.is_empty() && !text.starts_with('#');
            if begun && dialect.is_some_and(|dialect| dialect != GRID_ENGINE) {
                break;
            }
            let is_one = |prefix: &str, rest: &str| {
                let is_option = rest.trim_start().starts_with('-');
                rest.is_empty() || rest.starts_with([' ', '\t']) && (!begun || is_option) || prefix == GRID_ENGINE && is_option
            };
            let Some(prefix) = PREFIXES.iter().find(|prefix| line.strip_prefix(**prefix).is_some_and(|rest| is_one(prefix, rest))) else {
                continue;
            };
            if begun && *prefix != GRID_ENGINE {
                continue;
            }
            all.lines.push((number, line.to_owned()));
            if *dialect.get_or_insert(*prefix) == *prefix {
                let words = words(&line[prefix.len()..]);
                match *prefix {
                    "#SBATCH" => all.slurm(&words),
                    "#PBS" => all.pbs(&words),
                    _ => all.grid_engine(&words),
                }
            } else if *prefix == "#SBATCH" {
                // sbatch obeys its own options beside those of others, and a comment is what qdeck must not lose.
                let mut beside = Self::default();
                beside.slurm(&words(&line[prefix.len()..]));
                all.comment = beside.comment.or(all.comment);
            }
        }
        match all.joined.as_deref() {
            Some("oe") => all.error.clone_from(&all.output),
            Some("eo") => all.output.clone_from(&all.error),
            _ => {}
        }
        all
    }

    fn slurm(&mut self, words: &[String]) {
        const LETTERS: [(char, &str); 11] = [
            ('J', "job-name"),
            ('o', "output"),
            ('e', "error"),
            ('D', "chdir"),
            ('p', "partition"),
            ('N', "nodes"),
            ('n', "ntasks"),
            ('c', "cpus-per-task"),
            ('t', "time"),
            ('a', "array"),
            ('A', "account"),
        ];
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (key, value) = if let Some(long) = word.strip_prefix("--") {
                match long.split_once('=') {
                    Some((key, value)) => (key, Some(value.to_owned())),
                    None => (long, None),
                }
            } else if let Some(short) = word.strip_prefix('-') {
                let letter = short.chars().next().unwrap_or(' ');
                let Some((_, key)) = LETTERS.iter().find(|(l, _)| *l == letter) else { continue };
                let glued = short[letter.len_utf8()..].trim_start_matches('=');
                (*key, (!glued.is_empty()).then(|| glued.to_owned()))
            } else {
                continue;
            };
            let slot = match key {
                "job-name" => &mut self.name,
                "output" => &mut self.output,
                "error" => &mut self.error,
                "chdir" => &mut self.work_dir,
                "partition" => &mut self.partition,
                "array" => &mut self.array,
                "comment" => &mut self.comment,
                "nodes" | "ntasks" | "cpus-per-task" | "time" => {
                    let value = value.or_else(|| words.next().cloned()).unwrap_or_default();
                    let number = value.split('-').next().and_then(|n| n.parse().ok());
                    match key {
                        "nodes" => self.nodes = number,
                        "ntasks" => self.tasks = number,
                        "cpus-per-task" => self.cpus_per_task = number,
                        _ => self.time_limit = parse_slurm(&value),
                    }
                    continue;
                }
                _ => continue,
            };
            *slot = value.or_else(|| words.next().cloned());
        }
    }

    fn grid_engine(&mut self, words: &[String]) {
        let mut words = words.iter();
        let mut joined = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "-N" => self.name = words.next().cloned(),
                "-q" => self.partition = words.next().cloned(),
                "-o" => self.output = words.next().map(|path| here(path)),
                "-e" => self.error = words.next().map(|path| here(path)),
                "-j" => joined = words.next().is_some_and(|word| word.starts_with('y')),
                "-wd" => self.work_dir = words.next().cloned(),
                "-t" => self.array = words.next().cloned(),
                "-pe" => {
                    words.next();
                    self.tasks = words.next().and_then(|n| n.split('-').next()?.parse().ok());
                }
                "-l" => {
                    let limits = words.next().cloned().unwrap_or_default();
                    let limit = limits.split(',').find_map(|l| l.strip_prefix("h_rt="));
                    self.time_limit = limit.and_then(seconds).or(self.time_limit);
                }
                _ => {}
            }
        }
        if joined {
            self.error.clone_from(&self.output);
        }
    }

    fn pbs(&mut self, words: &[String]) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(letter) = word.strip_prefix('-').and_then(|rest| rest.chars().next()).filter(|c| "NqoedwJtljv".contains(*c)) else {
                continue;
            };
            // `-Nname` and `-N name` are the same.
            let glued = &word[2..];
            let Some(value) = (if glued.is_empty() { words.next().map(String::as_str) } else { Some(glued) }) else { continue };
            let given = Some(value.to_owned());
            match letter {
                'N' => self.name = given,
                'q' => self.partition = given,
                'o' => self.output = given,
                'e' => self.error = given,
                'd' | 'w' => self.work_dir = given,
                'J' | 't' => self.array = given,
                'j' => self.joined = given,
                'v' => self.variables = given,
                _ => value.split(',').for_each(|item| self.pbs_resource(item)),
            }
        }
    }

    /// `walltime=1:00:00`, `nodes=2:ppn=4`, `nodes=a:ppn=2+b:ppn=2`, `select=2:ncpus=4:mpiprocs=4+1:ncpus=8`.
    fn pbs_resource(&mut self, item: &str) {
        let Some((key, value)) = item.split_once('=') else { return };
        match key {
            "walltime" => self.time_limit = seconds(value),
            "ncpus" | "procs" => self.tasks = value.parse().ok().or(self.tasks),
            "nodes" | "select" => {
                let (mut nodes, mut tasks) = (0_u32, None);
                for chunk in value.split('+') {
                    let mut parts = chunk.split(':');
                    // What is no number is the name of a node.
                    let count: u32 = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
                    let part = |key: &str| chunk.split(':').find_map(|p| p.strip_prefix(key)?.parse::<u32>().ok());
                    let each = part("mpiprocs=").or_else(|| part("ppn=")).or_else(|| part("ncpus="));
                    nodes = nodes.saturating_add(count);
                    tasks = each.map(|each| count.saturating_mul(each).saturating_add(tasks.unwrap_or(0))).or(tasks);
                }
                self.nodes = Some(nodes);
                self.tasks = tasks.or(self.tasks);
            }
            _ => {}
        }
    }
}

/// The first of Grid Engine's paths, `host:path,…`, without its host.
fn here(paths: &str) -> String {
    let first = paths.split(',').next().unwrap_or(paths);
    first.split_once(':').map_or(first, |(_, path)| path).to_owned()
}

/// `H:M:S`, `M:S` or seconds, as Grid Engine and PBS write times.
fn seconds(text: &str) -> Option<u64> {
    text.split(':').try_fold(0_u64, |total, part| total.checked_mul(60)?.checked_add(part.parse().ok()?))
}

/// The words of a directive line: quotes hold a word together, ` #` begins a remark.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut open, mut begun) = (String::new(), None, false);
    for c in text.chars() {
        match (open, c) {
            (Some(quote), c) if c == quote => open = None,
            (None, '"' | '\'') => (open, begun) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, '#') if !begun => break,
            _ => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sbatch_options_are_read_in_all_their_forms() {
        let script = "#!/bin/bash\r\n#SBATCH --job-name=\"my job\" -N2-4 # two at least\r\n#SBATCH -n 8\r\n#SBATCH --time 1-02:00:00\r\n\
                      #SBATCH -oout-%j.txt --cpus-per-task=3\n# plain\n#SBATCHED no\n##SBATCH -p no\n\n#SBATCH --array=0-9%2\necho hi\n#SBATCH -p late\n";
        let d = Directives::read(script);
        assert_eq!((d.name.as_deref(), d.nodes, d.tasks, d.cpus_per_task), (Some("my job"), Some(2), Some(8), Some(3)));
        assert_eq!(
            (d.time_limit, d.output.as_deref(), d.array.as_deref(), d.partition),
            (Some(93_600), Some("out-%j.txt"), Some("0-9%2"), None)
        );
        assert_eq!(d.lines.len(), 5);
        assert_eq!(d.lines[0].0, 2);
    }

    #[test]
    fn grid_engine_and_pbs_are_read_and_the_first_dialect_counts() {
        let sge = Directives::read("#!/bin/sh\n#$ -N hello -pe mpi 4-8\n#$ -l h_rt=1:00:00,mem=1G\n#PBS -N other\n");
        assert_eq!((sge.name.as_deref(), sge.tasks, sge.time_limit, sge.lines.len()), (Some("hello"), Some(4), Some(3_600), 3));
        let pbs = Directives::read("#PBS -l nodes=2:ppn=4,walltime=00:30:00 -q batch\n");
        assert_eq!((pbs.nodes, pbs.tasks, pbs.time_limit, pbs.partition.as_deref()), (Some(2), Some(8), Some(1_800), Some("batch")));
    }

    #[test]
    fn pbs_options_are_read_in_all_their_forms() {
        let d = Directives::read(
            "#!/bin/sh\n#PBS -Nfluid -q work # the large one\n#PBS -l select=2:ncpus=8:mpiprocs=4+1:ncpus=2 -lwalltime=1:30:00\n#PBS -J 0-9:3\n\
             #PBS -joe -o out.txt -e err.txt\n#PBS -w /scratch/a -v A=1,B\n#PBS\nmpirun x\n#PBS -q late\n",
        );
        assert_eq!((d.name.as_deref(), d.partition.as_deref(), d.array.as_deref()), (Some("fluid"), Some("work"), Some("0-9:3")));
        assert_eq!((d.nodes, d.tasks, d.time_limit), (Some(3), Some(10), Some(5_400)));
        assert_eq!(
            (d.output.as_deref(), d.error.as_deref(), d.work_dir.as_deref()),
            (Some("out.txt"), Some("out.txt"), Some("/scratch/a"))
        );
        assert_eq!((d.variables.as_deref(), d.lines.len()), (Some("A=1,B"), 6));
        let torque =
            Directives::read("#PBS -t 1-4%2 -d run\n#PBS -l nodes=a:ppn=2+b:ppn=2,mem=1gb\n#PBS -j eo -e all.txt\n#PBS -l\n#PBS -é x\n");
        assert_eq!(
            (torque.array.as_deref(), torque.work_dir.as_deref(), torque.nodes, torque.tasks),
            (Some("1-4%2"), Some("run"), Some(2), Some(4))
        );
        assert_eq!((torque.output.as_deref(), torque.error.as_deref()), (Some("all.txt"), Some("all.txt")));
        assert_eq!(Directives::read("#PBS -N a\n#SBATCH --comment=mine -J b\n").comment.as_deref(), Some("mine"));
        assert_eq!(Directives::read("#PBS -l nodes=4294967295:ppn=4294967295+9:ppn=9\n").nodes, Some(u32::MAX));
    }

    #[test]
    fn grid_engine_reads_to_the_end_and_without_a_blank() {
        let script = "#!/bin/bash\n#$ -S /bin/bash\n#$-N late -q all.q\n#$ -t 1-9:2 -o n1:logs/$JOB_ID,n2:x -j y\nsleep 1\n#$ -pe smp 4 -l h_vmem=2G,h_rt=90\n#$HOME\n#$ plain\n";
        let d = Directives::read(script);
        assert_eq!((d.name.as_deref(), d.partition.as_deref(), d.array.as_deref()), (Some("late"), Some("all.q"), Some("1-9:2")));
        assert_eq!(
            (d.output.as_deref(), d.error.as_deref(), d.tasks, d.time_limit),
            (Some("logs/$JOB_ID"), Some("logs/$JOB_ID"), Some(4), Some(90))
        );
        assert_eq!(d.lines.len(), 4);
        let slurm = Directives::read("#!/bin/bash\n#SBATCH -J a\nsleep 1\n#$ -N b\n#SBATCH -p late\n");
        assert_eq!((slurm.name.as_deref(), slurm.partition, slurm.lines.len()), (Some("a"), None, 1));
    }

    proptest! {
        #[test]
        fn any_script_is_survived(script in "(#(SBATCH|PBS|\\$)? ?(-[a-zA-Zé]|--[a-z-]+)?[= ]?[^\n]{0,12}\n){0,8}") {
            Directives::read(&script);
        }
    }
}
