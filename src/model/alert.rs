//! What is about to happen to a machine, or is wrong with it, as EC2 tells.
//!
//! Holds only what a person can act on: checks that are passed and events that are over are no alerts.

use jiff::Timestamp;

/// What kind of thing it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum AlertKind {
    /// EC2 takes a spot machine back, or has taken it.
    Spot,
    /// EC2 will reboot, stop or retire the machine.
    Event,
    /// One of EC2's checks of the machine fails.
    Check,
}

impl AlertKind {
    /// The word that JSON and labels use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Event => "event",
            Self::Check => "check",
        }
    }
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// What kind of thing it is.
    pub kind: AlertKind,
    /// EC2's own code: `instance-retirement`, `Server.SpotInstanceTermination`, `system-status`.
    pub code: String,
    /// What that means and what helps.
    pub words: String,
    /// When it happens, or happened.
    pub at: Option<Timestamp>,
}

impl Alert {
    /// The codes of spot requests whose machines EC2 takes back, or has taken back.
    pub const SPOT: [&str; 5] = [
        "marked-for-termination",
        "marked-for-stop",
        "instance-terminated-by-price",
        "instance-terminated-no-capacity",
        "instance-terminated-capacity-oversubscribed",
    ];

    /// A spot machine that EC2 takes back, if the reason of its state or the code of its spot request says so.
    pub fn spot(code: &str, at: Option<Timestamp>) -> Option<Self> {
        let lost = "what runs on it ends, and goes back to the queue where it may be requeued";
        let words = match code {
            "Server.SpotInstanceTermination" | "Server.SpotInstanceShutdown" => format!("EC2 takes its spot machine back: {lost}"),
            "marked-for-termination" => format!("EC2 takes its spot machine back then: {lost}; save what can be saved now"),
            "marked-for-stop" => format!("EC2 stops its spot machine then: {lost}; save what can be saved now"),
            "instance-terminated-by-price" => {
                format!("EC2 has taken its spot machine back, its price rose above the most that the queue pays: {lost}")
            }
            "instance-terminated-no-capacity" | "instance-terminated-capacity-oversubscribed" => {
                format!("EC2 has taken its spot machine back, it needs the capacity: {lost}")
            }
            _ => return None,
        };
        Some(Self { kind: AlertKind::Spot, code: code.to_owned(), words, at })
    }

    /// Whether it is a spot machine that still runs, for two minutes at most.
    pub fn is_notice(&self) -> bool {
        self.kind == AlertKind::Spot && self.code.starts_with("marked-")
    }

    /// A scheduled event; `None` where it is over or was called off.
    pub fn event(code: &str, description: &str, at: Option<Timestamp>) -> Option<Self> {
        if description.starts_with("[Completed]") || description.starts_with("[Canceled]") {
            return None;
        }
        let helps = "drain the node now, and power it down once its jobs have ended: a new machine takes its place";
        let words = match code {
            "instance-reboot" => "EC2 reboots its machine: jobs that still run then are lost".to_owned(),
            "system-reboot" => "EC2 reboots the host under its machine: jobs that still run then are lost".to_owned(),
            "system-maintenance" => "EC2 maintains the network or the power of its host: it may be out of reach for a while".to_owned(),
            "instance-stop" => format!("EC2 stops its machine: {helps}"),
            "instance-retirement" => format!("its machine retires, EC2 ends it: {helps}"),
            _ if description.is_empty() => "EC2 has an event scheduled for its machine".to_owned(),
            _ => description.to_owned(),
        };
        Some(Self { kind: AlertKind::Event, code: code.to_owned(), words, at })
    }

    /// The alerts that the two checks are: of the host below the machine, and of the machine itself.
    pub fn checks(system: &str, instance: &str) -> Vec<Self> {
        let host = "EC2's check of the host under its machine fails: drain the node and power it down, a new machine takes its place";
        let own = "EC2's check of its machine fails, it does not answer on its network: look at its console output, or reboot the node";
        let all = [(system, "system-status", host), (instance, "instance-status", own)];
        let failed = all.into_iter().filter(|(status, ..)| *status == "impaired");
        failed.map(|(_, code, words)| Self { kind: AlertKind::Check, code: code.to_owned(), words: words.to_owned(), at: None }).collect()
    }

    /// One word or two, where there is hardly any room.
    pub fn word(&self) -> &'static str {
        match (self.kind, self.code.as_str()) {
            (AlertKind::Spot, _) => "spot ends",
            (AlertKind::Check, _) => "check bad",
            (AlertKind::Event, "instance-retirement") => "retires",
            (AlertKind::Event, "instance-stop") => "EC2 stops",
            (AlertKind::Event, "instance-reboot" | "system-reboot") => "reboots",
            (AlertKind::Event, _) => "EC2 event",
        }
    }

    /// A few words for a narrow place.
    pub fn brief(&self) -> &'static str {
        match (self.kind, self.code.as_str()) {
            (AlertKind::Spot, "marked-for-termination" | "marked-for-stop") => "spot machine ends",
            (AlertKind::Spot, _) => "spot machine taken back",
            (AlertKind::Check, "system-status") => "EC2's host check fails",
            (AlertKind::Check, _) => "EC2's check fails",
            (AlertKind::Event, "instance-retirement") => "machine retires",
            (AlertKind::Event, "instance-stop") => "EC2 stops it",
            (AlertKind::Event, "instance-reboot" | "system-reboot") => "EC2 reboots it",
            (AlertKind::Event, "system-maintenance") => "EC2 maintains its host",
            (AlertKind::Event, _) => "EC2 event",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_can_act_on_is_an_alert() {
        assert_eq!(Alert::spot("Client.UserInitiatedShutdown", None), None);
        assert_eq!(Alert::spot("Server.SpotInstanceTermination", None).unwrap().brief(), "spot machine taken back");
        assert!(Alert::SPOT.iter().all(|code| Alert::spot(code, None).is_some_and(|alert| alert.code == *code)));
        let notice = |code| Alert::spot(code, None).unwrap().is_notice();
        assert!(notice("marked-for-termination") && !notice("instance-terminated-by-price") && !notice("Server.SpotInstanceTermination"));
        assert_eq!(Alert::event("instance-retirement", "[Completed] The instance is running on degraded hardware", None), None);
        let event = Alert::event("instance-retirement", "The instance is running on degraded hardware", None).unwrap();
        assert!(event.words.contains("drain the node") && event.kind == AlertKind::Event);
        assert_eq!(Alert::event("new-kind", "Something else", None).unwrap().words, "Something else");
        assert!(Alert::checks("ok", "initializing").is_empty() && Alert::checks("not-applicable", "insufficient-data").is_empty());
        assert_eq!(Alert::checks("impaired", "impaired").len(), 2);
    }
}
