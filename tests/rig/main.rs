//! Tests against the real things: sshd, Slurm with nodes that power up, and an EC2 and CloudWatch server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking, and use what they need of their support"
)]

#[path = "../support/mod.rs"]
mod support;

mod arrays;
#[cfg(feature = "aws")]
mod bad_day;
#[cfg(feature = "aws")]
mod clusters;
mod codes;
#[cfg(feature = "aws")]
mod cost;
mod doctor;
mod exactly_once;
mod faults;
#[cfg(feature = "aws")]
mod first;
mod gridengine;
#[cfg(feature = "aws")]
mod life;
#[cfg(feature = "aws")]
mod lifecycle;
mod logs;
mod news;
mod oneshot;
mod past;
mod pbs;
mod private;
mod program;
mod rig;
mod shared;
mod smoke;
#[cfg(feature = "aws")]
mod spot;
mod story;
mod term_check;
mod terminal;
#[cfg(feature = "aws")]
mod trust;
mod verbs;
#[cfg(feature = "aws")]
mod wizard;
