//! Charts of block characters: from zero up, with their scale and their times written beside them.
//!
//! Reads without colours. What is not known draws nothing, not even the line at the bottom; what is more than 0 is always seen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::paint::{Cut, fit, put, width};

/// Cells left of a chart, for its name and its scale.
pub const GUTTER: u16 = 16;

const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// One figure over time.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// What it is.
    pub name: &'a str,
    /// Its points, the oldest first.
    pub values: &'a [Option<f32>],
    /// Its value now, where that is known.
    pub now: Option<f32>,
    /// The value that the top of the chart stands for.
    pub ceiling: f32,
    /// What stands before and after a number: `$`, ` %`.
    pub unit: (&'a str, &'a str),
    /// Whether points are apart: bars, where there is room for it.
    pub is_bars: bool,
}

impl Plot<'_> {
    /// Draws it with its name, its scale and its last value left of it, and its zero line at the bottom: two rows at least.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, ink: Style, quiet: Style) {
        if area.height < 2 || area.width < GUTTER + 4 {
            return;
        }
        let (left, bottom) = (area.x + GUTTER, area.bottom() - 1);
        let number = |value: f32| format!("{}{}{}", self.unit.0, figure(value), self.unit.1);
        let mut right = |y: u16, text: &str| {
            let room = GUTTER - 2;
            let cells = u16::try_from(width(text)).unwrap_or(room).min(room);
            put(buf, left - 1 - cells, y, text, cells, quiet);
            cells
        };
        let taken = right(area.y, &number(self.ceiling));
        right(bottom, "0");
        let name = fit(self.name, usize::from(GUTTER - 2 - taken), Cut::End);
        put(buf, area.x, area.y, &name, GUTTER, ink);
        if let Some(now) = self.now {
            // In the lowest row the zero of the scale is there already.
            let room = if area.height > 2 { GUTTER - 2 } else { GUTTER - 4 };
            put(buf, area.x, area.y + 1, &format!("now {}", number(now)), room, quiet);
        }
        for y in area.y..bottom {
            put(buf, left - 1, y, if y == area.y { "┤" } else { "│" }, 1, quiet);
        }
        put(buf, left - 1, bottom, "└", 1, quiet);
        let rows = usize::from(area.height - 1);
        let cells = usize::from(area.right() - left);
        for (x, column) in (left..area.right()).zip(0..cells) {
            let Some(value) = self.at(column, cells) else { continue };
            put(buf, x, bottom, "─", 1, quiet);
            if self.is_apart(column, cells) {
                continue;
            }
            let filled = eighths(value, self.ceiling, rows);
            for (row, y) in (area.y..bottom).rev().enumerate() {
                let part = filled.saturating_sub(row * 8).min(8);
                if part > 0 {
                    put(buf, x, y, BLOCKS[part], 1, ink);
                }
            }
        }
    }

    /// The mean of the points that a column stands for.
    fn at(&self, column: usize, cells: usize) -> Option<f32> {
        let n = self.values.len();
        let first = column * n / cells.max(1);
        let last = ((column + 1) * n / cells.max(1)).max(first + 1).min(n);
        let known: Vec<f32> = self.values.get(first..last)?.iter().flatten().copied().collect();
        #[expect(clippy::cast_precision_loss, reason = "a few points")]
        let count = known.len() as f32;
        (!known.is_empty()).then(|| known.iter().sum::<f32>() / count)
    }

    /// Whether a column is the gap after a bar.
    fn is_apart(&self, column: usize, cells: usize) -> bool {
        let n = self.values.len();
        let next = (column + 1) * n / cells.max(1);
        self.is_bars && cells >= n * 3 && next != column * n / cells
    }
}

/// How many eighths of a row are filled: of `rows` rows for the ceiling, and at least one for what is more than 0.
fn eighths(value: f32, ceiling: f32, rows: usize) -> usize {
    if value <= 0.0 || ceiling <= 0.0 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen's height")]
    let filled = (value / ceiling * (rows * 8) as f32).round() as usize;
    filled.clamp(1, rows * 8)
}

