//! Who sends a request: the client itself, or whom a proxy that is trusted speaks for.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// Who sent it, for whom a proxy that is trusted may speak: the last in its list that is no such proxy itself. `None` where it
/// does not say so.
pub(crate) fn sender(proxies: &[IpAddr], peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if !proxies.contains(&peer) {
        return Some(peer);
    }
    // Some proxies add a line of their own, below that of the client.
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let listed = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    listed.map_while(address).find(|address| !proxies.contains(address))
}

/// An address in the list of a proxy, with its port or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}
