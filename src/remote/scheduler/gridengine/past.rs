//! Jobs that have ended: `qacct` of the last part of the accounting file, which holds every job that ever ran.
//!
//! Never reads the whole file. Where Grid Engine put a job's output it tells only while the job lives: that is kept on the host.

use std::borrow::Cow;
use std::collections::HashMap;

use super::described::{self, Described};
use super::jobs::PART;
use super::task;
use super::time::{epoch, seconds};
use super::{CALM, trouble};
use crate::model::text::quoted;
use crate::model::{JobId, JobState, Origin, Past};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

/// Shell functions. `account IDS` prints what accounting knows of jobs and tasks; `remember NUMBER XML` keeps the description of a job that
/// lives, `recall IDS` prints those that were kept, `folders` names the output paths in such a description that are folders.
/// `gone IDS` tells of jobs that have left the queue and are not accounted for: `late` for so long as accounting may be behind, and then
/// `lost`, which is how it stays for those that were deleted before they started.
pub(super) const MEMORY: &str = r#"mem="${XDG_STATE_HOME:-$HOME/.local/state}/qdeck/gridengine"
acct="${SGE_ROOT:-/var/lib/gridengine}/${SGE_CELL:-default}/common/accounting"
records() {
  tail -c 33554432 "$acct" | awk -F: "$@" | qacct -f /dev/stdin -j 2>/dev/null
}
account() {
  if [ -r "$acct" ] && [ "$(head -c 1 "$acct")" != '{' ]; then
    records -v ids="$1" 'BEGIN { n = split(ids, w, " "); for (i = 1; i <= n; i++) want[w[i]] = 1 }
      !/^#/ && ($42 == "NONE" || $42 == "") && (($6 in want) || (($6 "_" $36) in want))'
  else
    for id in $1; do case $id in *_*) qacct -j "${id%_*}" -t "${id#*_}" ;; *) qacct -j "$id" ;; esac; done 2>/dev/null
  fi
}
remember() {
  at=$(printf '%s' "$2" | sed -n 's/.*<JB_submission_time>\([0-9]*\)<.*/\1/p' | head -n 1)
  grep -qsF "<JB_submission_time>$at<" "$mem/$1" && return
  (umask 077 && mkdir -p "$mem" && find "$mem" -type f -mtime +30 -exec rm -f {} + && printf '%s\n' "$2" >"$mem/$1.$$" && mv -f "$mem/$1.$$" "$mem/$1") 2>/dev/null
}
recall() { for id in $1; do cat "$mem/${id%_*}" 2>/dev/null; done; }
folders() {
  x=$(cat)
  c=$(printf '%s\n' "$x" | sed -n 's/.*<JB_cwd>\(.*\)<\/JB_cwd>.*/\1/p' | head -n 1)
  printf '%s\n' "$x" | sed -n 's/.*<PN_path>\(.*\)<\/PN_path>.*/\1/p' | sort -u | while IFS= read -r p; do
    case $p in '$HOME'*) q=$HOME${p#'$HOME'} ;; /*) q=$p ;; *) q=${c:-$HOME}/$p ;; esac
    [ ! -d "$q" ] || printf '%s\n' "$p"
  done
}
gone() {
  z=" $(qstat -s z -u '*' 2>/dev/null | awk 'NR > 2 { print $1 }' | tr '\n' ' ')"
  for id in $1; do
    case $z in *" ${id%_*} "*) ;; *) continue ;; esac
    f="$mem/$id.gone"
    [ -s "$f" ] || (umask 077 && mkdir -p "$mem" && date +%s >"$f")
    [ $(($(date +%s) - $(cat "$f"))) -gt 40 ] && echo "$id lost" || echo "$id late"
  done
}
"#;

