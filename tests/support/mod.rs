//! A terminal for tests: runs a program on a pseudo-terminal, types into it and reads its screen.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// What the reading thread and the test share.
struct Shared {
    screen: vt100::Parser,
    raw: Vec<u8>,
    closed: bool,
}

type Writer = Arc<Mutex<Box<dyn Write + Send>>>;

/// A program on a terminal of its own. Dropping it kills the program and everything it started.
pub struct Term {
    shared: Arc<(Mutex<Shared>, Condvar)>,
    writer: Writer,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    exit: Option<i32>,
}

impl Term {
    /// `env` replaces the environment, but for PATH, HOME and TERM, which it may set too.
    pub fn spawn<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        args: &[&str],
        env: impl IntoIterator<Item = (K, V)>,
        cols: u16,
        rows: u16,
    ) -> Term {
        let pair = native_pty_system().openpty(size(cols, rows)).expect("a pseudo-terminal");
        let mut cmd = CommandBuilder::new(program);
        cmd.args(args);
        cmd.env_clear();
        for key in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(key) {
                cmd.env(key, value);
            }
        }
        cmd.env("TERM", "xterm-256color");
        for (key, value) in env {
            cmd.env(key, value);
        }
        cmd.cwd(std::env::current_dir().expect("a working directory"));
        let child = pair.slave.spawn_command(cmd).expect("the program starts");
        drop(pair.slave);

        let screen = vt100::Parser::new(nonzero(rows), nonzero(cols), 0);
        let shared = Arc::new((Mutex::new(Shared { screen, raw: Vec::new(), closed: false }), Condvar::new()));
        let writer: Writer = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer")));
        let reader = pair.master.try_clone_reader().expect("a reader");
        let (for_reader, answers) = (shared.clone(), writer.clone());
        std::thread::spawn(move || read_all(reader, &for_reader, &answers));
        Term { shared, writer, master: pair.master, child, exit: None }
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("a process id")
    }

    /// Types: characters as they are, and names in angle brackets: `<enter> <esc> <tab> <s-tab> <space> <bs> <up> <down> <left>
    /// <right> <home> <end> <pgup> <pgdn> <ins> <del> <f1>..<f12> <ctrl-x> <alt-x> <lt>`.
    pub fn keys(&self, keys: &str) {
        self.write(&encode(keys));
    }

    /// Pastes, in brackets if the program asked for them.
    pub fn paste(&self, text: &str) {
        if self.shared().screen.screen().bracketed_paste() {
            self.write(format!("\x1b[200~{text}\x1b[201~").as_bytes());
        } else {
            self.write(text.as_bytes());
        }
    }

    /// Sends bytes as they are.
    pub fn write(&self, bytes: &[u8]) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(bytes).and_then(|()| writer.flush()).expect("the program reads its terminal");
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub fn until(&self, text: &str, limit: Duration) {
        self.wait(limit, &format!("{text:?} to appear"), |s| s.contains(text));
    }

    /// Waits until `text` is no longer on the screen.
    #[track_caller]
    pub fn until_gone(&self, text: &str, limit: Duration) {
        self.wait(limit, &format!("{text:?} to go"), |s| !s.contains(text));
    }

    /// Waits until the screen's text is as wanted.
    #[track_caller]
    pub fn until_screen(&self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) {
        self.wait(limit, what, wanted);
    }

    #[track_caller]
    fn wait(&self, limit: Duration, what: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + limit;
        let mut shared = self.shared();
        loop {
            if wanted(&text_of(&shared)) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || shared.closed {
                let why = if shared.closed { "the terminal was closed" } else { "in vain" };
                panic!("waited {limit:?} for {what}, {why}. The screen:\n{}", frame(&text_of(&shared)));
            }
            shared = self.shared.1.wait_timeout(shared, left).unwrap().0;
        }
    }

    /// The screen, one line a row, blanks at the ends of rows cut off.
    pub fn text(&self) -> String {
        text_of(&self.shared())
    }

    /// Row `n` from 0.
    pub fn row(&self, n: usize) -> String {
        self.text().lines().nth(n).unwrap_or_default().to_owned()
    }

    /// Runs `f` on the terminal's state: cells with their colours, the cursor, the title.
    pub fn screen<T>(&self, f: impl FnOnce(&vt100::Screen) -> T) -> T {
        f(self.shared().screen.screen())
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        self.shared().screen.set_size(nonzero(rows), nonzero(cols));
        self.master.resize(size(cols, rows)).expect("the terminal takes a size");
    }

    /// How many bytes the program has written so far.
    pub fn bytes(&self) -> usize {
        self.shared().raw.len()
    }

    /// All bytes that the program has written so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shared().raw.clone()
    }

    /// Waits for the program's end; the exit code, or 128 + 1 if a signal ended it, whichever it was.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> i32 {
        let deadline = Instant::now() + limit;
        while self.exit.is_none() {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                self.exit = Some(if status.signal().is_some() { 129 } else { status.exit_code().cast_signed() });
            } else if Instant::now() > deadline {
                panic!("still running after {limit:?}. The screen:\n{}", frame(&self.text()));
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        // Its last words may be on their way still. A process that it left behind can hold the terminal open for ever.
        let shared = self.shared();
        drop(self.shared.1.wait_timeout_while(shared, Duration::from_millis(500), |s| !s.closed));
        self.exit.unwrap()
    }

    /// Whether the terminal is as a shell wants it back; see [`Term::left_behind`].
    pub fn is_clean(&self) -> bool {
        self.left_behind().is_empty()
    }

    /// What the program left of itself on the terminal: modes, a hidden cursor, the alternate screen, no echo.
    pub fn left_behind(&self) -> Vec<String> {
        let shared = self.shared();
        let mut left: Vec<String> = modes_left(&shared.raw);
        let screen = shared.screen.screen();
        if screen.alternate_screen() {
            left.push("the alternate screen".into());
        }
        if screen.hide_cursor() {
            left.push("a hidden cursor".into());
        }
        if screen.bracketed_paste() {
            left.push("bracketed paste".into());
        }
        if screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None {
            left.push("mouse reports".into());
        }
        // ISIG, ICANON and ECHO: what a shell expects to find.
        if self.master.get_termios().is_some_and(|termios| termios.local_flags.bits() & 0o13 != 0o13) {
            left.push("raw mode".into());
        }
        left
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.0.lock().unwrap()
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        let Some(pid) = self.child.process_id().and_then(to_pid) else { return };
        // Descendants may have left the group; ask for them while their parents are there to name them.
        let descendants = children_of(pid.as_raw_nonzero().get().cast_unsigned());
        if self.exit.is_none() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        for p in descendants.iter().filter_map(|p| to_pid(p.pid)) {
            let _ = kill_process(p, Signal::KILL);
        }
        if self.exit.is_none() {
            let _ = self.child.wait();
        }
    }
}

