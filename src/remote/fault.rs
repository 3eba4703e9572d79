//! A fault of this program itself, in one piece of work: told like any other failure, and the rest goes on.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::stream::{self, Stream, StreamExt};

use crate::model::{Failure, FailureKind};

/// What `work` comes to; where it panics, a failure at `place`. Whatever panicked must not be used again.
pub async fn caught<T>(place: &str, work: impl Future<Output = T>) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| fault(place, panic.as_ref()))
}

/// All that a stream yields; where it, or the making of it, panics, a failure at `place`, and no more.
pub fn each<S: Stream>(place: &str, make: impl FnOnce() -> S) -> impl Stream<Item = Result<S::Item, Failure>> {
    let whole = stream::once(async { make() }).flatten();
    AssertUnwindSafe(whole).catch_unwind().map(move |item| item.map_err(|panic| fault(place, panic.as_ref())))
}

fn fault(place: &str, panic: &(dyn Any + Send)) -> Failure {
    let what = format!("qdeck has a fault: {}", words(panic));
    tracing::error!(place, what);
    Failure::new(FailureKind::Unsupported, place, what).hint("everything else goes on; please report it with what QDECK_LOG=FILE writes")
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_where_it_was_and_in_its_own_words() {
        assert_eq!(caught("here", async { 5 }).await, Ok(5));
        let failure = caught("host x", async {
            if true {
                panic!("a {}\u{7}", "b")
            }
        })
        .await
        .unwrap_err();
        assert_eq!((failure.kind, failure.place.as_str()), (FailureKind::Unsupported, "host x"));
        assert!(failure.what.starts_with("qdeck has a fault: a b") && !failure.what.contains('\u{7}'), "{}", failure.what);
    }
}
