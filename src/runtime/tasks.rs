//! Keeps open exactly the questions that are wanted, and runs commands beside them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::hook::Hooks;
use super::toll::Tolls;
use crate::model::lines::Sift;
use crate::model::lines::sift::Use;
use crate::model::{Arrangement, Cadence, Progress, Query, Wish};
use crate::protocol::{CommandId, Effect, Event};
use crate::remote::Remote;
use crate::remote::fault::{caught, each};

/// Where faults of our own are.
const PLACE: &str = "qdeck";
/// A failing question is asked again after at most this long.
const LONGEST: Duration = Duration::from_secs(60);

/// Ends its task when dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Open {
    cadence: Cadence,
    again: Arc<Notify>,
    _task: Task,
}

/// All tasks.
pub(super) struct Tasks {
    remote: Arc<dyn Remote>,
    events: mpsc::Sender<Event>,
    open: HashMap<Query, Open>,
    /// When each question was last answered: one that is wanted again soon keeps its rhythm.
    answered: Arc<std::sync::Mutex<HashMap<Query, Instant>>>,
    /// What each cluster's scheduler has been asked lately, by whichever question.
    tolls: Tolls,
    hooks: Hooks,
    commands: HashMap<CommandId, Task>,
    wishes: watch::Sender<Option<Wish>>,
    _arranger: Task,
    /// For searches and for filters.
    sifts: [watch::Sender<Option<Sift>>; 2],
    _sifters: [Task; 2],
}

impl Tasks {
    pub(super) fn new(remote: Arc<dyn Remote>, events: mpsc::Sender<Event>) -> Self {
        let (wishes, wished) = watch::channel(None);
        let arranger = Task(tokio::spawn(arrange(wished, events.clone())));
        let [(search, searcher), (filter, filterer)] = [(), ()].map(|()| {
            let (sifts, wanted) = watch::channel(None);
            (sifts, Task(tokio::spawn(sift(wanted, events.clone()))))
        });
        Self {
            remote,
            events,
            open: HashMap::new(),
            answered: Arc::default(),
            tolls: Tolls::default(),
            hooks: Hooks::default(),
            commands: HashMap::new(),
            wishes,
            _arranger: arranger,
            sifts: [search, filter],
            _sifters: [searcher, filterer],
        }
    }

    /// Drops the questions that are not wanted any more and asks those that are new.
    pub(super) fn reconcile(&mut self, wants: Vec<(Query, Cadence)>) {
        self.open.retain(|query, open| wants.iter().any(|(q, c)| q == query && *c == open.cadence));
        for (query, cadence) in wants {
            if !self.open.contains_key(&query) {
                let again = Arc::new(Notify::new());
                let task = match cadence {
                    Cadence::Once => tokio::spawn(self.poll(query.clone(), None, again.clone())),
                    Cadence::Every(interval) => tokio::spawn(self.poll(query.clone(), Some(interval), again.clone())),
                    Cadence::Follow => tokio::spawn(self.follow(query.clone(), again.clone())),
                };
                self.open.insert(query, Open { cadence, again, _task: Task(task) });
            }
        }
    }

