//! What is said of a configuration, each remark beside the line of the YAML file it speaks of.
//!
//! `pcluster` names no lines: they are found by the paths and the values in its words, and a remark without any keeps none.

use super::said::{Said, Told};
use crate::model::outline::{Outline, Step, steps};
use crate::model::{Remark, Severity};

/// Validators that speak of one place without naming it.
const PLACES: [(&str, &str); 9] = [
    ("KeyPair", "HeadNode.Ssh.KeyName"),
    ("HeadNodeImds", "HeadNode.Imds"),
    ("Scheduler", "Scheduling.Scheduler"),
    ("QueueName", "Scheduling.SlurmQueues"),
    ("CustomAmi", "Image.CustomAmi"),
    ("Os", "Image.Os"),
    ("Subnet", "HeadNode.Networking.SubnetId"),
    ("HeadNode", "HeadNode"),
    ("SharedStorage", "SharedStorage"),
];

/// All remarks, the worst first, then by line.
pub(super) fn of(said: &Said, text: &str) -> Vec<Remark> {
    let outline = Outline::read(text);
    let mut all = Vec::new();
    for told in said.configuration_validation_errors.iter().chain(&said.validation_messages) {
        if told.kind == "ConfigSchemaValidator"
            && let Some(leaves) = leaves(&told.message)
        {
            all.extend(leaves.into_iter().map(|(path, message)| Remark {
                severity: severity(told),
                kind: told.kind.clone(),
                message: format!("{}: {message}", written(&path)),
                line: outline.nearest(&path),
            }));
            continue;
        }
        let line = spoken_of(&outline, &told.message).or_else(|| placed(&outline, &told.kind));
        all.push(Remark { severity: severity(told), kind: told.kind.clone(), message: told.message.clone(), line });
    }
    for refused in &said.update_validation_errors {
        all.push(Remark {
            severity: Severity::Error,
            kind: refused.parameter.clone(),
            message: refused.message.clone(),
            line: outline.nearest(&steps(&refused.parameter)),
        });
    }
    if all.is_empty()
        && let Some(what) = said.message.strip_prefix("Invalid cluster configuration: ")
    {
        let line = spoken_of(&outline, what);
        all.push(Remark { severity: Severity::Error, kind: String::new(), message: what.to_owned(), line });
    }
    all.sort_by_key(|remark| (remark.severity, remark.line.is_none(), remark.line));
    all
}

fn severity(told: &Told) -> Severity {
    match told.level.as_str() {
        "WARNING" => Severity::Warning,
        "INFO" => Severity::Info,
        _ => Severity::Error,
    }
}

/// The line with a value that the words name: in quotes or brackets first, then any word that looks like one.
fn spoken_of(outline: &Outline, message: &str) -> Option<usize> {
    let between = ['\'', '"', '`', '[', ']', ' ', ',', '(', ')', '{', '}'];
    let words: Vec<&str> =
        message.split(between).map(|word| word.trim_end_matches(['.', ':', ';'])).filter(|word| word.len() > 1).collect();
    let quoted: Vec<&str> = message.split(['\'', '"', '`', '[', ']']).skip(1).step_by(2).flat_map(|part| part.split(", ")).collect();
    // Ordinary words of a sentence are values of some files too: `slurm`, `true`.
    let telling: Vec<&str> =
        words.into_iter().filter(|word| word.contains(['.', '-', '/', '_']) || word.chars().any(|c| c.is_ascii_digit())).collect();
    outline.saying(&quoted).or_else(|| outline.saying(&telling))
}

fn placed(outline: &Outline, kind: &str) -> Option<usize> {
    PLACES.iter().find(|(begin, _)| kind.starts_with(begin)).and_then(|(_, path)| outline.nearest(&steps(path)))
}

fn written(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) => out.push_str(&format!("{}{key}", if out.is_empty() { "" } else { "." })),
            Step::Item(n) => out.push_str(&format!("[{n}]")),
            Step::Named(name) => out.push_str(&format!("[{name}]")),
        }
    }
    out
}

/// The schema's errors, which are printed as Python's own lists and dictionaries:
/// `[('HeadNode', {'Networking': ['Field may not be null.']})]` → each path with its message. `None` where it is written otherwise.
fn leaves(message: &str) -> Option<Vec<(Vec<Step>, String)>> {
    let mut out = Vec::new();
    let mut reader = Reader { rest: message.trim(), deep: 0 };
    reader.value(&mut Vec::new(), &mut out)?;
    (reader.rest.trim().is_empty() && !out.is_empty()).then_some(out)
}

/// Reads Python's literals as far as they occur there.
struct Reader<'a> {
    rest: &'a str,
    deep: usize,
}

