//! qdeck: clusters, nodes, job queue and live logs of AWS ParallelCluster in one terminal.

pub mod app;
pub mod cli;
pub mod config;
pub mod model;
pub mod protocol;
pub mod remote;
pub mod runtime;
pub mod ui;
