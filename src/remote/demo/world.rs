//! The simulated cluster: nodes that power up and down, jobs that wait, start, run and end. Advances in steps of a second.
//!
//! Knows nothing of questions or of real time.

mod arrival;
mod time;

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use super::DemoSettings;
use super::random::Random;
use crate::model::JobState;

pub(super) const USERS: [&str; 8] = ["", "alice", "bob", "carol", "dmitri", "erin", "fatima", "goran"];
pub(super) const NAMES: [&str; 12] = [
    "train-resnet",
    "finetune",
    "prep",
    "lammps-melt",
    "gromacs-npt",
    "sweep",
    "vasp-relax",
    "postproc",
    "wrf-d02",
    "align-reads",
    "mc-pricing",
    "cfd-wing",
];
/// Partition, compute resource, instance type, CPUs, memory in MB.
pub(super) const QUEUES: [(&str, &str, &str, u32, u64); 3] = [
    ("compute", "c5large", "c6i.4xlarge", 16, 31_129),
    ("gpu", "p4d", "p4d.24xlarge", 96, 1_120_000),
    ("spot", "c6i", "c6i.8xlarge", 32, 62_259),
];

/// The name that arrays have.
const SWEEP: u16 = 5;
const WARM_UP: i64 = 900;
const SHOWN_AFTER_END: i64 = 300;
const IDLE_BEFORE_DOWN: i64 = 45;
/// Demand rises and falls, so that nodes come and go.
const TIDE: i64 = 240;

/// What a node does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Power {
    Off,
    /// Until then.
    Starting(i64),
    On,
    Stopping(i64),
    NoCapacity(i64),
}

/// How long EC2 is not asked again for a node that it did not give.
pub(super) const NO_CAPACITY: i64 = 240;

/// What a node shall do once its jobs have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    Off,
    Reboot,
}

#[derive(Clone, Debug)]
pub(super) struct SimNode {
    pub(super) queue: usize,
    pub(super) number: usize,
    pub(super) fixed: bool,
    pub(super) power: Power,
    pub(super) used: u32,
    pub(super) idle_since: i64,
    /// Counts power-ups: each has another instance behind it.
    pub(super) boots: u32,
    /// Why it takes no jobs, and since when.
    pub(super) drain: Option<(String, i64)>,
    pub(super) leave: Option<Leave>,
    /// EC2 never has room for it.
    pub(super) scarce: bool,
}

impl SimNode {
    pub(super) fn name(&self) -> String {
        format!("{}{}", self.stem(), self.number)
    }

    /// What its name has before the number.
    pub(super) fn stem(&self) -> String {
        let (queue, resource, ..) = QUEUES[self.queue];
        format!("{queue}-{}-{resource}-", if self.fixed { "st" } else { "dy" })
    }
}

/// One job, or the waiting rest of an array.
#[derive(Clone, Debug)]
pub(super) struct SimJob {
    pub(super) id: u32,
    /// The array and the task, or how many tasks wait.
    pub(super) array: Option<(u32, u32, u32)>,
    pub(super) name: u16,
    pub(super) user: u8,
    pub(super) queue: u8,
    pub(super) state: JobState,
    pub(super) reason: u8,
    pub(super) nodes: u16,
    pub(super) cpus_each: u16,
    pub(super) submitted: i64,
    pub(super) started: Option<i64>,
    pub(super) ended: Option<i64>,
    /// How long it will run, and how that ends.
    pub(super) length: u32,
    pub(super) outcome: JobState,
    /// Seconds it may run.
    pub(super) limit: Option<u32>,
    pub(super) nice: i32,
    /// The job that must end well before it.
    pub(super) after: Option<u32>,
}

/// Reasons by their place in [`REASONS`].
pub(super) const DEPENDS: u8 = 3;
pub(super) const HELD: u8 = 5;
pub(super) const NEVER: u8 = 8;

/// Why a job waits.
pub(super) const REASONS: [&str; 9] = [
    "None",
    "Priority",
    "Resources",
    "Dependency",
    "QOSMaxJobsPerUserLimit",
    "JobHeldUser",
    "BeginTime",
    "ReqNodeNotAvail, UnavailableNodes:gpu-dy-p4d-3",
    "DependencyNeverSatisfied",
];

pub(super) struct World {
    pub(super) epoch: Timestamp,
    pub(super) now: i64,
    pub(super) user: String,
    /// The user's own jobs as they were last looked at.
    pub(super) seen: HashMap<String, JobState>,
    pub(super) nodes: Vec<SimNode>,
    pub(super) jobs: BTreeMap<u32, SimJob>,
    /// Names of submitted scripts, by index past those of [`NAMES`].
    pub(super) names: Vec<String>,
    /// Tasks of arrays that are not listed any more: how many ended well, and how many did not.
    pub(super) past: BTreeMap<u32, (u32, u32)>,
    /// Where running jobs run.
    pub(super) places: BTreeMap<u32, Vec<usize>>,
    waiting: [VecDeque<u32>; 3],
    ended: VecDeque<u32>,
    next_id: u32,
    target: usize,
    /// Jobs of the user's that have not ended.
    own: usize,
    /// The last job of each user, which the next one may wait for.
    last: [u32; 8],
    /// Which jobs wait for which.
    followers: BTreeMap<u32, Vec<u32>>,
    random: Random,
}

