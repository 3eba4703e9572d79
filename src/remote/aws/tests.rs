//! The real SDK against answers that a small server on loopback plays: pages, refusals, cuts.
