//! qdeck: clusters, nodes, job queue and live logs of AWS ParallelCluster in one terminal.

pub mod config;
pub mod model;
pub mod remote;
