//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::limits::{HANDSHAKE_TIME_MAX, HEAD_BYTES_MAX};
use crate::server::bounded::Bounded;

/// Answers what comes over a connection.
pub(super) async fn serve(
    app: Arc<App>,
    router: Router,
    watcher: Watcher,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // Answers are small and written at once; waiting for more would only delay them. A connection that is gone already
    // will say so in a moment.
    let _ = stream.set_nodelay(true);
    let stream = Bounded::new(stream, app.options.head_time_max);
    let Some(tls) = tls else { return http(app, router, watcher, stream, peer).await };
    // One that speaks no TLS has nothing that could be answered.
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
        http(app, router, watcher, stream, peer).await;
    }
}

async fn http<S>(app: Arc<App>, router: Router, watcher: Watcher, stream: S, peer: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head_time_max = app.options.head_time_max;
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (app, router) = (Arc::clone(&app), router.clone());
        async move { Ok::<_, Infallible>(app.answer(router, peer, request.map(Body::new)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time_max)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever ends a connection early is the client's affair, and was counted where it was answered.
    let _ = watcher.watch(connection).await;
}
