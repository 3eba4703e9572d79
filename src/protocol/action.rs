//! Everything a user can do, each with its name, its default keys and its words: the one table that dispatch, footer, help, the
//! `keys` command, the README and the configuration read.

use super::chord::{Chord, Key};

/// Where a key means what it says. An inner area is asked before an outer one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Area {
    /// Everywhere but in text fields.
    Everywhere,
    /// Any list or text that has a cursor or scrolls.
    List,
    /// The clusters pane.
    Clusters,
    /// The nodes pane.
    Nodes,
    /// The jobs pane.
    Jobs,
    /// The logs pane.
    Logs,
    /// The file picker.
    Picker,
}

impl Area {
    /// The heading of this area in help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::List => "Lists and text",
            Self::Clusters => "Clusters",
            Self::Nodes => "Nodes",
            Self::Jobs => "Jobs",
            Self::Logs => "Logs",
            Self::Picker => "File picker",
        }
    }
}

macro_rules! actions {
    ($($variant:ident, $name:literal, $area:ident, [$($key:expr),*], $brief:literal, $words:literal;)*) => {
        /// Something a user can do.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum Action { $(#[doc = $words] $variant),* }

        /// Every action: itself, its name in the configuration, its area, its default keys, one word for the footer, a sentence for help.
        pub const ROWS: &[Row] = &[$(Row {
            action: Action::$variant, name: $name, area: Area::$area, keys: &[$($key),*], brief: $brief, words: $words,
        }),*];
    };
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The action.
    pub action: Action,
    /// Its name in the configuration.
    pub name: &'static str,
    /// Where it works.
    pub area: Area,
    /// Its default keys; the first one is shown.
    pub keys: &'static [Chord],
    /// One word for the footer.
    pub brief: &'static str,
    /// A sentence for help.
    pub words: &'static str,
}

const fn c(c: char) -> Chord {
    Chord::plain(Key::Char(c))
}
const fn k(key: Key) -> Chord {
    Chord::plain(key)
}
const fn ctrl(c: char) -> Chord {
    Chord::ctrl(c)
}

