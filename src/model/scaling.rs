//! Other bounds for a queue: two numbers of a YAML file are changed and nothing else, not even a comment.
//!
//! Whoever reads the result must find the same values in it but for those two; otherwise nothing is changed at all.

use serde_json::Value;

use super::outline::{Outline, Step, steps};

/// A compute resource of a queue, and how many nodes it may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The queue.
    pub queue: String,
    /// Its compute resource.
    pub resource: String,
    /// The fewest nodes.
    pub min: u32,
    /// The most nodes.
    pub max: u32,
}

/// ParallelCluster's own numbers where none are given.
const DEFAULTS: (u32, u32) = (0, 10);

/// The compute resources of every queue of a configuration, in its order; a mistake in words.
pub fn bounds(text: &str) -> Result<Vec<Bounds>, String> {
    let root: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    for queue in root["Scheduling"]["SlurmQueues"].as_array().into_iter().flatten() {
        for resource in queue["ComputeResources"].as_array().into_iter().flatten() {
            let name = |of: &Value| of["Name"].as_str().unwrap_or_default().to_owned();
            let number = |key: &str, default| resource[key].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
            let (min, max) = (number("MinCount", DEFAULTS.0), number("MaxCount", DEFAULTS.1));
            out.push(Bounds { queue: name(queue), resource: name(resource), min, max });
        }
    }
    if out.is_empty() { Err("it has no Slurm queues".to_owned()) } else { Ok(out) }
}

/// The text with other bounds for `queue` (or `queue/compute resource`), and the bounds it then has; a mistake in words.
pub fn scaled(text: &str, queue: &str, min: Option<u32>, max: Option<u32>) -> Result<(String, (u32, u32)), String> {
    let all = bounds(text)?;
    let (wanted, resource) = queue.split_once('/').map_or((queue, None), |(queue, resource)| (queue, Some(resource)));
    let fits: Vec<&Bounds> = all.iter().filter(|b| b.queue == wanted && resource.is_none_or(|resource| b.resource == resource)).collect();
    let one = match fits.as_slice() {
        [one] => *one,
        [] => {
            let names: Vec<String> = all.iter().map(|b| format!("{}/{}", b.queue, b.resource)).collect();
            return Err(format!("there is no queue {queue}; there are {}", names.join(", ")));
        }
        many => {
            let names: Vec<String> = many.iter().map(|b| format!("{}/{}", b.queue, b.resource)).collect();
            return Err(format!("queue {queue} has several compute resources; name one: {}", names.join(", ")));
        }
    };
    let (min, max) = (min.unwrap_or(one.min), max.unwrap_or(one.max));
    if min > max {
        return Err(format!("{min} nodes at least are more than {max} at most"));
    }
    if max == 0 {
        return Err("a queue has at least 1 node at most".to_owned());
    }
    let place = format!("Scheduling.SlurmQueues[{}].ComputeResources[{}]", one.queue, one.resource);
    let mut edited = text.to_owned();
    for (key, number, now) in [("MinCount", min, one.min), ("MaxCount", max, one.max)] {
        if number != now {
            edited = put(&edited, &steps(&place), key, number)?;
        }
    }
    let mut root: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let same = expect(&mut root, one, min, max) && serde_yaml::from_str::<Value>(&edited).is_ok_and(|got| equal(&got, &root));
    if same { Ok((edited, (min, max))) } else { Err(format!("its numbers of {queue} cannot be changed by themselves; edit the file")) }
}

/// Puts the wanted numbers into the values that were read.
fn expect(root: &mut Value, one: &Bounds, min: u32, max: u32) -> bool {
    let queues = root["Scheduling"]["SlurmQueues"].as_array_mut();
    let queue = queues.and_then(|queues| queues.iter_mut().find(|q| q["Name"] == one.queue.as_str()));
    let resources = queue.and_then(|queue| queue["ComputeResources"].as_array_mut());
    let Some(resource) = resources.and_then(|all| all.iter_mut().find(|r| r["Name"] == one.resource.as_str())) else { return false };
    (resource["MinCount"], resource["MaxCount"]) = (min.into(), max.into());
    true
}

