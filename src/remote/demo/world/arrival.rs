//! Jobs that join the simulated queue: those of others by chance, the user's own as they were submitted.
//!
//! Starts none of them: that is time's work.

use super::{DEPENDS, NAMES, QUEUES, SWEEP, SimJob, World};
use crate::model::JobState;

impl World {
    pub(super) fn length(&mut self) -> u32 {
        let span = [90, 400, 1_500, 9_000][usize::try_from(self.random.below(4)).unwrap_or(0)];
        40 + u32::try_from(self.random.below(span)).unwrap_or(0)
    }

    pub(super) fn outcome(&mut self) -> JobState {
        match self.random.below(100) {
            0..8 => JobState::Failed,
            8..11 => JobState::Timeout,
            11..13 => JobState::OutOfMemory,
            13..15 => JobState::Cancelled,
            _ => JobState::Completed,
        }
    }

    pub(super) fn arrive(&mut self, submitted: i64) {
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

    pub(super) fn add(&mut self, job: SimJob) {
        self.waiting[usize::from(job.queue)].push_back(job.id);
        self.jobs.insert(job.id, job);
    }

    /// A script of the user's joins the queue at its head, so that something happens while one looks.
    pub(in crate::remote::demo) fn submit(&mut self, name: String, nodes: u16) -> u32 {
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
}
