//! Our own rings: keys in, effects and screens out; and the shape of the house.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod answers;
mod cost;
mod doctor;
mod flows;
mod lifecycle;
mod logs;
mod news;
mod past;
mod screens;
mod shared;
mod sources;
mod stage;
mod tidy;
mod verbs;
