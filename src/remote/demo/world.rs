//! The simulated cluster: nodes that power up and down, jobs that wait, start, run and end. Advances in steps of a second.
//!
//! Knows nothing of questions or of real time.

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
        let (queue, resource, ..) = QUEUES[self.queue];
        format!("{queue}-{}-{resource}-{}", if self.fixed { "st" } else { "dy" }, self.number)
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

    /// Steps to `age` seconds after the beginning.
    pub(super) fn advance(&mut self, age: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a session")]
        let until = age as i64;
        while self.now < until {
            self.step();
        }
    }

    pub(super) fn nodes_up(&self) -> u32 {
        u32::try_from(self.nodes.iter().filter(|n| matches!(n.power, Power::On)).count()).unwrap_or(0)
    }

    fn step(&mut self) {
        self.now += 1;
        self.power();
        self.end();
        self.start();
        // Arrivals keep the queue about as long as it was.
        if self.jobs.len() < self.target && self.random.percent(25) {
            self.arrive(self.now);
        }
        while let Some(id) = self.ended.front().copied() {
            if self.jobs.get(&id).and_then(|job| job.ended).is_none_or(|at| at + SHOWN_AFTER_END < self.now) {
                if let Some((state, (array, ..))) = self.jobs.remove(&id).and_then(|job| Some((job.state, job.array?))) {
                    let (well, badly) = self.past.entry(array).or_default();
                    *if state.is_bad() { badly } else { well } += 1;
                }
                self.ended.pop_front();
            } else {
                break;
            }
        }
    }

    fn power(&mut self) {
        let now = self.now;
        for node in &mut self.nodes {
            node.power = match node.power {
                Power::Starting(until) if until <= now => {
                    node.idle_since = now;
                    Power::On
                }
                Power::NoCapacity(until) if until <= now && node.scarce => Power::NoCapacity(now + NO_CAPACITY),
                Power::Stopping(until) | Power::NoCapacity(until) if until <= now => Power::Off,
                Power::On if node.used == 0 && node.leave == Some(Leave::Reboot) => {
                    node.leave = None;
                    Power::Starting(now + 30)
                }
                Power::On if node.used == 0 && node.leave == Some(Leave::Off) => {
                    node.leave = None;
                    Power::Stopping(now + 15)
                }
                Power::On if !node.fixed && node.drain.is_none() && node.used == 0 && node.idle_since + IDLE_BEFORE_DOWN < now => {
                    Power::Stopping(now + 15)
                }
                other => other,
            };
        }
    }

    fn end(&mut self) {
        let mut over = Vec::new();
        for (id, places) in &self.places {
            let Some(job) = self.jobs.get_mut(id) else { continue };
            match job.state {
                JobState::Configuring if places.iter().all(|n| self.nodes[*n].power == Power::On) => {
                    job.state = JobState::Running;
                    job.started = Some(self.now);
                }
                JobState::Running if job.started.is_some_and(|at| at + i64::from(job.length) <= self.now) => {
                    job.state = JobState::Completing;
                }
                JobState::Completing => over.push(*id),
                _ => {}
            }
        }
        for id in over {
            self.finish(id);
        }
    }

    /// A job has ended: its nodes are free.
    fn finish(&mut self, id: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.state = job.outcome;
        job.ended = Some(self.now);
        self.own = self.own.saturating_sub(usize::from(job.user == 0 && job.array.is_none()));
        for node in self.places.remove(&id).unwrap_or_default() {
            let node = &mut self.nodes[node];
            node.used = node.used.saturating_sub(u32::from(job.cpus_each));
            node.idle_since = self.now;
        }
        self.ended.push_back(id);
        self.settle(id);
    }

    /// Those who waited for a job that has ended may start, or never will.
    fn settle(&mut self, id: u32) {
        let well = self.jobs.get(&id).is_some_and(|job| job.state == JobState::Completed);
        for follower in self.followers.remove(&id).unwrap_or_default() {
            if let Some(job) = self.jobs.get_mut(&follower).filter(|job| job.reason == DEPENDS) {
                job.reason = if well { 1 } else { NEVER };
                job.after = job.after.filter(|_| !well);
            }
        }
    }

    /// Starts what fits, first come first served, as far down each queue as a scheduler would look.
    fn start(&mut self) {
        for queue in 0..QUEUES.len() {
            let mut looked = 0;
            let mut at = 0;
            while at < self.waiting[queue].len() && looked < 12 {
                looked += 1;
                let id = self.waiting[queue][at];
                let Some(job) = self.jobs.get(&id).filter(|job| job.state == JobState::Pending) else {
                    self.waiting[queue].remove(at);
                    continue;
                };
                // Held jobs and dependencies stay; everything else waits for a place.
                if matches!(job.reason, 3..) || self.random.percent(60) || !self.place(id, queue) {
                    at += 1;
                } else if self.jobs.get(&id).is_none_or(|job| job.state != JobState::Pending) {
                    self.waiting[queue].remove(at);
                }
            }
        }
    }

    /// Puts a job, or the next task of an array, on nodes. False when there is no room.
    fn place(&mut self, id: u32, queue: usize) -> bool {
        let Some(job) = self.jobs.get(&id).cloned() else { return false };
        let cpus = u32::from(job.cpus_each);
        let share = self.nodes.iter().filter(|n| n.queue == queue).count();
        let tide = usize::try_from((self.now.rem_euclid(TIDE) - TIDE / 2).abs() * 35 / (TIDE / 2)).unwrap_or(0);
        let highest = (share * (25 + tide)).div_ceil(100);
        let free = |node: &SimNode| node.drain.is_none() && node.leave.is_none();
        let room = |node: &SimNode| free(node) && node.queue == queue && node.number <= highest && node.used + cpus <= QUEUES[queue].3;
        let awake = |node: &SimNode| matches!(node.power, Power::On | Power::Starting(_));
        let all = || (0..self.nodes.len()).filter(|n| room(&self.nodes[*n]));
        let mut chosen: Vec<usize> = all().filter(|n| awake(&self.nodes[*n])).take(usize::from(job.nodes)).collect();
        let asleep: Vec<usize> = all().filter(|n| self.nodes[*n].power == Power::Off).take(usize::from(job.nodes) - chosen.len()).collect();
        if chosen.len() + asleep.len() < usize::from(job.nodes) {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.reason = if job.reason == 0 { 2 } else { job.reason };
            }
            return false;
        }
        if queue == 1 && !asleep.is_empty() && self.random.percent(30) {
            self.nodes[asleep[0]].power = Power::NoCapacity(self.now + NO_CAPACITY);
            return false;
        }
        for n in asleep {
            let boot = 12 + i64::try_from(self.random.below(28)).unwrap_or(0);
            self.nodes[n].power = Power::Starting(self.now + boot);
            self.nodes[n].boots += 1;
            chosen.push(n);
        }
        for n in &chosen {
            self.nodes[*n].used += cpus;
        }
        let ready = chosen.iter().all(|n| self.nodes[*n].power == Power::On);
        let state = if ready { JobState::Running } else { JobState::Configuring };
        let started = ready.then_some(self.now);
        match job.array {
            Some((array, next, left)) if left > 0 => {
                self.next_id += 1;
                // Now and then a task of a sweep fails alone.
                let outcome = if self.random.percent(18) { JobState::Failed } else { self.outcome() };
                let length = 40 + u32::try_from(self.random.below(400)).unwrap_or(0);
                let task = SimJob { id: self.next_id, array: Some((array, next, 0)), state, started, reason: 0, length, outcome, ..job };
                self.places.insert(task.id, chosen);
                self.jobs.insert(task.id, task);
                if left == 1 {
                    self.own = self.own.saturating_sub(usize::from(job.user == 0));
                    self.jobs.remove(&id);
                } else if let Some(rest) = self.jobs.get_mut(&id) {
                    rest.array = Some((array, next + 1, left - 1));
                }
            }
            _ => {
                if let Some(job) = self.jobs.get_mut(&id) {
                    (job.state, job.started, job.reason) = (state, started, 0);
                }
                self.places.insert(id, chosen);
            }
        }
        true
    }

    fn length(&mut self) -> u32 {
        let span = [90, 400, 1_500, 9_000][usize::try_from(self.random.below(4)).unwrap_or(0)];
        40 + u32::try_from(self.random.below(span)).unwrap_or(0)
    }

    fn outcome(&mut self) -> JobState {
        match self.random.below(100) {
            0..8 => JobState::Failed,
            8..11 => JobState::Timeout,
            11..13 => JobState::OutOfMemory,
            13..15 => JobState::Cancelled,
            _ => JobState::Completed,
        }
    }

    fn arrive(&mut self, submitted: i64) {
        self.next_id += 1;
        let id = self.next_id;
        // A few of the queue are the user's own: enough to look at, not so many that they are all one sees.
        let user = if self.own < 14 && self.random.percent(20) { 0 } else { 1 + u8::try_from(self.random.below(7)).unwrap_or(0) };
        let queue = [0, 0, 0, 1, 2][usize::try_from(self.random.below(5)).unwrap_or(0)];
        let cpus = QUEUES[queue].3;
        let nodes = [1, 1, 1, 1, 2, 2, 4][usize::try_from(self.random.below(7)).unwrap_or(0)];
        let cpus_each = [cpus, cpus, cpus / 2, cpus / 4][usize::try_from(self.random.below(4)).unwrap_or(0)];
        let name = u16::try_from(self.random.below(NAMES.len() as u64)).unwrap_or(0);
        self.own += usize::from(user == 0);
        let array = (name == SWEEP).then(|| (id, 0, 20 + u32::try_from(self.random.below(80)).unwrap_or(0)));
        let outcome = self.outcome();
        let reason = match self.random.below(100) {
            0..6 => 3,
            6..10 => 4,
            10..13 => 5,
            13..15 => 6,
            15..16 => 7,
            _ => 1,
        };
        // Nobody waits for a job that is not there.
        let before = self.last[usize::from(user)];
        let after = Some(before).filter(|id| reason == DEPENDS && self.jobs.get(id).is_some_and(|job| !job.state.is_over()));
        let reason = if reason == DEPENDS && after.is_none() { 1 } else { reason };
        if let Some(before) = after {
            self.followers.entry(before).or_default().push(id);
        }
        if array.is_none() {
            self.last[usize::from(user)] = id;
        }
        let length = self.length();
        let nodes = if array.is_some() { 1 } else { nodes };
        self.add(SimJob {
            id,
            array,
            name,
            user,
            queue: u8::try_from(queue).unwrap_or(0),
            state: JobState::Pending,
            reason,
            nodes,
            cpus_each: u16::try_from(cpus_each).unwrap_or(1),
            submitted,
            started: None,
            ended: None,
            length,
            outcome,
            limit: Some(86_400),
            nice: 0,
            after,
        });
    }

    fn add(&mut self, job: SimJob) {
        self.waiting[usize::from(job.queue)].push_back(job.id);
        self.jobs.insert(job.id, job);
    }

    /// A script of the user's joins the queue at its head, so that something happens while one looks.
    pub(super) fn submit(&mut self, name: String, nodes: u16) -> u32 {
        self.next_id += 1;
        let id = self.next_id;
        self.names.push(name);
        let job = SimJob {
            id,
            array: None,
            name: u16::try_from(NAMES.len() + self.names.len() - 1).unwrap_or(0),
            user: 0,
            queue: 0,
            state: JobState::Pending,
            reason: 0,
            nodes: nodes.clamp(1, 4),
            cpus_each: 4,
            submitted: self.now,
            started: None,
            ended: None,
            length: 45,
            outcome: JobState::Completed,
            limit: Some(86_400),
            nice: 0,
            after: None,
        };
        self.own += 1;
        self.waiting[0].push_front(id);
        self.jobs.insert(id, job);
        id
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