    fn poll(&self, query: Query, interval: Option<Duration>, again: Arc<Notify>) -> impl Future<Output = ()> + 'static {
        let (remote, events, answered, tolls) = (self.remote.clone(), self.events.clone(), self.answered.clone(), self.tolls.clone());
        async move {
            let last = answered.lock().ok().and_then(|map| map.get(&query).copied());
            let mut hurried = false;
            if let (Some(interval), Some(last)) = (interval, last) {
                let rest = interval.saturating_sub(last.elapsed());
                hurried = tokio::select! { () = tokio::time::sleep(rest) => false, () = again.notified() => true };
            }
            let mut failures = 0;
            loop {
                // What is asked by itself waits its turn; what the user asks for does not.
                if interval.is_some() && !hurried {
                    tokio::select! { () = tolls.turn(&query) => {}, () = again.notified() => {} }
                }
                let begun = Instant::now();
                let result = caught(PLACE, async { remote.ask(query.clone()).await }).await.flatten();
                let took = begun.elapsed();
                failures = if result.is_ok() { 0 } else { failures + 1 };
                let shared = tolls.paid(&query, begun, took, result.as_ref().err(), failures);
                if let Ok(mut map) = answered.lock() {
                    map.insert(query.clone(), Instant::now());
                }
                if events.send(Event::Answered { query: query.clone(), result, took }).await.is_err() {
                    return;
                }
                match interval {
                    Some(interval) => {
                        let pause = (interval * 2_u32.pow(failures.max(shared).min(6))).min(LONGEST.max(interval));
                        hurried = tokio::select! { () = tokio::time::sleep(pause) => false, () = again.notified() => true };
                    }
                    None => again.notified().await,
                }
            }
        }
    }

    fn follow(&self, query: Query, again: Arc<Notify>) -> impl Future<Output = ()> + 'static {
        let (remote, events) = (self.remote.clone(), self.events.clone());
        async move {
            loop {
                let mut stream = pin!(each(PLACE, || remote.follow(query.clone())));
                while let Some(result) = stream.next().await {
                    let result = result.flatten();
                    if events.send(Event::Answered { query: query.clone(), result, took: Duration::ZERO }).await.is_err() {
                        return;
                    }
                }
                // All has been told; who asks for it again gets it anew.
                again.notified().await;
            }
        }
    }

    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Run(id, command) => {
                let (remote, events, tolls) = (self.remote.clone(), self.events.clone(), self.tolls.clone());
                let task = tokio::spawn(async move {
                    let _paying = tolls.paying(&command);
                    let mut stream = pin!(each(PLACE, || remote.run(command)));
                    while let Some(progress) = stream.next().await {
                        let progress = progress.unwrap_or_else(Progress::Failed);
                        if events.send(Event::Progressed { id, progress }).await.is_err() {
                            return;
                        }
                    }
                });
                self.commands.retain(|_, task| !task.0.is_finished());
                self.commands.insert(id, Task(task));
            }
            Effect::Stop(id) => {
                self.commands.remove(&id);
            }
            Effect::Arrange(wish) => {
                self.wishes.send_replace(Some(wish));
            }
            Effect::Sift(sift) => {
                let [search, filter] = &self.sifts;
                match sift.purpose {
                    Use::Search => search.send_replace(Some(sift)),
                    Use::Filter => filter.send_replace(Some(sift)),
                };
            }
            Effect::Refresh(query) => {
                if let Some(open) = self.open.get(&query) {
                    open.again.notify_one();
                }
            }
            Effect::Wake(pause) => {
                let events = self.events.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    let _ = events.send(Event::Woken).await;
                });
            }
            Effect::Hook { words, variables } => self.hooks.run(words, variables),
            Effect::Copy(_) | Effect::HandOver(_) | Effect::Bell | Effect::Post(_) | Effect::Quit => {}
        }
    }
}

/// Fulfils the latest wish, one at a time: wishes that were overtaken are never begun.
async fn arrange(mut wished: watch::Receiver<Option<Wish>>, events: mpsc::Sender<Event>) {
    while wished.changed().await.is_ok() {
        let Some(wish) = wished.borrow_and_update().clone() else { continue };
        let Ok(arrangement) = tokio::task::spawn_blocking(move || Arrangement::make(wish)).await else { continue };
        if events.send(Event::Arranged(Arc::new(arrangement))).await.is_err() {
            return;
        }
    }
}

/// Makes the latest search, one at a time. One that is overtaken ends after the part it is at.
async fn sift(mut wanted: watch::Receiver<Option<Sift>>, events: mpsc::Sender<Event>) {
    while wanted.changed().await.is_ok() {
        let Some(sift) = wanted.borrow_and_update().clone() else { continue };
        let (newer, events) = (wanted.clone(), events.clone());
        let search = move || sift.run(|found| !newer.has_changed().unwrap_or(true) && events.blocking_send(Event::Found(found)).is_ok());
        let _ = tokio::task::spawn_blocking(search).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use futures::stream::BoxStream;

    use super::*;
    use crate::model::{Answer, Command, Failure};

    /// Has a fault at every call.
    struct Faulty;

    impl Remote for Faulty {
        fn ask(&self, _: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
            panic!("asked")
        }

        fn follow(&self, _: Query) -> BoxStream<'static, Result<Answer, Failure>> {
            panic!("followed")
        }

        fn run(&self, _: Command) -> BoxStream<'static, Progress> {
            async { panic!("ran") }.into_stream().boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_of_our_own_is_answered_like_any_failure_and_asked_again() {
        let (events, mut heard) = mpsc::channel(8);
        let mut tasks = Tasks::new(Arc::new(Faulty), events);
        tasks.reconcile(vec![(Query::Outbox, Cadence::Every(Duration::from_secs(1)))]);
        for _ in 0..2 {
            let Some(Event::Answered { result: Err(failure), .. }) = heard.recv().await else { panic!("no answer") };
            assert_eq!(failure.what, "qdeck has a fault: asked");
        }
        tasks.reconcile(vec![(Query::Audit, Cadence::Follow)]);
        let Some(Event::Answered { result: Err(failure), .. }) = heard.recv().await else { panic!("no answer") };
        assert_eq!(failure.what, "qdeck has a fault: followed");
        tasks.carry_out(Effect::Run(CommandId(7), Command::KeepColumns(Vec::new())));
        let Some(Event::Progressed { id: CommandId(7), progress: Progress::Failed(failure) }) = heard.recv().await else {
            panic!("no progress")
        };
        assert_eq!(failure.what, "qdeck has a fault: ran");
    }
}
