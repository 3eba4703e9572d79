//! After the last answer: the key pair, the network, the file, and what `pcluster` says of it.
//!
//! Whatever exists then is told, however it ends. Writes over no file but its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::steps::{Step, Wizard};
use super::{look, told};
use crate::cli::{lifecycle, print, run};
use crate::model::text::{clean, quoted};
use crate::model::{
    Answer, Blueprint, ClusterId, Command, Configuration, Draft, Failure, FailureKind, KeyPair, NewNetwork, Place, Query, Receipt, Source,
    Verdict,
};
use crate::remote::Remote;
use crate::remote::live::at_home;

/// What exists now that did not before. Told when it is dropped, so that nothing is left behind without a word.
#[derive(Default)]
pub(super) struct Made {
    key: Option<String>,
    network: Option<String>,
    file: Option<(PathBuf, String)>,
    private: Option<PathBuf>,
    vpc: Option<String>,
    is_told: bool,
}

impl Made {
    /// Whether this is the file that was written, as it was written.
    pub(super) fn is_ours(&self, path: &Path) -> bool {
        let same = |text: &String| std::fs::read(path).is_ok_and(|there| there == text.as_bytes());
        self.file.as_ref().is_some_and(|(file, text)| file == path && same(text))
    }

    fn lines(&self) -> Vec<String> {
        self.key.iter().chain(&self.network).cloned().collect()
    }

    fn is_nothing(&self) -> bool {
        self.key.is_none() && self.network.is_none() && self.file.is_none()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        let file = self.file.iter().map(|(file, _)| format!("{} was written", file.display()));
        for line in self.lines().into_iter().chain(file) {
            let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(&line));
        }
    }
}

/// Who makes it, and how it is told.
pub(super) struct Making<'a> {
    pub(super) remote: &'a dyn Remote,
    pub(super) source: &'a Source,
    pub(super) json: bool,
    pub(super) asks: bool,
}

