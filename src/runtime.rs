//! WHAT TURNS THE WHEEL: the only place that reads clocks, spawns, sleeps and selects.
//!
//! Knows nothing of what the application shows or why; it carries events in, effects out and frames to the terminal.

mod handover;
mod hook;
mod input;
mod pen;
pub mod screen;
mod tasks;
mod toll;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::Stream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::protocol::{Clock, Effect, Event};
use crate::remote::Remote;

pub use input::{asked_to_end, events};
pub use screen::Screen;
use tasks::Tasks;

/// No more frames than this for what arrives by itself. What the user does is drawn at once.
const FRAME: Duration = Duration::from_millis(16);
/// The longest that answers are taken in before the next look at the keyboard.
const TURN: Duration = Duration::from_millis(6);
/// Answers that wait for the application: log producers that are not under our control wait at this gate.
const GATE: usize = 256;

/// The crossterm thread that waits for keys needs a moment to let go of the terminal.
const LET_GO: Duration = Duration::from_millis(20);

/// Runs the application until it quits, its input ends or a signal asks it to. `open` opens the input, and opens it again after
/// another program has had the terminal.
pub async fn run<S: Stream<Item = Event> + Unpin>(mut app: App, remote: Arc<dyn Remote>, open: impl Fn() -> S, screen: &mut Screen) {
    let mut input = open();
    let begun = Instant::now();
    let (sender, mut answers) = mpsc::channel(GATE);
    let mut tasks = Tasks::new(remote, sender);
    let mut signals = input::Signals::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut dirty, mut urgent, mut drawn) = (true, true, Instant::now());
    let clock = || Event::Ticked(Clock { since_start: begun.elapsed(), wall: Timestamp::now() });
    app.update(clock());
    loop {
        tasks.reconcile(app.wants());
        if app.take_wipe() {
            screen.wipe();
        }
        if dirty && screen.is_ready() && (urgent || drawn.elapsed() >= FRAME) {
            screen.draw(|buf| app.view(buf));
            (dirty, urgent, drawn) = (false, false, Instant::now());
        }
        let next_frame = (drawn + FRAME).into();
        let event = tokio::select! {
            biased;
            event = input.next() => match event {
                Some(event) => { urgent = true; event }
                None => break,
            },
            signal = signals.next() => match signal {
                input::Signal::Leave | input::Signal::Interrupt => break,
                input::Signal::Stop => {
                    screen.leave().await;
                    input::stop();
                    continue
                }
                input::Signal::Continue => {
                    if screen.enter() {
                        let (width, height) = screen.size();
                        app.update(Event::Resized { width, height });
                    }
                    dirty = true;
                    urgent = true;
                    continue
                }
            },
            () = screen.ready(), if dirty && !screen.is_ready() => continue,
            Some(event) = answers.recv() => event,
            () = tokio::time::sleep_until(next_frame), if dirty => continue,
            _ = tick.tick() => clock(),
        };
        if let Event::Resized { width, height } = &event {
            screen.resize(*width, *height);
        }
        app.update(clock());
        let mut effects = app.update(event);
        // Answers that are here already are taken in together: one frame for all of them.
        let turn = Instant::now();
        while !urgent && turn.elapsed() < TURN {
            let Ok(event) = answers.try_recv() else { break };
            effects.extend(app.update(event));
        }
        dirty = true;
        if effects.iter().any(|effect| matches!(effect, Effect::Quit)) {
            break;
        }
        let mut errand = None;
        for effect in effects {
            match effect {
                Effect::Copy(text) => screen.copy(&text),
                Effect::HandOver(handed) => errand = Some(handed),
                Effect::Bell => screen.ring(),
                Effect::Post(text) => screen.post(&text),
                effect => tasks.carry_out(effect),
            }
        }
        let Some(errand) = errand else { continue };
        // Nobody looks at us: nothing is asked that only serves to be looked at.
        app.update(Event::Focused(false));
        tasks.reconcile(app.wants());
        drop(input);
        tokio::time::sleep(LET_GO).await;
        input::discard();
        screen.leave().await;
        let handed = handover::run(errand, &mut signals).await;
        if handed.leave {
            return;
        }
        // What was sent to the program's group was sent to us too: it is over.
        signals = input::Signals::new();
        let resized = screen.enter();
        input = open();
        let (width, height) = screen.size();
        let back = resized.then_some(Event::Resized { width, height });
        for event in back.into_iter().chain([clock(), Event::Focused(true), Event::HandedBack(handed.back)]) {
            for effect in app.update(event) {
                tasks.carry_out(effect);
            }
        }
        urgent = true;
    }
}
