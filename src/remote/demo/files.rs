//! A small home folder on the simulated head node, and files of simulated jobs fetched for real.

use std::fs;

use super::world::World;
use super::{answers, logs, missing};
use crate::model::{Answer, Existing, Failure, FailureKind, Fetch, FileEntry, FileKind, LogSource, LogStart, OutputKind, Preview, Receipt};

const FILES: [(&str, &str); 7] = [
    (
        "mpi/hello_mpi.py",
        "# Rank 0 sends a message to every other rank.\nfrom mpi4py import MPI\n\ncomm = MPI.COMM_WORLD\nrank = comm.Get_rank()\nsize = comm.Get_size()\n\nif rank == 0:\n    print(\"Master node is running...\", flush=True)\n    for i in range(1, size):\n        comm.send(\"Hello from process %d\" % i, dest=i)\nelse:\n    message = comm.recv(source=0)\n    print(\"Process %d received message: %s\" % (rank, message), flush=True)\n",
    ),
    (
        "mpi/hello.sbatch",
        "#!/bin/bash\n#SBATCH --job-name=hello\n#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n#SBATCH --output=hello-%j.out\nsrun python3 hello_mpi.py\n",
    ),
    (
        "train/train.sbatch",
        "#!/bin/bash\n#SBATCH --job-name=train-resnet\n#SBATCH --partition=gpu\n#SBATCH --nodes=1\n#SBATCH --time=12:00:00\nsrun python3 main.py --epochs 90\n",
    ),
    ("train/main.py", "import sys\nprint('training', sys.argv[1:])\n"),
    (
        "sweep/sweep.sbatch",
        "#!/bin/bash\n#SBATCH --job-name=sweep\n#SBATCH --array=0-99%10\n#SBATCH --time=1:00:00\n./run-one --seed $SLURM_ARRAY_TASK_ID\n",
    ),
    ("results/summary.csv", "run,loss\n1,0.213\n2,0.209\n"),
    ("README.txt", "This head node is simulated.\n"),
];

fn below_home(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(answers::HOME)?;
    rest.strip_prefix('/').or(rest.is_empty().then_some(""))
}

/// The text of a simulated file.
pub(super) fn content(path: &str) -> Option<&'static str> {
    let path = below_home(path)?;
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

pub(super) fn folder(path: &str) -> Result<Answer, Failure> {
    let path = if path.is_empty() { answers::HOME } else { path };
    let mut entries: Vec<FileEntry> = Vec::new();
    let mut add = |name: &str, kind, size: usize| {
        if !entries.iter().any(|e: &FileEntry| e.name == name) {
            entries.push(FileEntry { name: name.to_owned(), kind, size: size as u64, modified: None });
        }
    };
    match below_home(path) {
        Some(here) => {
            for (name, text) in FILES {
                let Some(rest) = name.strip_prefix(here).map(|rest| rest.trim_start_matches('/')) else { continue };
                match rest.split_once('/') {
                    Some((folder, _)) => add(folder, FileKind::Folder, 0),
                    None => add(rest, FileKind::File, text.len()),
                }
            }
        }
        None if answers::HOME.starts_with(path) => {
            let rest = answers::HOME[path.len()..].trim_start_matches('/');
            add(rest.split('/').next().unwrap_or(rest), FileKind::Folder, 0);
        }
        None => return Err(missing(path)),
    }
    entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(Answer::Folder { path: path.to_owned(), entries })
}

pub(super) fn preview(path: &str) -> Result<Answer, Failure> {
    let text = content(path).ok_or_else(|| missing(path))?;
    Ok(Answer::Preview(Preview { text: text.to_owned(), size: text.len() as u64, is_binary: false }))
}

/// Writes a job's generated output where the user wants it.
pub(super) fn fetch(world: &World, fetch: &Fetch) -> Result<Receipt, Failure> {
    let dest = crate::remote::live::at_home(&fetch.dest);
    let fail = |error: std::io::Error| Failure::new(FailureKind::Denied, dest.display().to_string(), error.to_string());
    let job = answers::find(world, fetch.job.as_str()).ok_or_else(|| answers::unknown(&fetch.job))?;
    let (stdout, stderr, _) = answers::paths(world, job);
    let mut texts = Vec::new();
    for (path, kind) in [(stdout, OutputKind::Stdout), (stderr, OutputKind::Stderr)] {
        let source = LogSource::Output { cluster: fetch.cluster.clone(), job: fetch.job.clone(), kind };
        if let Ok((_, text)) = logs::text(world, 0.0, &source, None, LogStart::Beginning) {
            texts.push((path.rsplit('/').next().unwrap_or("out").to_owned(), text));
        }
    }
    if texts.is_empty() {
        return Err(Failure::new(FailureKind::NotFound, format!("job {}", fetch.job), "it has not started: it has written nothing yet"));
    }
    let differs = |name: &str, text: &str| fs::read_to_string(dest.join(name)).is_ok_and(|there| there != *text);
    let differing: Vec<String> = texts.iter().filter(|(n, t)| differs(n, t)).map(|(n, _)| n.clone()).collect();
    if fetch.existing == Existing::Ask && !differing.is_empty() {
        return Ok(Receipt::Differs { dest, files: differing });
    }
    fs::create_dir_all(&dest).map_err(fail)?;
    let (mut files, mut bytes) = (0, 0);
    for (name, text) in texts {
        if fetch.existing == Existing::Keep && dest.join(&name).exists() {
            continue;
        }
        fs::write(dest.join(&name), &text).map_err(fail)?;
        (files, bytes) = (files + 1, bytes + text.len() as u64);
    }
    Ok(Receipt::Fetched { dest, files, bytes })
}
