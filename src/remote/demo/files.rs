//! A small home folder on the simulated head node, and files of simulated jobs fetched for real.

use std::fs;

use super::world::World;
use super::{answers, logs, missing};
use crate::model::{
    Answer, Existing, Failure, FailureKind, Fetch, FileEntry, FileKind, LogSource, LogStart, Mount, OutputKind, Preview, Quota, Receipt,
    Stage,
};

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

/// What lies in the simulated S3, below `s3://`.
const STORE: [(&str, u64); 5] = [
    ("lab-data/imagenet/train.tar", 147_897_477_120),
    ("lab-data/imagenet/val.tar", 6_744_924_160),
    ("lab-data/README.txt", 28),
    ("lab-results/2026-11/fluid-18231.h5", 2_147_483_648),
    ("lab-results/2026-11/sweep.csv", 48_120),
];

/// The simulated file systems.
pub(super) fn mounts() -> Vec<Mount> {
    let mount = |path: &str, kind: &str, source: &str, size: u64, used: u64| Mount {
        path: path.into(),
        kind: kind.into(),
        source: source.into(),
        size: Some(size),
        used: Some(used),
        is_shared: path != "/",
        ..Mount::default()
    };
    vec![
        mount("/efs", "EFS", "fs-0a1b2c3d.efs.eu-west-1.amazonaws.com:/", 1 << 62, 381_000_000_000),
        Mount {
            quota: Some(Quota { used: 1_700_000_000_000, limit: 2_000_000_000_000 }),
            ..mount("/fsx", "FSx for Lustre", "10.0.1.9@tcp:/abcdef", 2_400_000_000_000, 2_208_000_000_000)
        },
        mount("/home", "EBS", "/dev/nvme0n1p1", 64_000_000_000, 21_300_000_000),
        mount("/", "EBS", "/dev/nvme0n1p1", 64_000_000_000, 21_300_000_000),
    ]
}

/// Buckets, prefixes and objects of the simulated S3.
fn store(path: &str) -> Result<Answer, Failure> {
    let below = path.trim_start_matches("s3://").trim_matches('/');
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    let mut entries: Vec<FileEntry> = Vec::new();
    for (name, size) in STORE {
        let Some(rest) = name.strip_prefix(&prefix) else { continue };
        let (name, kind, size) = rest.split_once('/').map_or((rest, FileKind::File, size), |(folder, _)| (folder, FileKind::Folder, 0));
        if !entries.iter().any(|entry| entry.name == name) {
            entries.push(FileEntry { name: name.to_owned(), kind, size, modified: None });
        }
    }
    if entries.is_empty() {
        return Err(missing(path));
    }
    let path = if below.is_empty() { "s3://".to_owned() } else { format!("s3://{below}") };
    Ok(Answer::Folder { path, entries })
}

/// Pretends to copy.
pub(super) fn stage(stage: &Stage) -> Result<Receipt, Failure> {
    if !stage.is_in {
        return Ok(Receipt::Staged { files: 1, bytes: Some(48_120) });
    }
    let below = stage.object.trim_start_matches("s3://");
    let sizes: Vec<u64> = STORE.iter().filter(|(name, _)| name.starts_with(below)).map(|(_, size)| *size).collect();
    if sizes.is_empty() {
        return Err(missing(&stage.object));
    }
    Ok(Receipt::Staged { files: sizes.len() as u64, bytes: Some(sizes.iter().sum()) })
}

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
    if path.starts_with("s3://") {
        return store(path);
    }
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
    if path.starts_with("s3://") {
        let is_text = path.ends_with(".txt") || path.ends_with(".csv");
        let text = if is_text { "This bucket is simulated.\n" } else { "" };
        let size = STORE.iter().find(|(name, _)| path.strip_prefix("s3://") == Some(name)).map_or(0, |(_, size)| *size);
        return Ok(Answer::Preview(Preview { text: text.to_owned(), size, is_binary: !is_text }));
    }
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
