//! What may be answered to each step of the wizard, and what is wrong with what may not. Pure.
//!
//! Looks at no file: whether one is there is somebody else's question.

use super::question::Question;
use super::steps::{Step, Wizard, is_new};
use crate::model::blueprint::name_fault;
use crate::model::{Machine, Storage};

impl Wizard {
    /// Whether a step can be answered so; the failure says why not.
    pub(super) fn check(&self, step: Step, text: &str, question: &Question) -> Result<(), String> {
        if text.chars().any(crate::model::text::is_control) {
            return Err("that has control characters in it: was a key pressed that means nothing here?".into());
        }
        let listed = || {
            if question.choices.iter().any(|(value, _)| value == text) { Ok(()) } else { Err(format!("{text} is none of them")) }
        };
        let number = || text.parse::<u32>().ok().filter(|n| *n <= 2_000).ok_or_else(|| format!("{text} is no number from 0 to 2000"));
        let typed = |prefix: &str, is_unlisted: bool| match listed() {
            Err(_) if is_unlisted && is_id(prefix, text) => Ok(()),
            Err(_) if is_unlisted => Err(format!("{text} is no id: {prefix} and eight or more hexadecimal digits")),
            other => other,
        };
        match step {
            Step::Region if self.ground.regions.iter().any(|region| region == text) => Ok(()),
            Step::Region => Err(format!("this account has no region {text}")),
            Step::Name => name_fault(text).map_or(Ok(()), Err),
            Step::Key => self.check_key(text),
            Step::Network => typed("vpc-", self.ground.untold("networks").is_some() && !is_new(text)),
            Step::HeadSubnet | Step::QueueSubnet => typed("subnet-", self.ground.untold("subnets").is_some() && !is_new(text)),
            Step::Capacity => listed(),
            // A type that is in no list is looked up.
            Step::HeadType => self.check_zone(text, Step::HeadSubnet),
            Step::QueueType => match (self.machine(self.given(Step::HeadType)), self.machine(text)) {
                (Some(head), Some(node)) if !head.fits(node) => {
                    Err(format!("{text} is {}, the head node is {}: one image must run on both", arch(node), arch(head)))
                }
                _ => self.check_zone(text, Step::QueueSubnet),
            },
            Step::Zone if self.zones().is_empty() => self.check_new_zone(text),
            Step::Zone => listed(),
            Step::Min => number().map(|_| ()),
            Step::Max => {
                let (max, min) = (number()?, self.given(Step::Min).parse::<u32>().unwrap_or(0));
                if max == 0 || max < min { Err(format!("at least {}", min.max(1))) } else { Ok(()) }
            }
            Step::Storage => Storage::read(text).map(|_| ()),
            Step::File if text.ends_with('/') => Err("this is a folder".into()),
            Step::File => Ok(()),
        }
    }

    fn check_key(&self, text: &str) -> Result<(), String> {
        let is_there = |name: &str| self.ground.keys.iter().any(|key| key == name);
        match text.split_once(':') {
            Some(("new", name)) if is_there(name) => Err(format!("there is a key pair {name} already")),
            Some(("new", name)) if is_key_name(name) => Ok(()),
            Some(("new", _)) => Err("a key pair's name has letters, digits, - _ and . only".into()),
            Some(("import", "")) => Err("import:FILE.pub names the public key".into()),
            Some(("import", _)) => {
                let name = key_name(text);
                if is_there(&name) {
                    Err(format!("there is a key pair {name} already: import a copy of the file by another name"))
                } else {
                    Ok(())
                }
            }
            _ if is_there(text) => Ok(()),
            // Nobody could tell which there are.
            _ if self.ground.untold("key pairs").is_some() && text.len() <= 255 => Ok(()),
            _ => Err(format!("{text} is no key pair there: new:{text} makes it")),
        }
    }

    fn check_zone(&self, name: &str, subnet: Step) -> Result<(), String> {
        let zone = self.zone(subnet);
        match self.machine(name) {
            Some(machine) if !machine.is_in(zone) => Err(format!(
                "{name} is not offered in {zone}, where the subnet is, but in {}: < leads back to it",
                machine.zones.join(", ")
            )),
            _ => Ok(()),
        }
    }

    fn check_new_zone(&self, text: &str) -> Result<(), String> {
        let of = |step| self.machine(self.given(step)).map_or(&[][..], |machine| &machine.zones);
        let (head, queue) = (of(Step::HeadType), of(Step::QueueType));
        if !head.is_empty() && !queue.is_empty() {
            let (a, b) = (self.given(Step::HeadType), self.given(Step::QueueType));
            return Err(format!("no zone has both: {a} is in {}, {b} in {}: < leads back to them", head.join(", "), queue.join(", ")));
        }
        let is_zone = text
            .strip_prefix(self.ground.region.as_str())
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-'));
        if is_zone { Ok(()) } else { Err(format!("{text} is no zone of {}", self.ground.region)) }
    }
}

/// Whether a text has the form of an identifier of AWS: `vpc-` and hexadecimal digits.
pub(super) fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|id| (8..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The name of the key pair that an answer means.
pub(super) fn key_name(answer: &str) -> String {
    match answer.split_once(':') {
        Some(("import", path)) => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let name = name.strip_suffix(".pub").unwrap_or(name);
            name.chars().map(|c| if is_key_name(&c.to_string()) { c } else { '-' }).collect()
        }
        Some(("new", name)) => name.to_owned(),
        _ => answer.to_owned(),
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with(['-', '.'])
}

fn arch(machine: &Machine) -> String {
    machine.architectures.join(" or ")
}
