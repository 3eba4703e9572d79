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
            _ => {
                let fleet = cluster.fleet_status.clone().unwrap_or_else(|| status.clone());
                let tone = if fleet == "PROTECTED" { Tone::Bad } else { Tone::Good };
                ("●", tone, fleet)
            }
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
