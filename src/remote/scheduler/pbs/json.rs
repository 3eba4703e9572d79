//! `-F json` as OpenPBS and PBS Pro print it, which is not always JSON.
//!
//! Never gives up over what is known to be printed: backslashes before any character, quotes inside a text, line breaks, numbers such as
//! `005` and `inf`, names twice, a `Jobs` object begun anew inside itself, several documents in a row, an end that is missing.

use super::record::{Record, Records};

/// Deeper than this nothing of PBS goes.
const DEEPEST: usize = 32;

/// Reads the records in every object of this name, wherever it stands.
pub(super) fn records(text: &str, container: &str) -> Records {
    let mut reader = Reader { text: text.as_bytes(), at: 0, container, found: Records::default() };
    while let Some(at) = memchr::memchr(b'{', reader.rest()) {
        reader.at += at + 1;
        reader.object(&mut Vec::new(), "", 0);
    }
    reader.found
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    container: &'a str,
    found: Records,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or(&[])
    }

    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Option<u8> {
        self.at += self.rest().iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.rest().first().copied()
    }

    /// Members up to the closing brace, put into `fields` under `prefix`. An end that is missing ends it too; the return says that it
    /// was there.
    fn object(&mut self, fields: &mut Vec<(String, String)>, prefix: &str, depth: usize) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some(b'}' | b']') => {
                    self.at += 1;
                    return true;
                }
                Some(b'"') => {}
                Some(_) => {
                    self.at += 1;
                    continue;
                }
            }
            let key = self.string();
            if self.peek() != Some(b':') {
                continue;
            }
            self.at += 1;
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match self.peek() {
                None => return false,
                Some(b'{') if depth < DEEPEST => {
                    self.at += 1;
                    if key == self.container {
                        self.entries(depth + 1);
                    } else if !self.object(fields, &name, depth + 1) {
                        return false;
                    }
                }
                Some(_) => fields.push((name, self.value())),
            }
        }
    }

    /// Members that are records.
    fn entries(&mut self, depth: usize) {
        loop {
            match self.peek() {
                None => return,
                Some(b'}' | b']') => {
                    self.at += 1;
                    return;
                }
                Some(b'"') => {}
                Some(_) => {
                    self.at += 1;
                    continue;
                }
            }
            let id = self.string();
            if self.peek() != Some(b':') {
                self.found.warnings += 1;
                continue;
            }
            self.at += 1;
            match self.peek() {
                // Some versions begin the container anew before each job and close it once.
                Some(b'{') if id == self.container && depth < DEEPEST => {
                    self.at += 1;
                    self.entries(depth + 1);
                }
                Some(b'{') => {
                    self.at += 1;
                    let place = self.found.all.len();
                    let mut fields = Vec::new();
                    let whole = self.object(&mut fields, "", depth + 1);
                    // Half a record is one that was cut off, even if it has told its state.
                    if !whole {
                        self.found.warnings += 1;
                    }
                    if whole || fields.iter().any(|(key, _)| key == "job_state" || key == "state") {
                        // A record that swallowed others comes before them.
                        self.found.all.insert(place.min(self.found.all.len()), Record { id, fields });
                    }
                }
                _ => {
                    self.value();
                    self.found.warnings += 1;
                }
            }
        }
    }

    /// A text, a number, a word, or a list whose items are joined by commas.
    fn value(&mut self) -> String {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'[') => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    match self.peek() {
                        None => break,
                        Some(b']' | b'}') => {
                            self.at += 1;
                            break;
                        }
                        Some(b'"') => items.push(self.string()),
                        Some(b',' | b'[' | b'{' | b':') => self.at += 1,
                        Some(_) => items.push(self.word()),
                    }
                }
                items.join(",")
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let len = rest.iter().take_while(|b| !matches!(b, b',' | b'}' | b']' | b'\n')).count();
        self.at += len.max(1);
        String::from_utf8_lossy(&rest[..len]).trim().to_owned()
    }

    /// A text in quotes. A quote ends it only where JSON could go on after it: older versions do not escape those inside.
    fn string(&mut self) -> String {
        self.at += 1;
        let mut out = Vec::new();
        while let Some(b) = self.rest().first().copied() {
            self.at += 1;
            match b {
                b'"' if self.ends_here() => break,
                b'\\' => self.escape(&mut out),
                b => out.push(b),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn ends_here(&self) -> bool {
        self.rest().iter().find(|b| !b.is_ascii_whitespace()).is_none_or(|b| matches!(b, b',' | b'}' | b']' | b':'))
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(b) = self.rest().first().copied() else { return };
        self.at += 1;
        match b {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let code =
                    self.rest().get(..4).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code {
                    Some(code) => {
                        self.at += 4;
                        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    None => out.push(b'u'),
                }
            }
            // `\'` and `\,` are no escapes of JSON; what was meant is the character.
            b => out.push(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOBS: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat.json");
    const ODD: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat-odd.json");

    #[test]
    fn records_have_dotted_names() {
        let records = records(JOBS, "Jobs");
        assert_eq!(records.warnings, 0);
        let job = records.all.iter().find(|r| r.id == "1001.pbs").unwrap();
        assert_eq!((job.get("Resource_List.walltime"), job.number::<u32>("Resource_List.ncpus")), (Some("02:00:00"), Some(8)));
        assert_eq!(job.variable("PBS_O_WORKDIR").as_deref(), Some("/home/ada/run"));
    }

    #[test]
    fn what_is_no_json_is_read_all_the_same() {
        let found = records(ODD, "Jobs");
        let ids: Vec<&str> = found.all.iter().map(|r| r.id.as_str()).collect();
        assert_eq!((ids.as_slice(), found.warnings), (["2001.pbs", "2002.pbs", "2003.pbs"].as_slice(), 0));
        let odd = &found.all[0];
        assert_eq!(
            (odd.get("Job_Name"), odd.variable("N").as_deref(), odd.variable("Q").as_deref()),
            (Some("inf"), Some("005"), Some("it's, \"so\""))
        );
        assert_eq!(odd.get("comment"), Some("says \"wait\" twice"));
        assert_eq!(odd.get("job_state"), Some("R"), "the first of two");
        assert!(found.all[1].variable("BASH_FUNC_m%%").unwrap().contains('\n'));
    }

    #[test]
    fn an_answer_that_is_cut_off_keeps_what_is_whole() {
        for at in (0..JOBS.len()).step_by(13) {
            let Some(text) = JOBS.get(..at) else { continue };
            let found = records(text, "Jobs");
            let begun = text.matches("\"Job_Name\"").count();
            assert!(found.all.len() + found.warnings as usize >= begun, "{at}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        let deep = format!("{{\"Jobs\":{}", "{\"Jobs\":".repeat(100_000));
        records(&deep, "Jobs");
        let deep = format!("{{\"Jobs\":{{\"1\":{}", "{\"a\":".repeat(100_000));
        records(&deep, "Jobs");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), odd in "(\\{|\\}|\\[|\\]|\"|:|,|\\\\|Jobs|\"Jobs\":\\{|\"1\\.s\":\\{|\"job_state\":\"R\"|\\\\u12|\n| ){0,60}") {
            records(&text, "Jobs");
            records(&odd, "Jobs");
        }

        #[test]
        fn a_valid_document_is_read_as_serde_reads_it(names in proptest::collection::vec(any::<String>(), 0..12)) {
            // A quote before what could end a text is what cannot be told apart from one that ends it.
            let jobs: serde_json::Map<String, serde_json::Value> = names.iter().enumerate()
                .map(|(i, name)| (format!("{i}.s"), serde_json::json!({ "Job_Name": name, "job_state": "Q" }))).collect();
            let text = serde_json::json!({ "Jobs": jobs }).to_string();
            let found = records(&text, "Jobs");
            prop_assert_eq!((found.all.len(), found.warnings), (names.len(), 0));
            for record in &found.all {
                let i: usize = record.id.trim_end_matches(".s").parse().unwrap();
                prop_assert_eq!(record.fields.iter().find(|(k, _)| k == "Job_Name").map(|(_, v)| v.as_str()), Some(names[i].as_str()));
            }
        }
    }
}
