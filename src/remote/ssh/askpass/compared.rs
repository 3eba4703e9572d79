//! Questions about a host key that somebody vouches for: answered, refused, or passed on with the reason why nobody could compare.
//!
//! Shows no question of its own.

use std::ops::ControlFlow;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{Declined, Questions};
use crate::model::Link;
use crate::remote::ssh::trust::{Opinion, Shown};

impl Questions {
    /// What becomes of ssh's question: over, or the user's, with what he should know first.
    pub(super) async fn compared(&self, shown: &Shown, caller: &mut UnixStream) -> ControlFlow<Option<Declined>, Option<String>> {
        let comparing = Comparing::new(self);
        let opinion = tokio::select! {
            opinion = self.trust.consider(shown) => opinion,
            // ssh takes its question back.
            _ = caller.read_u8() => return ControlFlow::Break(None),
        };
        match opinion {
            Opinion::Right { fingerprint, words } => {
                tracing::info!(fingerprint, "{words}");
                comparing.told(words);
                // Not a yes: ssh compares it once more with the key that it was shown.
                let _ = caller.write_all(format!("+{fingerprint}").as_bytes()).await;
                ControlFlow::Break(None)
            }
            Opinion::Wrong(failure) => ControlFlow::Break(Some(Declined::ByVoucher(failure))),
            Opinion::Unknown(why) => {
                tracing::info!("not compared: {why}");
                ControlFlow::Continue(Some(format!("Not compared: {why}.")))
            }
            Opinion::Elsewhere => ControlFlow::Continue(None),
        }
    }

    /// Another state of the link, if it is in that one.
    fn moved(&self, from: &Link, to: Link) {
        self.link.send_if_modified(|link| {
            let is_there = link == from;
            if is_there {
                *link = to;
            }
            is_there
        });
    }
}

/// A comparison that goes on as long as this lives.
struct Comparing<'a>(&'a Questions);

impl<'a> Comparing<'a> {
    fn new(questions: &'a Questions) -> Self {
        questions.lock().comparisons += 1;
        questions.moved(&Link::Connecting, Link::Comparing);
        Self(questions)
    }

    fn told(&self, words: String) {
        self.0.moved(&Link::Comparing, Link::Trusted(words));
    }
}

impl Drop for Comparing<'_> {
    fn drop(&mut self) {
        self.0.lock().comparisons -= 1;
        self.0.moved(&Link::Comparing, Link::Connecting);
    }
}