/// A round number that is not below `peak`: where a scale ends.
pub fn ceiling(peak: f32) -> f32 {
    if !peak.is_finite() || peak <= 0.0 {
        return 1.0;
    }
    let unit = 10_f32.powf(peak.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let round = steps.iter().map(|step| step * unit).find(|round| *round >= peak * 0.9999).unwrap_or(peak);
    // Of things that one counts there is no half.
    if (1.0..10.0).contains(&round) { round.ceil() } else { round }
}

/// A number in as few characters as say it: `0.25`, `3.5`, `64`, `12k`.
pub fn figure(value: f32) -> String {
    let is_whole = (value - value.round()).abs() < 0.005;
    match value {
        v if v >= 9_999.5 => format!("{:.0}k", v / 1_000.0),
        v if v >= 9.95 || is_whole => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Writes marks below charts: each at its place from 0 to 1, as far as they do not touch.
pub fn marks(buf: &mut Buffer, area: Rect, marks: &[(f64, String)], quiet: Style) {
    let left = area.x + GUTTER;
    let mut free = left;
    for (place, text) in marks {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of the screen")]
        let x = left + (place.clamp(0.0, 1.0) * f64::from(area.right().saturating_sub(left))) as u16;
        let text = format!("╵{text}");
        let cells = u16::try_from(width(&text)).unwrap_or(u16::MAX);
        if x >= free && x.saturating_add(cells) <= area.right() {
            free = x + put(buf, x, area.y, &text, cells, quiet) + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f32>], ceiling: f32, (width, height): (u16, u16), is_bars: bool) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let plot = Plot { name: "busy", values, now: values.last().copied().flatten(), ceiling, unit: ("", ""), is_bars };
        plot.draw(&mut buf, area, Style::new(), Style::new());
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn a_chart_begins_at_zero_and_a_gap_is_not_a_zero() {
        let values = [Some(0.0), Some(0.01), None, Some(4.0), Some(8.0), Some(9.0)];
        assert_eq!(
            drawn(&values, 8.0, (22, 4), false),
            ["busy          8┤    ██", "now 9          │   ▄██", "               │ ▁ ███", "              0└── ───",]
        );
    }

    #[test]
    fn columns_are_means_of_what_is_known_in_them() {
        let values = [Some(2.0), Some(6.0), None, Some(8.0), None, None, Some(8.0), Some(8.0)];
        let rows = drawn(&values, 8.0, (20, 2), false);
        assert_eq!(rows, ["busy          8┤▄█ █", "now 8         0└── ─"]);
        // Fewer points than columns: each is as wide as its time.
        let rows = drawn(&[Some(8.0), None], 8.0, (24, 2), false);
        assert_eq!(rows[0], "busy          8┤████");
        let rows = drawn(&[Some(8.0), Some(4.0)], 8.0, (24, 2), true);
        assert_eq!(rows, ["busy          8┤███ ▄▄▄", "now 4         0└────────"]);
    }

    #[test]
    fn scales_end_at_round_numbers() {
        let all = [0.0, 0.4, 1.0, 1.2, 3.0, 7.0, 11.0, 64.0, 101.0, f32::NAN].map(ceiling);
        assert_eq!(all.map(figure), ["1", "0.40", "1", "2", "3", "8", "15", "80", "150", "1"]);
        assert_eq!([0.0, 0.123, 1.26, 9.96, 12_345.0].map(figure), ["0", "0.12", "1.3", "10", "12k"]);
    }

    #[test]
    fn marks_that_would_touch_are_left_out() {
        let area = Rect::new(0, 0, 36, 1);
        let mut buf = Buffer::empty(area);
        let all = [(0.0, "09:00"), (0.2, "10:00"), (0.5, "12:00"), (0.95, "14:00")].map(|(at, text)| (at, text.to_owned()));
        marks(&mut buf, area, &all, Style::new());
        let row: String = (0..36).map(|x| buf[(x, 0)].symbol()).collect();
        assert_eq!(row.trim_end(), format!("{}╵09:00    ╵12:00", " ".repeat(16)));
        Plot { name: "x", values: &[], now: None, ceiling: 0.0, unit: ("", ""), is_bars: true }.draw(
            &mut buf,
            area,
            Style::new(),
            Style::new(),
        );
    }
}
