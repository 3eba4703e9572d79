//! A second of the simulated cluster: nodes power up and down, jobs end, others start in their place.
//!
//! Knows of no other time than the world's own.

use super::{DEPENDS, IDLE_BEFORE_DOWN, Leave, NEVER, NO_CAPACITY, Power, QUEUES, SHOWN_AFTER_END, SimJob, SimNode, TIDE, World};
use crate::model::JobState;

impl World {
    /// Steps to `age` seconds after the beginning.
    pub(in crate::remote::demo) fn advance(&mut self, age: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a session")]
        let until = age as i64;
        while self.now < until {
            self.step();
        }
    }

    pub(super) fn step(&mut self) {
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

    pub(super) fn power(&mut self) {
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

    pub(super) fn end(&mut self) {
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
    pub(super) fn finish(&mut self, id: u32) {
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
    pub(super) fn settle(&mut self, id: u32) {
        let well = self.jobs.get(&id).is_some_and(|job| job.state == JobState::Completed);
        for follower in self.followers.remove(&id).unwrap_or_default() {
            if let Some(job) = self.jobs.get_mut(&follower).filter(|job| job.reason == DEPENDS) {
                job.reason = if well { 1 } else { NEVER };
                job.after = job.after.filter(|_| !well);
            }
        }
    }

    /// Starts what fits, first come first served, as far down each queue as a scheduler would look.
    pub(super) fn start(&mut self) {
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
    pub(super) fn place(&mut self, id: u32, queue: usize) -> bool {
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
}
