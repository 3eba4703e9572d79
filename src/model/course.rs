//! The course of one operation on a cluster's stack, told by its events: what is made in which phase, how long it took, and why it failed.
//!
//! Knows nothing of the present: whoever shows a course has the clock.

use jiff::Timestamp;

/// What CloudFormation said of one resource at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StackEvent {
    /// CloudFormation's id of the event.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The id of the stack that the resource belongs to.
    pub stack: String,
    /// The resource's name in its template.
    pub name: String,
    /// Its type: `AWS::EC2::Instance`.
    pub kind: String,
    /// Its id outside the template; of a stack its stack id.
    pub physical: String,
    /// `CREATE_IN_PROGRESS` and so on.
    pub status: String,
    /// Why, where it is said.
    pub reason: Option<String>,
}

impl StackEvent {
    fn is_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }

    /// Whether it is about the stack that it belongs to.
    fn is_own(&self) -> bool {
        self.is_stack() && (self.physical == self.stack || self.physical.is_empty())
    }
}

/// How far something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// It failed.
    Failed,
    /// It is worked on.
    Works,
    /// It is done.
    Done,
}

impl Stage {
    fn of(status: &str) -> Self {
        if status.contains("FAILED") || status.contains("ROLLBACK") {
            Self::Failed
        } else if status.ends_with("_COMPLETE") || status == "DELETE_SKIPPED" {
            Self::Done
        } else {
            Self::Works
        }
    }
}

/// One resource in the course of an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its type without `AWS::`.
    pub kind: String,
    /// CloudFormation's last word.
    pub status: String,
    /// How far it is.
    pub stage: Stage,
    /// Why, where it is said.
    pub reason: Option<String>,
    /// When it was begun.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// 0 for what belongs to the cluster's own stack, 1 for what belongs to one within it.
    pub depth: usize,
}

/// The resources that do one thing together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phase {
    /// What they do.
    pub title: &'static str,
    /// How far they are: as far as the least of them.
    pub stage: Stage,
    /// When the first was begun.
    pub began: Timestamp,
    /// When the last ended, if all have.
    pub ended: Option<Timestamp>,
    /// The resources, in the order they were begun; what belongs to a stack follows it.
    pub parts: Vec<Part>,
}

/// Something that failed by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    /// The resource's name.
    pub name: String,
    /// Its type without `AWS::`.
    pub kind: String,
    /// What was said.
    pub reason: String,
}

/// The latest operation on a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: String,
    /// The stack's last status.
    pub status: String,
    /// How far it is as a whole.
    pub stage: Stage,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed, the root cause first.
    pub causes: Vec<Cause>,
    /// In the order they were begun.
    pub phases: Vec<Phase>,
    /// EC2's id of the head node that was made, once there is one.
    pub head: Option<String>,
}

impl Course {
    /// The latest operation that these events, the oldest first, tell of. `None` without any.
    pub fn of(events: &[StackEvent]) -> Option<Self> {
        let root = root(events)?;
        let begin = begins(events, root).last().or_else(|| events.iter().position(|e| e.is_own() && e.stack == root))?;
        Some(Self::told(events, begin, root))
    }

    /// Every operation that they tell of, the earliest first.
    pub fn each(events: &[StackEvent]) -> Vec<Self> {
        let Some(root) = root(events) else { return Vec::new() };
        let begins: Vec<usize> = begins(events, root).collect();
        let ends = begins.iter().skip(1).copied().chain([events.len()]);
        begins.iter().zip(ends).map(|(begin, end)| Self::told(&events[..end], *begin, root)).collect()
    }

    fn told(events: &[StackEvent], begin: usize, root: &str) -> Self {
        let own = |e: &&StackEvent| e.is_own() && e.stack == root;
        let began = events[begin].at;
        // A nested stack's events are in the list by time, and some may have the very moment of the beginning.
        let mine: Vec<&StackEvent> = events.iter().enumerate().filter(|(i, e)| *i >= begin || e.at >= began).map(|(_, e)| e).collect();
        let last = mine.iter().copied().rfind(|e| own(e)).unwrap_or(&events[begin]);
        let head = mine.iter().rfind(|e| e.stack == root && e.kind == "AWS::EC2::Instance" && e.physical.starts_with("i-"));
        let over = !last.status.ends_with("_IN_PROGRESS");
        let operation = events[begin].status.split('_').next().unwrap_or_default().to_owned();
        Self {
            operation,
            status: last.status.clone(),
            stage: match Stage::of(&last.status) {
                Stage::Failed if !over => Stage::Works,
                stage => stage,
            },
            began,
            ended: over.then_some(last.at),
            causes: causes(&mine),
            phases: phases(&mine, root),
            head: head.map(|e| e.physical.clone()),
        }
    }

    /// Whether nothing has failed so far.
    pub fn goes_well(&self) -> bool {
        self.stage != Stage::Failed && self.causes.is_empty()
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}

/// The id of the cluster's own stack.
fn root(events: &[StackEvent]) -> Option<&str> {
    events.iter().find(|e| e.is_own()).map(|e| e.stack.as_str())
}

/// Where operations begin.
fn begins<'a>(events: &'a [StackEvent], root: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = |e: &StackEvent| matches!(e.status.as_str(), "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS");
    events.iter().enumerate().filter(move |(_, e)| e.is_own() && e.stack == root && begins(e)).map(|(i, _)| i)
}