/// How jobs ended, all in one call.
pub(super) fn ended(jobs: &[JobId]) -> Ask<Vec<Past>> {
    // Only ids of jobs and of single tasks stand here: an array's waiting rest never ends as such.
    let good = |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let ids = jobs.iter().map(JobId::as_str).filter(good).collect::<Vec<_>>().join(" ");
    Ask {
        script: format!(
            "{CALM}{MEMORY}ids={}\na=$(account \"$ids\")\nprintf '%s\\035' \"$a\"\nr=$(recall \"$ids\")\nprintf '%s\\035' \"$r\"\n\
             left=$(for id in $ids; do printf '%s\\n' \"$a\" | grep -q \"^jobnumber *${{id%_*}} *\\$\" || printf '%s ' \"$id\"; done)\n\
             [ -z \"$left\" ] || gone \"$left\"\nprintf '\\035'\nprintf '%s\\n' \"$r\" | folders",
            quoted(&ids),
        ),
        read: Box::new(move |said| {
            if said.status != 0 && said.stdout.is_empty() {
                return Err(trouble::failure(said));
            }
            let text = String::from_utf8_lossy(&said.stdout);
            let mut parts = text.split(PART);
            let mut next = || parts.next().unwrap_or("");
            let (accounts, remembered, gone, folders) = (next(), next(), next(), next());
            let kept: HashMap<String, Described<'_>> = described::all(remembered).map(|d| (d.number().into_owned(), d)).collect();
            let folders: Vec<&str> = folders.lines().collect();
            let mut past: Vec<Past> = last(accounts).iter().map(|account| account.past(kept.get(account.number), &folders)).collect();
            past.extend(gone.lines().filter_map(|line| {
                let (id, how) = line.split_once(' ')?;
                let (number, task) = id.split_once('_').unwrap_or((id, ""));
                // What Grid Engine tells of neither, it did not run.
                let state = if how == "late" { JobState::Completing } else { JobState::Cancelled };
                let mut past = kept.get(number).map(|d| remembered_past(d, task)).unwrap_or_default();
                past.id = id.to_owned();
                past.state = Some(state);
                Some(past)
            }));
            Ok(past)
        }),
    }
}

fn remembered_past(described: &Described<'_>, task: &str) -> Past {
    let text = |name: &str| described.text(name).unwrap_or_default().into_owned();
    Past {
        array: if task.is_empty() { String::new() } else { described.number().into_owned() },
        name: text("JB_job_name"),
        user: text("JB_owner"),
        submitted: described.submitted(),
        work_dir: described.work_dir(),
        ..Past::default()
    }
}

/// What accounting remembers of the login user's or everybody's jobs that ended since a moment.
pub(super) fn accounting(since: i64, everyone: bool) -> Ask<Vec<Past>> {
    let whose = if everyone { "" } else { "$(id -un)" };
    Ask {
        script: format!(
            "{CALM}{MEMORY}[ -r \"$acct\" ] || {{ echo \"$acct cannot be read\" >&2; exit 1; }}\n\
             records -v since={since} -v owner=\"{whose}\" '!/^#/ && ($42 == \"NONE\" || $42 == \"\") && $11 + 0 >= (($11 > 100000000000) ? since * 1000 : since) && (owner == \"\" || $4 == owner)'"
        ),
        read: Box::new(|said: &Said| {
            if said.status != 0 {
                return Err(trouble::failure(said));
            }
            // The file's last part may hold more than anybody looks at.
            const MOST: usize = 5_000;
            let text = String::from_utf8_lossy(&said.stdout);
            let mut past: Vec<Past> = last(&text).iter().map(|account| account.past(None, &[])).collect();
            past.drain(..past.len().saturating_sub(MOST));
            Ok(past)
        }),
    }
}

/// One record of `qacct`.
#[derive(Debug, Default)]
pub(super) struct Account<'a> {
    pub(super) number: &'a str,
    /// Empty where the job is no array.
    pub(super) task: &'a str,
    pub(super) name: &'a str,
    pub(super) owner: &'a str,
    queue: &'a str,
    pub(super) host: &'a str,
    slots: u32,
    submitted: Option<i64>,
    started: Option<i64>,
    pub(super) ended: Option<i64>,
    /// Grid Engine's own code of what went wrong, 0 where nothing did.
    failed: u32,
    exit_status: u32,
    wallclock: Option<u64>,
    category: &'a str,
    /// Every line of it, in `qacct`'s words and order.
    pub(super) fields: Vec<(&'a str, &'a str)>,
}

/// Every record of `qacct`'s answer.
pub(super) fn accounts(text: &str) -> Vec<Account<'_>> {
    let mut all: Vec<Account<'_>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.starts_with("======") {
            // The last line of the same signs stands under the heading of all usage together.
            open = line.len() < 70;
            if open {
                all.push(Account::default());
            }
        } else if let (true, Some(account)) = (open, all.last_mut()) {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            if key == "Total" {
                open = false;
            } else {
                account.take(key, value.trim());
            }
        }
    }
    all.retain(|account| !account.number.is_empty());
    all
}

