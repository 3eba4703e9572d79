//! Which jobs are shown and in which order.
