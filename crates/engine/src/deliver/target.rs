//! Where messages go.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::address::{Kind, kind, meant};
use super::error::Error;
use super::limits::{ALLOWED_MAX, FAILING_US_MAX, NAME_BYTES_MAX, ROTATION_US, SECRETS_MAX, URL_BYTES_MAX};
use super::secret::Secret;

/// A receiver of messages. `Debug` shows neither secrets nor the path of the address, which some receivers make a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// How the charter and posts call it.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// What signs, the newest first.
    pub secrets: Vec<Signing>,
    /// Hosts that may have private addresses, and addresses that may be reached although they are not of the public internet.
    pub allow: Vec<Host>,
    /// Why nothing is sent for now.
    pub hold: Option<Hold>,
    /// Since when everything has failed, in microseconds since 1970.
    pub failing_since_us: Option<i64>,
}

/// A secret and how long it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The secret.
    pub secret: Secret,
    /// Until when, in microseconds since 1970; `None`: until another one takes its place.
    pub until_us: Option<i64>,
}

/// Why nothing is sent to a target. What is posted for it waits, and goes out when it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Who did it.
    pub by: Holder,
    /// Since when, in microseconds since 1970.
    pub since_us: i64,
    /// What led to it.
    pub why: String,
}

/// Who put a target on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody paused it.
    Person,
    /// It answered that it is gone.
    Gone,
    /// Everything failed for too long.
    Failing,
}

impl Target {
    /// What signs at this time, the newest first.
    pub(super) fn signing(&self, now_us: i64) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |signing| signing.signs(now_us)).map(|signing| &signing.secret)
    }

    /// Has a secret take the place of the present one, which signs along for a while.
    pub(super) fn rotate(&mut self, secret: Secret, now_us: i64) -> Result<(), Error> {
        self.secrets.retain(|signing| signing.signs(now_us) && signing.secret != secret);
        if self.secrets.len() >= SECRETS_MAX {
            return Err(Error::invalid(format!(
                "{} secrets of target `{}` sign already: wait until the older ones have run out, 24 h after each change",
                self.secrets.len(),
                self.name
            )));
        }
        for old in &mut self.secrets {
            old.until_us.get_or_insert(now_us.saturating_add(ROTATION_US));
        }
        self.secrets.insert(0, Signing { secret, until_us: None });
        Ok(())
    }

    /// Whether a message may go to this address, which is the one of the host now; if not, what it is.
    pub(super) fn check(&self, ip: IpAddr) -> Result<(), Kind> {
        check(&self.url, &self.allow, ip)
    }

    /// Whether everything has failed for so long that there is no use in trying.
    pub(super) fn is_lost(&self, now_us: i64) -> bool {
        self.failing_since_us.is_some_and(|since_us| now_us.saturating_sub(since_us) >= FAILING_US_MAX)
    }
}

impl Signing {
    fn signs(&self, now_us: i64) -> bool {
        self.until_us.is_none_or(|until_us| now_us < until_us)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str();
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("host", &host)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

fn check(url: &Url, allow: &[Host], ip: IpAddr) -> Result<(), Kind> {
    let Some(kind) = kind(ip) else { return Ok(()) };
    let host = url.host().map(|host| host.to_owned());
    let by_address = || allow.contains(&of_address(ip));
    let by_name = || matches!(kind, Kind::Private(_)) && host.is_some_and(|host| allow.contains(&plain(host)));
    if by_address() || by_name() { Ok(()) } else { Err(kind) }
}

/// The name of a target as it may be: it stands in addresses of the API and in messages.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let is_wrong = name.is_empty() || name.len() > NAME_BYTES_MAX || name.trim() != name;
    if is_wrong || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "the name of a target has 1 to {NAME_BYTES_MAX} bytes, none of them a control character or a space at its ends"
        )));
    }
    Ok(())
}

/// Reads the address of a target.
pub(super) fn parse_url(text: &str, allow: &[Host]) -> Result<Url, Error> {
    let wrong = |what: &str| Err(Error::invalid(format!("the address of a target {what}")));
    // Parsers of addresses skip line ends in silence, as browsers do.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("contains a space or a control character");
    }
    if text.len() > URL_BYTES_MAX {
        return wrong(&format!("has more than {URL_BYTES_MAX} bytes"));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(problem) => return wrong(&format!("cannot be read ({problem}): write it as https://example.com/hook")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("begins with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not contain a user or password: receivers know us by the signature");
    }
    if url.fragment().is_some() {
        return wrong("must not have a part after #, which is never sent");
    }
    if url.port() == Some(0) {
        return wrong("has port 0, where nobody listens");
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return wrong("names no host"),
    };
    if let Some(ip) = literal
        && let Err(kind) = check(&url, allow, ip)
    {
        return wrong(&format!("is {}, {}: name it in `allow` if that is meant", meant(ip), kind.name()));
    }
    Ok(url)
}

/// Reads hosts and addresses that are allowed.
pub(super) fn parse_allowed(texts: &[String]) -> Result<Vec<Host>, Error> {
    if texts.len() > ALLOWED_MAX {
        return Err(Error::invalid(format!("a target may allow up to {ALLOWED_MAX} hosts and addresses")));
    }
    let read = |text: &String| {
        let wrong = || Error::invalid(format!("`{text}` is neither the name of a host nor an address"));
        let text = text.trim();
        let host = plain(text.parse().map(of_address).or_else(|_| Host::parse(text)).map_err(|_| wrong())?);
        // The parser lets `*` pass, which would look as if it stood for all.
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if matches!(&host, Host::Domain(name) if !is_name(name)) { Err(wrong()) } else { Ok(host) }
    };
    texts.iter().map(read).collect()
}

fn of_address(ip: IpAddr) -> Host {
    match meant(ip) {
        IpAddr::V4(v4) => Host::Ipv4(v4),
        IpAddr::V6(v6) => Host::Ipv6(v6),
    }
}

/// A host in the one way in which we compare it.
fn plain(host: Host) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(ip) => Host::Ipv4(ip),
        Host::Ipv6(ip) => of_address(IpAddr::V6(ip)),
    }
}

#[cfg(test)]
mod tests;