impl Making<'_> {
    /// Shows it, makes what has to be made, writes it and lets `pcluster` look at it. The step to go back to, where one will not do.
    pub(super) async fn all(&self, wizard: &mut Wizard, made: &mut Made) -> Result<Option<Step>, Failure> {
        let file = look::path(wizard.given(Step::File));
        let (key, network) = (self.key_pair(wizard), self.network(wizard));
        if let Some(step) = self.shown(wizard, made, &file, key.as_ref(), network.as_ref()).await? {
            return Ok(Some(step));
        }
        if let Some(key) = key
            && let Err(failure) = self.make_key(wizard, made, key).await
        {
            return self.will_not_do(failure, Step::Key);
        }
        if let Some(network) = network
            && let Err(failure) = self.make_network(wizard, made, network).await
        {
            return self.will_not_do(failure, Step::Network);
        }
        let blueprint = wizard.blueprint();
        let yaml = blueprint.yaml();
        if let Err(failure) = self.write(made, &file, &yaml).await {
            return self.will_not_do(failure, Step::File);
        }
        self.say("Written. pcluster checks it now, which takes a while ...")?;
        let checked = self.rehearse(self.cluster(&blueprint), &file).await;
        if let (true, Ok(verdict)) = (self.asks, &checked)
            && !verdict.accepted
            && let Some(step) = refused(&file, &yaml, verdict).await?
        {
            return Ok(Some(step));
        }
        made.is_told = true;
        if self.json {
            let of = (&blueprint, &wizard.prices);
            print::json(&told::as_json(of, (&file, &yaml), (made.private.as_deref(), made.vpc.as_deref()), &checked))?;
        } else {
            let lines: String = made.lines().iter().map(|line| format!("{}\n", clean(line))).collect();
            print::out(format!("{lines}{}\n", clean(&file.display().to_string())).as_bytes())?;
        }
        self.verdict(&blueprint, &file, checked).map(|()| None)
    }

    fn say(&self, words: &str) -> Result<(), Failure> {
        if self.asks { print::out(format!("{}\n", clean(words)).as_bytes()) } else { Ok(()) }
    }

    fn will_not_do(&self, failure: Failure, step: Step) -> Result<Option<Step>, Failure> {
        if !self.asks || failure.place == "standard output" {
            return Err(failure);
        }
        print::out(told::indented(&failure).as_bytes())?;
        Ok(Some(step))
    }

    /// Shows what will be, and asks whether it shall.
    async fn shown(
        &self,
        wizard: &Wizard,
        made: &Made,
        file: &Path,
        key: Option<&KeyPair>,
        network: Option<&NewNetwork>,
    ) -> Result<Option<Step>, Failure> {
        let blueprint = wizard.blueprint();
        let costs = told::costs(&blueprint, &wizard.prices);
        if !self.asks {
            if !self.json {
                let faults = blueprint.faults().into_iter().chain(costs.lines().map(|line| line.trim().to_owned()));
                faults.for_each(|line| drop(writeln!(std::io::stderr(), "qdeck: {}", clean(&line))));
            }
            return Ok(None);
        }
        let faults: String = blueprint.faults().iter().map(|fault| format!("But: {}\n", clean(fault))).collect();
        let first = key.map(|key| Command::MakeKey(key.clone())).into_iter().chain(network.map(|n| Command::MakeNetwork(n.clone())));
        let first: String = first.map(|command| format!("It first will {}.\n", clean(&command.to_string()))).collect();
        let ask =
            format!("\n{}\n{costs}{faults}{first}Write this to {}? [y, n, <] > ", blueprint.yaml(), clean(&file.display().to_string()));
        print::out(ask.as_bytes())?;
        loop {
            match super::line().await?.trim() {
                "" | "y" | "Y" | "yes" => return Ok(None),
                "<" => return Ok(Some(Step::File)),
                "n" | "N" | "no" => {
                    let what = if made.is_nothing() { "left: nothing was made" } else { "left: nothing more was made" };
                    return Err(Failure::new(FailureKind::Stopped, "init", what));
                }
                other => print::out(format!("  {} is none of them. [y, n, <] > ", clean(other)).as_bytes())?,
            }
        }
    }

    fn cluster(&self, blueprint: &Blueprint) -> ClusterId {
        ClusterId::aws(self.profile(), &blueprint.region, &blueprint.name)
    }

    fn profile(&self) -> Option<&str> {
        match self.source {
            Source::Aws { profile, .. } => profile.as_deref(),
            Source::Fixed => None,
        }
    }

    fn key_pair(&self, wizard: &Wizard) -> Option<KeyPair> {
        let public = match wizard.given(Step::Key).split_once(':') {
            Some(("new", _)) => None,
            Some(("import", path)) => Some(look::path(path)),
            _ => return None,
        };
        let name = wizard.key_name();
        let dest = at_home(Path::new(&format!("~/.ssh/{name}.pem")));
        let cluster = self.cluster(&wizard.blueprint());
        Some(KeyPair { cluster, profile: self.profile().map(str::to_owned), region: wizard.ground.region.clone(), name, public, dest })
    }

    fn network(&self, wizard: &Wizard) -> Option<NewNetwork> {
        wizard.new_network(self.cluster(&wizard.blueprint()), self.profile())
    }

    async fn make_key(&self, wizard: &mut Wizard, made: &mut Made, key: KeyPair) -> Result<(), Failure> {
        let (name, region) = (key.name.clone(), key.region.clone());
        let words = if key.public.is_some() { "was imported" } else { "was created" };
        // Left while AWS works on it, nobody knows.
        made.key = Some(format!("it is not known whether the key pair {name} {words} in {region}"));
        match run::run(self.remote, Command::MakeKey(key)).await {
            Ok(Receipt::Saved(path)) => made.private = Some(path),
            Ok(_) => {}
            Err(failure) => {
                made.key = None;
                return Err(failure);
            }
        }
        let kept = made.private.as_ref().map_or_else(String::new, |path| format!(", its private half is in {}", path.display()));
        made.key = Some(format!("the key pair {name} {words} in {region}{kept}"));
        wizard.made_key();
        Ok(())
    }

    async fn make_network(&self, wizard: &mut Wizard, made: &mut Made, network: NewNetwork) -> Result<(), Failure> {
        let (name, region) = (network.stack(), network.region.clone());
        let profile = network.profile.as_deref().map_or_else(String::new, |profile| format!(" --profile {}", quoted(profile)));
        let delete = format!("aws cloudformation delete-stack --stack-name {name} --region {region}{profile}");
        // Left while AWS works on it, it goes on there.
        made.network = Some(format!("the network's stack {name} may be in the making and goes on by itself; `{delete}` takes it away"));
        let step = |words: &str| {
            if self.asks {
                let _ = print::out(format!("  {}\n", clean(words)).as_bytes());
            } else if !self.json {
                let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(words));
            }
        };
        let found = run::telling(self.remote, Command::MakeNetwork(network), step).await;
        let Receipt::Network { vpc, head, queue } = found.inspect_err(|_| made.network = None)? else { return Ok(()) };
        let subnets = if head == queue { format!("{head} was") } else { format!("{head} and {queue} were") };
        made.network = Some(format!("{subnets} made in {vpc} by the stack {name}; when nothing needs it: {delete}"));
        wizard.made_network(&vpc, &head, &queue);
        made.vpc = Some(vpc);
        Ok(())
    }

    async fn write(&self, made: &mut Made, file: &Path, yaml: &str) -> Result<(), Failure> {
        if made.is_ours(file) {
            let _ = std::fs::remove_file(file);
            made.file = None;
        }
        run::run(self.remote, Command::Save { path: file.to_owned(), text: yaml.to_owned() }).await?;
        made.file = Some((file.to_owned(), yaml.to_owned()));
        Ok(())
    }

    /// What `pcluster` says of a configuration before anything is made.
    async fn rehearse(&self, cluster: ClusterId, file: &Path) -> Result<Verdict, Failure> {
        let of = Configuration::File { place: Place::Here, path: file.display().to_string() };
        match self.remote.ask(Query::DryRun { cluster, draft: Draft::Create(of) }).await? {
            Answer::Verdict(verdict) => Ok(*verdict),
            _ => Ok(Verdict::default()),
        }
    }

    /// What `pcluster` said. That it is not there is no failure: the file is.
    fn verdict(&self, blueprint: &Blueprint, file: &Path, checked: Result<Verdict, Failure>) -> Result<(), Failure> {
        let found = match checked {
            Err(failure) if failure.kind == FailureKind::NotFound => {
                if !self.json {
                    let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(&format!("not checked: {failure}")));
                }
                return Ok(());
            }
            other => other?,
        };
        if !self.json && (found.accepted || !self.asks) {
            lifecycle::remarks(file, &found);
        }
        if !found.accepted {
            let hint = format!("Correct {} and check it again: pcluster create-cluster --dryrun true.", file.display());
            return Err(Failure::new(FailureKind::Rejected, "pcluster", found.said).hint(hint));
        }
        if self.json {
            return Ok(());
        }
        let next =
            format!("pcluster would create it. Do so: qdeck create {} --file {}\n", blueprint.name, quoted(&file.display().to_string()));
        print::out(clean(&next).replace('\u{240a}', "\n").as_bytes())
    }
}

/// Shows what `pcluster` says beside the lines, and asks whether to mend it here. The step to mend, or none.
async fn refused(file: &Path, yaml: &str, verdict: &Verdict) -> Result<Option<Step>, Failure> {
    let step = told::concerned(yaml, verdict).unwrap_or(Step::File);
    let ask = format!(
        "\n{}\npcluster would not create it: {}\n{} is written. m goes back to \"{}\" and mends it; q leaves it as it is. [m] > ",
        told::beside(yaml, verdict),
        clean(&verdict.said),
        clean(&file.display().to_string()),
        step.title()
    );
    print::out(ask.as_bytes())?;
    loop {
        // Whoever types no more leaves it.
        match super::line().await.as_deref().map(str::trim) {
            Ok("" | "m" | "M" | "<") => return Ok(Some(step)),
            Ok("q" | "Q") | Err(_) => return Ok(None),
            Ok(other) => print::out(format!("  {} is none of them. [m, q] > ", clean(other)).as_bytes())?,
        }
    }
}
