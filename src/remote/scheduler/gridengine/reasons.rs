//! Grid Engine's reasons in plain words, and what would make a job start. After the messages of its scheduler and of its shepherd, 8.1.9.

/// Why, and what helps.
type Reason = (String, String);

const CLEAR: &str = "Then release the job, which clears its error, or cancel it and submit it again.";
const WAIT: &str = "Nothing to do: it starts when its turn comes.";
const ADMIN: &str = "Only the cluster's administrator can change that.";

/// What stands in an error's text, why the job could not be started, what to mend.
const ERRORS: [(&str, &str, &str); 14] = [
    ("chdir", "its working directory cannot be entered", "Make that folder on the node that runs the job, or submit it from another one."),
    (
        "can't open output file",
        "its output file cannot be written",
        "Make the folder of -o and -e, and see that it may be written to and is not full.",
    ),
    (
        "opening output",
        "its output file cannot be written",
        "Make the folder of -o and -e, and see that it may be written to and is not full.",
    ),
    (
        "can't open stderr",
        "its error file cannot be written",
        "Make the folder of -o and -e, and see that it may be written to and is not full.",
    ),
    ("stat(", "a file that it needs cannot be looked at", "See that the home folder and the script's folder are there on the node."),
    (
        "execvp",
        "its interpreter or command cannot be run",
        "Name another with -S or in the script's first line, and look for Windows line ends: dos2unix FILE.",
    ),
    (
        "execvlp",
        "its interpreter or command cannot be run",
        "Name another with -S or in the script's first line, and look for Windows line ends: dos2unix FILE.",
    ),
    ("unable to find shell", "its interpreter is not on the node", "Name another with -S."),
    ("shell", "its interpreter is not on the node", "Name another with -S."),
    ("prolog", "the queue's own script before each job failed", ADMIN),
    ("pe_start", "the parallel environment's own script before each job failed", ADMIN),
    ("password entry", "the node does not know its owner", ADMIN),
    ("user", "the node does not know its owner", ADMIN),
    ("No space left", "the node's disk is full", "Ask for another node, or tell the administrator."),
];

/// Messages of the scheduler, those that tell most first: what stands in one, why, what helps.
const MESSAGES: [(&str, &str, &str); 30] = [
    ("execution time not reached", "Its start time (-a) has not come.", "It starts then; `qalter -a` names another time."),
    ("because of job dependencies", "It waits for other jobs to end (-hold_jid).", "It starts when they have ended."),
    ("exceeds limit", "A resource quota is used up.", "It starts when jobs that count against the same quota have ended."),
    ("in resource quota sets", "A resource quota is used up.", "It starts when jobs that count against the same quota have ended."),
    (
        "max_aj_instances",
        "As many tasks of the array run as may run at once (-tc, or the cluster's max_aj_instances).",
        "The next tasks start as others end; `qalter -tc` lets more run at once.",
    ),
    ("user limitations", "As many jobs of yours run as one user may have.", "It starts when others of your jobs have ended."),
    (
        "only offers",
        "The parallel environment has not that many free slots on what can run it.",
        "Ask for fewer slots (-pe), or wait until jobs have ended.",
    ),
    (
        "total slots of PE",
        "The parallel environment never has that many slots.",
        "Ask for fewer slots, or for another parallel environment: `qconf -spl` lists them.",
    ),
    ("no matching PE", "There is no such parallel environment.", "`qconf -spl` lists those that -pe can name."),
    ("no access to PE", "You may not use that parallel environment.", ADMIN),
    ("is not in PE list", "The queue does not offer that parallel environment.", "Name another queue (-q) or parallel environment (-pe)."),
    ("allocation rule", "The slots cannot be spread as the parallel environment demands.", "Ask for another number of slots."),
    ("not available for parallel job", "Nothing has all at once what the parallel job asks for.", "Ask for fewer slots or less of -l."),
    ("requires more slots", "There are not that many free slots.", "Ask for fewer slots, or wait until jobs have ended."),
    ("has no permission", "You may not use the queue, host or project that it asks for.", ADMIN),
    ("does not have permission", "You may not use the queue, host or project that it asks for.", ADMIN),
    (
        "job runtime",
        "It asks for more run time than is left before the queue is switched off.",
        "Ask for less run time (h_rt), or wait until the queue is on again.",
    ),
    (
        "calendar",
        "A calendar will switch the queue off before the job could end.",
        "Ask for less run time (h_rt), or wait until the queue is on again.",
    ),
    ("advance reservation", "Others have reserved what it would need.", WAIT),
    ("due to a reservation", "Others have reserved what it would need.", WAIT),
    ("(-l ", "No queue or host offers what it asks for with -l.", "Ask for less: `qalter -l` changes it, `qhost -F` shows what there is."),
    ("offers only", "No queue or host offers what it asks for.", "Ask for less: `qalter -l` changes it, `qhost -F` shows what there is."),
    ("All queues dropped because of overload or full", "All queues are full or overloaded.", "It starts when other jobs have ended."),
    ("because it is full", "The queues that can run it are full.", "It starts when other jobs have ended."),
    ("overloaded", "The hosts that can run it have too much load.", "It starts when their load has sunk."),
    ("because it is disabled", "The queues that can run it are disabled.", ADMIN),
    ("because it is suspended", "The queues that can run it are suspended.", ADMIN),
    (
        "not contained in its hard queue list",
        "None of the queues that it asks for (-q) can take it.",
        "Name another queue, or none: `qalter -q`.",
    ),
    ("hold state", "It is held.", "Release it."),
    (
        "temporarily not available",
        "Queues that could run it do not answer or are in error.",
        "The Nodes pane shows which and why. It starts when they are back.",
    ),
];

