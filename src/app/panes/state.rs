//! The field's colours and signs for states.

use crate::model::{Cluster, ClusterKind, JobState, Link, NodePhase};
use crate::ui::Tone;

/// The sign and tone of a job's state.
pub(in crate::app) fn job_tone(state: JobState) -> (&'static str, Tone) {
    match state {
        JobState::Running => ("▶", Tone::Good),
        JobState::Completing
        | JobState::Configuring
        | JobState::StageOut
        | JobState::Signaling
        | JobState::Resizing
        | JobState::Expediting
        | JobState::PowerUpNode => ("◐", Tone::Works),
        JobState::Pending | JobState::Requeued | JobState::RequeueFed => ("○", Tone::Waits),
        JobState::RequeueHold | JobState::SpecialExit | JobState::ResvDelHold | JobState::Suspended | JobState::Stopped => {
            ("‖", Tone::Waits)
        }
        JobState::Completed => ("✓", Tone::Works),
        JobState::Cancelled | JobState::Preempted | JobState::Revoked => ("–", Tone::Dim),
        JobState::Failed | JobState::Timeout | JobState::OutOfMemory | JobState::NodeFail | JobState::BootFail | JobState::Deadline => {
            ("✗", Tone::Bad)
        }
        JobState::Unknown => ("?", Tone::Waits),
    }
}

/// The sign and tone of a node's phase.
pub(super) fn node_tone(phase: NodePhase) -> (&'static str, Tone) {
    match phase {
        NodePhase::Down => ("✗", Tone::Bad),
        NodePhase::Draining => ("◌", Tone::Waits),
        NodePhase::PoweringUp => ("◐", Tone::Works),
        NodePhase::PoweringDown => ("◑", Tone::Dim),
        NodePhase::Allocated => ("●", Tone::Works),
        NodePhase::Mixed => ("◕", Tone::Works),
        NodePhase::Idle => ("○", Tone::Good),
        NodePhase::Reserved => ("◍", Tone::Waits),
        NodePhase::PoweredDown => ("·", Tone::Dim),
        NodePhase::Unknown => ("?", Tone::Waits),
    }
}

/// The sign, tone and word of a cluster: its own status where known, else what we know of its head node or our connection to it.
pub(in crate::app) fn cluster_sign(cluster: &Cluster, link: Option<&Link>) -> (&'static str, Tone, String) {
    if let Some(status) = &cluster.status {
        return match status.as_str() {
            s if s.ends_with("FAILED") => ("✗", Tone::Bad, s.to_owned()),
            s if s.ends_with("IN_PROGRESS") => (
                "◐",
                Tone::Works,
                s.trim_end_matches("_IN_PROGRESS")
                    .replace("CREATE", "CREATING")
                    .replace("DELETE", "DELETING")
                    .replace("UPDATE", "UPDATING"),
            ),
            _ => fleet_sign(cluster.fleet_status.as_deref().unwrap_or_default(), status),
        };
    }
    match (cluster.kind, link) {
        (ClusterKind::Local, _) => ("●", Tone::Good, "this machine".to_owned()),
        (_, Some(Link::Down { .. })) => ("✗", Tone::Bad, "unreachable".to_owned()),
        (_, Some(Link::Connecting | Link::Comparing | Link::Trusted(_) | Link::Asking(_))) => ("◐", Tone::Works, "connecting".to_owned()),
        (_, Some(Link::Up { .. } | Link::Local)) => ("●", Tone::Good, "connected".to_owned()),
        (ClusterKind::Host, None) => ("○", Tone::Dim, "ssh".to_owned()),
        (ClusterKind::ParallelCluster, None) => match cluster.head_node.as_ref().and_then(|h| h.state.as_deref()) {
            Some("running") => ("●", Tone::Good, "head running".to_owned()),
            Some("pending") => ("◐", Tone::Works, "head pending".to_owned()),
            Some(state) => ("○", Tone::Waits, format!("head {state}")),
            None => ("?", Tone::Waits, "no head node".to_owned()),
        },
    }
}

/// The same of a cluster that is there: its fleet's status, or its own where that is unknown.
fn fleet_sign(fleet: &str, status: &str) -> (&'static str, Tone, String) {
    let (sign, tone, word) = match fleet {
        "" | "UNKNOWN" => ("●", Tone::Good, status.trim_end_matches("_COMPLETE")),
        "PROTECTED" => ("●", Tone::Bad, fleet),
        "STOPPED" | "DISABLED" => ("○", Tone::Waits, fleet),
        "STOPPING" | "STOP_REQUESTED" => ("◐", Tone::Waits, "STOPPING"),
        "STARTING" | "START_REQUESTED" => ("◐", Tone::Works, "STARTING"),
        _ => ("●", Tone::Good, fleet),
    };
    let word = match word {
        "CREATE" => "CREATED",
        "UPDATE" => "UPDATED",
        word => word,
    };
    (sign, tone, word.to_owned())
}
