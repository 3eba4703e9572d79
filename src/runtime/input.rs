//! The keyboard, the mouse and signals as events.

use std::time::Duration;

use crossterm::event::{Event as Raw, EventStream, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use futures::StreamExt;
use futures::stream::Stream;
use tokio::signal::unix::{Signal as Unix, SignalKind, signal};

use crate::protocol::{Chord, Event, Key, Mouse};

/// What the terminal says, as events. Ends when the terminal is gone.
pub fn events() -> impl Stream<Item = Event> + Unpin {
    EventStream::new().take_while(|raw| std::future::ready(raw.is_ok())).filter_map(|raw| std::future::ready(raw.ok().and_then(event)))
}

/// Throws away what was typed and not read yet. No stream of events may be open.
pub(super) fn discard() {
    // Asked for no time at all, crossterm does not look.
    while matches!(crossterm::event::poll(Duration::from_millis(1)), Ok(true)) && crossterm::event::read().is_ok() {}
}

fn event(raw: Raw) -> Option<Event> {
    match raw {
        Raw::Key(key) if key.kind != KeyEventKind::Release => {
            let key_of = |code| {
                Some(match code {
                    KeyCode::Char(c) => Key::Char(c),
                    KeyCode::Enter => Key::Enter,
                    KeyCode::Esc => Key::Esc,
                    KeyCode::Tab => Key::Tab,
                    KeyCode::BackTab => Key::BackTab,
                    KeyCode::Backspace => Key::Backspace,
                    KeyCode::Delete => Key::Delete,
                    KeyCode::Up => Key::Up,
                    KeyCode::Down => Key::Down,
                    KeyCode::Left => Key::Left,
                    KeyCode::Right => Key::Right,
                    KeyCode::Home => Key::Home,
                    KeyCode::End => Key::End,
                    KeyCode::PageUp => Key::PageUp,
                    KeyCode::PageDown => Key::PageDown,
                    KeyCode::F(n) => Key::F(n),
                    _ => return None,
                })
            };
            let key_code = key_of(key.code)?;
            let (ctrl, alt) = (key.modifiers.contains(KeyModifiers::CONTROL), key.modifiers.contains(KeyModifiers::ALT));
            Some(Event::Pressed(Chord { key: key_code, ctrl, alt }))
        }
        Raw::Key(_) => None,
        Raw::Paste(text) => Some(Event::Pasted(text)),
        Raw::Resize(width, height) => Some(Event::Resized { width, height }),
        Raw::FocusGained => Some(Event::Focused(true)),
        Raw::FocusLost => Some(Event::Focused(false)),
        Raw::Mouse(mouse) => {
            let what = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Mouse::Pressed,
                MouseEventKind::ScrollUp => Mouse::ScrolledUp,
                MouseEventKind::ScrollDown => Mouse::ScrolledDown,
                _ => return None,
            };
            Some(Event::Moused { what, column: mouse.column, row: mouse.row })
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Signal {
    /// End cleanly.
    Leave,
    /// The same, unless another program has the terminal: then Ctrl-C and Ctrl-\ were meant for it.
    Interrupt,
    /// Stop, as a shell's job control has it.
    Stop,
    /// We were stopped and go on: the terminal is not as we left it.
    Continue,
}

/// Stops this program until somebody lets it go on. Nothing is asked meanwhile: there is nobody to ask.
pub(super) fn stop() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

/// Waits for Ctrl-C or a plain kill; its number. A closed terminal ends us too, but for those who said `nohup`: that is left to the system.
pub async fn asked_to_end() -> u8 {
    Signals::of([(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15)]).next().await
}

/// The signals that we obey, each with its meaning.
pub(super) struct Signals<T = Signal>(Vec<(Unix, T)>);

impl Signals {
    /// Those of the application.
    pub(super) fn new() -> Self {
        Self::of([
            (SignalKind::terminate(), Signal::Leave),
            (SignalKind::hangup(), Signal::Leave),
            (SignalKind::interrupt(), Signal::Interrupt),
            (SignalKind::quit(), Signal::Interrupt),
            (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), Signal::Stop),
            (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), Signal::Continue),
        ])
    }
}

impl<T: Copy> Signals<T> {
    fn of<const N: usize>(kinds: [(SignalKind, T); N]) -> Self {
        Self(kinds.into_iter().filter_map(|(kind, meaning)| signal(kind).ok().map(|s| (s, meaning))).collect())
    }

    pub(super) async fn next(&mut self) -> T {
        let all = self.0.iter_mut().map(|(signal, meaning)| {
            Box::pin(async move {
                signal.recv().await;
                *meaning
            })
        });
        futures::future::select_all(all).await.0
    }
}