/// Why a job is in its error state: what its shepherd said.
pub(super) fn error(told: &str) -> Option<Reason> {
    if told.is_empty() {
        let plain = "It could not be started and Grid Engine has set it aside; it does not say why.";
        return Some((plain.to_owned(), format!("The job's output files may tell. {CLEAR}")));
    }
    let found = ERRORS.iter().find(|(sign, ..)| told.contains(sign));
    let (short, mend) = found.map_or(("it could not be started", "Mend what it names."), |(_, short, mend)| (*short, *mend));
    let plain = format!("Grid Engine has set it aside because {short}: {}.", told.trim_end_matches('.'));
    Some((plain, if mend == ADMIN { format!("{ADMIN} {CLEAR}") } else { format!("{mend} {CLEAR}") }))
}

/// `11/25/2026 19:32:51 [1001:26629]: error: can't …` without what stands before the words.
pub(super) fn without_time(error: &str) -> &str {
    let words = error.split_once("]: ").map_or(error, |(_, words)| words);
    words.strip_prefix("error: ").unwrap_or(words)
}

/// Why a job is held: the kinds of hold that it is listed under.
pub(super) fn hold(kinds: &str, has_predecessors: bool) -> Option<Reason> {
    let is = |kind: &str| kinds.split_whitespace().any(|k| k == kind);
    let reason = if is("ho") {
        ("An operator holds it.", "Only the cluster's operators can release it.")
    } else if is("hs") {
        ("The system holds it.", "Only the cluster's managers can release it.")
    } else if is("hu") {
        ("Its owner holds it.", "Release it and it waits for its turn.")
    } else if has_predecessors || is("hj") || is("had") {
        (
            "It waits for other jobs to end (-hold_jid).",
            "It starts when they have ended; `qalter -hold_jid` with nothing takes the condition away.",
        )
    } else {
        ("It is held.", "Release it and it waits for its turn.")
    };
    Some((reason.0.to_owned(), reason.1.to_owned()))
}

