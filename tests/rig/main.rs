//! Tests against the real things: sshd, Slurm with nodes that power up, and an EC2 and CloudWatch server.

#[path = "../support/mod.rs"]
mod support;

mod rig;
mod smoke;
mod term_check;