impl Reader<'_> {
    fn take(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        let found = self.rest.strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut out = String::new();
        let mut signs = self.rest.char_indices().skip(1);
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' => out.push(signs.next()?.1),
                _ if sign == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(out);
                }
                _ => out.push(sign),
            }
        }
        None
    }

    fn number(&mut self) -> Option<usize> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().ok()?;
        self.rest = &self.rest[end..];
        Some(number)
    }

    fn step(&mut self) -> Option<Step> {
        self.number().map(Step::Item).or_else(|| self.text().map(Step::Key))
    }

    fn value(&mut self, path: &mut Vec<Step>, out: &mut Vec<(Vec<Step>, String)>) -> Option<()> {
        self.deep += 1;
        if self.deep > 32 {
            return None;
        }
        if self.take('{') {
            while !self.take('}') {
                self.member(':', path, out)?;
                self.take(',');
            }
        } else if self.take('[') {
            while !self.take(']') {
                if self.take('(') {
                    self.member(',', path, out)?;
                    self.take(')').then_some(())?;
                } else {
                    self.value(path, out)?;
                }
                self.take(',');
            }
        } else {
            out.push((path.clone(), self.text()?));
        }
        self.deep -= 1;
        Some(())
    }

    fn member(&mut self, between: char, path: &mut Vec<Step>, out: &mut Vec<(Vec<Step>, String)>) -> Option<()> {
        path.push(self.step()?);
        self.take(between).then_some(())?;
        self.value(path, out)?;
        path.pop();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::said::read;
    use super::*;

    const FILE: &str = "Region: eu-central-1\nImage:\n  Oss: alinux2023\nHeadNode:\n  InstanceType: t3.medium # small\n  Networking:\n  Ssh:\n    KeyName: lab-key\nScheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: q1\n      ComputeResources:\n        - Name: cr1\n          InstanceType: c6i.xlarge\n          MaxCount: many\n";

    #[test]
    fn each_message_of_the_schema_stands_at_its_line() {
        let said = r#"{"configurationValidationErrors": [{"level": "ERROR", "type": "ConfigSchemaValidator",
            "message": "[('HeadNode', {'Networking': ['Field may not be null.']}), ('Image', {'Os': ['Missing data for required field.'], 'Oss': ['Unknown field.']}), ('Scheduling', {'SlurmQueues': {0: {'ComputeResources': {0: {'MaxCount': ['Not a valid integer.']}}}}})]"}],
            "message": "Invalid cluster configuration."}"#;
        let told: Vec<_> = of(&read(said).unwrap(), FILE).into_iter().map(|r| (r.line, r.message)).collect();
        let wanted = [
            (Some(1), "Image.Os: Missing data for required field."),
            (Some(2), "Image.Oss: Unknown field."),
            (Some(5), "HeadNode.Networking: Field may not be null."),
            (Some(15), "Scheduling.SlurmQueues[0].ComputeResources[0].MaxCount: Not a valid integer."),
        ];
        assert_eq!(told, wanted.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn values_and_validators_lead_to_lines_and_refused_updates_to_their_parameters() {
        let said = r#"{"message": "x", "configurationValidationErrors": [
            {"level": "WARNING", "type": "KeyPairValidator", "message": "If you do not specify a key pair, you can't connect."},
            {"level": "ERROR", "type": "InstanceTypeValidator", "message": "The instance type 'c6i.xlarge' is not supported."},
            {"level": "INFO", "type": "Odd", "message": "nothing to find here"}],
            "updateValidationErrors": [{"parameter": "HeadNode.InstanceType", "requestedValue": "t3.large", "currentValue": "t3.medium", "message": "Restore it."}]}"#;
        let told: Vec<_> = of(&read(said).unwrap(), FILE).into_iter().map(|r| (r.severity, r.line)).collect();
        let wanted = [(Severity::Error, Some(4)), (Severity::Error, Some(14)), (Severity::Warning, Some(7)), (Severity::Info, None)];
        assert_eq!(told, wanted);
    }

    #[test]
    fn what_python_did_not_write_is_shown_as_it_is() {
        for odd in ["", "[", "[('a'", "{'a': [", "[('a', {'b': 'c'", "words", "[]", "{'a\\", &"[".repeat(99)] {
            assert_eq!(leaves(odd), None, "{odd}");
            let told = Told { level: "ERROR".into(), kind: "ConfigSchemaValidator".into(), message: odd.into() };
            let said = Said { configuration_validation_errors: vec![told], ..Said::default() };
            assert_eq!(of(&said, FILE)[0].message, odd);
        }
    }
}
