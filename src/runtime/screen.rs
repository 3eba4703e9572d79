//! The terminal: entered, drawn on, and always left as it was found, after a panic too.
//!
//! A slow terminal never holds up the application: bytes are written by a thread of their own, and no frame is made while the one
//! before is still on its way.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::{Command, terminal};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::Notify;

use super::pen::Pen;

/// Alternate screen, hidden cursor, bracketed paste, focus reports, mouse buttons in SGR form.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h\x1b[?1000h\x1b[?1006h\x1b[2J";
/// All of it taken back, in the opposite order.
pub(super) const LEAVE: &[u8] = b"\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";

/// The terminal, while it is ours.
pub struct Screen {
    front: Buffer,
    back: Buffer,
    pen: Pen,
    wire: Wire,
    done: Arc<Notify>,
}

/// The way to the terminal: what is sent arrives in this order, by a thread of its own.
#[derive(Clone)]
struct Wire {
    bytes: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    /// Whether the terminal is ours now.
    is_ours: Arc<AtomicBool>,
}

impl Wire {
    fn send(&self, bytes: Vec<u8>) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _ = self.bytes.send(bytes);
    }

    fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Leaves the terminal as it was found, once. Waits a moment for what is on its way: a terminal that takes no bytes must not keep us.
    fn give_back(&self) {
        if !self.is_ours.swap(false, Ordering::AcqRel) {
            return;
        }
        self.send(LEAVE.to_vec());
        for _ in 0..20 {
            if self.is_idle() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = terminal::disable_raw_mode();
    }
}

impl Screen {
    /// Takes the terminal over. Restores it when dropped, and before a panic of this thread is reported.
    pub fn open() -> std::io::Result<Self> {
        let (width, height) = terminal::size()?;
        terminal::enable_raw_mode()?;
        let (bytes, frames) = channel::<Vec<u8>>();
        let (waiting, done) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let wire = Wire { bytes, waiting: waiting.clone(), is_ours: Arc::new(AtomicBool::new(true)) };
        let (before, owner, held) = (std::panic::take_hook(), std::thread::current().id(), wire.clone());
        std::panic::set_hook(Box::new(move |panic| {
            // Any other thread's work is given up and told of on the screen, which stays.
            if std::thread::current().id() != owner {
                tracing::error!(%panic);
                return;
            }
            held.give_back();
            before(panic);
        }));
        let told = done.clone();
        std::thread::spawn(move || {
            for frame in frames {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&frame).and_then(|()| out.flush());
                waiting.fetch_sub(1, Ordering::AcqRel);
                told.notify_one();
            }
        });
        let area = Rect::new(0, 0, width, height);
        let (front, back) = (Buffer::empty(area), Buffer::empty(area));
        wire.send(ENTER.to_vec());
        Ok(Self { front, back, pen: Pen::new(), wire, done })
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.front.area.width, self.front.area.height)
    }

    /// Gives the terminal back for a while, as it was found. Waits until it has taken all that was sent.
    pub async fn leave(&mut self) {
        self.wire.send(LEAVE.to_vec());
        let _ = tokio::time::timeout(Duration::from_secs(1), self.ready()).await;
        let _ = terminal::disable_raw_mode();
        self.wire.is_ours.store(false, Ordering::Release);
    }

    /// Takes the terminal over again, after we were stopped or gave it away. True when it has another size now.
    pub fn enter(&mut self) -> bool {
        let _ = terminal::enable_raw_mode();
        self.wire.is_ours.store(true, Ordering::Release);
        self.wire.send(ENTER.to_vec());
        self.forget();
        match terminal::size() {
            Ok((width, height)) if (width, height) != self.size() => {
                self.resize(width, height);
                true
            }
            _ => false,
        }
    }

    /// The next frame draws every cell.
    pub fn wipe(&mut self) {
        self.wire.send(b"\x1b[0m\x1b[2J".to_vec());
        self.forget();
    }

    fn forget(&mut self) {
        self.front.reset();
        self.pen = Pen::new();
    }

    /// The window has another size.
    pub fn resize(&mut self, width: u16, height: u16) {
        let area = Rect::new(0, 0, width, height);
        self.front = Buffer::empty(area);
        self.back = Buffer::empty(area);
        self.wipe();
    }

    /// Whether the last frame has reached the terminal.
    pub fn is_ready(&self) -> bool {
        self.wire.is_idle()
    }

    /// Waits until it has.
    pub async fn ready(&self) {
        while !self.is_ready() {
            self.done.notified().await;
        }
    }

    /// Draws a frame: only the cells that differ from the last one are sent.
    pub fn draw(&mut self, view: impl FnOnce(&mut Buffer)) {
        self.back.reset();
        view(&mut self.back);
        let mut out = Vec::new();
        self.pen.draw(&self.front, &self.back, &mut out);
        std::mem::swap(&mut self.front, &mut self.back);
        if !out.is_empty() {
            self.wire.send(out);
        }
    }

    /// Puts text into the clipboard of the user's own terminal (OSC 52), which works through ssh.
    pub fn copy(&mut self, text: &str) {
        let mut sequence = String::new();
        if CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).is_ok() {
            self.wire.send(sequence.into_bytes());
        }
    }

    /// Rings the bell.
    pub fn ring(&mut self) {
        self.wire.send(b"\x07".to_vec());
    }

    /// Has the terminal show a message outside of its own window. The text must hold no control characters.
    pub fn post(&mut self, text: &str) {
        self.wire.send(posted(text, |name| std::env::var(name).unwrap_or_default()));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.wire.give_back();
    }
}

/// The sequence for a message, as the terminal that `variable` tells of knows it. Multiplexers hand on what is wrapped for them.
fn posted(text: &str, variable: impl Fn(&str) -> String) -> Vec<u8> {
    let term = variable("TERM");
    let titled = term.starts_with("foot") || term.starts_with("rxvt") || !variable("VTE_VERSION").is_empty();
    // Between the parts of the titled form stands a semicolon.
    let sequence = if titled { format!("\x1b]777;notify;qdeck;{}\x1b\\", text.replace(';', ",")) } else { format!("\x1b]9;{text}\x1b\\") };
    if variable("TMUX").is_empty() {
        return sequence.into_bytes();
    }
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_the_form_that_the_terminal_knows() {
        let of = |set: &[(&str, &str)]| {
            let bytes = posted("a;b", |name| set.iter().find(|(k, _)| *k == name).map_or_else(String::new, |(_, v)| (*v).to_owned()));
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), "\x1b]9;a;b\x1b\\");
        assert_eq!(of(&[("TERM", "foot")]), "\x1b]777;notify;qdeck;a,b\x1b\\");
        assert_eq!(of(&[("VTE_VERSION", "7200")]), of(&[("TERM", "rxvt-unicode")]));
        assert_eq!(of(&[("TMUX", "/tmp/x")]), "\x1bPtmux;\x1b\x1b]9;a;b\x1b\x1b\\\x1b\\");
    }
}
