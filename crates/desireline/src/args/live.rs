//! Arguments of what serves, and of what looks after it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:8099".to_owned())
}

/// An address of the web, of which browsers are told the host.
fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let has_host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    if !has_host || rest.contains(|c: char| c.is_whitespace() || c.is_control() || "?#@\\".contains(c)) {
        return Err("give an address such as https://journeys.example".to_owned());
    }
    Ok(text.to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Where to listen. Other machines reach it only where keys were made before.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8099", value_parser = address)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// The certificate, for HTTPS, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A key that may send events, besides those that are kept.
    #[arg(
        long = "write-key",
        value_name = "KEY",
        env = "DESIRELINE_WRITE_KEYS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) write_keys: Vec<String>,
    /// A key that may do everything, besides those that are kept.
    #[arg(
        long = "api-key",
        value_name = "KEY",
        env = "DESIRELINE_API_KEYS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) api_keys: Vec<String>,
    /// The address under which it is known outside.
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    /// The folder for backups that are asked for over the API; otherwise `backups` in the home.
    #[arg(long, value_name = "DIR")]
    pub(crate) backups: Option<PathBuf>,
    /// How the server says what happens: lines for people, or one JSON object per line with a name that stays.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    pub(crate) log: LogForm,
    /// A proxy that may say on whose behalf a request is made.
    #[arg(long = "proxy", value_name = "ADDRESS")]
    pub(crate) proxies: Vec<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LiveArgs {
    /// The database in which live state is kept, and which other processes may share; otherwise it is kept in the home.
    #[arg(long, value_name = "postgres://…", env = "DESIRELINE_KEEP", hide_env_values = true)]
    pub(crate) keep: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// Another charter: what it would have decided over the same log, and how that differs. Nothing is sent or written.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Only decisions from this time on.
    #[arg(long, value_name = "TIME", requires = "policy")]
    pub(crate) from: Option<String>,
    /// Only decisions before this time.
    #[arg(long, value_name = "TIME", requires = "policy")]
    pub(crate) to: Option<String>,
    /// Show so many of the decisions that differ, each with a key of its customer.
    #[arg(long, value_name = "N", requires = "policy", default_value_t = 0)]
    pub(crate) examples: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Where the server is to listen, or does.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8099", value_parser = address)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BackupArgs {
    /// The folder, which is empty or not there.
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// The folder of the backup.
    pub(crate) from: PathBuf,
}
