//! What is done to its end, also where nobody waits for it any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::response::Response;
use tokio::runtime::Handle;

use super::route::Answering;
use crate::problem::{Code, Problem};

/// Something that goes on by itself when it is dropped before it is done. A task of its own from the beginning would do the same,
/// and be handed to and fro between threads for every request.
pub(super) struct ToTheEnd(Option<Answering>);

impl ToTheEnd {
    pub(super) fn new(answering: Answering) -> Self {
        Self(Some(answering))
    }
}

impl Future for ToTheEnd {
    type Output = Result<Response, Problem>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody asks again once it is done.
        let Some(answering) = &mut self.0 else { return Poll::Pending };
        // A panic is no reason to let go of the connection without an answer. Its text may quote what was sent, or what is kept.
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx)));
        let answer = ready!(polled.unwrap_or_else(|_| Poll::Ready(Err(Code::Internal.into()))));
        self.0 = None;
        Poll::Ready(answer)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let (Some(answering), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(answering);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use axum::body::Body;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_done_though_nobody_waits() {
        let (go_on, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (told, tell) = (Arc::clone(&go_on), Arc::clone(&done));
        let answering = async move {
            told.notified().await;
            tell.store(true, Ordering::Relaxed);
            Ok(Response::new(Body::empty()))
        };
        let late = tokio::time::timeout(Duration::ZERO, ToTheEnd::new(Box::pin(answering))).await;
        assert!(late.is_err());
        go_on.notify_one();
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if done.load(Ordering::Relaxed) {
                return;
            }
        }
        panic!("it was let go of");
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        let answer = ToTheEnd::new(Box::pin(async { panic!("what was sent") })).await;
        let problem = answer.expect_err("it panics");
        assert_eq!((problem.code.status(), problem.detail.contains("sent")), (500, false));
    }
}