actions! {
    Quit, "quit", Everywhere, [c('q'), ctrl('c')], "quit", "Leave. Jobs, transfers to schedulers and clusters go on without qdeck.";
    Help, "help", Everywhere, [c('?')], "help", "Show all keys.";
    Palette, "palette", Everywhere, [c(':')], "command", "Find an action by its words and do it.";
    FocusClusters, "focus_clusters", Everywhere, [c('1')], "clusters", "Go to the clusters.";
    FocusNodes, "focus_nodes", Everywhere, [c('2')], "nodes", "Go to the nodes.";
    FocusJobs, "focus_jobs", Everywhere, [c('3')], "jobs", "Go to the jobs.";
    FocusLogs, "focus_logs", Everywhere, [c('4')], "logs", "Go to the logs.";
    NextPane, "next_pane", Everywhere, [k(Key::Tab)], "next", "Go to the next pane.";
    PreviousPane, "previous_pane", Everywhere, [k(Key::BackTab)], "previous", "Go to the previous pane.";
    Zoom, "zoom", Everywhere, [c('z')], "zoom", "Make this pane as large as the screen, or small again.";
    Refresh, "refresh", Everywhere, [c('r'), ctrl('r')], "refresh", "Ask for everything on screen again, and try lost connections now.";
    Pause, "pause", Everywhere, [c('p')], "pause", "Stop asking, or go on.";
    Launch, "launch", Everywhere, [c('n')], "launch", "Pick a script and submit it as a job.";
    Streams, "streams", Everywhere, [c('L')], "streams", "Choose one of the cluster's log streams.";
    Scale, "scale", Everywhere, [c('=')], "scale", "Give a queue of the cluster other bounds: the fewest nodes and the most.";
    Messages, "messages", Everywhere, [c('!')], "messages", "Show every receipt and failure of this session.";
    Outbox, "outbox", Everywhere, [c('O')], "outbox", "Show submissions whose answer was cut off, and finish them.";
    Charts, "charts", Everywhere, [c('$')], "charts", "Show nodes, queue, use and cost over time.";
    Audit, "audit", Everywhere, [c('U')], "changes", "Show what was changed from this machine, by whom, when and with what result.";
    Redraw, "redraw", Everywhere, [ctrl('l')], "redraw", "Draw the whole screen again.";
    Up, "up", List, [c('k'), k(Key::Up)], "up", "One up.";
    Down, "down", List, [c('j'), k(Key::Down)], "down", "One down.";
    PageUp, "page_up", List, [k(Key::PageUp), ctrl('b')], "page up", "One page up.";
    PageDown, "page_down", List, [k(Key::PageDown), ctrl('f')], "page down", "One page down.";
    HalfUp, "half_up", List, [ctrl('u')], "half up", "Half a page up.";
    HalfDown, "half_down", List, [ctrl('d')], "half down", "Half a page down.";
    Top, "top", List, [c('g'), k(Key::Home)], "top", "To the first.";
    Bottom, "bottom", List, [c('G'), k(Key::End)], "end", "To the last.";
    Open, "open", List, [k(Key::Enter)], "open", "Open, choose, or show details.";
    Back, "back", List, [k(Key::Esc)], "back", "Close, clear the filter, or go back.";
    Filter, "filter", List, [c('/')], "filter", "Keep what matches a regular expression (smart case, ! inverts); in logs, search for it.";
    Sort, "sort", List, [c('s')], "sort", "Sort by the next column.";
    Reverse, "reverse", List, [c('S')], "reverse", "Turn the order round.";
    Copy, "copy", List, [c('y')], "copy", "Copy the id, name or line to the clipboard.";
    CreateCluster, "create_cluster", Clusters, [c('c')], "create", "Pick a configuration and create a cluster of it.";
    UpdateCluster, "update_cluster", Clusters, [c('u')], "update", "Pick a configuration and make the cluster be like it.";
    Fleet, "fleet", Clusters, [c('f')], "fleet", "Start or stop the compute nodes of the cluster, after a question.";
    HeadPower, "head_node", Clusters, [c('h')], "head node", "Reboot, stop or start the head node, after a question.";
    StackEvents, "stack", Clusters, [c('e')], "stack", "Show what happens to the cluster's stack, and why it failed.";
    DeleteCluster, "delete_cluster", Clusters, [c('D')], "delete", "Delete the cluster, after its name was typed.";
    Doctor, "doctor", Clusters, [c('H')], "doctor", "Check all that must be in order to reach the cluster, and say what to do.";
    Everyone, "everyone", Jobs, [c('a')], "all/mine", "Show everybody's jobs, or only mine.";
    Cancel, "cancel", Jobs, [c('c')], "cancel", "Cancel the job, after a question.";
    Fetch, "fetch", Jobs, [c('f')], "fetch", "Bring the job's files here.";
    ShowLog, "show_log", Jobs, [c('l')], "logs", "Go to the job's output.";
    Mark, "mark", Jobs, [c(' ')], "mark", "Mark the job, or unmark it. What is done next is done to all marked jobs.";
    MarkRange, "mark_range", Jobs, [c('v')], "mark to here", "Mark every job from the last marked one to this one.";
    MarkAll, "mark_all", Jobs, [c('*')], "mark all", "Mark all jobs that are shown, or none.";
    Expand, "expand", Jobs, [k(Key::Right)], "expand", "Show the tasks of an array.";
    Collapse, "collapse", Jobs, [k(Key::Left)], "collapse", "Show an array as one row again.";
    Verbs, "verbs", Jobs, [c('x')], "all verbs", "Show all that can be done to the job.";
    Why, "why", Jobs, [c('w')], "why", "Say why the job does not run, and what would make it start.";
    Signal, "signal", Jobs, [c('C')], "signal", "Send a signal to the job.";
    Hold, "hold", Jobs, [c('h')], "hold", "Keep the job from starting.";
    Release, "release", Jobs, [c('H')], "release", "Let a held job start.";
    Requeue, "requeue", Jobs, [c('R')], "requeue", "Stop the job and put it into the queue again.";
    TimeLimit, "time_limit", Jobs, [c('t')], "time limit", "Give the job another time limit.";
    Nice, "nice", Jobs, [c('i')], "nice", "Give the job another nice value: the greater, the later it starts.";
    ToTop, "to_top", Jobs, [c('T')], "to the top", "Move the job before all others of its owner.";
    Depends, "depends", Jobs, [c('d')], "dependencies", "Show what the job waits for and what waits for it.";
    Attach, "attach", Jobs, [c('A')], "attach", "Open a shell where the job runs.";
    Script, "script", Jobs, [c('b')], "script", "Show the job's batch script.";
    Rerun, "rerun", Jobs, [c('e')], "run again", "Submit the job again, as it was or edited.";
    RerunFailed, "rerun_failed", Jobs, [c('E')], "failed tasks", "Submit the failed tasks of an array again.";
    CancelMine, "cancel_mine", Jobs, [c('X')], "cancel mine", "Cancel all of your jobs, after a question.";
    History, "history", Jobs, [c('P')], "past jobs", "Search the jobs that were there.";
    WatchJob, "watch_job", Jobs, [c('W')], "watch", "Tell when this job starts and ends, whoever's it is; or do not.";
    Columns, "columns", Jobs, [c('K')], "columns", "Choose the columns, their order and their width.";
    OtherOutput, "other_output", Jobs, [c('o')], "stderr", "Change between standard output and standard error.";
    MarkNode, "mark_node", Nodes, [c(' ')], "mark", "Mark the node, or unmark it. What is done next is done to all marked nodes.";
    MarkNodes, "mark_nodes", Nodes, [c('*')], "mark all", "Mark all nodes that are shown, or none.";
    Drain, "drain", Nodes, [c('d')], "drain", "Give the node no new jobs, for a reason.";
    Resume, "resume", Nodes, [c('u')], "resume", "Put the node into service again.";
    Reboot, "reboot", Nodes, [c('b')], "reboot", "Reboot the node as soon as its jobs have ended.";
    PowerUp, "power_up", Nodes, [c('+')], "power up", "Start the machine behind the node.";
    PowerDown, "power_down", Nodes, [c('-')], "power down", "Stop the machine behind the node once its jobs have ended.";
    Terminate, "terminate", Nodes, [c('K')], "terminate", "End the EC2 instance behind the node, after a question.";
    NodeShell, "node_shell", Nodes, [c('A')], "shell", "Open a shell on the node.";
    LogOther, "log_other_output", Logs, [c('o')], "stderr", "Change between standard output and standard error.";
    Follow, "follow", Logs, [c('f')], "follow", "Follow the end of the log, or stop.";
    Wrap, "wrap", Logs, [c('w')], "wrap", "Wrap long lines, or cut them.";
    LogFilter, "log_filter", Logs, [c('&')], "filter", "Show only lines that match a regular expression (! inverts).";
    NextError, "next_error", Logs, [c('e')], "next error", "To the next error, by its words.";
    PreviousError, "previous_error", Logs, [c('E')], "previous error", "To the previous error.";
    FindAll, "search_whole_log", Logs, [c('F')], "search all", "Search the whole log where it lies, not only what is kept here.";
    GoTo, "go_to", Logs, [c('@')], "go to", "Go to a time, a percentage or a line: 14:05, 50%, 1200, -10m.";
    Shorter, "shorter_window", Logs, [c('[')], "shorter", "Show only the last hour, 15, 5 minutes, or 1.";
    Longer, "longer_window", Logs, [c(']')], "longer", "Show a longer window of time again, in the end everything.";
    Highlight, "highlight", Logs, [c('H')], "highlight", "Give a word a colour of its own, or take it away again.";
    Stamps, "timestamps", Logs, [c('t')], "times", "Show times as they are written, as ages, or not.";
    Together, "together", Logs, [c('M')], "together", "Show other logs together with this one, in the order of time.";
    MarkLine, "mark_line", Logs, [c('m')], "mark", "Mark the line, or unmark it.";
    NextMark, "next_mark", Logs, [c('\'')], "next mark", "To the next marked line.";
    SelectLines, "select_lines", Logs, [c('v')], "select", "Select lines, to copy them with y.";
    SaveLog, "save_log", Logs, [c('>')], "save", "Write what is shown, or the whole log, into a local file.";
    PageLog, "page_log", Logs, [c('|')], "pager", "Open what is shown in $PAGER.";
    Left, "left", Logs, [c('h'), k(Key::Left)], "left", "Scroll left.";
    Right, "right", Logs, [c('l'), k(Key::Right)], "right", "Scroll right.";
    NextHit, "next_hit", Logs, [c('n')], "next hit", "To the next hit of the search.";
    PreviousHit, "previous_hit", Logs, [c('N')], "previous hit", "To the previous hit of the search.";
    Parent, "parent_folder", Picker, [k(Key::Left), c('h'), k(Key::Backspace)], "up", "To the folder above.";
    Child, "child_folder", Picker, [k(Key::Right), c('l')], "enter", "Into the folder.";
    Place, "other_machine", Picker, [k(Key::Tab), k(Key::BackTab)], "other machine", "Change between this machine, the head node and S3.";
    Home, "home_folder", Picker, [c('~')], "home", "To the home folder.";
    OpenLog, "open_as_log", Picker, [c('o')], "open as log", "Show the file in the logs pane, and follow it.";
    Stage, "copy_s3", Picker, [c('s')], "copy", "Copy what is under the cursor from S3 to the cluster, or from the cluster to S3.";
    Hidden, "hidden_files", Picker, [c('.')], "hidden", "Show hidden files, or hide them.";
}

impl Action {
    /// This action's line of the table.
    pub fn row(self) -> &'static Row {
        // The table is made by the same macro as the enum, in the same order.
        &ROWS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_stands_at_its_own_row_under_its_own_name() {
        for (i, row) in ROWS.iter().enumerate() {
            assert_eq!(row.action as usize, i);
            assert_eq!(row.action.row().name, row.name);
            assert!(!row.keys.is_empty() && row.words.ends_with('.'), "{}", row.name);
        }
        let names: BTreeSet<_> = ROWS.iter().map(|r| r.name).collect();
        assert_eq!(names.len(), ROWS.len());
    }
}
