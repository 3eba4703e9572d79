//! HOW INK WORKS: styles, text that fits, cursors, frames.
//!
//! Knows nothing of clusters or jobs.

pub mod ansi;
pub mod chart;
pub mod cursor;
pub mod field;
pub mod paint;
pub mod theme;

pub use cursor::Cursor;
pub use field::Field;
pub use paint::{Cut, fit, frame, put, width};
pub use theme::{Theme, Tone};
