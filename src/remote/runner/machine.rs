//! What this machine tells about itself, and how process groups end.

use std::fs;

use rustix::process::{Pid, Signal, kill_process_group};

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The machine's name up to its first dot.
pub(super) fn name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or("localhost").to_owned()
}

/// Who we are.
pub(super) fn user() -> String {
    let asked = || {
        let said = std::process::Command::new("id").arg("-un").output().ok()?;
        Some(String::from_utf8_lossy(&said.stdout).trim().to_owned()).filter(|name| !name.is_empty())
    };
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty());
    named.or_else(asked).unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}

/// Load average over one minute, where the system tells it.
pub(super) fn load() -> Option<f32> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Memory in MB; 0 where the system does not tell.
pub(super) fn memory_mb() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kb = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}

/// When a process started, in clock ticks since boot: with its number it is unique until the next boot.
pub(super) fn start_ticks(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Sends a signal to a whole group. False when there is none.
pub(super) fn signal_group(pid: i32, signal: Signal) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process_group(pid, signal).is_ok())
}

/// Ends a group whose supervisor is gone: politely, then for certain.
pub(super) fn end_group(pid: i32) {
    if signal_group(pid, Signal::TERM) {
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_millis(50));
            if Pid::from_raw(pid).is_none_or(|pid| rustix::process::test_kill_process_group(pid).is_err()) {
                return;
            }
        }
        signal_group(pid, Signal::KILL);
    }
}
