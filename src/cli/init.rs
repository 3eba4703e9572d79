//! `init`: the configuration of a first cluster, asked for step by step on a terminal, or taken from options.
//!
//! Touches nothing before the last answer; what was made then is told, however it ends. Never writes over a file.

mod check;
mod look;
mod making;
mod question;
mod steps;
mod told;

use std::io::{BufRead as _, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::{Arguments, print};
use crate::model::text::clean;
use crate::model::{Failure, FailureKind, Source};
use crate::remote::Remote;
use look::Quotes;
use making::{Made, Making};
use question::Question;
use steps::{Next, Step, Wizard, is_new};

/// Options of `init`; what is given is not asked.
#[derive(Args, Debug, Clone, Default)]
pub struct Wanted {
    /// The cluster's name
    #[arg(long)]
    name: Option<String>,
    /// Key pair: its name, new:NAME to make one, import:FILE.pub to give AWS a public key
    #[arg(long)]
    key: Option<String>,
    /// VPC: its id; new lets ParallelCluster's template make one with a NAT gateway, new-public one without
    #[arg(long, value_name = "ID|new|new-public")]
    vpc: Option<String>,
    /// Availability zone of what is new
    #[arg(long)]
    zone: Option<String>,
    /// Subnet of the head node; new and new-public make subnets for it and the nodes in a VPC that is there
    #[arg(long, value_name = "ID|new|new-public")]
    subnet: Option<String>,
    /// Subnet of the queue's nodes
    #[arg(long, value_name = "ID")]
    queue_subnet: Option<String>,
    /// Instance type of the head node
    #[arg(long, value_name = "TYPE")]
    head: Option<String>,
    /// Instance type of the queue's nodes
    #[arg(long, value_name = "TYPE")]
    queue_type: Option<String>,
    /// Nodes that run always
    #[arg(long, value_name = "N")]
    min: Option<u32>,
    /// Nodes at most
    #[arg(long, value_name = "N")]
    max: Option<u32>,
    /// Spot instances instead of on-demand ones
    #[arg(long)]
    spot: bool,
    /// Shared storage: none, ebs, ebs:GIB, efs, fsx, fsx:GIB
    #[arg(long)]
    storage: Option<String>,
    /// The file to write; one that is there already is never touched
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ask nothing: what is not given is what would be proposed
    #[arg(long)]
    yes: bool,
}

impl Wanted {
    /// The answer that was given beforehand.
    fn given(&self, step: Step, asks: bool) -> Option<String> {
        match step {
            // The region that was looked into is the one that was named.
            Step::Region => None,
            Step::Name => self.name.clone(),
            Step::Key => self.key.clone(),
            Step::Network => self.vpc.clone(),
            Step::HeadSubnet => self.subnet.clone(),
            Step::QueueSubnet => self.queue_subnet.clone(),
            Step::HeadType => self.head.clone(),
            Step::QueueType => self.queue_type.clone(),
            Step::Zone => self.zone.clone(),
            Step::Min => self.min.map(|n| n.to_string()),
            Step::Max => self.max.map(|n| n.to_string()),
            Step::Capacity if self.spot => Some("spot".into()),
            Step::Capacity => (!asks).then(|| "on-demand".into()),
            Step::Storage => self.storage.clone(),
            Step::File => self.output.as_ref().map(|path| path.display().to_string()),
        }
    }

    /// Options that mean nothing together.
    fn contradiction(&self) -> Option<&'static str> {
        let new_vpc = self.vpc.as_deref().is_some_and(is_new);
        let new_subnets = self.subnet.as_deref().is_some_and(is_new);
        if new_vpc && (self.subnet.is_some() || self.queue_subnet.is_some()) {
            return Some("a new VPC has no subnets that could be named: --subnet and --queue-subnet are for one that is there");
        }
        if new_subnets && self.queue_subnet.is_some() {
            return Some("new subnets are for the nodes too: there is no --queue-subnet then");
        }
        let is_there = self.vpc.is_some() && !new_vpc && self.subnet.is_some() && !new_subnets;
        (is_there && self.zone.is_some()).then_some("--zone is for what is new: of subnets that are there it is known")
    }
}

pub(super) async fn run(arguments: &Arguments, wanted: &Wanted, remote: &dyn Remote, sources: &[Source]) -> Result<(), Failure> {
    let asks = !wanted.yes && !arguments.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !asks && !wanted.yes && !arguments.json {
        let what = "there is no terminal to ask at";
        let hint = "--yes takes what would be proposed for everything that no option gives; --json does the same and prints JSON.";
        return Err(Failure::new(FailureKind::Rejected, "init", what).hint(hint));
    }
    if let Some(what) = wanted.contradiction() {
        return Err(Failure::new(FailureKind::Rejected, "init", what));
    }
    let Some(source) = sources.iter().find(|source| matches!(source, Source::Aws { .. })).cloned() else {
        return Err(Failure::new(FailureKind::Unsupported, "init", "no AWS account is configured, or this qdeck was built without AWS"));
    };
    let mut wizard = look::around(remote, &source).await?;
    if asks {
        print::out(b"A first cluster, step by step. An empty line takes what stands in [brackets]; < goes back; Ctrl-C leaves, and nothing is made.\n")?;
    }
    let quotes = Some(look::quotes(remote, &source, &wizard));
    let mut talk = Talk { remote, wanted, asks, source, quotes, mended: Vec::new() };
    let mut made = Made::default();
    loop {
        talk.through(&mut wizard, &made).await?;
        talk.priced(&mut wizard).await;
        let making = Making { remote, source: &talk.source, json: arguments.json, asks };
        match making.all(&mut wizard, &mut made).await? {
            // What was given for this step will not do: it is asked for from now on.
            Some(step) => {
                talk.mended.push(step);
                wizard.back_to(step);
            }
            None => return Ok(()),
        }
    }
}

