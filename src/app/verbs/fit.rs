//! Which verbs there are, who offers them, and to which jobs and nodes each applies.
//!
//! Never decides for the scheduler: what it may refuse for reasons of its own is sent all the same.

use super::Target;
use crate::model::{Job, JobState, Node, NodePhase, Offer, Verb};
use crate::protocol::Action;

/// What the menu can offer, in the order of the table of actions.
const MENU: [Action; 19] = [
    Action::Cancel,
    Action::Fetch,
    Action::ShowLog,
    Action::Why,
    Action::Signal,
    Action::Hold,
    Action::Release,
    Action::Requeue,
    Action::TimeLimit,
    Action::Nice,
    Action::ToTop,
    Action::Depends,
    Action::Attach,
    Action::Script,
    Action::Rerun,
    Action::RerunFailed,
    Action::CancelMine,
    Action::WatchJob,
    Action::Copy,
];

/// What a scheduler must offer for an action; `None` where every one does.
pub(super) fn needs(action: Action) -> Option<Verb> {
    match action {
        Action::Cancel | Action::CancelMine => Some(Verb::Cancel),
        Action::Signal => Some(Verb::Signal),
        Action::Hold | Action::Release => Some(Verb::Hold),
        Action::Requeue => Some(Verb::Requeue),
        Action::TimeLimit => Some(Verb::TimeLimit),
        Action::Nice => Some(Verb::Nice),
        Action::ToTop => Some(Verb::Top),
        Action::Why | Action::Depends => Some(Verb::Why),
        Action::Attach => Some(Verb::Attach),
        Action::Script => Some(Verb::Script),
        Action::Rerun | Action::RerunFailed => Some(Verb::Rerun),
        Action::History => Some(Verb::History),
        Action::Drain | Action::Resume => Some(Verb::ChangeNodes),
        Action::Reboot | Action::PowerUp | Action::PowerDown => Some(Verb::PowerNodes),
        _ => None,
    }
}

/// Whether a cluster offers an action.
pub(in crate::app) fn offered(action: Action, offer: Offer) -> bool {
    needs(action).is_none_or(|verb| offer.has(verb))
}

/// The verbs that apply to at least one of these jobs.
pub(super) fn menu(targets: &[Target<'_>]) -> Vec<Action> {
    MENU.into_iter().filter(|action| targets.iter().any(|target| obstacle(*action, target).is_none())).collect()
}

/// The targets of a verb, those it applies to apart from the others with what hinders them.
pub(super) struct Sorted<'a> {
    pub(super) fit: Vec<&'a Target<'a>>,
    pub(super) left: Vec<(&'a Target<'a>, &'static str)>,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(action: Action, targets: &'a [Target<'a>]) -> Self {
        let mut sorted = Self { fit: Vec::new(), left: Vec::new() };
        for target in targets {
            match obstacle(action, target) {
                None => sorted.fit.push(target),
                Some(why) => sorted.left.push((target, why)),
            }
        }
        sorted
    }
}

/// What keeps a verb from applying to a job, as `has ended already`.
fn obstacle(action: Action, target: &Target<'_>) -> Option<&'static str> {
    let (job, state) = (&target.job, target.job.state());
    let ended = state.is_over().then_some("has ended already");
    // Of a whole array one row speaks for all: whether a task of it fits is for the scheduler to say.
    if target.tasks > 1 && !target.id.as_str().contains('_') {
        let alive =
            [Action::Cancel, Action::Signal, Action::Hold, Action::Release, Action::TimeLimit, Action::Nice, Action::ToTop, Action::Attach];
        return ended.filter(|_| alive.contains(&action));
    }
    match action {
        Action::Cancel | Action::TimeLimit => ended,
        Action::Signal if state.is_waiting() || state == JobState::Configuring => Some("has not started"),
        Action::Signal => ended,
        Action::Hold if state.is_waiting() => is_held(job).then_some("is held already"),
        Action::Release if state.is_waiting() => (!is_held(job)).then_some("is not held"),
        Action::Release => ended.or(Some("is not held")),
        Action::Hold | Action::Nice | Action::ToTop if !state.is_waiting() => ended.or(Some("has started already")),
        Action::Requeue => state.is_waiting().then_some("waits in the queue already"),
        Action::Attach => ended.or(state.is_waiting().then_some("has not started")),
        _ => None,
    }
}

/// Whether somebody, or Slurm itself, holds a job.
fn is_held(job: &Job<'_>) -> bool {
    let reason = job.reason();
    matches!(job.state(), JobState::RequeueHold | JobState::SpecialExit | JobState::ResvDelHold)
        || ["Held", "held", "Hold"].iter().any(|word| reason.contains(word))
}

/// The keys that matter for the job under the cursor.
pub(in crate::app) fn footer(job: Option<&Job<'_>>) -> Vec<Action> {
    let (mut first, rest) = (vec![Action::Open], [Action::Launch, Action::Everyone, Action::Filter, Action::Sort]);
    match job {
        Some(job) if job.state().is_waiting() => {
            let hold = if is_held(job) { Action::Release } else { Action::Hold };
            first.extend([Action::Why, Action::Cancel, hold]);
        }
        Some(job) if job.state() == JobState::Configuring => first.extend([Action::Why, Action::Cancel]),
        Some(job) if job.state().is_over() => first.extend([Action::Fetch, Action::Rerun]),
        Some(_) => first.extend([Action::Cancel, Action::ShowLog, Action::Fetch]),
        None => {}
    }
    first.extend(job.map(|_| Action::Verbs));
    first.extend(rest);
    first
}

/// The same for the node under the cursor.
pub(in crate::app) fn node_footer(node: Option<&Node>) -> Vec<Action> {
    let mut first = vec![Action::Open];
    match node.map(|node| node.phase) {
        Some(NodePhase::Down | NodePhase::Draining) => first.extend([Action::Resume, Action::PowerDown]),
        Some(NodePhase::PoweredDown) => first.extend([Action::PowerUp, Action::Drain]),
        Some(NodePhase::PoweringUp | NodePhase::PoweringDown) => first.push(Action::Drain),
        Some(NodePhase::Allocated | NodePhase::Mixed | NodePhase::Idle | NodePhase::Reserved | NodePhase::Unknown) => {
            first.extend([Action::Drain, Action::PowerDown]);
        }
        None => {}
    }
    first.extend([Action::MarkNode, Action::Filter, Action::Zoom, Action::Launch]);
    first
}