/// What was only given up because something else failed tells nothing.
fn is_given_up(reason: &str) -> bool {
    reason.is_empty() || reason.contains("cancelled") || reason.starts_with("The following resource(s) failed")
}

/// What failed by itself, the first first. A stack that failed because of something in it comes after that.
fn causes(events: &[&StackEvent]) -> Vec<Cause> {
    let mut found: Vec<(bool, Cause)> = Vec::new();
    for event in events.iter().filter(|e| e.status.ends_with("_FAILED") && !e.status.contains("ROLLBACK_FAILED")) {
        let reason = event.reason.clone().unwrap_or_default();
        if !is_given_up(&reason) {
            found.push((event.is_stack(), Cause { name: event.name.clone(), kind: short(&event.kind), reason }));
        }
    }
    found.sort_by_key(|(is_stack, _)| *is_stack);
    found.into_iter().map(|(_, cause)| cause).collect()
}

fn short(kind: &str) -> String {
    kind.strip_prefix("AWS::").unwrap_or(kind).to_owned()
}

/// What a resource of this name and type is for.
fn title(event: &StackEvent) -> &'static str {
    let kind = event.kind.as_str();
    if kind.starts_with("AWS::CloudFormation::WaitCondition") {
        "Bootstrap of the head node"
    } else if kind == "AWS::EC2::Instance" || event.name.starts_with("HeadNode") && kind.starts_with("AWS::EC2::") {
        "Head node"
    } else if event.is_stack() || event.name.contains("Queue") || event.name.starts_with("ComputeFleet") {
        "Queues and their compute nodes"
    } else if ["AWS::EC2::Volume", "AWS::EFS::", "AWS::FSx::"].iter().any(|of| kind.starts_with(of)) {
        "Storage"
    } else if ["AWS::EC2::", "AWS::Route53::", "AWS::ElasticLoadBalancing"].iter().any(|of| kind.starts_with(of)) {
        "Network"
    } else if ["AWS::Logs::", "AWS::CloudWatch::"].iter().any(|of| kind.starts_with(of)) {
        "Logs and alarms"
    } else {
        "Permissions and tables"
    }
}

/// The resources by what they are for, with what belongs to nested stacks behind these.
fn phases(events: &[&StackEvent], root: &str) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for event in events.iter().filter(|e| e.stack == root && !e.is_own()) {
        let title = title(event);
        let at = phases.iter().position(|p| p.title == title).unwrap_or_else(|| {
            phases.push(Phase { title, stage: Stage::Done, began: event.at, ended: None, parts: Vec::new() });
            phases.len() - 1
        });
        note(&mut phases[at].parts, event, 0);
    }
    for phase in &mut phases {
        let stacks: Vec<(String, String)> = events
            .iter()
            .filter(|e| e.stack == root && e.is_stack() && !e.is_own() && phase.parts.iter().any(|p| p.name == e.name))
            .map(|e| (e.name.clone(), e.physical.clone()))
            .collect();
        for (name, id) in stacks {
            let mut inner = Vec::new();
            events.iter().filter(|e| e.stack == id && !e.is_own()).for_each(|e| note(&mut inner, e, 1));
            let Some(at) = phase.parts.iter().position(|p| p.depth == 0 && p.name == name) else { continue };
            if phase.parts.get(at + 1).is_none_or(|next| next.depth == 0) {
                phase.parts.splice(at + 1..at + 1, inner);
            }
        }
        phase.stage = phase.parts.iter().map(|p| p.stage).min().unwrap_or(Stage::Done);
        phase.began = phase.parts.iter().map(|p| p.began).min().unwrap_or(phase.began);
        let ends: Option<Vec<Timestamp>> = phase.parts.iter().map(|p| p.ended).collect();
        phase.ended = ends.and_then(|ends| ends.into_iter().max());
    }
    phases
}

/// Takes an event into the resource that it is about.
fn note(parts: &mut Vec<Part>, event: &StackEvent, depth: usize) {
    let stage = Stage::of(&event.status);
    let ended = (!event.status.ends_with("_IN_PROGRESS")).then_some(event.at);
    let at = parts.iter().position(|p| p.name == event.name).unwrap_or_else(|| {
        parts.push(Part {
            name: event.name.clone(),
            kind: short(&event.kind),
            status: String::new(),
            stage,
            reason: None,
            began: event.at,
            ended: None,
            depth,
        });
        parts.len() - 1
    });
    let part = &mut parts[at];
    part.status.clone_from(&event.status);
    // Why it failed stays said while what is left of it is taken away.
    let failed = part.stage == Stage::Failed && part.reason.is_some();
    (part.stage, part.ended) = (if failed { Stage::Failed } else { stage }, ended);
    if !failed && event.reason.as_deref().is_some_and(|reason| !reason.is_empty()) {
        part.reason.clone_from(&event.reason);
    }
}

#[cfg(test)]
mod tests;