/// The questions, put to somebody or answered by options.
struct Talk<'a> {
    remote: &'a dyn Remote,
    wanted: &'a Wanted,
    asks: bool,
    source: Source,
    /// Prices that are on their way.
    quotes: Option<Quotes>,
    /// Steps whose option will not do.
    mended: Vec<Step>,
}

impl Talk<'_> {
    /// Asks until nothing is open.
    async fn through(&mut self, wizard: &mut Wizard, made: &Made) -> Result<(), Failure> {
        // A step that an option answers is passed in both directions.
        let mut back = false;
        while let Some(step) = wizard.step() {
            let preset = self.wanted.given(step, self.asks).filter(|_| !self.mended.contains(&step));
            if back && preset.is_some() && wizard.back() {
                continue;
            }
            back = false;
            if !matches!(step, Step::Region | Step::Name | Step::Key) {
                self.priced(wizard).await;
            }
            let Some(question) = wizard.question() else { break };
            let text = match &preset {
                Some(text) => text.clone(),
                None if self.asks => match ask(&question, wizard.count()).await? {
                    Reply::Text(text) => text,
                    Reply::Back => {
                        back = wizard.back();
                        continue;
                    }
                },
                None => String::new(),
            };
            match self.answered(wizard, made, &text).await {
                Ok(note) if self.asks => note.map_or(Ok(()), |note| print::out(format!("  {}\n", clean(&note)).as_bytes()))?,
                Ok(_) => {}
                // Somebody who can answer again is told; a script has failed.
                Err(failure) if self.asks && preset.is_none() => print::out(told::indented(&failure).as_bytes())?,
                Err(failure) => {
                    let words = question.words.join(" ");
                    return Err(if words.is_empty() || !failure.hint.is_empty() || step == Step::Region {
                        failure
                    } else {
                        failure.hint(words)
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes an answer, and what has to be looked up for it. What to know of it, or what is wrong with it.
    async fn answered(&mut self, wizard: &mut Wizard, made: &Made, text: &str) -> Result<Option<String>, Failure> {
        let Some(step) = wizard.step() else { return Ok(None) };
        let wrong = |why: String| Failure::new(FailureKind::Rejected, step.option(), why);
        match wizard.answer(text).map_err(wrong)? {
            Next::On => {}
            Next::Look(region) => {
                let Source::Aws { profile, .. } = &self.source else { return Ok(None) };
                let source = Source::Aws { profile: profile.clone(), region: Some(region) };
                let there = look::around(self.remote, &source).await.inspect_err(|_| wizard.reject(step))?;
                wizard.moved_to(there);
                self.quotes = Some(look::quotes(self.remote, &source, wizard));
                self.source = source;
            }
            Next::Machine(name) => {
                let found = look::machines(self.remote, &self.source, vec![name.clone()]).await?;
                if found.is_empty() {
                    return Err(wrong(format!("{name} is not offered in {}", wizard.ground.region)));
                }
                wizard.machines.extend(found);
                self.quotes = Some(look::quotes_of(self.remote, &self.source, wizard, vec![name.clone()]));
                // Now that it is known what it is, it may still not fit.
                wizard.answer(&name).map_err(wrong)?;
            }
        }
        look::beside(step, wizard.given(step), made).map_err(wrong).inspect_err(|_| wizard.reject(step))
    }

    /// Waits for prices that are on their way.
    async fn priced(&mut self, wizard: &mut Wizard) {
        if let Some(quotes) = self.quotes.take() {
            wizard.prices = look::priced(quotes).await;
        }
    }
}

enum Reply {
    Text(String),
    Back,
}

/// Shows a question and reads a line.
async fn ask(question: &Question, (number, all): (usize, usize)) -> Result<Reply, Failure> {
    let mut text = format!("\n{number}/{all}  {}\n", question.title);
    for line in &question.words {
        text.push_str(&format!("  {}\n", clean(line)));
    }
    let width = question.choices.iter().map(|(value, _)| crate::ui::width(value)).max().unwrap_or(0);
    for (n, (value, words)) in question.choices.iter().enumerate() {
        let pad = " ".repeat(width.saturating_sub(crate::ui::width(value)));
        text.push_str(format!("  {:>2}) {}{pad}  {}", n + 1, clean(value), clean(words)).trim_end());
        text.push('\n');
    }
    text.push_str(&if question.proposed.is_empty() { "> ".to_owned() } else { format!("[{}] > ", clean(&question.proposed)) });
    print::out(text.as_bytes())?;
    let line = line().await?;
    Ok(if line.trim() == "<" { Reply::Back } else { Reply::Text(line) })
}

/// The next line that is typed. Its end is somebody leaving.
async fn line() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        // Bytes: what is no text is somebody's wrong key, and not the end.
        let mut line = Vec::new();
        std::io::stdin().lock().read_until(b'\n', &mut line).map(|n| (n, String::from_utf8_lossy(&line).into_owned()))
    });
    match read.await {
        Ok(Ok((n, line))) if n > 0 => Ok(line),
        _ => Err(Failure::new(FailureKind::Stopped, "init", "no more answers: left here")),
    }
}
