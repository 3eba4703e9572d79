//! An application on a stage: a world that says what a test wants, and no clock but the test's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use qdeck::app::{App, Settings};
use qdeck::config::{Notify, Refresh};
use qdeck::model::{
    Answer, Arrangement, Cluster, ClusterId, ClusterKind, Failure, HeadNode, JobState, JobTable, Link, LogEvent, LogSource, NewJob, Node,
    NodePhase, NodeTable, Order, Query, SchedulerKind, Scope, Source,
};
use qdeck::protocol::{Clock, Effect, Event, KeyMap};
use qdeck::ui::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub(crate) struct Stage {
    pub(crate) app: App,
    now: Duration,
    /// What the application asked for and the stage did not do by itself.
    pub(crate) effects: Vec<Effect>,
}

pub(crate) fn prod() -> ClusterId {
    ClusterId::new("lab/eu-west-1/prod")
}

impl Stage {
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::told(width, height, Notify::default())
    }

    /// With other ways to be told of jobs.
    pub(crate) fn told(width: u16, height: u16, notify: Notify) -> Self {
        let settings = Settings {
            sources: vec![Source::Fixed],
            cluster: Some("prod".into()),
            refresh: Refresh::default(),
            columns: None,
            order: Order::default(),
            notify,
            live_tail: qdeck::config::LiveTail::Never,
            keys: KeyMap::default(),
            theme: Theme::Dark,
            folder: "/data".into(),
            log_memory: 128 << 10,
            zone: TimeZone::UTC,
            read_only: false,
        };
        let mut stage = Self { app: App::new(settings, (width, height)), now: Duration::ZERO, effects: Vec::new() };
        stage.wait(1);
        stage
    }

    pub(crate) fn send(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.app.update(event) {
                match effect {
                    // Sorting is pure: the stage does it at once.
                    Effect::Arrange(wish) => events.push(Event::Arranged(Arc::new(Arrangement::make(wish)))),
                    Effect::Sift(sift) => {
                        let mut parts = Vec::new();
                        sift.run(|found| {
                            parts.push(Event::Found(found));
                            true
                        });
                        // Handed out from the back.
                        events.extend(parts.into_iter().rev());
                    }
                    Effect::Wake(_) => {}
                    other => self.effects.push(other),
                }
            }
        }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let wall = Timestamp::from_second(1_790_000_000 + i64::try_from(self.now.as_secs()).unwrap()).unwrap();
        self.send(Event::Ticked(Clock { since_start: self.now, wall }));
    }

    /// Types keys separated by spaces: `j enter ctrl-u`.
    pub(crate) fn keys(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.send(Event::Pressed(key.parse().unwrap()));
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.send(Event::Pasted(text.to_owned()));
    }

    pub(crate) fn answer(&mut self, query: Query, result: Result<Answer, Failure>) {
        self.send(Event::Answered { query, result, took: Duration::from_millis(30) });
    }

    pub(crate) fn clusters(&mut self) {
        let mut cluster = Cluster::named(prod(), ClusterKind::ParallelCluster);
        cluster.region = Some("eu-west-1".into());
        cluster.scheduler = Some(SchedulerKind::Slurm);
        cluster.head_node = Some(HeadNode { state: Some("running".into()), ..HeadNode::default() });
        let mut local = Cluster::named(ClusterId::local(), ClusterKind::Local);
        local.scheduler = Some(SchedulerKind::Runner);
        self.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![cluster, local])));
    }

    /// The queue answers with this table.
    pub(crate) fn table(&mut self, table: JobTable) {
        self.answer(Query::Jobs { cluster: prod(), scope: Scope::Mine }, Ok(Answer::Jobs(Arc::new(table))));
    }

    /// An array of a hundred tasks between two jobs: 33 have left the queue, a few run, two failed, the rest waits.
    pub(crate) fn swept() -> JobTable {
        let mut table = JobTable::default();
        let tasks = [("[40-99%10]", "PD"), ("33", "R"), ("34", "R"), ("35", "F"), ("36", "CF"), ("37", "R"), ("38", "TO"), ("39", "CD")];
        let mut push = |id: &str, task: &str, name: &str, state: &str| {
            let state = JobState::read(state);
            let waits = state.is_waiting();
            table.push(&NewJob {
                id,
                array_job_id: if task.is_empty() { "" } else { "18240" },
                array_task_id: task.trim_matches(['[', ']']),
                name,
                user: "me",
                partition: "compute",
                state: Some(state),
                reason: if waits { "Resources" } else { "None" },
                node_list: if waits { "" } else { "compute-dy-c5large-7" },
                nodes: 1,
                cpus: 4,
                time_used: Some(if waits { 0 } else { 760 }),
                time_limit: Some(7_200),
                priority: Some(4_294),
                account: "cfd",
                ..NewJob::default()
            });
        };
        push("18231", "", "train-resnet", "R");
        for (task, state) in tasks {
            push(&format!("18240_{task}"), task, "sweep", state);
        }
        push("18310", "", "finetune-b", "PD");
        table.past = vec![("18240".into(), 31, 2)];
        table
    }

    pub(crate) fn jobs(&mut self, jobs: &[(&str, &str, JobState)]) {
        let mut table = JobTable::default();
        for (id, name, state) in jobs {
            let waits = state.is_waiting();
            table.push(&NewJob {
                id,
                name,
                user: "me",
                partition: "compute",
                state: Some(*state),
                reason: if waits { "Priority" } else { "None" },
                node_list: if waits { "" } else { "compute-dy-c5large-[1-2]" },
                nodes: 2,
                cpus: 8,
                time_used: Some(if waits { 0 } else { 4_000 }),
                ..NewJob::default()
            });
        }
        self.answer(Query::Jobs { cluster: prod(), scope: Scope::Mine }, Ok(Answer::Jobs(Arc::new(table))));
    }

    /// A queue of jobs with all their fields, for what must be named in full.
    pub(crate) fn queue(&mut self, scope: Scope, jobs: &[NewJob<'_>]) {
        let mut table = JobTable::default();
        jobs.iter().for_each(|job| table.push(job));
        self.answer(Query::Jobs { cluster: prod(), scope }, Ok(Answer::Jobs(Arc::new(table))));
    }

    /// The same clusters, but with another batch system.
    pub(crate) fn scheduler(&mut self, kind: SchedulerKind) {
        let mut cluster = Cluster::named(prod(), ClusterKind::ParallelCluster);
        cluster.scheduler = Some(kind);
        self.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![cluster])));
    }

    /// The last command that was sent.
    pub(crate) fn sent(&self) -> Option<qdeck::model::Command> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Run(_, command) => Some(command.clone()),
            _ => None,
        })
    }

    /// The number of the last command that was sent.
    pub(crate) fn sent_id(&self) -> qdeck::protocol::CommandId {
        let found = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Run(id, _) => Some(*id),
            _ => None,
        });
        found.expect("a command was sent")
    }

    /// Clusters, a connection, nodes, three jobs and a log.
    pub(crate) fn full(&mut self) {
        self.clusters();
        self.answer(Query::Link(prod()), Ok(Answer::Link(Link::Up { rtt: Some(Duration::from_millis(24)), is_shared: false })));
        let mut busy = Node::named("compute-dy-c5large-1", "alloc", NodePhase::Allocated);
        (busy.cpus, busy.cpus_used) = (16, 16);
        let mut down = Node::named("gpu-dy-p4d-2", "down#", NodePhase::Down);
        down.reason = Some("(Code:InsufficientInstanceCapacity)Failure when resuming nodes".into());
        let asleep = |n: u32| Node::named(format!("compute-dy-c5large-{n}"), "idle~", NodePhase::PoweredDown);
        let nodes = vec![busy, down, asleep(2), asleep(3)];
        self.answer(Query::Nodes(prod()), Ok(Answer::Nodes(Arc::new(NodeTable::new(nodes, 0)))));
        self.jobs(&[("101", "train-resnet", JobState::Running), ("102", "sweep", JobState::Pending), ("99", "prep", JobState::Failed)]);
        self.wait(1);
        self.log("epoch 1 loss \x1b[32m0.5\x1b[0m\nepoch 2 loss 0.4\n10%\r90%");
    }

    pub(crate) fn log(&mut self, text: &str) {
        let query = self.log_query().expect("a log is wanted");
        self.answer(query.clone(), Ok(Answer::Log(LogEvent::Opened { path: "/out".into(), start: 0, size: 0 })));
        self.answer(query.clone(), Ok(Answer::Log(LogEvent::Bytes { offset: 0, bytes: text.as_bytes().to_vec() })));
        self.answer(query, Ok(Answer::Log(LogEvent::CaughtUp)));
    }

    pub(crate) fn log_query(&self) -> Option<Query> {
        self.app.wants().into_iter().map(|(query, _)| query).find(|query| matches!(query, Query::Log(..)))
    }

    pub(crate) fn log_job(&self) -> Option<String> {
        match self.log_query()? {
            Query::Log(LogSource::Output { job, .. }, _) => Some(job.to_string()),
            _ => None,
        }
    }

    pub(crate) fn wants(&self, wanted: impl Fn(&Query) -> bool) -> bool {
        self.app.wants().iter().any(|(query, _)| wanted(query))
    }

    pub(crate) fn buffer(&self, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.app.view(&mut buffer);
        buffer
    }

    pub(crate) fn screen(&self, width: u16, height: u16) -> String {
        let buffer = self.buffer(width, height);
        let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }
}
