//! What colours mean. Only the terminal's own sixteen are used, so that they fit the user's palette and cost few bytes.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text says by its colour. Never the only sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// Less important, or asleep by design.
    Dim,
    /// Well.
    Good,
    /// Waits.
    Waits,
    /// Works on it.
    Works,
    /// Needs a person.
    Bad,
    /// Names and headings.
    Strong,
    /// A key one can press.
    Key,
    /// The frame of the pane that has the keyboard.
    Focus,
    /// A hit of a search.
    Hit,
}

/// A set of styles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// For dark backgrounds.
    #[default]
    Dark,
    /// For light backgrounds.
    Light,
    /// No colours at all.
    Mono,
}

impl Theme {
    /// The themes by name.
    pub const ALL: [(&'static str, Self); 3] = [("dark", Self::Dark), ("light", Self::Light), ("mono", Self::Mono)];

    /// The style of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let colour = |dark: Color, light: Color| match self {
            Self::Dark => Style::new().fg(dark),
            Self::Light => Style::new().fg(light),
            Self::Mono => Style::new(),
        };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Dim => match self {
                Self::Mono => Style::new().add_modifier(Modifier::DIM),
                _ => colour(Color::DarkGray, Color::Gray),
            },
            Tone::Good => colour(Color::Green, Color::Green),
            Tone::Waits => colour(Color::Yellow, Color::Magenta),
            Tone::Works => colour(Color::LightBlue, Color::Blue),
            Tone::Bad => colour(Color::LightRed, Color::Red).add_modifier(Modifier::BOLD),
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            Tone::Key => colour(Color::Cyan, Color::Blue).add_modifier(Modifier::BOLD),
            Tone::Focus => colour(Color::Cyan, Color::Blue),
            Tone::Hit => match self {
                Self::Mono => Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
                _ => Style::new().fg(Color::Black).bg(Color::Yellow),
            },
        }
    }

    /// One of several colours for words that are to be found again.
    pub fn word(self, n: usize) -> Style {
        match self {
            Self::Mono => Style::new().add_modifier(Modifier::REVERSED),
            _ => Style::new().fg(Color::Black).bg([Color::Cyan, Color::Magenta, Color::Green, Color::LightBlue, Color::LightRed][n % 5]),
        }
    }

    /// One of several colours to tell sources apart.
    pub fn source(self, n: usize) -> Style {
        match self {
            Self::Mono => Style::new(),
            _ => Style::new().fg([Color::Cyan, Color::Magenta, Color::Green, Color::Yellow, Color::Blue, Color::Red][n % 6]),
        }
    }

    /// The row under the cursor, in the pane that has the keyboard or in another.
    pub fn selected(self, focused: bool) -> Style {
        match (self, focused) {
            (_, true) => Style::new().add_modifier(Modifier::REVERSED),
            (Self::Mono, false) => Style::new().add_modifier(Modifier::BOLD),
            (Self::Dark, false) => Style::new().bg(Color::Indexed(237)),
            (Self::Light, false) => Style::new().bg(Color::Indexed(253)),
        }
    }
}