/// Of each job and task the last record: those before it tell of earlier attempts.
pub(super) fn last(text: &str) -> Vec<Account<'_>> {
    let mut at: HashMap<(&str, &str), usize> = HashMap::new();
    let mut kept: Vec<Account<'_>> = Vec::new();
    for account in accounts(text) {
        match at.entry((account.number, account.task)) {
            std::collections::hash_map::Entry::Occupied(entry) => kept[*entry.get()] = account,
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(account);
            }
        }
    }
    kept
}

impl<'a> Account<'a> {
    fn take(&mut self, key: &'a str, value: &'a str) {
        let number = || value.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0);
        match key {
            "jobnumber" => self.number = Some(value).filter(|v| v.bytes().all(|b| b.is_ascii_digit())).unwrap_or(""),
            "taskid" if value != "undefined" => self.task = value,
            "jobname" => self.name = value,
            "owner" => self.owner = value,
            "qname" => self.queue = value,
            "hostname" => self.host = value,
            "slots" => self.slots = number(),
            "qsub_time" => self.submitted = epoch(value),
            "start_time" => self.started = epoch(value),
            "end_time" => self.ended = epoch(value),
            "failed" => self.failed = number(),
            "exit_status" => self.exit_status = number(),
            "ru_wallclock" => self.wallclock = seconds(value.trim_end_matches('s')),
            "category" => self.category = value,
            _ => {}
        }
        if !key.is_empty() && !value.is_empty() {
            self.fields.push((key, value));
        }
    }

    /// How it ended.
    pub(super) fn state(&self) -> JobState {
        const KILL: u32 = 137;
        const TERM: u32 = 143;
        const CPU: u32 = 152;
        match (self.failed, self.exit_status) {
            (0, 0) => JobState::Completed,
            // Migrated, rescheduled, or put back because it said so with its exit status.
            (24 | 25 | 30, _) => JobState::Requeued,
            (37, _) | (100, CPU) => JobState::Timeout,
            (100, KILL | TERM) if self.limit().zip(self.wallclock).is_some_and(|(limit, ran)| ran >= limit) => JobState::Timeout,
            // Grid Engine ends what is deleted so, and tells it from nothing else that is killed.
            (100, KILL | TERM) => JobState::Cancelled,
            _ => JobState::Failed,
        }
    }

    /// `code:signal`. Grid Engine writes a signal as 128 and its number.
    pub(super) fn exit_code(&self) -> Option<String> {
        self.ended?;
        Some(match self.exit_status.checked_sub(128) {
            Some(signal @ 1..=64) if matches!(self.failed, 37 | 100) => format!("0:{signal}"),
            _ => format!("{}:0", self.exit_status),
        })
    }

    /// The run time that it asked for.
    fn limit(&self) -> Option<u64> {
        seconds(self.category.split(['=', ' ', ',']).skip_while(|word| *word != "h_rt").nth(1)?)
    }

    /// Whether a kept description is this job's and not that of an older one with the same number.
    pub(super) fn is_of(&self, described: &Described<'_>) -> bool {
        let is = |name: &str, value: &str| described.text(name).is_some_and(|text: Cow<'_, str>| text == value);
        is("JB_owner", self.owner)
            && is("JB_job_name", self.name)
            && described.submitted().zip(self.ended).is_none_or(|(from, to)| from <= to)
    }

    fn past(&self, described: Option<&Described<'_>>, folders: &[&str]) -> Past {
        let described = described.filter(|d| self.is_of(d));
        let files = described.map(|d| d.files(self.task, self.host, folders)).unwrap_or_default();
        Past {
            id: task::id(self.number, self.task),
            array: if self.task.is_empty() { String::new() } else { self.number.to_owned() },
            name: self.name.to_owned(),
            user: self.owner.to_owned(),
            partition: self.queue.to_owned(),
            state: Some(self.state()),
            exit_code: self.exit_code(),
            nodes: 1,
            node_list: self.host.to_owned(),
            cpus: self.slots,
            submitted: self.submitted,
            started: self.started,
            ended: self.ended,
            work_dir: described.map(Described::work_dir).unwrap_or_default(),
            stdout: files.0.unwrap_or_default(),
            stderr: files.1.unwrap_or_default(),
            command: String::new(),
            origin: Origin::Accounting,
            seen: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const QACCT: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/qacct.txt");
    const LONG: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-long.xml");

    #[test]
    fn recorded_ends_are_told() {
        let rows: Vec<_> = last(QACCT).iter().map(|a| (task::id(a.number, a.task), a.state(), a.exit_code())).collect();
        let code = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows,
            [
                ("72".into(), JobState::Failed, None),
                ("76".into(), JobState::Failed, code("7:0")),
                ("74".into(), JobState::Failed, None),
                ("78_1".into(), JobState::Failed, code("1:0")),
                ("78_2".into(), JobState::Failed, code("2:0")),
                ("79".into(), JobState::Timeout, code("0:9")),
            ]
        );
        let fail = &last(QACCT)[1];
        assert_eq!((fail.submitted, fail.ended, fail.fields[0]), (Some(1_795_635_171), Some(1_795_635_173), ("qname", "short.q")));
    }

    #[rstest]
    #[case(0, 0, "NONE", JobState::Completed, "0:0")]
    #[case(0, 3, "NONE", JobState::Failed, "3:0")]
    #[case(0, 137, "NONE", JobState::Failed, "137:0")]
    #[case(100, 137, "NONE", JobState::Cancelled, "0:9")]
    #[case(100, 137, "-u me -l h_rt=10,h_vmem=1G", JobState::Timeout, "0:9")]
    #[case(100, 139, "NONE", JobState::Failed, "0:11")]
    #[case(37, 137, "NONE", JobState::Timeout, "0:9")]
    #[case(25, 0, "NONE", JobState::Requeued, "0:0")]
    #[case(28, 0, "NONE", JobState::Failed, "0:0")]
    fn codes_are_states(
        #[case] failed: u32,
        #[case] exit_status: u32,
        #[case] category: &str,
        #[case] state: JobState,
        #[case] code: &str,
    ) {
        let account = Account { failed, exit_status, category, ended: Some(1), wallclock: Some(12), ..Account::default() };
        assert_eq!((account.state(), account.exit_code().as_deref()), (state, Some(code)));
    }

    #[test]
    fn what_was_kept_on_the_host_says_where_the_output_is() {
        let record = "======\nqname all.q\nhostname n1\nowner ec2-user\njobname long\njobnumber 69\ntaskid undefined\nend_time Wed Nov 25 20:00:00 2026\nfailed 0\nexit_status 0\n";
        let ask = ended(&[JobId::new("69"), JobId::new("70_2"), JobId::new("71"), JobId::new("$(x)")]);
        assert!(ask.script.contains("ids='69 70_2 71'\n"), "{}", ask.script);
        let text = format!("{record}{PART}{LONG}{PART}70_2 late\n71 lost\n{PART}");
        let past = (ask.read)(&Said { status: 0, stdout: text.into(), stderr: String::new() }).unwrap();
        let rows: Vec<_> = past.iter().map(|p| (p.id.as_str(), p.state, p.stdout.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("69", Some(JobState::Completed), "/home/ec2-user/logs/long.69.out"),
                ("70_2", Some(JobState::Completing), ""),
                ("71", Some(JobState::Cancelled), "")
            ]
        );
        // Another job of the same number has other output.
        let other = format!("{}{PART}{LONG}{PART}{PART}", record.replace("long", "short"));
        let past = (ask.read)(&Said { status: 0, stdout: other.into(), stderr: String::new() }).unwrap();
        assert_eq!(past[0].stdout, "");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(======\n|(jobnumber|taskid|end_time|failed|exit_status|category|Total) ?[^\n]{0,12}\n|.|\n){0,40}", cut in 0..9_000_usize) {
            for account in accounts(&text) {
                let _ = (account.state(), account.exit_code(), account.past(None, &[]).id);
            }
            let head = &QACCT[..cut.min(QACCT.len())];
            // Every record whose number has come is one.
            let whole = head.lines().filter(|line| line.starts_with("jobnumber ") && line.trim_end().len() > 12).count();
            prop_assert!(accounts(head).len() >= whole.saturating_sub(1));
        }
    }
}