/// Of all that the scheduler said, what tells most.
pub(super) fn message(messages: &[String]) -> Option<Reason> {
    MESSAGES.iter().find_map(|(sign, plain, remedy)| {
        let text = messages.iter().find(|text| text.contains(sign))?;
        // Some name what is asked for and what there is.
        let is_specific = matches!(*sign, "(-l " | "offers only" | "only offers" | "exceeds limit" | "has no permission" | "overloaded");
        let plain =
            if is_specific { format!("{}: {}.", plain.trim_end_matches('.'), text.trim_end_matches('.')) } else { (*plain).to_owned() };
        Some((plain, (*remedy).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_the_scheduler_is_in_plain_words() {
        // The scheduler's messages as they stand in 8.1.9, but for those about what cannot be asked for in a script.
        let all = [
            "(-l mem_free=100G) cannot run at host \"n\" because it offers only hl:mem_free=16.813G",
            "(-l h_rt=1000) cannot run in queue \"short.q\" because of cluster queue",
            "(-l lic=1) cannot run globally because it offers only gc:lic=0.000000",
            "All queues dropped because of overload or full",
            "Job is in hold state",
            "cannot run because it exceeds limit \"me/////\" in rule \"max/1\"",
            "cannot run because no access to PE \"smp\"",
            "cannot run because resources requested are not available for parallel job",
            "cannot run because total slots of PE \"smp\" not in range of job",
            "cannot run in PE \"smp\" because it only offers 0 slots",
            "cannot run in queue \"all.q\" because PE \"x\" is not in PE list",
            "cannot run in queue \"all.q\" because it is not contained in its hard queue list (-q)",
            "cannot run in queue instance \"all.q@n\" because the job runtime of 99 sec. is too long",
            "cannot run in queue \"all.q\" because it was not reserved by advance reservation 3",
            "execution time not reached",
            "has no permission for cluster queue \"all.q\"",
            "job dropped because of job dependencies",
            "job dropped because of user limitations",
            "not all array tasks may be started due to 'max_aj_instances'",
            "parallel job requires more slots than available",
            "queue instance \"all.q@n\" dropped because it is disabled",
            "queue instance \"all.q@n\" dropped because it is full",
            "queue instance \"all.q@n\" dropped because it is overloaded: np_load_avg=1.9 (no load adjustment) >= 0.001",
            "queue instance \"all.q@n\" dropped because it is suspended",
            "queue instance \"all.q@n\" dropped because it is temporarily not available",
        ];
        for text in all {
            let (plain, remedy) = message(&[text.to_owned()]).unwrap_or_else(|| panic!("{text}"));
            assert!(plain.ends_with('.') && remedy.ends_with('.'), "{text}");
        }
        assert_eq!(message(&["something new".to_owned()]), None);
    }

    #[test]
    fn what_is_about_the_job_goes_before_what_is_about_queues() {
        let said = [
            "queue instance \"a@n\" dropped because it is temporarily not available",
            "(-l mem_free=9T) cannot run at host \"n\" because it offers only hl:mem_free=1G",
        ];
        let (plain, remedy) = message(&said.map(str::to_owned)).unwrap();
        assert!(plain.contains("mem_free=9T") && remedy.contains("Ask for less"), "{plain}");
    }

    #[test]
    fn errors_and_holds_have_a_way_out() {
        let told = without_time("11/25/2026 19:32:51 [1001:26629]: error: can't chdir to /x: No such file or directory");
        let (plain, remedy) = error(told).unwrap();
        assert_eq!(
            plain,
            "Grid Engine has set it aside because its working directory cannot be entered: can't chdir to /x: No such file or directory."
        );
        assert!(remedy.contains("clears its error"), "{remedy}");
        assert!(error("").unwrap().1.contains("cancel it") && error("exit_status of prolog = 1").unwrap().1.starts_with(ADMIN));
        assert!(hold("hu\n", false).unwrap().0.contains("owner") && hold("", true).unwrap().0.contains("other jobs"));
        assert!(hold("ho", true).unwrap().1.contains("operators"));
    }
}
