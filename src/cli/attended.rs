//! ssh's questions, answered at the terminal by whoever runs a one-shot command.
//!
//! Without a terminal nobody is there to answer: the question is declined at once, and nothing waits for ever.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, StreamExt};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use crate::model::text::clean;
use crate::model::{Answer, ClusterId, Command, Failure, Link, Progress, Prompt, Query, Scope};
use crate::remote::Remote;

/// A world whose clusters may ask.
pub(super) struct Attended {
    world: Arc<dyn Remote>,
    met: Mutex<HashSet<ClusterId>>,
    meet: mpsc::UnboundedSender<ClusterId>,
}

/// The world as it is used, and the work of answering: without it questions stay open.
pub(super) fn attended(world: Arc<dyn Remote>) -> (Attended, impl Future<Output = Infallible>) {
    let (meet, met) = mpsc::unbounded_channel();
    (Attended { world: world.clone(), met: Mutex::default(), meet }, answer_all(world, met))
}

impl Attended {
    fn meets(&self, cluster: Option<&ClusterId>) {
        let Some(cluster) = cluster else { return };
        if self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.clone()) {
            let _ = self.meet.send(cluster.clone());
        }
    }
}

impl Remote for Attended {
    fn ask(&self, query: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.meets(query.cluster());
        self.world.ask(query)
    }

    fn jobs_with_paths(&self, cluster: ClusterId, scope: Scope) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.meets(Some(&cluster));
        self.world.jobs_with_paths(cluster, scope)
    }

    fn follow(&self, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        // The doctor meets clusters that nobody else knows yet, tells what ssh asks, and waits for nobody.
        if !matches!(query, Query::Doctor(_)) {
            self.meets(query.cluster());
        }
        self.world.follow(query)
    }

    fn run(&self, command: Command) -> BoxStream<'static, Progress> {
        self.meets(command.cluster());
        self.world.run(command)
    }
}

/// One question after another, whichever cluster it comes from.
async fn answer_all(world: Arc<dyn Remote>, mut met: mpsc::UnboundedReceiver<ClusterId>) -> Infallible {
    let terminal = tokio::sync::Mutex::new(());
    let mut clusters = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(cluster) = met.recv() => clusters.push(answer(&world, cluster, &terminal)),
            Some(()) = clusters.next(), if !clusters.is_empty() => {}
            else => std::future::pending().await,
        }
    }
}

async fn answer(world: &Arc<dyn Remote>, cluster: ClusterId, terminal: &tokio::sync::Mutex<()>) {
    let mut links = world.follow(Query::Link(cluster.clone()));
    while let Some(link) = links.next().await {
        match link {
            Ok(Answer::Link(Link::Asking(prompt))) => {
                let alone = terminal.lock().await;
                let text = typed(&cluster, &prompt).await;
                drop(alone);
                let mut replied = world.run(Command::Reply { cluster: cluster.clone(), prompt: prompt.id, text });
                while replied.next().await.is_some() {}
            }
            Ok(Answer::Link(Link::Trusted(words))) if std::io::stderr().is_terminal() => {
                let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(&words));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// What is typed at the terminal. `None` where there is none, or where its end was typed.
async fn typed(cluster: &ClusterId, prompt: &Prompt) -> Option<String> {
    let text: Vec<_> = prompt.text.lines().map(clean).collect();
    let text = text.join("\n");
    let Ok(mut terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") else {
        let _ = writeln!(std::io::stderr(), "qdeck: ssh asks, and there is no terminal to answer at:\n{text}");
        return None;
    };
    let _silence = prompt.secret.then(|| Silence::of(&terminal)).flatten();
    let _ = terminal.write_all(format!("{}: {text}", cluster.name()).as_bytes());
    let reader = terminal.try_clone().ok()?;
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).map(|read| (read, line))
    });
    let line = line.await;
    if prompt.secret {
        let _ = terminal.write_all(b"\n");
    }
    let (read, line) = line.ok()?.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that does not show what is typed as long as this lives, not even after an interrupt.
struct Silence(File, Termios);

impl Silence {
    fn of(terminal: &File) -> Option<Self> {
        let before = tcgetattr(terminal).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent).ok()?;
        Some(Self(terminal.try_clone().ok()?, before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.0, OptionalActions::Now, &self.1);
    }
}
