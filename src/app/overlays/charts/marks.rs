//! The marks below charts: round times of the user's clock, and dates of the days that AWS bills.

use jiff::Timestamp;

use crate::app::panes::Look;
use crate::model::trail::DAYS;
use crate::model::{Trail, Window};

const DAY: i64 = 86_400;

/// Round times of a window, each with its place from 0 to 1.
pub(super) fn times(window: Window, trail: &Trail, look: &Look<'_>) -> Vec<(f64, String)> {
    let (step, format) = match window {
        Window::Hours3 => (1_800, "%H:%M"),
        Window::Hours12 => (7_200, "%H:%M"),
        Window::Day => (4 * 3_600, "%H:%M"),
        Window::Week => (DAY, "%a %d"),
        Window::Month => (5 * DAY, "%d %b"),
    };
    let zoned = |at: i64| Timestamp::from_second(at).ok();
    let offset = zoned(trail.from).map_or(0, |at| i64::from(look.zone.to_offset(at).seconds()));
    let mut at = (trail.from + offset).div_euclid(step) * step + step - offset;
    let mut all = Vec::new();
    while at < trail.to {
        all.extend(zoned(at).map(|moment| (place(at - trail.from, trail.to - trail.from), look.local(moment, format))));
        at += step;
    }
    all
}

/// What the last thirty days cost, the days of which nothing was recorded left empty, and the first of them.
pub(super) fn days(trail: &Trail) -> (Vec<Option<f32>>, i64) {
    let last = (trail.to - 1).div_euclid(DAY) * DAY;
    let first = last - (DAYS - 1) * DAY;
    let cost = |start: i64| {
        let day = trail.days.iter().find(|day| day.start == start)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is drawn in eighths of a cell")]
        Some(day.cost.amount() as f32)
    };
    ((0..DAYS).map(|n| cost(first + n * DAY)).collect(), first)
}

/// Every fifth day.
pub(super) fn dates(first: i64, count: usize) -> Vec<(f64, String)> {
    let all = i64::try_from(count).unwrap_or(DAYS);
    (0..all).step_by(5).map(|n| (place(n, all), date(first + n * DAY))).collect()
}

/// `26 Nov`, in UTC.
pub(super) fn date(at: i64) -> String {
    Timestamp::from_second(at).map_or_else(|_| String::new(), |at| at.strftime("%d %b").to_string())
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a month")]
fn place(part: i64, whole: i64) -> f64 {
    part as f64 / whole.max(1) as f64
}