fn to_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(pid.cast_signed())
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn nonzero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal of some size")
}

fn text_of(shared: &Shared) -> String {
    let screen = shared.screen.screen();
    let (_, cols) = screen.size();
    screen.rows(0, cols.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn frame(text: &str) -> String {
    text.lines().map(|line| format!("│{line}\n")).collect()
}

/// Feeds the screen and answers what programs ask a terminal: where the cursor is, and what it can do.
fn read_all(mut reader: Box<dyn Read + Send>, shared: &(Mutex<Shared>, Condvar), writer: &Writer) {
    let mut buffer = [0; 65536];
    let mut tail: Vec<u8> = Vec::new(); // of what was read before: a question may come in two parts
    loop {
        // An error is how Linux says that nobody has the terminal open any more.
        let n = reader.read(&mut buffer).unwrap_or(0);
        let mut answers = Vec::new();
        {
            let mut s = shared.0.lock().unwrap();
            if n == 0 {
                s.closed = true;
            }
            for &b in &buffer[..n] {
                if b == 0x1b {
                    tail.clear();
                }
                if tail.len() < 8 {
                    tail.push(b);
                }
                s.screen.process(&[b]);
                match tail.as_slice() {
                    b"\x1b[6n" => {
                        let (row, col) = s.screen.screen().cursor_position();
                        answers.extend(format!("\x1b[{};{}R", row + 1, col + 1).into_bytes());
                    }
                    b"\x1b[c" | b"\x1b[0c" => answers.extend(b"\x1b[?62;22c"),
                    b"\x1b[5n" => answers.extend(b"\x1b[0n"),
                    _ => continue,
                }
                tail.clear();
            }
            s.raw.extend(&buffer[..n]);
            shared.1.notify_all();
        }
        if n == 0 {
            return;
        }
        if !answers.is_empty() {
            let mut writer = writer.lock().unwrap();
            let _ = writer.write_all(&answers).and_then(|()| writer.flush());
        }
    }
}

/// DEC private modes that were set and not taken back, and keyboard modes that were pushed and not popped.
fn modes_left(raw: &[u8]) -> Vec<String> {
    let (mut set, mut pushed) = (BTreeSet::new(), 0i32);
    for (i, _) in raw.windows(2).enumerate().filter(|(_, w)| w == b"\x1b[") {
        let rest = &raw[i + 2..];
        let Some(end) = rest.iter().position(|b| (0x40..0x7f).contains(b)) else { continue };
        let (Ok(params), kind) = (std::str::from_utf8(&rest[..end]), rest[end]) else { continue };
        match (params.chars().next(), kind) {
            (Some('?'), b'h' | b'l') => {
                for mode in params[1..].split(';').filter_map(|m| m.parse::<u16>().ok()) {
                    // 25, the cursor, and 7, wrapping, are on to begin with; 12 is the cursor's blinking.
                    let usual = matches!(mode, 7 | 25);
                    if mode == 12 || (kind == b'h') == usual {
                        set.remove(&mode);
                    } else {
                        set.insert(mode);
                    }
                }
            }
            (Some('>'), b'u') => pushed += 1,
            (Some('<'), b'u') => pushed -= 1,
            _ => {}
        }
    }
    let mut left: Vec<String> = set.iter().map(|mode| format!("mode {mode}")).collect();
    if pushed > 0 {
        left.push("keyboard flags".into());
    }
    left
}

fn encode(keys: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), keys);
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
        let Some((name, after)) = named else {
            assert!(c != '<', "a key's name without an end in {keys:?}; <lt> is the character");
            out.extend(c.to_string().into_bytes());
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let key: &[u8] = match name {
            "enter" => b"\r",
            "esc" => b"\x1b",
            "tab" => b"\t",
            "s-tab" => b"\x1b[Z",
            "space" => b" ",
            "bs" => b"\x7f",
            "lt" => b"<",
            "up" => b"\x1b[A",
            "down" => b"\x1b[B",
            "right" => b"\x1b[C",
            "left" => b"\x1b[D",
            "home" => b"\x1b[H",
            "end" => b"\x1b[F",
            "ins" => b"\x1b[2~",
            "del" => b"\x1b[3~",
            "pgup" => b"\x1b[5~",
            "pgdn" => b"\x1b[6~",
            "f1" => b"\x1bOP",
            "f2" => b"\x1bOQ",
            "f3" => b"\x1bOR",
            "f4" => b"\x1bOS",
            "f5" => b"\x1b[15~",
            "f6" => b"\x1b[17~",
            "f7" => b"\x1b[18~",
            "f8" => b"\x1b[19~",
            "f9" => b"\x1b[20~",
            "f10" => b"\x1b[21~",
            "f11" => b"\x1b[23~",
            "f12" => b"\x1b[24~",
            _ => {
                if let Some(key) = name.strip_prefix("ctrl-").filter(|k| k.len() == 1) {
                    out.push(key.as_bytes()[0].to_ascii_uppercase() & 0x1f);
                } else if let Some(key) = name.strip_prefix("alt-").filter(|k| k.chars().count() == 1) {
                    out.push(0x1b);
                    out.extend(key.as_bytes());
                } else {
                    panic!("no key is called <{name}>");
                }
                b""
            }
        };
        out.extend(key);
        rest = after;
    }
    out
}

/// A process as /proc tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub command: String,
}

/// All descendants of a process, zombies left out.
pub fn children_of(pid: u32) -> Vec<Process> {
    let mut all: Vec<Process> = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The command's name, in parentheses, may hold anything.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse)) else { continue };
        if state != "Z" {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
            all.push(Process { pid, parent, command });
        }
    }
    let (mut found, mut parents): (Vec<Process>, _) = (Vec::new(), vec![pid]);
    while let Some(parent) = parents.pop() {
        for p in all.iter().filter(|p| p.parent == parent) {
            parents.push(p.pid);
            found.push(p.clone());
        }
    }
    found
}