impl World {
    pub(super) fn new(settings: DemoSettings, epoch: Timestamp, user: String) -> Self {
        let count = settings.nodes.max(12);
        let shares = [count * 6 / 10, count * 2 / 10, count - count * 8 / 10];
        let mut nodes = Vec::with_capacity(count);
        for (queue, share) in shares.into_iter().enumerate() {
            for i in 0..share {
                let fixed = queue == 0 && i < 2;
                // Of large GPU machines there are never as many as the queue may have.
                let scarce = queue == 1 && share > 3 && i + 2 >= share;
                let power = match (fixed, scarce) {
                    (true, _) => Power::On,
                    (_, true) => Power::NoCapacity(-NO_CAPACITY / 3),
                    _ => Power::Off,
                };
                let number = if queue == 0 && !fixed { i - 1 } else { i + 1 };
                nodes.push(SimNode {
                    queue,
                    number,
                    fixed,
                    power,
                    used: 0,
                    idle_since: 0,
                    boots: u32::from(fixed),
                    drain: None,
                    leave: None,
                    scarce,
                });
            }
        }
        let mut world = Self {
            epoch,
            now: -WARM_UP,
            user,
            seen: HashMap::new(),
            nodes,
            jobs: BTreeMap::new(),
            names: Vec::new(),
            past: BTreeMap::new(),
            places: BTreeMap::new(),
            waiting: Default::default(),
            ended: VecDeque::new(),
            next_id: 18_200,
            target: settings.jobs.max(20),
            own: 0,
            last: [0; 8],
            followers: BTreeMap::new(),
            random: Random::new(settings.seed),
        };
        (world.nodes[5].power, world.nodes[5].drain) = (Power::On, Some(("disk swap, ask bob".to_owned(), -4_000)));
        // One array of the user's own is there from the beginning.
        world.arrive(-WARM_UP - 60);
        if let Some(job) = world.jobs.values_mut().next() {
            (job.user, job.name, job.queue, job.reason, job.nodes, job.cpus_each) = (0, SWEEP, 0, 1, 1, 16);
            job.array = Some((job.id, 0, 200));
            (world.own, world.waiting) = (1, [VecDeque::from([job.id]), VecDeque::new(), VecDeque::new()]);
        }
        for _ in 0..world.target {
            let early = i64::try_from(world.random.below(7_200)).unwrap_or(0);
            world.arrive(-WARM_UP - early);
        }
        while world.now < 0 {
            world.step();
        }
        world
    }

    pub(super) fn nodes_up(&self) -> u32 {
        u32::try_from(self.nodes.iter().filter(|n| matches!(n.power, Power::On)).count()).unwrap_or(0)
    }

    /// Ends a job of the user's.
    pub(super) fn cancel(&mut self, id: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.outcome = JobState::Cancelled;
        if job.state == JobState::Pending {
            (job.state, job.ended) = (JobState::Cancelled, Some(self.now));
            self.own = self.own.saturating_sub(1);
            self.ended.push_back(id);
            self.settle(id);
        } else if job.ended.is_none() {
            job.state = JobState::Completing;
        }
    }

    /// Puts a job back among those that wait, whether it runs or has ended.
    pub(super) fn requeue(&mut self, id: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        for node in self.places.remove(&id).unwrap_or_default() {
            let node = &mut self.nodes[node];
            node.used = node.used.saturating_sub(u32::from(job.cpus_each));
            node.idle_since = self.now;
        }
        if job.state.is_over() {
            self.own += 1;
            self.ended.retain(|other| *other != id);
        }
        (job.state, job.reason, job.started, job.ended) = (JobState::Pending, 0, None, None);
        self.waiting[usize::from(job.queue)].push_back(id);
    }

    /// Moves a waiting job before all others of its queue.
    pub(super) fn move_up(&mut self, id: u32) {
        let Some(job) = self.jobs.get(&id) else { return };
        let queue = &mut self.waiting[usize::from(job.queue)];
        queue.retain(|other| *other != id);
        queue.push_front(id);
    }

    pub(super) fn name_of(&self, job: &SimJob) -> &str {
        let at = usize::from(job.name);
        NAMES.get(at).copied().unwrap_or_else(|| self.names.get(at - NAMES.len()).map_or("job", String::as_str))
    }

    pub(super) fn user_of(&self, job: &SimJob) -> &str {
        if job.user == 0 { &self.user } else { USERS[usize::from(job.user)] }
    }
}