/// Whether two configurations say the same, a number that is not there being its default.
fn equal(got: &Value, wanted: &Value) -> bool {
    match (got, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let default = |key: &str| match key {
                "MinCount" => Value::from(DEFAULTS.0),
                "MaxCount" => Value::from(DEFAULTS.1),
                _ => Value::Null,
            };
            let side = |of: &serde_json::Map<String, Value>, key: &str| of.get(key).cloned().unwrap_or_else(|| default(key));
            a.keys().chain(b.keys()).all(|key| equal(&side(a, key), &side(b, key)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => got == wanted,
    }
}

/// Writes a number where it stands, or where it is missing.
fn put(text: &str, place: &[Step], key: &str, number: u32) -> Result<String, String> {
    let outline = Outline::read(text);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut path = place.to_vec();
    path.push(Step::Key(key.to_owned()));
    if let Some(at) = outline.line(&path) {
        let line = &lines[at];
        let colon = line.find(&format!("{key}:")).or_else(|| line.find(key)).ok_or("its line cannot be read")?;
        lines[at] = replaced(line, colon + key.len(), number).ok_or("its number cannot be read")?;
        return Ok(lines.join("\n"));
    }
    if let Some(Step::Named(name)) = place.last() {
        // In flow style the whole compute resource stands on one line.
        let flow = lines.iter().position(|line| {
            let inside = line.trim_start().trim_start_matches('-').trim_start();
            inside.starts_with('{') && inside.contains('}') && names(inside, name)
        });
        if let Some(at) = flow {
            let line = &lines[at];
            lines[at] = match line.find(&format!("{key}:")) {
                Some(found) => replaced(line, found + key.len(), number).ok_or("its number cannot be read")?,
                None => {
                    let end = line.rfind('}').ok_or("its line cannot be read")?;
                    format!("{}, {key}: {number}{}", line[..end].trim_end(), &line[end..])
                }
            };
            return Ok(lines.join("\n"));
        }
    }
    path.pop();
    path.push(Step::Key("Name".to_owned()));
    let at = outline.line(&path).ok_or("its compute resource cannot be found in the text")?;
    // As far right as the name, which may stand behind its dash.
    let indent = lines[at].find("Name").or_else(|| lines[at].find('"')).unwrap_or(0);
    let ending = if lines[at].ends_with('\r') { "\r" } else { "" };
    lines.insert(at + 1, format!("{}{key}: {number}{ending}", " ".repeat(indent)));
    Ok(lines.join("\n"))
}

/// Whether a mapping in flow style has this name.
fn names(text: &str, name: &str) -> bool {
    let Some((_, after)) = text.split_once("Name:") else { return false };
    after
        .trim_start()
        .trim_start_matches(['"', '\''])
        .strip_prefix(name)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
}

/// The first run of digits at or after `from` replaced.
fn replaced(line: &str, from: usize, number: u32) -> Option<String> {
    let begin = from + line[from..].find(|c: char| c.is_ascii_digit())?;
    let end = begin + line[begin..].find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len() - begin);
    // Between the key and its number stands nothing but what belongs there.
    let between = line[from..begin].trim_start_matches(['"', '\'']);
    if !between.trim().trim_end_matches(['"', '\'']).trim_end().eq(":") {
        return None;
    }
    Some(format!("{}{number}{}", &line[..begin], &line[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "Region: eu-west-1 # here\nScheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: q1\n      # as many as the budget allows\n      ComputeResources:\n        - Name: cr1\n          InstanceType: c6i.xlarge\n          MinCount: 0\n          MaxCount: 4   # nodes\n    - Name: q10\n      ComputeResources:\n        - {Name: a, MaxCount: 4}\n        - Name: b # two\n          InstanceType: c5.large\n";

    #[test]
    fn only_the_numbers_change() {
        let (text, bounds) = scaled(FILE, "q1", Some(1), Some(8)).unwrap();
        assert_eq!(text, FILE.replace("MinCount: 0", "MinCount: 1").replace("MaxCount: 4   # nodes", "MaxCount: 8   # nodes"));
        assert_eq!(bounds, (1, 8));
        // In flow style, and where they are missing.
        let (text, _) = scaled(FILE, "q10/a", Some(2), Some(12)).unwrap();
        assert_eq!(text, FILE.replace("{Name: a, MaxCount: 4}", "{Name: a, MaxCount: 12, MinCount: 2}"));
        let (text, bounds) = scaled(FILE, "q10/b", None, Some(3)).unwrap();
        assert_eq!(text, FILE.replace("- Name: b # two\n", "- Name: b # two\n          MaxCount: 3\n"));
        assert_eq!(bounds, (0, 3));
        // What is so already stays, and so do the ends of lines.
        assert_eq!(scaled(FILE, "q1", None, Some(4)).unwrap().0, FILE);
        let dos = FILE.replace('\n', "\r\n");
        assert_eq!(scaled(&dos, "q1", None, Some(8)).unwrap().0, dos.replace("MaxCount: 4   #", "MaxCount: 8   #"));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let no = |queue: &str, min, max| scaled(FILE, queue, min, max).unwrap_err();
        assert!(no("q2", None, Some(1)).contains("q1/cr1, q10/a, q10/b"));
        assert!(no("q10", None, Some(1)).contains("name one: q10/a, q10/b"));
        assert!(no("q1", Some(9), None).contains("more than 4"));
        assert!(scaled("a: [", "q1", None, None).is_err() && scaled("a: 1", "q1", None, None).is_err());
        // An anchor is two values in one place.
        let shared = "x: &n 4\nScheduling:\n  SlurmQueues:\n  - Name: q\n    ComputeResources:\n    - Name: c\n      MaxCount: *n\n";
        assert!(scaled(shared, "q", None, Some(9)).is_err());
    }
}
